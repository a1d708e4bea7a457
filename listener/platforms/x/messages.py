"""X's direct messages as a source. They are private: nothing here has an address that others could open."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from desk.errors import SourceError
from desk.model.mention import Mention, Replyable
from desk.ports import BadRecord, Batch, Gap, Now
from listener.platforms.x.api import DEFAULT_BASE_URL, XClient, XCredentials, XError, compact, explain
from listener.platforms.x.cursor import XCursor, stamp
from listener.platforms.x.meter import Meter
from listener.platforms.x.metered import Metering, failure
from listener.platforms.x.posts import (
    SOURCE,
    USER_FIELDS,
    Includes,
    PostError,
    XAccount,
    author_of,
    id_of,
    is_id,
    text_of,
    time_of,
)
from listener.text import moment_of

MESSAGE_PREFIX = "dm:"
"""Before the ids of messages and of their conversations: their numbers are not those of posts."""
MESSAGE_FIELDS = "id,text,event_type,created_at,sender_id,dm_conversation_id,entities"
PRIVATE_NOTE = "A private message; a reply reaches nobody but those in the conversation."

_REACH = timedelta(days=30)
"""Messages that are older are not given ("Direct Messages lookup", 2026)."""
_MARGIN = timedelta(minutes=5)
_NOBODY_WROTE = timedelta(hours=1)
"""How far an empty feed is looked back on; far more than any message is late."""
_BEGINNING = datetime(2006, 1, 1, tzinfo=UTC)
_SMALLEST_PAGE = 1
_CONVERSATION = re.compile(r"\d{1,20}(?:-\d{1,20})?", re.ASCII)
_RAW_LIMIT = 10_000


class XMessages:
    """The direct messages of one account, sent and received.

    X gives them newest first and knows no lower bound: pages are read until one reaches what is known. Each
    message that a page repeats is paid for once a day, so pages are small.
    """

    def __init__(
        self,
        account: XAccount,
        credentials: XCredentials,
        *,
        now: Now,
        name: str | None = None,
        interval_seconds: float = 60,
        page_size: int = 10,
        first_hours: float = 24,
        base_url: str = DEFAULT_BASE_URL,
        timeout_seconds: float = 30,
        meter: Meter | None = None,
    ) -> None:
        """Needs the four user keys. `first_hours` is how far the first fetch looks back."""
        self._name = name or f"x:{account.handle}:dms"
        self._account, self._now, self._page_size = account, now, page_size
        self._first_hours = first_hours
        self._client = XClient(
            credentials, now=now, base_url=base_url, timeout_seconds=timeout_seconds, meter=meter
        )
        self._metering = Metering(self._client, meter, self._name, interval_seconds)
        self._account_id = ""

    @property
    def name(self) -> str:
        return self._name

    @property
    def interval_seconds(self) -> float:
        """Longer after a fetch that cost much of what is left of the month's budget."""
        return self._metering.pause_seconds

    def fetch(self, cursor: str | None) -> Batch:
        """One page. Raises SourceError, see XSource."""
        with self._metering.fetching():
            return self._fetch(cursor)

    def _fetch(self, cursor: str | None) -> Batch:
        now = self._now()
        gaps: list[Gap] = []
        at = self._begin(cursor, now, gaps)
        try:
            self._identify()
            try:
                page = self._page(at)
            except XError as error:
                if error.status != 400 or at.next_token is None:
                    raise
                # The token has expired with an interrupted pass: begin the pass again.
                at = replace(at, next_token=None, pending_newest_id=None)
                page = self._page(at)
        except XError as error:
            raise failure(self._name, error, "that the app may read direct messages") from error
        events, includes = self._events(page), Includes.of(page)
        mentions: list[Mention] = []
        bad: list[BadRecord] = []
        for event in _new(events, at):
            try:
                mentions.append(self._mention(event, includes, now))
            except PostError as error:
                bad.append(self._bad(event, str(error)))
        at = self._advance(at, page, events)
        return Batch(
            mentions,
            bad=bad,
            gaps=gaps,
            headroom=self._client.headroom,
            cursor=at.dump(),
            more=at.next_token is not None and not self._metering.spares,
        )

    def _begin(self, cursor: str | None, now: datetime, gaps: list[Gap]) -> XCursor:
        if cursor is None:
            return XCursor(start_time=stamp(now - timedelta(hours=self._first_hours)))
        at = XCursor.parse(cursor, self._name)
        since, reach = at.since(), now - _REACH + _MARGIN
        if since is None or since >= reach or at.next_token is not None:
            return at
        gaps.append(Gap(since, reach, "X gives the direct messages of the last 30 days only."))
        if at.since_id is None:
            return replace(at, start_time=stamp(reach))
        return replace(at, since_id=str(id_of(reach)))

    def _identify(self) -> None:
        """Whose messages these keys open: another account's must not become this brand's."""
        if self._account_id:
            return
        me = self._client.get_me().get("data")
        me = me if isinstance(me, dict) else {}
        if not is_id(me.get("id")):
            raise SourceError(f"Source {self._name}: X did not say whose keys these are; asked again later.")
        if str(me.get("username", "")).lower() != self._account.handle.lower():
            raise SourceError(
                f"Source {self._name}: the X keys belong to another account than @{self._account.handle}, so "
                "its messages are not read. Set that account's keys.",
                permanent=True,
            )
        self._account_id = str(me["id"])

    def _page(self, at: XCursor) -> Mapping[str, Any]:
        def ask(size: int) -> Mapping[str, Any]:
            page: Mapping[str, Any] = self._client.get_direct_message_events(
                event_types="MessageCreate",
                max_results=size,
                dm_event_fields=MESSAGE_FIELDS,
                expansions="sender_id",
                user_fields=USER_FIELDS,
                pagination_token=at.next_token,
            )
            return page

        return self._metering.affordable(self._page_size, _SMALLEST_PAGE, ask)

    def _events(self, page: Mapping[str, Any]) -> list[Any]:
        if "data" not in page and "meta" not in page:
            detail, _ = explain(page)
            raise SourceError(
                f"Source {self._name}: X sent no messages, only an error: {detail or 'unexplained'}.",
                permanent=True,
            )
        events = page.get("data", [])
        if not isinstance(events, list):
            raise SourceError(
                f"Source {self._name}: X sent a page whose messages are no list; asked again later."
            )
        return events

    def _mention(self, event: object, includes: Includes, received_at: datetime) -> Mention:
        message = Message.read(event)
        assert isinstance(event, dict), "read"  # noqa: S101
        conversation = event.get("dm_conversation_id")
        if not (isinstance(conversation, str) and _CONVERSATION.fullmatch(conversation)):
            raise PostError('"dm_conversation_id" is missing or no id')
        return Mention(
            source=SOURCE,
            external_id=MESSAGE_PREFIX + message.id,
            conversation_id=MESSAGE_PREFIX + conversation,
            in_reply_to=None,
            brand=self._account.brand,
            author=author_of(message.sender_id, includes),
            from_brand=message.sender_id == self._account_id,
            created_at=message.at,
            received_at=received_at,
            text=message.text,
            replyable=Replyable(reason=PRIVATE_NOTE),
            private=True,
        )

    def _advance(self, at: XCursor, page: Mapping[str, Any], events: list[Any]) -> XCursor:
        ids = [event["id"] for event in events if _has_id(event)]
        pending = at.pending_newest_id
        if at.next_token is None:
            pending = max(ids, key=int, default=None)
        meta = page.get("meta")
        token = meta.get("next_token") if isinstance(meta, dict) else None
        if isinstance(token, str) and token and not any(_is_known(post_id, at) for post_id in ids):
            if token == at.next_token:
                raise SourceError(f"Source {self._name}: X gave the same page twice; asked again later.")
            return replace(at, pending_newest_id=pending, next_token=token)
        if pending is None and at.since_id is None:
            # Nobody has ever written. The bound follows, or it would fall behind what X gives.
            return XCursor(start_time=stamp(max(at.since() or _BEGINNING, self._now() - _NOBODY_WROTE)))
        known = [post_id for post_id in (pending, at.since_id) if post_id is not None]
        since = max(known, key=int)
        # Before a first message is known, the lower bound is a time: what is older stays out.
        bound = None if at.start_time is None else str(id_of(datetime.fromisoformat(at.start_time)))
        return XCursor(since_id=since if bound is None else max(since, bound, key=int))

    def _bad(self, event: object, reason: str) -> BadRecord:
        raw = compact(event, _RAW_LIMIT)
        key = event["id"] if isinstance(event, dict) and _has_id(event) else None
        if key is None:
            key = f"without id {hashlib.sha256(raw.encode()).hexdigest()[:12]}"
        return BadRecord(f"message {key}", raw, reason)


