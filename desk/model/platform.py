"""What the kernel must know of each platform: lengths, names, and whether text may train a model.

Limits are the platforms' documented defaults of 2026; an instance or a config may know better.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass

import regex

_LINK_END = r"(?=[.,:;!?'\")\]}…]*(?:\s|$))"
"""A link ends before the punctuation that ends its sentence."""
_LINK = regex.compile(r"https?://\S+?" + _LINK_END, regex.IGNORECASE)
_X_LINK = regex.compile(
    r"(?:https?://\S+?|(?<![\w@.-])(?:[\w-]+\.)+[a-z]{2,}(?:/\S*?)?)" + _LINK_END, regex.IGNORECASE
)
"""X makes a link of a bare host name, too."""
_LEADING_HANDLES = regex.compile(r"\A(?:@\w+\s+)+")
_GRAPHEME = regex.compile(r"\X")
_EMOJI = regex.compile(r"(?![©®])\p{Extended_Pictographic}|[©®]\uFE0F|\p{Regional_Indicator}|\uFE0F?\u20E3")
"""© and ® are signs that count 1, unless a variation selector asks for the picture."""

X_LINK_LENGTH = 23
"""A link counts 23 whatever its length (X developer documentation, "Counting characters")."""
_X_LIGHT = ((0x0000, 0x10FF), (0x2000, 0x200D), (0x2010, 0x201F), (0x2032, 0x2037))
"""Code points that count 1; all others count 2 (X's published weighting, version 3)."""


def count_x(text: str) -> int:
    """Weighted length on X: NFC, links 23, emoji and CJK 2, a reply's leading handles free."""
    rest = _LEADING_HANDLES.sub("", unicodedata.normalize("NFC", text))
    bare, links = _X_LINK.subn("", rest)
    return int(links) * X_LINK_LENGTH + sum(_x_weight(cluster) for cluster in _GRAPHEME.findall(bare))


def _x_weight(cluster: str) -> int:
    if _EMOJI.search(cluster):
        return 2
    return sum(1 if any(low <= ord(c) <= high for low, high in _X_LIGHT) else 2 for c in cluster)


def count_graphemes(text: str) -> int:
    """User-perceived characters (UAX #29), as Bluesky counts them."""
    return len(_GRAPHEME.findall(text))


def count_mastodon(text: str) -> int:
    """Characters as Mastodon counts them: a link is 23, a remote handle counts without its server."""
    short = regex.sub(r"(@\w+)@[\w.-]+\w", r"\1", text)
    bare, links = _LINK.subn("", short)
    return int(links) * X_LINK_LENGTH + count_graphemes(bare)


def count_utf16(text: str) -> int:
    """UTF-16 code units: an emoji is two. What Telegram measures texts in."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


@dataclass(frozen=True, slots=True)
class Platform:
    key: str
    title: str
    limit: int
    """Longest reply, in what `count` counts."""
    count: Callable[[str], int]
    trainable: bool
    """Whether the platform's terms let its text train a model."""
    max_bytes: int | None = None
    """Longest reply in UTF-8 bytes, where the platform has such a limit."""
    sign: str = "@"
    """What the platform writes before an account's handle; empty where names and addresses stand bare."""


@dataclass(frozen=True, slots=True)
class Length:
    """How long a reply is by its platform's own rule."""

    used: int
    limit: int
    problem: str = ""
    """What the platform would refuse, empty when it would accept."""


_PLATFORMS = {
    platform.key: platform
    for platform in (
        Platform("x", "X", 280, count_x, trainable=False),
        Platform("bluesky", "Bluesky", 300, count_graphemes, trainable=True, max_bytes=3_000),
        Platform("mastodon", "Mastodon", 500, count_mastodon, trainable=True),
        Platform("email", "E-mail", 50_000, len, trainable=False, sign=""),  # letters are private
        Platform("reddit", "Reddit", 10_000, len, trainable=False, sign="u/"),
        Platform("rss", "Feed", 10_000, len, trainable=False, sign=""),
        Platform("telegram", "Telegram", 4_096, count_utf16, trainable=False),
        Platform("vk", "VK", 2_000, len, trainable=False, sign=""),
        Platform("youtube", "YouTube", 10_000, len, trainable=False, sign=""),
    )
}


def platform_of(source: str) -> Platform:
    """The rules for a source; an unknown platform gets careful defaults."""
    return _PLATFORMS.get(source) or Platform(source, source.title(), 500, count_graphemes, trainable=False)


def written(source: str, handle: str) -> str:
    """An account as people on its platform write it; a sign that the handle brings along is not doubled."""
    sign = platform_of(source).sign
    return sign + (handle.removeprefix(sign) or "?")


def measure_reply(source: str, text: str) -> Length:
    """Length of a reply on its platform, with the reason for which the platform would refuse it."""
    platform = platform_of(source)
    used = platform.count(text)
    problem = ""
    if not text.strip():
        problem = "The reply is empty."
    elif used > platform.limit:
        problem = f"{used - platform.limit} over {platform.title}'s limit of {platform.limit}."
    elif platform.max_bytes and len(text.encode()) > platform.max_bytes:
        problem = f"Over {platform.title}'s limit of {platform.max_bytes} bytes."
    return Length(used, platform.limit, problem)
