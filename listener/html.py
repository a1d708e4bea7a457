"""From the HTML of a post to the words that a person reads. Pure, and linear whatever it is given.

The parser is the standard library's, which needs care: before Python 3.11.14 unfinished tags make it
quadratic, and `html.unescape` raises on a character reference of more than 4,300 digits. `_tidied` leaves
it nothing of the kind.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urlsplit

from listener.text import mend, web_address

HTML_LIMIT = 100_000
"""Characters of HTML that are read; no server allows posts of that length."""

# A tag holds no "<", is closed, and its quotes come in pairs; possessive, so that a failure costs one look.
_MARK = re.compile(r"""</?[A-Za-z](?:[^<>"']|"[^<>"]*+"|'[^<>']*+')*+>|<|&\#[xX]?[0-9A-Fa-f]{8,}+;?""")
_UNSEEN = frozenset({"script", "style", "template", "head", "title", "iframe", "object", "noscript", "svg"})
_BLOCKS = frozenset({"p", "div", "blockquote", "ul", "ol", "pre", "h1", "h2", "h3", "h4", "h5", "h6"})
_SPACES = re.compile(r"[ \t\r\n\f]+")
_SCHEME = re.compile(r"\Ahttps?://(?:www\.)?", re.IGNORECASE)


def text_of_html(html: str, mentions: Mapping[str, str] | None = None) -> str:
    """Plain text: links whole, people as @user@server, paragraphs apart, custom emoji as :names:.

    `mentions` gives the full handle, without @, behind the address of each profile that the status names.
    What stands in scripts, styles and frames is left out.
    """
    parser = _Reader(mentions or {})
    parser.feed(_tidied(html))
    parser.close()
    return mend(parser.text())


def _tidied(html: str) -> str:
    """The same with every "<" that begins no tag, and every overlong character reference, made harmless."""
    return _MARK.sub(_harmless, _without_comments(html[:HTML_LIMIT]))


def _harmless(found: re.Match[str]) -> str:
    mark = found[0]
    if mark == "<":
        return "&lt;"
    return "\ufffd" if mark.startswith("&") else mark


def _without_comments(html: str) -> str:
    parts: list[str] = []
    at = 0
    while (begin := html.find("<!--", at)) >= 0 and (end := html.find("-->", begin + 4)) >= 0:
        parts.append(html[at:begin])
        at = end + 3
    return "".join((*parts, html[at:]))


@dataclass(slots=True)
class _Anchor:
    href: str
    is_mention: bool
    is_tag: bool
    words: list[str] = field(default_factory=list)


class _Reader(HTMLParser):
    """Collects text; knows one anchor at a time, because anchors do not nest."""

    def __init__(self, mentions: Mapping[str, str]) -> None:
        super().__init__(convert_charrefs=True)
        self._mentions = mentions
        self._parts: list[str] = []
        self._unseen = 0
        self._verbatim = 0
        self._anchor: _Anchor | None = None

    def handle_starttag(self, tag: str, attrs: Sequence[tuple[str, str | None]]) -> None:
        if tag in _UNSEEN:
            self._unseen += 1
        if self._unseen:
            return
        if tag == "br":
            self._say("\n")
        elif tag == "li":
            self._parts.append("\n- ")
        elif tag in _BLOCKS:
            self._parts.append("\n\n")
            self._verbatim += tag == "pre"
        elif tag == "a":
            self._end_anchor()
            values = dict(attrs)
            classes = frozenset((values.get("class") or "").split())
            self._anchor = _Anchor(
                values.get("href") or "",
                is_mention="mention" in classes and "hashtag" not in classes,
                is_tag="hashtag" in classes or "tag" in (values.get("rel") or "").split(),
            )
        elif tag == "img":
            self._say(dict(attrs).get("alt") or "")

    def handle_startendtag(self, tag: str, attrs: Sequence[tuple[str, str | None]]) -> None:
        # A self-closed <script/> has no end tag that would make what follows visible again.
        if tag not in _UNSEEN:
            self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        if tag in _UNSEEN:
            self._unseen = max(0, self._unseen - 1)
        elif tag == "a":
            self._end_anchor()
        elif tag in _BLOCKS and not self._unseen:
            self._verbatim = max(0, self._verbatim - (tag == "pre"))
            self._parts.append("\n\n")

    def handle_data(self, data: str) -> None:
        if not self._unseen:
            self._say(data if self._verbatim else _SPACES.sub(" ", data))

    def close(self) -> None:
        super().close()
        self._end_anchor()

    def text(self) -> str:
        lines = [line.strip(" \t") for line in "".join(self._parts).split("\n")]
        return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()

    def _say(self, words: str) -> None:
        (self._parts if self._anchor is None else self._anchor.words).append(words)

    def _end_anchor(self) -> None:
        if self._anchor is not None:
            self._parts.append(_shown(self._anchor, self._mentions))
            self._anchor = None


def _shown(anchor: _Anchor, mentions: Mapping[str, str]) -> str:
    words = "".join(anchor.words)
    if anchor.is_mention:
        return _person(anchor.href, words, mentions)
    href = web_address(anchor.href)
    if anchor.is_tag or href is None or words.startswith("#"):
        return words
    # Servers show a link cut short; one whose words say something else keeps them beside its address.
    seen = _SCHEME.sub("", words.strip().rstrip("…").rstrip("/"))
    return href if _SCHEME.sub("", href).startswith(seen) else f"{words} ({href})"


def _person(href: str, words: str, mentions: Mapping[str, str]) -> str:
    handle = mentions.get(href)
    if handle is None and words.count("@") == 1:
        host = _host(href)
        handle = f"{words.strip().lstrip('@')}@{host}" if host else None
    return words if handle is None else f"@{handle}"


def _host(href: str) -> str:
    try:
        return urlsplit(href).hostname or ""
    except ValueError:  # a bracket that begins no IPv6 address
        return ""
