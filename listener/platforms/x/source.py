"""X (API v2): three feeds of posts as sources, and the sender of replies."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from desk.errors import InputError, SourceError
from desk.model.mention import Mention, MentionId, mention_id
from desk.ports import BadRecord, Batch, Gap, Now
from listener.platforms.x.api import DEFAULT_BASE_URL, XClient, XCredentials, XError, compact, explain
from listener.platforms.x.cursor import XCursor, stamp
from listener.platforms.x.meter import Meter
from listener.platforms.x.metered import Metering, failure
from listener.platforms.x.posts import (
    EXPANSIONS,
    POST_FIELDS,
    SOURCE,
    USER_FIELDS,
    Includes,
    PostError,
    XAccount,
    id_of,
    is_id,
    time_of,
    to_mention,
)
from listener.platforms.x.sender import XSender

__all__ = ["XAccount", "XCredentials", "XFeed", "XSender", "XSource"]

_SEARCH_REACH = timedelta(days=7)
"""Recent search refuses a beginning that is older ("Search Posts", recent)."""
_SEARCH_MARGIN = timedelta(minutes=5)
_TIMELINE_REACH = {"mentions": 800, "own": 3_200}
"""Posts that a timeline gives at most ("Timelines", 2026)."""
_NOBODY_WROTE = timedelta(hours=1)
"""How far an empty feed is looked back on; far more than any index is late."""
_BEGINNING = datetime(2006, 1, 1, tzinfo=UTC)
_SMALLEST_PAGE = {"mentions": 5, "own": 5, "search": 10}
"""What X gives at least ("Timelines" and "Search Posts", 2026)."""
_RAW_LIMIT = 10_000


class XFeed(StrEnum):
    MENTIONS = "mentions"
    """Posts that @mention the account: the cheapest, and the ones that X lets us answer."""
    SEARCH = "search"
    """Recent search for a query: finds complaints that do not address the account."""
    OWN = "own"
    """The account's own timeline: replies that were made natively, so that they stop clocks."""


