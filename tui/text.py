"""The only way in for words from outside: posts, names, handles, imported fields, error texts.

Whatever a stranger wrote reaches the screen as plain cells. Nothing is read as mark-up, no escape reaches
the terminal, nothing reorders its neighbours, and the width that is measured is the width that is drawn.
"""

from __future__ import annotations

import unicodedata

import regex
from rich.cells import cell_len, split_graphemes
from textual.content import Content

from desk.model.mention import Mention
from desk.model.platform import written

_LONGEST = 100_000
"""Characters that are looked at at all; no platform has longer posts."""
_MOST_MARKS = 4
"""Combining marks kept on one letter: enough for Vietnamese and pointed Hebrew, too few for a tower."""
_SPACES_PER_TAB = 4

_NEWLINES = regex.compile(r"\r\n|[\r\n\v\f\x85\u2028\u2029]")
# Direction marks, embeddings, overrides and isolates: they would reorder what stands beside them.
# The rest of this class is invisible (zero-width space, word joiner, soft hyphen, tags): it hides words
# from a search by eye, and terminals disagree on its width.
_INVISIBLE = regex.compile(
    r"[\u061c\u200e\u200f\u202a-\u202e\u2066-\u206f\u200b\u2060-\u2064\ufeff\u00ad\u180e\ufff9-\ufffb"
    r"\U000e0000-\U000e0fff]"
)
# Joined and coloured emoji are one glyph on one terminal and four on the next, which would push the pane on
# the right out of line. Their parts are drawn one by one instead, at a width that all agree on.
_GLUE = regex.compile(r"[\u200d\ufe00-\ufe0f\u20e3\U0001f3fb-\U0001f3ff]")
_TOWER = regex.compile(r"(\p{M}{%d})\p{M}+" % _MOST_MARKS)  # noqa: UP031 - braces belong to the pattern
_CONTROL = regex.compile(r"[\x00-\x09\x0b-\x1f\x7f]")
_UNDRAWABLE = regex.compile(r"[\x80-\x9f\p{Cs}]")


def block(value: str, *, limit: int | None = None) -> str:
    """Text of several lines, safe to draw; cut after `limit` characters with a mark."""
    cut = _LONGEST if limit is None else limit
    safe = _safe(value[:cut])
    return safe + "…" if len(value) > cut else safe


def line(value: str, *, limit: int = 1_000) -> str:
    """Text on a single line: every run of white space is one blank."""
    return " ".join(block(value, limit=limit).split())


def content(value: str, *, limit: int | None = None) -> Content:
    """Text of several lines for a widget, never parsed as mark-up."""
    return Content(block(value, limit=limit))


def fit(value: str, width: int) -> str:
    """A single line of exactly `width` cells: padded with blanks, or cut between graphemes with a mark.

    Takes what `line` made; anything else may be wider than it says.
    """
    width = max(0, width)
    used = cell_len(value)
    if used <= width:
        return value + " " * (width - used)
    kept = ""
    room = width - 1
    for start, end, size in split_graphemes(value)[0]:
        if size > room:
            break
        kept += value[start:end]
        room -= size
    return kept + "…" + " " * room if width else ""


def handle(source: str, value: str) -> str:
    """An account's handle as its platform writes it."""
    return written(source, line(value, limit=200))


def writer(mention: Mention) -> str:
    """Who wrote a post, by their handle."""
    return handle(mention.source, mention.author.handle)


def _safe(value: str) -> str:
    text: str = _NEWLINES.sub("\n", value)
    if text.isascii() and text.isprintable():
        return text
    text = text.replace("\t", " " * _SPACES_PER_TAB)
    text = _INVISIBLE.sub("", text)
    text = _GLUE.sub("", text)
    text = _CONTROL.sub(_control_picture, text)
    text = _UNDRAWABLE.sub("\ufffd", text)
    return str(_TOWER.sub(r"\1", unicodedata.normalize("NFC", text)))


def _control_picture(found: regex.Match[str]) -> str:
    """An escape shows as ␛: whoever reads the post should see that it tried."""
    code = ord(found.group())
    return "␡" if code == 0x7F else chr(0x2400 + code)
