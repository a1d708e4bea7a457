"""One feed as a source: what is new in it, page behind page where it has pages."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from urllib.parse import urljoin, urlsplit

from desk.errors import InputError, SourceError
from desk.model.mention import Author, Mention, Replyable
from desk.ports import BadRecord, Batch, Gap, Now
from listener.api_errors import ApiError, source_error
from listener.json_api import Answer, ApiClient
from listener.listing import RAW_LIMIT, digest, stamp
from listener.platforms.rss import RssSettings
from listener.platforms.rss.feed import Entry, Feed, FeedError, parse_feed
from listener.text import language_of, mend, moment_of, one_line, web_address

SOURCE = "rss"
BODY_LIMIT_BYTES = 10_000_000
_TEXT_LIMIT = 100_000
_MEMORY = 500
"""Entries that are remembered at least; always twice as many as a page holds."""
_BAD_MEMORY = 200
_PAGES = 50
"""Pages that are followed back after an outage."""
_ASKED_STEP = timedelta(minutes=10)
_CLOSED = Replyable(allowed=False, reason="A feed cannot be answered: open the page.")
_RIGHTS = "This feed is not open to all, and Answerback has no key for it."
_ADDRESS = "Check the feed's address."
_GLOBAL_ID = re.compile(r"(?:https?|tag|urn):\S+", re.IGNORECASE)
_MOVED = frozenset({301, 302, 303, 307, 308})
_REDIRECTS = 4


class _EntryError(ValueError):
    """An entry that cannot be used; the message says why."""


@dataclass(frozen=True, slots=True)
class _Cursor:
    etag: str = ""
    modified: str = ""
    """Of the feed's first page, as the server gave it."""
    next: str = ""
    """In the middle of a pass: the path of the page to read."""
    pages: int = 0
    """Pages of the pass that were read."""
    fresh: int = 0
    """How many of `seen` came in this pass, at its end."""
    stale: int = 0
    """Pages in a row, up to the last one read, that held nothing new."""
    again: bool = False
    """The pass was begun anew."""
    start: str = ""
    """In the first pass: ISO time of the oldest entry wanted."""
    asked: int = 0
    """When the feed last answered, in seconds since 1970, give or take ten minutes."""
    seen: tuple[tuple[str, str], ...] = ()
    """Id and digest of the words of the entries that were read, oldest first."""
    bad: tuple[str, ...] = ()

    @classmethod
    def parse(cls, text: str, source: str) -> _Cursor:
        try:
            data = json.loads(text)
            cursor = cls(
                **data
                | {
                    "seen": tuple((str(key), str(words)) for key, words in data.get("seen", ())),
                    "bad": tuple(str(key) for key in data.get("bad", ())),
                }
            )
            texts = (cursor.etag, cursor.modified, cursor.next, cursor.start)
            numbers = (cursor.pages, cursor.fresh, cursor.asked, cursor.stale, cursor.again)
            if not (all(isinstance(t, str) for t in texts) and all(isinstance(n, int) for n in numbers)):
                raise ValueError("wrong types")
        except (ValueError, TypeError, AttributeError) as error:
            raise SourceError(
                f"The cursor of source {source} is not one that a feed's source wrote ({text[:80]!r}); "
                "remove that cursor to begin anew.",
                permanent=True,
            ) from error
        return cursor

    def dump(self) -> str:
        return json.dumps({name: value for name, value in asdict(self).items() if value})


