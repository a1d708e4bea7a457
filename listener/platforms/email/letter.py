"""One mail as it matters here: who wrote what to whom, and which mail it is. Pure.

Nothing in a mail is sure: its id may be missing or shared with another mail, its date wrong, its sender made
up. So what tells one mail from another is its id together with a digest of what it says, see `fingerprint`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from listener.platforms.email.mime import HEADER_LIMIT, Fields, Part, decoded, fields_of, parts_of, split
from listener.platforms.email.words import attachments_of, bare_subject, is_forwarded, text_of
from listener.text import one_line

OWN_FIELD = "X-Answerback-Reply"
"""Names a reply of ours, because some providers put another Message-ID in place of ours."""
_OWN_TOKEN = re.compile(r"answerback\.[0-9a-f]{32}@[!-;=?-~]{1,255}")
_ID = re.compile(r"<\s{0,5}([!-;=?-~]{1,300})\s{0,5}>")
_CHAIN_LIMIT = 100
_ADDRESS = re.compile(
    r"[^\s@<>()\[\]\\,;:\"\x00-\x1f\x7f]{1,64}@[^\s@<>()\[\]\\,;:\"\x00-\x1f\x7f/]{1,250}",
    re.ASCII | re.IGNORECASE,
)
_ANGLED = re.compile(r"<\s*([^<>\s]{3,320})\s*>")


class LetterError(ValueError):
    """The bytes are no mail that can be used; the message says why."""


@dataclass(frozen=True, slots=True)
class Address:
    address: str
    """As it is written."""
    name: str = ""


@dataclass(frozen=True, slots=True)
class Letter:
    fields: Fields
    message_id: str | None
    """Without its angle brackets; None where it is missing or none."""
    parent: str | None
    """Message-ID of the mail that this one answers."""
    references: tuple[str, ...]
    """The chain above, oldest first, as the mail tells it."""
    sender: Address | None
    reply_to: tuple[Address, ...]
    subject: str
    dated: datetime | None
    """What the writer's machine says."""
    text: str
    """The new words, without subject and attachments."""
    attachments: tuple[str, ...]
    fingerprint: str
    """Digest of what the mail says; the same for every copy of it, another one for another mail."""
    own_token: str | None
    """What a reply of ours calls itself. To be believed in a folder that only the brand writes to."""
    is_report: bool
    """A notice by a mail server, of a failed delivery mostly."""

    @property
    def is_answer(self) -> bool:
        return self.parent is not None


def read_letter(raw: bytes) -> Letter:
    """Raises LetterError."""
    head, body = split(raw)
    if len(head) > HEADER_LIMIT:
        raise LetterError(f"its headers have {len(head):,} bytes or more; the limit is {HEADER_LIMIT:,}")
    fields = fields_of(head)
    message_id = next(_ids(fields.first("message-id")), None)
    # References first: In-Reply-To is where people's programs write sentences.
    references = tuple(dict.fromkeys(_ids(*fields.all("references"))))[-_CHAIN_LIMIT:]
    answers = tuple(_ids(*fields.all("in-reply-to")))
    parent = answers[0] if answers else (references[-1] if references else None)
    sender = next(iter(_people(fields, "from", "sender", "reply-to", "return-path")), None)
    subject = one_line(decoded(fields.first("subject") or ""), 300)
    parts = tuple(parts_of(fields, body))
    is_answer = parent is not None and not is_forwarded(subject)
    return Letter(
        fields=fields,
        message_id=message_id,
        parent=parent if parent != message_id else None,
        references=tuple(ref for ref in references if ref != message_id),
        sender=sender,
        reply_to=tuple(_people(fields, "reply-to")),
        subject=subject,
        dated=_moment(fields.first("date")),
        text=text_of(parts, is_answer=is_answer),
        attachments=attachments_of(parts),
        fingerprint=_fingerprint(fields, message_id, body),
        own_token=_own_token(fields, message_id),
        is_report=_is_report(parts, fields),
    )


def own_token_for(seed: str, domain: str) -> str:
    """What a reply of ours is called, by a digest that stays the same over every attempt."""
    return f"answerback.{hashlib.sha256(seed.encode('utf-8', 'replace')).hexdigest()[:32]}@{domain}"


def is_own_token(token: str | None) -> bool:
    return token is not None and _OWN_TOKEN.fullmatch(token) is not None


def full_text(letter: Letter) -> str:
    """What a person is shown: the subject where it opens a conversation, the words, what is attached."""
    subject = "" if letter.is_answer and bare_subject(letter.subject) != letter.subject else letter.subject
    parts = (subject, letter.text, "\n".join(letter.attachments))
    # An empty text would read as a mail that was taken back.
    return "\n\n".join(part for part in parts if part) or "(no words)"


def _ids(*values: str | None) -> Iterator[str]:
    for value in values:
        for found in _ID.finditer(value or ""):
            yield found[1]


def _people(fields: Fields, *names: str) -> Iterator[Address]:
    """The addresses in the first of these fields that holds one, as far as they are any."""
    for name in names:
        people = [person for value in fields.all(name) for person in addresses_in(value)]
        if people:
            yield from people
            return


def addresses_in(value: str) -> list[Address]:
    """The people that a field names; at most twenty. The standard library's way is slow on hostile ones."""
    people: list[Address] = []
    for piece in _pieces(value[:5_000]):
        angled = _ANGLED.search(piece)
        address = angled[1] if angled else piece.strip().strip('"')
        if _ADDRESS.fullmatch(address):
            name = piece[: angled.start()] if angled else ""
            people.append(Address(address, one_line(decoded(name.replace('"', "").strip()), 100)))
    return people[:20]


def _pieces(value: str) -> Iterator[str]:
    """A field cut at its commas, but for those in quotes."""
    piece: list[str] = []
    is_quoted = False
    for char in value:
        if char == '"':
            is_quoted = not is_quoted
        if char in ",;" and not is_quoted:
            yield "".join(piece)
            piece = []
        else:
            piece.append(char)
    yield "".join(piece)


def _moment(value: str | None) -> datetime | None:
    try:
        at = parsedate_to_datetime((value or "")[:200])
        at = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return at if 2000 <= at.year <= 2100 else None


def _fingerprint(fields: Fields, message_id: str | None, body: bytes) -> str:
    """Over what is the same in every copy, however it came here: not the headers that servers add."""
    said = [message_id, *(fields.first(name) for name in ("from", "date", "subject"))]
    digest = hashlib.sha256(repr(said).encode("utf-8", "replace"))
    digest.update(b"\n".join(line.rstrip() for line in body.split(b"\n")).rstrip())
    return digest.hexdigest()[:12]


def _own_token(fields: Fields, message_id: str | None) -> str | None:
    token = fields.first(OWN_FIELD.lower())
    if token is None:
        return None
    token = token.strip()
    return token if is_own_token(token) else message_id


def _is_report(parts: tuple[Part, ...], fields: Fields) -> bool:
    kind = (fields.first("content-type") or "").strip().lower()
    return kind.startswith("multipart/report") or any(
        part.kind == "message/delivery-status" for part in parts
    )
