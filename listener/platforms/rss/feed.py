"""From the bytes of a feed to its entries: RSS 0.9x, 1.0 and 2.0, Atom. Pure, and linear whatever comes.

A feed that declares entities is refused: none needs them, and they can grow without bound. The usual faults
of feeds are mended (signs that XML does not allow, a bare &, the names of HTML's entities); beyond that, a
feed that is not well-formed is taken for one that was cut off.
"""

from __future__ import annotations

import codecs
import html
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from xml.parsers import expat

from listener.html import text_of_html

_ATOM = "http://www.w3.org/2005/Atom"
_OURS = frozenset({"", _ATOM, "http://purl.org/atom/ns#", "http://purl.org/rss/1.0/"})
"""Namespaces of feeds; without one, RSS 0.9x and 2.0."""
_DC = "http://purl.org/dc/elements/1.1/"
_CONTENT = "http://purl.org/rss/1.0/modules/content/"
_ABOUT = "http://www.w3.org/1999/02/22-rdf-syntax-ns# about"
_LANG = "http://www.w3.org/XML/1998/namespace lang"
_FIELDS = {
    "guid": "id",
    "id": "id",
    "link": "link",
    "title": "title",
    "description": "summary",
    "summary": "summary",
    "content": "content",
    "pubDate": "published",
    "published": "published",
    "issued": "published",
    "updated": "updated",
    "modified": "updated",
}
_MORE_FIELDS = {
    f"{_DC} creator": "author",
    f"{_DC} date": "published",
    f"{_CONTENT} encoded": "content",
}
_DECLARED = re.compile(r"""\s*<\?xml[^>]{0,200}?encoding\s*=\s*["']([A-Za-z0-9._:-]{1,40})["']""")
_BOMS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_BARE_AMPERSAND = re.compile(r"&(?!(?:#[0-9]{1,7}|#x[0-9A-Fa-f]{1,6}|[A-Za-z][A-Za-z0-9]{1,30});)")
_REFERENCE = re.compile(r"&(?:#[0-9]{1,7}|#x[0-9A-Fa-f]{1,6}|[A-Za-z][A-Za-z0-9]{1,30});")


class FeedError(ValueError):
    """The bytes are no feed; the message says why."""


@dataclass(slots=True)
class Entry:
    """One entry, each value as it stands there, and empty where it does not."""

    id: str = ""
    link: str = ""
    title: str = ""
    text: str = ""
    author: str = ""
    published: str = ""
    updated: str = ""


@dataclass(slots=True)
class Feed:
    entries: list[Entry] = field(default_factory=list)
    next: str = ""
    """Address of the page with older entries (RFC 5005), empty where there is none."""
    language: str = ""


def parse_feed(body: bytes, content_type: str = "") -> Feed:
    """Raises FeedError."""
    text = _decoded(body, content_type)
    try:
        return _parsed(text)
    except expat.ExpatError:
        text = _BARE_AMPERSAND.sub("&amp;", _FORBIDDEN.sub("\ufffd", text))
    try:
        return _parsed(text)
    except expat.ExpatError as error:
        raise FeedError(
            f"is no feed, or was cut off (line {error.lineno}: {expat.ErrorString(error.code)})"
        ) from error


def _decoded(body: bytes, content_type: str) -> str:
    named = re.search(r"charset\s*=\s*[\"']?([A-Za-z0-9._:-]{1,40})", content_type, re.IGNORECASE)
    declared = _DECLARED.match(body[:1_000].replace(b"\0", b"").decode("latin-1"))
    marked = next((name for mark, name in _BOMS if body.startswith(mark)), None)
    for name in (marked, named and named[1], declared and declared[1], "utf-8"):
        try:
            if name:
                return body.decode(name)
        except (LookupError, ValueError):
            continue
    return body.decode("utf-8", "replace")


def _parsed(text: str) -> Feed:
    reader = _Reader()
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    # So that names like &nbsp; without a declaration are reported instead of ending the feed.
    parser.UseForeignDTD(True)
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.say
    parser.SkippedEntityHandler = reader.skipped
    parser.EntityDeclHandler = reader.declared
    parser.Parse(text, True)
    return reader.feed


