"""Where an e-mail source stands in its folder, and which mails it has read lately."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from desk.errors import SourceError
from listener.platforms.email.ids import parts_of_id
from listener.text import moment_of

BAD_LIMIT = 50
"""Unreadable mails that are remembered, so that reading a stretch again does not bring them twice."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A mail that the source has brought."""

    uid: int
    """0 after the folder was numbered anew, until it is found under its new number."""
    id: str
    """External id of the mention."""
    root: str
    """Id of its conversation; empty where that is its own."""
    at: int
    """When it came into the folder, in seconds since 1970."""


@dataclass(frozen=True, slots=True)
class Cursor:
    """All up to `uid` was read, as long as the folder keeps its `validity` (RFC 3501, section 2.3.1.1)."""

    since: str
    """ISO time: of the mails up to `high`, older ones are passed over."""
    validity: int | None = None
    """UIDVALIDITY; None before the first look."""
    uid: int = 0
    high: int = 0
    """The highest UID when this numbering was first seen; 0 where the folder had never had a mail. What comes
    later is read, however old it is."""
    until: str | None = None
    """Since the folder was numbered anew and until all is read again: ISO time of that moment."""
    met: bool = False
    """In that time: whether a mail that was known has been found again."""
    seen: tuple[Seen, ...] = ()
    """The newest mails, oldest first: looked for again, to see which are gone."""
    bad: tuple[str, ...] = ()

    @classmethod
    def first(cls, since: datetime) -> Cursor:
        return cls(since=_iso(since))

    @classmethod
    def parse(cls, text: str, source: str) -> Cursor:
        """Raises SourceError for a text that no e-mail source wrote."""
        try:
            data = json.loads(text)
            cursor = cls(
                since=data["since"],
                validity=_number(data["validity"]),
                uid=_number(data.get("uid", 0)),
                high=_number(data.get("high", 0)),
                until=data.get("until"),
                met=data.get("met") is True,
                seen=tuple(_seen(row) for row in data.get("seen", ())),
                bad=tuple(str(key) for key in data.get("bad", ())),
            )
            for moment in (cursor.since, *(() if cursor.until is None else (cursor.until,))):
                moment_of(moment)
        except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
            raise SourceError(
                f"The cursor of source {source} is not one that an e-mail source wrote ({text[:80]!r}); "
                "remove that cursor to begin anew.",
                permanent=True,
            ) from error
        return cursor

    def dump(self) -> str:
        fields = {
            "since": self.since,
            "validity": self.validity,
            "uid": self.uid,
            "high": self.high,
            "until": self.until,
            "met": self.met or None,
            "seen": [[mail.uid, mail.id, mail.root, mail.at] for mail in self.seen],
            "bad": list(self.bad),
        }
        # Zeros stay: a validity of 0 is one that some servers give.
        kept = {name: value for name, value in fields.items() if value not in (None, [])}
        return json.dumps(kept, separators=(",", ":"))

    @property
    def since_at(self) -> datetime:
        return moment_of(self.since)

    @property
    def until_at(self) -> datetime | None:
        return None if self.until is None else moment_of(self.until)

    @property
    def latest_at(self) -> datetime | None:
        """When the newest mail that was read came."""
        if not self.seen:
            return None
        return datetime.fromtimestamp(max(mail.at for mail in self.seen), tz=UTC)

    def numbered_anew(self, validity: int, high: int, since: datetime, now: datetime) -> Cursor:
        """All numbers are void: what came since `since` is read again, and what is known recognised."""
        return replace(
            self,
            validity=validity,
            uid=0,
            high=high,
            since=_iso(since),
            until=_iso(now),
            met=not self.seen,
            seen=tuple(replace(mail, uid=0) for mail in self.seen),
        )

    def with_seen(self, mails: Iterable[Seen], bad: Iterable[str], limit: int) -> Cursor:
        """Remember more mails; the oldest above `limit` are forgotten."""
        known = {mail.id: mail for mail in self.seen}
        met = self.met
        for mail in mails:
            before = known.pop(mail.id, None)
            met = met or (before is not None and not before.uid)
            known[mail.id] = mail
        keys = dict.fromkeys((*self.bad, *bad))
        newest = tuple(known.values())[-limit:] if limit else ()
        return replace(self, seen=newest, bad=tuple(keys)[-BAD_LIMIT:], met=met)

    def without(self, ids: Iterable[str]) -> Cursor:
        gone = frozenset(ids)
        return replace(self, seen=tuple(mail for mail in self.seen if mail.id not in gone))


def _iso(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _number(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**32:
        raise ValueError("no UID")
    return value


def _seen(row: list[object]) -> Seen:
    uid, mail_id, root, at = row
    if not isinstance(at, int):
        raise ValueError("no time")
    datetime.fromtimestamp(at, tz=UTC)
    parts_of_id(str(mail_id))
    return Seen(_number(uid), str(mail_id), str(root), at)
