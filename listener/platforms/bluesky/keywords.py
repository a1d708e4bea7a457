"""Bluesky's whole stream of posts, of which a listening query picks what concerns a brand."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from desk.errors import InputError, SourceError
from desk.model.folding import fold
from desk.model.mention import Mention, MentionId, mention_id
from desk.model.query import Query, matches
from desk.ports import BadRecord, Batch, Gap, Now
from listener.api_errors import ApiError
from listener.platforms.bluesky.api import BlueskyClient
from listener.platforms.bluesky.cursor import Seen, moment
from listener.platforms.bluesky.events import Event, EventError, Kind, Wire, read_event
from listener.platforms.bluesky.feeds import RAW_LIMIT
from listener.platforms.bluesky.ids import digest
from listener.platforms.bluesky.jetstream import Host, Jetstream, JetstreamError, host_of, open_stream
from listener.platforms.bluesky.lookup import People, read_posts
from listener.platforms.bluesky.place import Place
from listener.platforms.bluesky.posts import SOURCE, PostError, View, text_of, to_mention
from listener.platforms.bluesky.recheck import failure
from listener.queries.keywords import to_bluesky_keywords

_NOTICES = frozenset({Kind.OUTDATED, Kind.AHEAD, Kind.END})
EVENT_LIMIT = 5_000
"""Events that one fetch reads at most."""
REWIND_US = 60_000_000
"""So far another host is asked to go back: its clock may be behind the last one's."""
BEHIND = timedelta(seconds=10)
"""Events that are older than that are being caught up with: there is more at once."""
LEAST_PAUSE_US = 60_000_000
"""A shorter pause at the beginning of a stream is never taken for something missing."""
SILENT_SECONDS = 300.0
"""A host that says nothing for so long, and for ten of its usual pauses, is left for the next one."""
_NETWORK_DELAY_US = 5_000_000


@dataclass(frozen=True, slots=True)
class _Resumed:
    """A stream was asked to go on from here."""

    time_us: int
    pause_us: int
    is_told: bool
    """The host has said that it begins later."""


@dataclass(slots=True)
class _Read:
    """What one fetch has read so far."""

    place: Place
    posts: dict[str, Event] = field(default_factory=dict)
    """By address: the latest version of each."""
    deleted: dict[str, None] = field(default_factory=dict)
    bad: list[BadRecord] = field(default_factory=list)
    bad_keys: list[str] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)
    events: int = 0

    @property
    def found(self) -> int:
        return len(self.posts) + len(self.bad)


