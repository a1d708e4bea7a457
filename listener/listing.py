"""A source over a platform that lists its posts newest first, page behind page.

What a platform adds is a `Listing`: how to ask for a page, and how to read one record. This module knows the
rest: a pass goes from the newest record down to where the last one began, every page commits with its rows,
and the bound moves only with a pass's last page.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from desk.errors import SourceError
from desk.model.mention import Mention
from desk.ports import BadRecord, Batch, Gap, Headroom, Now
from listener.api_errors import ApiError, source_error
from listener.text import moment_of

MEMORY = 300
"""Posts that a cursor remembers, so that reading a stretch again brings none twice and shows edits."""
RAW_LIMIT = 10_000
_BAD_MEMORY = 100
_KNOWN_PAGES = 10
"""Pages of known posts that one fetch passes over on its way to a new one."""


class RecordError(ValueError):
    """A record that cannot be used; the message says why."""


@dataclass(frozen=True, slots=True)
class Page:
    records: Sequence[Any]
    next: str | None = None
    """Where older records go on; None at the end."""
    headroom: Headroom | None = None
    cut: bool = False
    """The platform gives nothing older than this page, though there may be something."""
    marks: Mapping[str, int] = field(default_factory=dict)
    """By external id: what to remember of a post beside its words, such as how many answers it had."""


class Listing(Protocol):
    """One feed of one platform. Its methods raise ApiError."""

    @property
    def rights(self) -> str:
        """What to check when the platform refuses the key: a sentence."""
        ...

    @property
    def address(self) -> str:
        """What to check when the platform does not know what was asked for: a sentence."""
        ...

    @property
    def reach(self) -> str:
        """Why a page may be cut, in words for the gap ledger."""
        ...

    def page(self, token: str | None, since: datetime, marks: Mapping[str, int]) -> Page:
        """The newest page, or the one behind `token`; nothing older than `since` is needed."""
        ...

    def again(self, known: Sequence[str], marks: Mapping[str, int]) -> Page | None:
        """What belongs to posts brought earlier (their external ids, newest first) and may be new or changed;
        asked when the feed itself has nothing new. None where there is no such thing."""
        ...

    def key(self, record: Any) -> str:
        """Names a record that cannot be read: its id where it has one, otherwise empty."""
        ...

    def read(self, record: Any, received_at: datetime) -> Mention | None:
        """None for a record that is no post. Raises RecordError."""
        ...


class ListingSource:
    """Follows one listing. Reads a stretch of `overlap_seconds` again in each pass, for what shows late."""

    def __init__(
        self,
        listing: Listing,
        *,
        name: str,
        now: Now,
        interval_seconds: float,
        first_hours: float = 24,
        overlap_seconds: float = 600,
        memory: int = MEMORY,
    ) -> None:
        """`first_hours` is how far the first pass looks back."""
        self._listing, self._name, self._now = listing, name, now
        self._interval_seconds, self._first = interval_seconds, timedelta(hours=first_hours)
        self._overlap, self._memory = timedelta(seconds=overlap_seconds), memory

    @property
    def name(self) -> str:
        return self._name

    @property
    def interval_seconds(self) -> float:
        return self._interval_seconds

    def fetch(self, cursor: str | None) -> Batch:
        """The next page with something new, or else what has changed about the last posts."""
        now = self._now()
        at = Cursor(start=stamp(now - self._first)) if cursor is None else Cursor.parse(cursor, self._name)
        try:
            try:
                return self._pass(at, now)
            except ApiError as error:
                if error.status != 400 or at.page is None:
                    raise
                # The page's token has expired with an interrupted pass: begin it again under its bound.
                return self._pass(replace(at, page=None, oldest=None, known=0), now)
        except ApiError as error:
            raise source_error(
                self._name, error, rights=self._listing.rights, address=self._listing.address
            ) from error

    def _pass(self, at: Cursor, now: datetime) -> Batch:
        floor = at.start_at
        for _ in range(_KNOWN_PAGES):
            page = self._listing.page(at.page, floor, dict(at.marks))
            taken = self._take(page.records, at, now, floor)
            at = at.passed(taken, len(page.records))
            if page.next is not None and page.next == at.page and not taken.mentions:
                raise ApiError("the platform sent a page that leads back to itself", status=200)
            # A looping server repeats itself; this source remembers no more different posts than that.
            looping = page.next == at.page or at.known > 2 * self._memory
            done = page.next is None or not taken.within or looping
            gaps = self._gaps(at, page, floor) if done else ()
            at = at.with_seen(taken, page.marks, self._memory)
            at = at.finished(self._overlap, self._memory) if done else replace(at, page=page.next)
            if taken.mentions or taken.bad or gaps:
                return Batch(
                    taken.mentions,
                    bad=taken.bad,
                    gaps=gaps,
                    cursor=at.dump(),
                    headroom=page.headroom,
                    more=bool(taken.mentions) or not done,
                )
            if done:
                return self._look_again(at, now, page.headroom)
        return Batch(cursor=at.dump(), headroom=page.headroom, more=True)

    def _gaps(self, at: Cursor, page: Page, floor: datetime) -> tuple[Gap, ...]:
        if not page.cut or at.oldest is None:
            return ()
        oldest = datetime.fromtimestamp(at.oldest, UTC)
        return (Gap(floor, oldest, self._listing.reach),) if oldest > floor else ()

    def _look_again(self, at: Cursor, now: datetime, headroom: Headroom | None) -> Batch:
        known = [post.id for post in reversed(at.seen)]
        page = self._listing.again(known, dict(at.marks)) if known else None
        if page is None:
            return Batch(cursor=at.dump(), headroom=headroom)
        # What is older than anything remembered was there before this source came.
        taken = self._take(page.records, at, now, datetime.fromtimestamp(at.seen[0].at, UTC))
        at = at.with_seen(taken, page.marks, self._memory)
        return Batch(
            taken.mentions, bad=taken.bad, cursor=at.dump(), headroom=page.headroom or headroom, more=False
        )

    def _take(self, records: Iterable[Any], at: Cursor, now: datetime, floor: datetime) -> _Taken:
        """What is new or changed among the records, and not older than `floor`."""
        known = {post.id: post.text for post in at.seen}
        bad_known = set(at.bad)
        mentions: list[Mention] = []
        bad: list[BadRecord] = []
        times: list[int] = []
        within = False
        for record in records:
            try:
                mention = self._listing.read(record, now)
            except RecordError as error:
                raw = raw_text(record)
                key = self._listing.key(record) or f"record without id {digest(raw)}"
                within = True  # nobody knows how old it is
                if key not in bad_known:
                    bad_known.add(key)
                    bad.append(BadRecord(key, raw, str(error)))
                continue
            if mention is None:
                continue
            times.append(int(mention.created_at.timestamp()))
            text = digest(mention.text)
            if known.get(mention.external_id) == text:
                within = within or mention.created_at >= floor
                continue
            if mention.created_at < floor and mention.external_id not in known:
                continue
            within = True
            known[mention.external_id] = text
            mentions.append(mention)
        usual = [time for time in times if time <= now.timestamp()]
        return _Taken(tuple(mentions), tuple(bad), within, max(usual, default=None), min(times, default=None))


@dataclass(frozen=True, slots=True)
class _Taken:
    mentions: tuple[Mention, ...]
    bad: tuple[BadRecord, ...]
    within: bool
    """Something on the page was not older than the bound, or nobody knows."""
    newest: int | None
    """In seconds since 1970, without what claims to come from the future."""
    oldest: int | None


@dataclass(frozen=True, slots=True)
class Seen:
    """A post that the source has brought."""

    id: str
    text: str
    """Digest of the words: another one means an edit."""
    at: int
    """When it was written, in seconds since 1970."""


@dataclass(frozen=True, slots=True)
class Cursor:
    start: str
    """ISO time: nothing older is needed any more."""
    page: str | None = None
    """In the middle of a pass: where it goes on."""
    newest: int | None = None
    """Of the pass so far, in seconds since 1970: where the next one ends."""
    oldest: int | None = None
    known: int = 0
    """Records in a row that brought nothing."""
    seen: tuple[Seen, ...] = ()
    """The newest posts, oldest first."""
    bad: tuple[str, ...] = ()
    marks: tuple[tuple[str, int], ...] = ()

    @classmethod
    def parse(cls, text: str, source: str) -> Cursor:
        """Raises SourceError for a text that no such source wrote."""
        try:
            data = json.loads(text)
            numbers = {name: data.get(name) for name in ("newest", "oldest", "known")}
            if not all(value is None or isinstance(value, int) for value in numbers.values()):
                raise ValueError("no number")
            cursor = cls(
                **data
                | {
                    "known": data.get("known", 0),
                    "seen": tuple(Seen(str(i), str(t), int(at)) for i, t, at in data.get("seen", ())),
                    "bad": tuple(str(key) for key in data.get("bad", ())),
                    "marks": tuple((str(i), int(mark)) for i, mark in data.get("marks", {}).items()),
                }
            )
            moment_of(cursor.start)
            if not isinstance(cursor.page, str | None):
                raise ValueError("no page")
        except (ValueError, TypeError, LookupError, AttributeError) as error:
            raise SourceError(
                f"The cursor of source {source} is not one that it wrote ({text[:80]!r}); "
                "remove that cursor to begin anew.",
                permanent=True,
            ) from error
        return cursor

    def dump(self) -> str:
        fields = {
            "start": self.start,
            "page": self.page,
            "newest": self.newest,
            "oldest": self.oldest,
            "known": self.known,
            "seen": [[post.id, post.text, post.at] for post in self.seen],
            "bad": list(self.bad),
            "marks": dict(self.marks),
        }
        return json.dumps({name: value for name, value in fields.items() if value}, separators=(",", ":"))

    @property
    def start_at(self) -> datetime:
        return moment_of(self.start)

    def passed(self, taken: _Taken, records: int) -> Cursor:
        """With what one more page says about the pass."""
        newest = max((t for t in (self.newest, taken.newest) if t is not None), default=None)
        oldest = min((t for t in (self.oldest, taken.oldest) if t is not None), default=None)
        brought = bool(taken.mentions or taken.bad)
        return replace(
            self, newest=newest, oldest=oldest, known=0 if brought else self.known + max(records, 20)
        )

    def with_seen(self, taken: _Taken, marks: Mapping[str, int], limit: int) -> Cursor:
        posts = (
            Seen(post.external_id, digest(post.text), int(post.created_at.timestamp()))
            for post in taken.mentions
        )
        known = {post.id: post for post in (*self.seen, *posts)}
        newest = sorted(known.values(), key=lambda post: post.at)[-limit:]
        bad = dict.fromkeys((*self.bad, *(record.position for record in taken.bad)))
        marked = dict(self.marks) | dict(marks)
        kept = tuple((post.id, marked[post.id]) for post in newest if post.id in marked)
        return replace(self, seen=tuple(newest), bad=tuple(bad)[-_BAD_MEMORY:], marks=kept)

    def finished(self, overlap: timedelta, memory: int) -> Cursor:
        """After a pass's last page. The bound never falls below what is remembered: that would come twice."""
        start = self.start_at
        if self.newest is not None:
            start = max(start, datetime.fromtimestamp(self.newest, UTC) - overlap)
        if len(self.seen) >= memory:
            start = max(start, datetime.fromtimestamp(self.seen[0].at + 1, UTC))
        return Cursor(stamp(start), seen=self.seen, bad=self.bad, marks=self.marks)


def stamp(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def digest(text: str) -> str:
    """Ten characters that change with the text."""
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:10]


def raw_text(record: Any) -> str:
    """A record as it came, for the quarantine."""
    return json.dumps(record, ensure_ascii=True)[:RAW_LIMIT]
