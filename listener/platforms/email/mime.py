"""The parts of a mail, taken apart within bounds. Pure.

The standard library's parser is not used for the whole: on a mail made to hurt (thousands of nested parts,
millions of lines) it recurses and becomes quadratic. This one reads each byte at most once a level, for a few
levels, and believes nothing.
"""

from __future__ import annotations

import binascii
import codecs
import quopri
import re
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import Message

from listener.text import mend

HEADER_LIMIT = 256 * 1024
"""Bytes of a mail's headers; servers refuse far less."""
_FIELD_LIMIT = 20_000
"""Characters of one header field that are looked at."""
_PART_HEADER_LIMIT = 32 * 1024
_DEPTH_LIMIT = 8
PARTS_LIMIT = 200

_HEAD_END = re.compile(rb"\r?\n\r?\n")
_FOLD = re.compile(r"\r?\n(?=[ \t])")
_FIELD = re.compile(r"([!-9;-~]{1,200})[ \t]*:(.*)", re.DOTALL)
_WORD = re.compile(r"=\?([A-Za-z0-9_:.()+-]{1,40})(?:\*[A-Za-z0-9-]{0,20})?\?([bBqQ])\?([^?\s]{0,1000})\?=")
_TEXT_CODECS = re.compile(
    r"utf[-_]?(?:7|8|8[-_]sig|16|32)(?:[-_]?[bl]e)?|(?:us[-_])?ascii|iso[-_]?8859[-_]?\d{1,2}|latin[-_]?\d"
    r"|(?:windows|cp)[-_]?\d{3,5}|koi8[-_][rut]|mac[-_]?\w+|gb(?:k|2312|18030)|big5(?:hkscs)?|hz"
    r"|euc[-_]?(?:jp|kr|jis[-_]?2004)|shift[-_]?jis|sjis|iso[-_]?2022[-_]?(?:jp|kr)(?:[-_]\w+)?|tis[-_]?620|johab",
    re.IGNORECASE,
)
"""Codecs of text. Python knows others by the same door that are none, or that take for ever."""
_ONE_BYTE = re.compile(
    r"(?:us[-_])?ascii|iso[-_]?8859.*|latin.*|windows.*|cp125\d|koi8.*|mac.*", re.IGNORECASE
)
"""Charsets in which any bytes mean something, so that a wrong label does not show."""


@dataclass(frozen=True, slots=True)
class Fields:
    """Header fields in the order in which they stand."""

    listed: tuple[tuple[str, str], ...]
    """Names in lower case; values unfolded, raw."""

    def first(self, name: str) -> str | None:
        return next((value for key, value in self.listed if key == name), None)

    def all(self, name: str) -> tuple[str, ...]:
        return tuple(value for key, value in self.listed if key == name)

    def words(self, name: str) -> str:
        """The first field of that name, with encoded words read; empty where there is none."""
        return decoded(self.first(name) or "")


@dataclass(frozen=True, slots=True)
class Part:
    """A leaf of the tree."""

    fields: Fields
    kind: str
    """Content type, such as "text/plain"."""
    content: bytes
    """As it was sent, still encoded."""
    inside: tuple[str, ...]
    """Types of the multiparts around it, outermost first."""
    alternative: int | None
    """Number of the multipart/alternative that it belongs to."""

    @property
    def name(self) -> str:
        """File name, empty where it has none."""
        found = _typed(self.fields)
        try:
            return decoded(found.get_filename() or "")
        except (ValueError, LookupError, TypeError):
            return ""

    @property
    def is_attached(self) -> bool:
        said = (self.fields.first("content-disposition") or "").strip().lower()
        return said.startswith("attachment") or bool(self.name)

    def text(self) -> str:
        """Its words, whatever charset they are said to be in."""
        return read_bytes(self._bytes(), _typed(self.fields).get_content_charset(""))

    def _bytes(self) -> bytes:
        encoding = (self.fields.first("content-transfer-encoding") or "").strip().lower()
        if encoding == "base64":
            return from_base64(self.content)
        if encoding == "quoted-printable":
            return quopri.decodestring(self.content)
        return self.content


def split(raw: bytes) -> tuple[bytes, bytes]:
    """Head and body of a mail or a part."""
    if raw.startswith((b"\n", b"\r\n")):
        return b"", raw.lstrip(b"\r\n")
    found = _HEAD_END.search(raw)
    return (raw, b"") if found is None else (raw[: found.start()], raw[found.end() :])


def fields_of(head: bytes) -> Fields:
    """The fields of a head; what is no field is passed over."""
    text = _FOLD.sub(" ", _guess(head))
    listed = []
    for line in re.split(r"\r?\n", text):
        found = _FIELD.match(line)
        if found is not None:
            listed.append((found[1].lower(), found[2][:_FIELD_LIMIT].strip()))
    return Fields(tuple(listed))