class BlueskyKeywords:
    """Posts that a query asks for, from anybody; and the brand's own, which stop clocks.

    The connection stays open between two fetches. Every event moves the position, which commits with the
    rows: after any failure the stream is opened again where the stored cursor says, and what comes twice is
    recognised.
    """

    def __init__(
        self,
        client: BlueskyClient,
        *,
        brand: str,
        query: Query,
        hosts: Sequence[str],
        now: Now,
        name: str | None = None,
        interval_seconds: float = 5,
        page_size: int = 50,
        first_hours: float = 1,
        patience_seconds: float = 1,
        timeout_seconds: float = 10,
    ) -> None:
        """`hosts` are tried by turns, one that fails after the other. `patience_seconds` bounds how long a
        fetch reads. Raises InputError for addresses that are none, QueryError for a query that would have
        every post looked at by hand."""
        if not hosts:
            raise InputError(f"Source {name}: name a Jetstream host.")
        self._words = to_bluesky_keywords(query)
        self._hosts = [host_of(host) for host in hosts]
        self._client, self._brand, self._query, self._now = client, brand, query, now
        self._name, self._interval_seconds = name or f"{SOURCE}:keywords", interval_seconds
        self._page_size, self._first_hours = page_size, first_hours
        self._patience_seconds, self._timeout_seconds = patience_seconds, timeout_seconds
        self._people = People(client)
        self._turn = 0
        self._stream: Jetstream | None = None
        self._stands_at = ""
        """The cursor that the open stream goes on from."""
        self._resumed: _Resumed | None = None
        """How the stream was opened, until its first event has come."""

    @property
    def name(self) -> str:
        return self._name

    @property
    def interval_seconds(self) -> float:
        return self._interval_seconds

    def fetch(self, cursor: str | None) -> Batch:
        """What the stream brings within a moment, or as much as one batch should hold.

        Raises SourceError where no host gives a stream; the next fetch asks the next one.
        """
        if cursor is None:
            at = Place.first(self._now() - timedelta(hours=self._first_hours))
        else:
            at = Place.parse(cursor, self._name)
        stands_at, self._stands_at = self._stands_at, ""
        try:
            view = View(self._brand, self._client.identity().did)
            if self._stream is None or cursor is None or cursor != stands_at:
                at = self._open(at)
            read = self._read(at, view)
            batch = self._batch(read, view)
        except ApiError as error:
            raise failure(self._name, error) from error
        except JetstreamError as error:
            self._leave()
            raise SourceError(
                f"Source {self._name}: {error}; asked again later.", retry_after_seconds=error.retry_after
            ) from error
        self._stands_at = batch.cursor or ""
        return batch

    def _leave(self) -> None:
        """This host has failed: the next one's turn."""
        self._close()
        self._turn += 1

    def _close(self) -> None:
        if self._stream is not None:
            self._stream.close()
        self._stream = None

    def _open(self, at: Place) -> Place:
        """Open a stream at a place. Raises JetstreamError."""
        self._close()
        self._resumed = None
        host = self._hosts[self._turn % len(self._hosts)]
        if at.host and at.host != host.name:
            # Its numbers are others, and its clock may be.
            at = replace(at, time_us=at.time_us - REWIND_US, seq=None, at_time=(), wire=None)
        wire = host.wire or (at.wire if at.host == host.name else None)
        is_told = False
        if at.seq is not None and wire is not Wire.V1:
            try:
                self._stream = self._connect(host, Wire.V2, at.seq)
                return at
            except JetstreamError as error:
                if error.name != "CursorTooOld":
                    raise
            is_told = True
        try:
            self._stream = self._connect(host, wire, at.time_us)
        except JetstreamError as error:
            if error.name != "CursorTooOld":
                raise
            is_told = True
            self._stream = self._connect(host, wire, None)
        if at.host:
            self._resumed = _Resumed(at.time_us, at.pause_us, is_told)
        return replace(at, seq=None)

    def _connect(self, host: Host, wire: Wire | None, position: int | None) -> Jetstream:
        return open_stream(host, wire, position, now=self._now, timeout_seconds=self._timeout_seconds)

    def _read(self, at: Place, view: View) -> _Read:
        """Read until there is enough, or nothing more within the time. Raises JetstreamError."""
        read = _Read(at)
        known = {post.uri: post for post in at.seen}
        until = time.monotonic() + self._patience_seconds
        while read.found < self._page_size and read.events < EVENT_LIMIT:
            stream = self._stream
            if stream is None:
                return read
            message = stream.receive(until - time.monotonic())
            if message is None:
                self._bear_silence(stream, read.place)
                break
            read.events += 1
            try:
                event = read_event(stream.wire, message)
            except EventError as error:
                self._set_aside(read, message, str(error), everything=True)
                continue
            if event.kind in _NOTICES:
                self._heed(event.kind, read)
                continue
            read.gaps += self._missing(stream, event)
            if not read.place.has_read(event, message):
                read.place = replace(
                    read.place.after(event, message), host=stream.host.name, wire=stream.wire
                )
                self._note(read, event, message, known, view)
            if time.monotonic() > until:
                break
        return read

    def _heed(self, notice: Kind, read: _Read) -> None:
        """What a notice of the host asks for. Raises JetstreamError."""
        match notice:
            case Kind.OUTDATED if self._resumed is not None:
                self._resumed = replace(self._resumed, is_told=True)
            case Kind.AHEAD:
                # The host counts anew: only the time still means something to it.
                read.place = self._open(replace(read.place, seq=None))
            case Kind.END:
                self._close()
                if read.events == 1:
                    raise JetstreamError("the stream was ended by its host")

    def _missing(self, stream: Jetstream, first: Event) -> list[Gap]:
        """The gap before the first event of a stream, where the host has left something out.

        On the first wire a host does not tell when it begins later than it was asked to. It then begins with
        what it kept, at a time before we came, and after an unusual pause.
        """
        resumed, self._resumed = self._resumed, None
        if resumed is None:
            return []
        since, began = moment(resumed.time_us // 1_000), moment(first.time_us // 1_000)
        unusual = first.time_us - resumed.time_us > max(LEAST_PAUSE_US, 3 * resumed.pause_us)
        was_kept = first.time_us < stream.opened_us - _NETWORK_DELAY_US
        if not resumed.is_told and (stream.wire is Wire.V2 or not was_kept or not unusual):
            return []
        reason = f"{stream.host.name} keeps posts for a limited time; what came before is not there any more."
        return [Gap(since, max(since, began), reason)]

    def _bear_silence(self, stream: Jetstream, at: Place) -> None:
        usual = max(SILENT_SECONDS, 10 * at.pause_us / 1_000_000)
        if stream.silent_seconds > usual:
            raise JetstreamError(f"{stream.host.name} has said nothing for {stream.silent_seconds:.0f} s")

    def _note(
        self, read: _Read, event: Event, message: str | bytes, known: dict[str, Seen], view: View
    ) -> None:
        """Keep what may concern the brand."""
        match event.kind:
            case Kind.DELETE:
                read.posts.pop(event.uri, None)
                read.deleted[event.uri] = None
            case Kind.IDENTITY:
                self._people.forget(event.did)
            case Kind.ACCOUNT if not event.is_active:
                theirs = (*known, *read.posts)
                gone = [uri for uri in theirs if uri.startswith(f"at://{event.did}/")]
                for uri in gone:
                    read.posts.pop(uri, None)
                    read.deleted[uri] = None
            case Kind.POST:
                if event.did != view.did and event.uri not in known:
                    try:
                        text = text_of(event.record)
                    except PostError as error:
                        self._set_aside(read, message, str(error), everything=False)
                        return
                    if not self._may_match(text):
                        return
                read.posts[event.uri] = event
                read.deleted.pop(event.uri, None)

    def _may_match(self, text: str) -> bool:
        folded = fold(text)
        return any(word in folded for word in self._words)

    def _set_aside(self, read: _Read, message: str | bytes, reason: str, *, everything: bool) -> None:
        """Keep what cannot be read. Of strangers' broken posts, only those that may concern the brand."""
        text = message if isinstance(message, str) else message.decode("utf-8", "replace")
        key = digest(text)
        if key in read.place.bad or key in read.bad_keys:
            return
        if everything or self._may_match(text):
            read.bad.append(BadRecord(f"event {key}", text[:RAW_LIMIT], reason))
            read.bad_keys.append(key)

    def _batch(self, read: _Read, view: View) -> Batch:
        """Look at the candidates as the network shows them, and decide. Raises ApiError."""
        now = self._now()
        known = {post.uri: post for post in read.place.seen}
        wanted = self._wanted(list(read.posts.values()), known, view)
        shown = read_posts(self._client, [post["uri"] for post in wanted])
        mentions: list[Mention] = []
        seen: list[Seen] = []
        for post in wanted:
            # The network's view may be behind the stream: what the stream said is enough.
            try:
                mention = to_mention(shown.get(post["uri"], post), view, now)
            except PostError as error:
                self._set_aside(read, json.dumps(post), str(error), everything=True)
                continue
            text = digest(mention.text)
            before = known.get(post["uri"])
            if before is None or before.text != text:
                mentions.append(mention)
                at = int(mention.created_at.timestamp() * 1_000)
                seen.append(Seen(post["uri"], digest(post["cid"]), text, at))
        place = read.place.with_seen(seen, read.bad_keys)
        place = replace(
            place, seen=tuple(replace(p, text="") if p.uri in read.deleted else p for p in place.seen)
        )
        behind = read.events > 0 and moment(place.time_us // 1_000) < now - BEHIND
        deleted: list[MentionId] = [mention_id(SOURCE, uri) for uri in read.deleted]
        more = behind or read.found >= self._page_size or read.events >= EVENT_LIMIT
        return Batch(mentions, deleted, read.bad, read.gaps, cursor=place.dump(), more=more)

    def _wanted(self, events: Sequence[Event], known: dict[str, Seen], view: View) -> list[dict[str, Any]]:
        """The posts that the query means, as the network would show them."""
        people = self._people.look_up(event.did for event in events)
        wanted = []
        for event in events:
            handle, name = people[event.did]
            post: dict[str, Any] = {
                "uri": event.uri,
                "cid": event.cid,
                "author": {"did": event.did, "handle": handle, "displayName": name},
                "record": event.record,
                "indexedAt": moment(event.time_us // 1_000).isoformat(),
            }
            if event.did == view.did or event.uri in known:
                wanted.append(post)
                continue
            try:
                mention = to_mention(post, view, self._now())
            except PostError:
                wanted.append(post)  # it is set aside with the reason
                continue
            if matches(self._query, mention.text, mention.author.handle, mention.language):
                wanted.append(post)
        return wanted