class _Reader:
    """Collects an entry's fields; what it does not know it passes over."""

    def __init__(self) -> None:
        self.feed = Feed()
        self._depth = 0
        self._entry: Entry | None = None
        self._entry_depth = 0
        self._field, self._field_depth, self._kind = "", 0, ""
        self._words: list[str] = []
        self._content: dict[str, str] = {}

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        self._depth += 1
        space, _, local = name.rpartition(" ")
        if self._depth == 1:
            self._begin(local, attributes)
        elif self._field:
            self._nest(local, attributes)
        elif space in _OURS and local in {"item", "entry"} and self._entry is None:
            self._entry, self._entry_depth, self._content = Entry(), self._depth, {}
            self._entry.id = attributes.get(_ABOUT, "")
        elif space in _OURS and local == "link" and "href" in attributes:
            self._link(attributes)
        elif self._entry is not None:
            self._open(name, local if space in _OURS else "", attributes, space)
        elif space in _OURS and local == "language":
            self._capture("language", "text")

    def end(self, _name: str) -> None:
        if self._field and self._depth == self._field_depth:
            self._close("".join(self._words).strip())
        elif self._field and self._kind == "xhtml":
            self._words.append(f"</{_name.rpartition(' ')[2]}>")
        elif self._entry is not None and self._depth == self._entry_depth:
            self._entry.text = self._content.get("content") or self._content.get("summary", "")
            self.feed.entries.append(self._entry)
            self._entry = None
        self._depth -= 1

    def say(self, words: str) -> None:
        if self._field:
            self._words.append(html.escape(words, quote=False) if self._kind == "xhtml" else words)

    def skipped(self, name: str, is_parameter: bool) -> None:
        if self._field and not is_parameter:
            self.say(_unescaped(f"&{name};"))

    def declared(self, *_: Any) -> None:
        raise FeedError("declares entities, which no feed needs and which can grow without bound")

    def _begin(self, local: str, attributes: Mapping[str, str]) -> None:
        if local.lower() not in {"rss", "rdf", "feed"}:
            raise FeedError("is a web page, no feed" if local.lower() == "html" else "is XML, but no feed")
        self.feed.language = attributes.get(_LANG, "")

    def _open(self, name: str, local: str, attributes: Mapping[str, str], space: str) -> None:
        found = _FIELDS.get(local) or _MORE_FIELDS.get(name)
        inner = self._depth - self._entry_depth
        if found is not None and inner == 1:
            kind = attributes.get("type", "text" if space == _ATOM or found == "title" else "html")
            self._capture(found, {"text/html": "html", "application/xhtml+xml": "xhtml"}.get(kind, kind))
        elif (local == "author" and inner == 1 and space != _ATOM) or (local == "name" and inner == 2):
            self._capture("author", "text")

    def _capture(self, found: str, kind: str) -> None:
        self._field, self._field_depth, self._kind, self._words = found, self._depth, kind, []

    def _nest(self, local: str, attributes: Mapping[str, str]) -> None:
        if self._kind == "xhtml":
            known = ((key, attributes[key]) for key in ("href", "alt") if key in attributes)
            shown = "".join(f' {key}="{html.escape(value)}"' for key, value in known)
            self._words.append(f"<{local}{shown}>")
        elif self._field == "author" and local == "name":
            self._words = []

    def _link(self, attributes: Mapping[str, str]) -> None:
        relation, address = attributes.get("rel", "alternate"), attributes["href"]
        if self._entry is None:
            self.feed.next = address if relation == "next" else self.feed.next
        elif relation == "alternate" and self._depth == self._entry_depth + 1:
            self._entry.link = self._entry.link or address

    def _close(self, value: str) -> None:
        found, kind, self._field = self._field, self._kind, ""
        if found == "language":
            self.feed.language = value
            return
        if self._entry is None:
            return
        if found in {"content", "summary"}:
            readable = text_of_html(value) if kind in {"html", "xhtml"} else value
            self._content[found] = self._content.get(found) or readable
        elif found == "title":
            words = text_of_html(value) if kind in {"html", "xhtml"} else _unescaped(value)
            self._entry.title = self._entry.title or words
        else:
            setattr(self._entry, found, getattr(self._entry, found) or value)


def _unescaped(text: str) -> str:
    """Without the references of HTML, which RSS titles hold although they are plain text."""
    return _REFERENCE.sub(lambda found: html.unescape(found[0]), text)