class XSource:
    """One feed of one brand account; an account is followed by several sources with a cursor each.

    Feeds overlap, and search polls overlap themselves, so the same post comes more than once, always
    with the same id and text. An edited post keeps the id of its first version.
    """

    def __init__(
        self,
        account: XAccount,
        credentials: XCredentials,
        *,
        feed: XFeed,
        now: Now,
        query: str = "",
        name: str | None = None,
        interval_seconds: float = 60,
        page_size: int = 100,
        first_hours: float = 24,
        overlap_seconds: float = 60,
        base_url: str = DEFAULT_BASE_URL,
        timeout_seconds: float = 30,
        meter: Meter | None = None,
    ) -> None:
        """`query` and `overlap_seconds` are for search alone; `first_hours` is how far the first fetch
        looks back. Raises InputError for settings that X would refuse."""
        self._name = name or f"x:{account.handle}:{feed}"
        if feed is XFeed.SEARCH and not 0 < len(query) <= 512:
            raise InputError(f"Source {self._name}: a search needs a query of 1 to 512 characters.")
        if not 10 <= page_size <= 100:
            raise InputError(f"Source {self._name}: page_size must be 10 to 100, not {page_size}.")
        self._account, self._feed, self._query, self._now = account, feed, query, now
        self._page_size = page_size
        self._first_hours = first_hours
        self._overlap = timedelta(seconds=overlap_seconds if feed is XFeed.SEARCH else 0)
        self._client = XClient(
            credentials, now=now, base_url=base_url, timeout_seconds=timeout_seconds, meter=meter
        )
        self._metering = Metering(self._client, meter, self._name, interval_seconds)
        self._account_id = account.user_id

    @property
    def name(self) -> str:
        return self._name

    @property
    def interval_seconds(self) -> float:
        """Longer after a fetch that cost much of what is left of the month's budget."""
        return self._metering.pause_seconds

    def fetch(self, cursor: str | None) -> Batch:
        """One page. Raises SourceError: permanent where the keys, the account or the query are wrong, and
        where the month's budget is used up."""
        with self._metering.fetching():
            return self._fetch(cursor)

    def _fetch(self, cursor: str | None) -> Batch:
        now = self._now()
        bad: list[BadRecord] = []
        gaps: list[Gap] = []
        at = self._begin(cursor, now, gaps)
        try:
            account_id = self._resolve()
            try:
                page = self._page(at, account_id)
            except XError as error:
                if error.status != 400 or at.next_token is None:
                    raise
                # The token has expired with an interrupted pass: begin the pass again under its since_id.
                at = replace(at, next_token=None, pending_newest_id=None, passed=0)
                page = self._page(at, account_id)
        except XError as error:
            raise failure(self._name, error, "the account and the query") from error
        posts = self._posts(page)
        mentions: list[Mention] = []
        includes = Includes.of(page)
        for post in posts:
            try:
                mention = to_mention(post, includes, self._account, account_id, now)
            except PostError as error:
                bad.append(self._bad(post, str(error)))
            else:
                if mention is not None:
                    mentions.append(mention)
        at = self._advance(at, page, posts, gaps)
        return Batch(
            mentions,
            deleted=_deleted(page),
            bad=bad,
            gaps=gaps,
            headroom=self._client.headroom,
            cursor=at.dump(),
            more=at.next_token is not None and not self._metering.spares,
        )

    def _begin(self, cursor: str | None, now: datetime, gaps: list[Gap]) -> XCursor:
        """The cursor, its lower bound moved to what search still reaches; a gap is said, not hidden."""
        reach = now - _SEARCH_REACH + _SEARCH_MARGIN if self._feed is XFeed.SEARCH else None
        if cursor is None:
            first = now - timedelta(hours=self._first_hours)
            return XCursor(start_time=stamp(first if reach is None else max(first, reach)))
        at = XCursor.parse(cursor, self._name)
        since = at.since()
        if reach is None or since is None or since >= reach or at.next_token is not None:
            return at
        gaps.append(
            Gap(since, reach, "X's search keeps posts for 7 days only, and it was not asked for longer.")
        )
        return (
            replace(at, since_id=str(id_of(reach))) if at.since_id else replace(at, start_time=stamp(reach))
        )

    def _resolve(self) -> str:
        if self._account_id is None:
            found = self._client.get_user(
                username=self._account.handle, user_auth=self._client.reads_as_user
            ).get("data")
            found_id = found.get("id") if isinstance(found, dict) else None
            if not is_id(found_id):
                raise SourceError(
                    f"Source {self._name}: X knows no account @{self._account.handle}; check the handle.",
                    permanent=True,
                )
            self._account_id = str(found_id)
        return self._account_id

    def _page(self, at: XCursor, account_id: str) -> Mapping[str, Any]:
        smallest = min(self._page_size, _SMALLEST_PAGE[self._feed])
        return self._metering.affordable(
            self._page_size, smallest, lambda size: self._page_of(size, at, account_id)
        )

    def _page_of(self, size: int, at: XCursor, account_id: str) -> Mapping[str, Any]:
        common: dict[str, Any] = {
            "user_auth": self._client.reads_as_user,
            "max_results": size,
            "tweet_fields": POST_FIELDS,
            "expansions": EXPANSIONS,
            "user_fields": USER_FIELDS,
        }
        if at.since_id is not None:
            common["since_id"] = at.since_id
        elif at.start_time is not None:
            common["start_time"] = at.start_time
        page: Mapping[str, Any]
        match self._feed:
            case XFeed.SEARCH:
                page = self._client.search_recent_tweets(self._query, next_token=at.next_token, **common)
            case XFeed.MENTIONS:
                page = self._client.get_users_mentions(account_id, pagination_token=at.next_token, **common)
            case XFeed.OWN:
                page = self._client.get_users_tweets(
                    account_id, pagination_token=at.next_token, exclude="retweets", **common
                )
        return page

    def _posts(self, page: Mapping[str, Any]) -> list[Any]:
        if "data" not in page and "meta" not in page:
            detail, _ = explain(page)
            raise SourceError(
                f"Source {self._name}: X sent no posts, only an error: {detail or 'unexplained'}. "
                "Check that the account is public and exists.",
                permanent=True,
            )
        posts = page.get("data", [])
        if not isinstance(posts, list):
            raise SourceError(
                f"Source {self._name}: X sent a page whose posts are no list; asked again later."
            )
        return posts

    def _advance(self, at: XCursor, page: Mapping[str, Any], posts: list[Any], gaps: list[Gap]) -> XCursor:
        meta = page.get("meta")
        meta = meta if isinstance(meta, dict) else {}
        ids = [post["id"] for post in posts if isinstance(post, dict) and is_id(post.get("id"))]
        pending = at.pending_newest_id
        if at.next_token is None:
            newest = meta.get("newest_id")
            pending = newest if is_id(newest) else max(ids, key=int, default=None)
        passed = at.passed + len(posts)
        token = meta.get("next_token")
        if isinstance(token, str) and token:
            if token == at.next_token:
                raise SourceError(f"Source {self._name}: X gave the same page twice; asked again later.")
            return replace(at, pending_newest_id=pending, next_token=token, passed=passed)
        self._notice_limit(at, ids, passed, gaps)
        if pending is None and at.since_id is None:
            # Nobody has ever written. The bound follows, or it would fall behind what search reaches.
            late = max(at.since() or _BEGINNING, self._now() - _NOBODY_WROTE)
            return XCursor(start_time=stamp(late))
        since = at.since_id if pending is None else self._overlapped(pending)
        if since is not None and at.since_id is not None:
            since = max(since, at.since_id, key=int)
        return XCursor(since_id=since)

    def _notice_limit(self, at: XCursor, ids: list[str], passed: int, gaps: list[Gap]) -> None:
        """A timeline ends after so many posts, whether or not it came to the lower bound."""
        reach = _TIMELINE_REACH.get(self._feed)
        since, oldest = at.since(), min(ids, key=int, default=None)
        until = None if oldest is None else time_of(oldest)
        if reach is not None and passed >= reach and since is not None and until is not None:
            gaps.append(Gap(since, max(since, until), f"X's {self._feed} timeline ends after {reach} posts."))

    def _overlapped(self, newest_id: str) -> str:
        """Search ends 30 s ago and indexes late: the next pass looks a little further back."""
        at = time_of(newest_id)
        if at is None or not self._overlap:
            return newest_id
        return str(id_of(at - self._overlap))

    def _bad(self, post: object, reason: str) -> BadRecord:
        raw = compact(post, _RAW_LIMIT)
        post_id = post.get("id") if isinstance(post, dict) else None
        key = post_id if is_id(post_id) else f"without id {hashlib.sha256(raw.encode()).hexdigest()[:12]}"
        return BadRecord(f"post {key}", raw, reason)


def _deleted(page: Mapping[str, Any]) -> list[MentionId]:
    """Posts that a page's partial errors say are gone: X asks that they go here, too, within a day."""
    errors = page.get("errors")
    return [
        mention_id(SOURCE, str(error.get("resource_id") or error.get("value")))
        for error in (errors if isinstance(errors, list) else [])
        if isinstance(error, dict)
        and str(error.get("type", "")).endswith("/resource-not-found")
        and error.get("resource_type") in {"tweet", "post"}
        and is_id(error.get("resource_id") or error.get("value"))
    ]