@dataclass(frozen=True, slots=True)
class Message:
    id: str
    sender_id: str
    at: datetime
    text: str

    @classmethod
    def read(cls, event: object) -> Message:
        """Raises PostError, which says what is wrong."""
        if not isinstance(event, dict):
            raise PostError("not a JSON object")
        for field in ("id", "sender_id"):
            if not is_id(event.get(field)):
                raise PostError(f'"{field}" is missing or no id')
        created_at = event.get("created_at")
        try:
            at = moment_of(created_at) if isinstance(created_at, str) else None
        except ValueError as error:
            raise PostError(f'"created_at" {error}') from error
        if at is None:
            raise PostError('"created_at" is missing')
        return cls(event["id"], event["sender_id"], at, text_of(event))


def _has_id(event: object) -> bool:
    return isinstance(event, dict) and is_id(event.get("id"))


def _is_known(event_id: str, at: XCursor) -> bool:
    if at.since_id is not None:
        return int(event_id) <= int(at.since_id)
    since, sent = at.since(), time_of(event_id)
    return since is not None and (sent is None or sent < since)


def _new(events: list[Any], at: XCursor) -> list[Any]:
    """What a page brings that is not known, whatever its order. What has no id to tell by is new as long as
    nothing known came before it, or something new is on its page."""
    fresh = any(_has_id(event) and not _is_known(event["id"], at) for event in events)
    kept, passed = [], False
    for event in events:
        if _has_id(event):
            known = _is_known(event["id"], at)
            passed = passed or known
            if not known:
                kept.append(event)
        elif fresh or not passed:
            kept.append(event)
    return kept