class RssSource:
    """Reads the feed when it has changed. An entry that is read again with other words is an edit."""

    def __init__(self, settings: RssSettings, *, now: Now, timeout_seconds: float = 30) -> None:
        """Raises InputError for an address that cannot be used."""
        self._settings, self._now = settings, now
        parts = urlsplit(settings.url.strip())
        if parts.username or parts.password:
            raise InputError(f"Source {settings.name}: a feed's address must not hold a name and password.")
        self._host = parts.netloc.lower()
        self._path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._url = f"{parts.scheme}://{parts.netloc}{self._path}"
        self._client = ApiClient(
            f"{parts.scheme}://{parts.netloc}",
            title=self._host,
            now=now,
            headers={"Accept": "application/atom+xml, application/rss+xml, application/xml, text/xml;q=0.9"},
            timeout_seconds=timeout_seconds,
            body_limit_bytes=BODY_LIMIT_BYTES,
            public=True,
        )
        self._own = frozenset(name.casefold() for name in settings.own_authors)

    @property
    def name(self) -> str:
        return self._settings.name

    @property
    def interval_seconds(self) -> float:
        return self._settings.interval.total_seconds()

    def fetch(self, cursor: str | None) -> Batch:
        """The next page. Raises SourceError: permanent where there is no feed at the address."""
        now = self._now()
        at = _Cursor(start=stamp(now - self._settings.first))
        if cursor is not None:
            at = _Cursor.parse(cursor, self.name)
        headers: dict[str, str] = {}
        if not at.next:
            headers |= {"If-None-Match": at.etag} if at.etag else {}
            headers |= {"If-Modified-Since": at.modified} if at.modified else {}
        try:
            answer = self._ask(at.next or self._path, headers)
        except ApiError as error:
            if at.next and error.status in {400, 404, 410} and self._is_up():
                # The older pages have gone; what they held is noted, and the feed goes on.
                return self._ended(at, now)
            raise source_error(self.name, error, rights=_RIGHTS, address=_ADDRESS) from error
        if answer.status == 304:
            return Batch(cursor=self._noted(at, now).dump())
        try:
            feed = parse_feed(answer.body, answer.headers.get("Content-Type", ""))
        except FeedError as error:
            raise SourceError(f"Source {self.name}: what {self._host} sent {error}.") from error
        return self._batch(feed, answer, at, now)

    def _ask(self, path: str, headers: dict[str, str]) -> Answer:
        """Follows redirects within the host; a feed that has moved elsewhere is for a person to decide on."""
        for _ in range(_REDIRECTS):
            answer = self._client.raw(path, headers)
            if answer.status not in _MOVED:
                return answer
            target = urlsplit(urljoin(self._url, answer.headers.get("Location", "")))
            if target.netloc.lower() != self._host or target.scheme != urlsplit(self._url).scheme:
                where = one_line(f"{target.scheme}://{target.netloc}", 100)
                raise SourceError(
                    f"Source {self.name}: the feed has moved to {where}; set its new address as url.",
                    permanent=True,
                )
            path = (target.path or "/") + (f"?{target.query}" if target.query else "")
        raise SourceError(f"Source {self.name}: {self._host} sends from one address to the next.")

    def _is_up(self) -> bool:
        try:
            return self._ask(self._path, {}).status == 200
        except ApiError:
            return False

    def _batch(self, feed: Feed, answer: Answer, at: _Cursor, now: datetime) -> Batch:
        before = dict(at.seen[: len(at.seen) - at.fresh])
        known, start = dict(at.seen), moment_of(at.start) if at.start else None
        mentions: list[Mention] = []
        bad: list[BadRecord] = []
        fresh: list[tuple[str, str]] = []
        oldest, met = now, False
        for entry in feed.entries:
            try:
                mention = self._mention(entry, feed, now)
            except _EntryError as error:
                key, raw = f"entry {self._id(entry)}", json.dumps(asdict(entry), ensure_ascii=True)
                if key not in at.bad and all(record.position != key for record in bad):
                    bad.append(BadRecord(key, raw[:RAW_LIMIT], str(error)))
                continue
            met = met or mention.external_id in before
            oldest = min(oldest, mention.created_at)
            words = digest(mention.text)
            if known.get(mention.external_id) == words:
                continue
            if mention.external_id not in known:
                fresh.append((mention.external_id, words))
            known[mention.external_id] = words
            if start is None or mention.created_at >= start:
                mentions.append(mention)
        if not at.next:
            at = replace(
                at,
                etag=_header(answer, "ETag"),
                modified=_header(answer, "Last-Modified"),
            )
        first = start is not None
        reached = oldest < start if start is not None else met
        behind = "" if reached else self._within_host(feed.next)
        if behind and behind == at.next and not fresh:
            raise SourceError(
                f"Source {self.name}: {self._host} sent the same page twice; asked again later."
            )
        older = behind if behind != at.next and at.pages + 1 < _PAGES else ""
        nothing = bool(at.next) and not fresh and not bad and not reached
        if nothing and at.stale and not older and not at.again:
            # Links that led astray end no pass: it begins anew, once, and what it has seen stays its own.
            at = replace(at, next="", pages=0, stale=0, again=True, etag="", modified="")
            return Batch(mentions, bad=bad, cursor=self._noted(at, now).dump())
        missed = not reached and not older and (bool(behind) if first else bool(before))
        # The feed gives its newest entry first; memory keeps the newest last.
        seen = tuple((key, known[key]) for key in (*dict(at.seen), *(key for key, _ in reversed(fresh))))
        at = replace(
            at,
            next=older,
            pages=at.pages + 1 if older else 0,
            fresh=at.fresh + len(fresh) if older else 0,
            stale=at.stale + 1 if older and nothing else 0,
            again=at.again and bool(older),
            start=at.start if older else "",
            seen=seen[-max(_MEMORY, 2 * len(feed.entries), at.fresh + len(fresh)) :],
            bad=(*at.bad, *(record.position for record in bad))[-_BAD_MEMORY:],
        )
        gaps = [self._gap(at, start, oldest)] if missed else []
        if not older:
            at = self._noted(at, now)
        return Batch(mentions, bad=bad, gaps=gaps, cursor=at.dump(), more=bool(older))

    def _ended(self, at: _Cursor, now: datetime) -> Batch:
        gaps = [self._gap(at, moment_of(at.start) if at.start else None, now)]
        at = self._noted(replace(at, next="", pages=0, fresh=0, stale=0, again=False, start=""), now)
        return Batch(gaps=gaps, cursor=at.dump())

    def _gap(self, at: _Cursor, start: datetime | None, until: datetime) -> Gap:
        since = datetime.fromtimestamp(at.asked, UTC) if start is None else start
        reason = "The feed shows only its latest entries, and none of them reaches back so far."
        return Gap(min(since, until), until, reason)

    def _noted(self, at: _Cursor, now: datetime) -> _Cursor:
        seconds = int(now.timestamp())
        return replace(at, asked=seconds) if seconds - at.asked >= _ASKED_STEP.total_seconds() else at

    def _within_host(self, address: str) -> str:
        """The path of a page on the feed's own host; empty for any other."""
        try:
            parts = urlsplit(urljoin(self._url, address)) if address else urlsplit("")
        except ValueError:
            return ""
        if parts.netloc.lower() != self._host:
            return ""
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        return path if path.isprintable() and len(path) < 2_000 else ""

    def _mention(self, entry: Entry, feed: Feed, now: datetime) -> Mention:
        title, text = mend(entry.title).strip(), mend(entry.text).strip()
        words = text if not title or text.startswith(title) else f"{title}\n\n{text}".strip()
        if not words:
            raise _EntryError("has neither a title nor a text")
        key = self._id(entry)
        author = one_line(_name(entry.author), 200)
        return Mention(
            source=SOURCE,
            external_id=key,
            conversation_id=key,
            in_reply_to=None,
            brand=self._settings.brand,
            # Nobody knows whether two entries without a name are by one person.
            author=Author(
                f"{self._host}/{author.casefold()}" if author else f"{self._host}//{key}", author or "unknown"
            ),
            from_brand=author.casefold() in self._own,
            created_at=_time(entry.published or entry.updated, now),
            received_at=now,
            text=words[:_TEXT_LIMIT],
            language=language_of(feed.language),
            url=self._address(entry),
            replyable=_CLOSED,
        )

    def _id(self, entry: Entry) -> str:
        """Two feeds may both call an entry "1": only an id that is an address is the same everywhere."""
        name = entry.id or entry.link or digest(f"{entry.title}\n{entry.text}\n{entry.published}")
        whole = name if _GLOBAL_ID.fullmatch(name) else f"{self._url}\n{name}"
        return hashlib.sha256(whole.encode("utf-8", "replace")).hexdigest()[:24]

    def _address(self, entry: Entry) -> str | None:
        link = entry.link or (entry.id if entry.id.startswith("http") else "")
        try:
            return web_address(urljoin(self._url, link)) if link else None
        except ValueError:
            return None


def _name(author: str) -> str:
    """RSS has "mail@example.org (Name)"."""
    found = re.fullmatch(r"\s*\S+@\S+\s+\((.{1,200})\)\s*", author)
    return found[1] if found else author


def _time(value: str, now: datetime) -> datetime:
    """When it was written; an entry that does not say so was written when it was first seen."""
    if not value.strip():
        return now
    try:
        at = parsedate_to_datetime(value) if "," in value or value[:1].isalpha() else None
        at = datetime.fromisoformat(value.strip()) if at is None else at
    except (ValueError, TypeError, IndexError, OverflowError) as error:
        raise _EntryError(f"its date is none: {value[:60]!r}") from error
    try:
        return moment_of((at if at.tzinfo is not None else at.replace(tzinfo=UTC)).isoformat())
    except ValueError as error:
        raise _EntryError(f"its date {error}") from error


def _header(answer: Answer, name: str) -> str:
    value = answer.headers.get(name, "")
    return value if value.isprintable() and value.isascii() and len(value) < 500 else ""