def parts_of(fields: Fields, body: bytes) -> Iterator[Part]:
    """The leaves of a mail, in order; at most PARTS_LIMIT of them."""
    # Depth first, without recursion: (fields, content, types around, alternative).
    waiting: list[tuple[Fields, bytes, tuple[str, ...], int | None]] = [(fields, body, (), None)]
    given = alternatives = 0
    while waiting and given < PARTS_LIMIT:
        head, content, inside, alternative = waiting.pop()
        typed = _typed(head)
        kind = typed.get_content_type()
        boundary = _boundary(typed) if kind.startswith("multipart/") else ""
        if not boundary or len(inside) >= _DEPTH_LIMIT:
            given += 1
            yield Part(head, kind, content, inside, alternative)
            continue
        if kind == "multipart/alternative" and alternative is None:
            alternatives += 1
            alternative = alternatives
        children = []
        for chunk in _between(content, boundary):
            child_head, child = split(chunk)
            child_fields = fields_of(child_head[:_PART_HEADER_LIMIT])
            children.append((child_fields, child, (*inside, kind), alternative))
        waiting.extend(reversed(children))


def decoded(value: str) -> str:
    """A header's value with its encoded words read; on one line, without characters that steer a terminal."""
    parts: list[str] = []
    pending: list[bytes] = []
    charset = ""
    at = 0

    def flush() -> None:
        if pending:
            parts.append(read_bytes(b"".join(pending), charset))
            pending.clear()

    for found in _WORD.finditer(value[:_FIELD_LIMIT]):
        between = value[at : found.start()]
        if between.strip() or not pending or found[1].lower() != charset:
            flush()
            parts.append(between if between.strip() or not parts else "")
        # Words in a row are joined before they are read: some programs cut in the middle of a character.
        charset = found[1].lower()
        coded = found[3].encode("ascii", "replace")
        pending.append(
            from_base64(coded) if found[2] in "bB" else quopri.decodestring(coded.replace(b"_", b" "))
        )
        at = found.end()
    flush()
    parts.append(value[at:_FIELD_LIMIT])
    return mend("".join(parts))


def from_base64(data: bytes) -> bytes:
    """What can be read of it, however it is damaged."""
    kept = re.sub(rb"[^A-Za-z0-9+/]", b"", data)
    kept = kept[:-1] if len(kept) % 4 == 1 else kept
    return binascii.a2b_base64(kept + b"=" * (-len(kept) % 4))


def read_bytes(data: bytes, charset: str) -> str:
    """Text from bytes: as labelled where that works, and as what it must be otherwise."""
    known = _codec(charset)
    if known is None or _ONE_BYTE.fullmatch(charset):
        # Text in any other charset is hardly ever valid UTF-8 by chance; the label is wrong quite often.
        try:
            return mend(data.decode("utf-8"))
        except UnicodeDecodeError:
            pass
    if known in {None, "ascii", "iso8859-1"}:
        return mend(data.decode("cp1252", "replace"))
    try:
        return mend(data.decode(known or "utf-8", "replace"))
    except (UnicodeError, ValueError):
        return mend(data.decode("utf-8", "replace"))


def _codec(charset: str) -> str | None:
    if not _TEXT_CODECS.fullmatch(charset):
        return None
    try:
        return codecs.lookup(charset).name
    except LookupError:
        return None


def _guess(head: bytes) -> str:
    try:
        return head.decode("utf-8")
    except UnicodeDecodeError:
        return head.decode("latin-1")


def _typed(fields: Fields) -> Message:
    """The standard library reads the parameters of a field well enough, once it is short."""
    message = Message()
    for name in ("content-type", "content-disposition"):
        value = fields.first(name)
        if value is not None:
            message[name] = value[:2_000].encode("ascii", "replace").decode()
    return message


def _boundary(typed: Message) -> str:
    try:
        return (typed.get_boundary() or "")[:200]
    except (ValueError, LookupError, TypeError):
        return ""


def _between(body: bytes, boundary: str) -> Iterator[bytes]:
    """What stands between the boundary lines; a last part without an end is taken as far as it goes."""
    # A boundary may be the beginning of another one: what follows it on its line must be nothing.
    line = re.compile(
        rb"(?:\A|\n)--" + re.escape(boundary.encode("ascii", "replace")) + rb"(--)?[ \t]*\r?(?=\n|\Z)"
    )
    begin: int | None = None
    for number, found in enumerate(line.finditer(body)):
        if begin is not None:
            yield body[begin : max(begin, found.start())].removesuffix(b"\r")
        if found[1] is not None or number >= PARTS_LIMIT:
            return
        begin = found.end() + 1
    if begin is not None:
        yield body[begin:]
