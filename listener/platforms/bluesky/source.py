"""Bluesky as two sources an account: what is addressed to it, and what it writes itself."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from desk.errors import InputError
from desk.model.mention import Mention, mention_id
from desk.ports import BadRecord, Batch, Gap, Headroom, Now
from listener.api_errors import ApiError
from listener.platforms.bluesky.api import BlueskyClient
from listener.platforms.bluesky.cursor import Cursor, Seen, Walk, moment
from listener.platforms.bluesky.feeds import BlueskyFeed, Entry, Page, read_page, to_ms
from listener.platforms.bluesky.ids import digest
from listener.platforms.bluesky.lookup import read_posts
from listener.platforms.bluesky.posts import SOURCE, PostError, View, to_mention
from listener.platforms.bluesky.recheck import Recheck, failure

_PAGES = 10
"""Pages without news that one fetch passes over."""
_BARREN_LIMIT = 20
"""Pages without news in a row, after which a walk ends: a server may send the same ones for ever."""
MEMORY = 150
"""Posts remembered at least: as far back as they reach, late arrivals are found."""


@dataclass(frozen=True, slots=True)
class _Taken:
    mentions: tuple[Mention, ...] = ()
    bad: tuple[BadRecord, ...] = ()
    seen: tuple[Seen, ...] = ()
    keys: tuple[str, ...] = ()
    """Of the bad entries."""

    @property
    def is_empty(self) -> bool:
        return not self.mentions and not self.bad


class BlueskySource:
    """One feed of one brand account.

    Each pass walks from the newest entry back to what is known, and some way on. When a pass has nothing
    new, the last `lookback` posts are looked at again: changed ones come as edits, those that the network no
    longer has as deletions.
    """

    def __init__(
        self,
        client: BlueskyClient,
        *,
        brand: str,
        feed: BlueskyFeed,
        now: Now,
        name: str | None = None,
        interval_seconds: float = 60,
        page_size: int = 50,
        first_hours: float = 24,
        overlap_seconds: float = 86_400,
        lookback: int = 60,
    ) -> None:
        """`overlap_seconds` is how far below the newest known post a late one may appear and still be found,
        as far as memory reaches. Raises InputError for settings that no server would take."""
        self._name = name or f"{SOURCE}:{feed}"
        if not 1 <= page_size <= 100:
            raise InputError(f"Source {self._name}: page_size must be 1 to 100, not {page_size}.")
        if not 0 <= lookback <= 1_000:
            raise InputError(f"Source {self._name}: lookback must be 0 to 1,000, not {lookback}.")
        self._client, self._brand, self._feed, self._now = client, brand, feed, now
        self._interval_seconds, self._page_size, self._first_hours = interval_seconds, page_size, first_hours
        self._overlap, self._memory = timedelta(seconds=overlap_seconds), max(lookback, MEMORY)
        self._recheck = Recheck(client, lookback)

    @property
    def name(self) -> str:
        return self._name

    @property
    def interval_seconds(self) -> float:
        return self._interval_seconds

    def fetch(self, cursor: str | None) -> Batch:
        """One page with new posts, or else what has become of the last ones.

        Raises SourceError: permanent where the account's password is wrong.
        """
        now = self._now()
        if cursor is None:
            at = Cursor.first(now - timedelta(hours=self._first_hours))
        else:
            at = Cursor.parse(cursor, self._name)
        try:
            view = View(self._brand, self._client.identity().did)
            return self._walk(at, view, now)
        except ApiError as error:
            raise failure(self._name, error) from error

    def _walk(self, at: Cursor, view: View, now: datetime) -> Batch:
        headroom: Headroom | None = None
        for _ in range(_PAGES):
            walk = at.walk or Walk("", at.floor(self._overlap), at.newest)
            try:
                page = read_page(self._client, self._feed, walk.page or None, self._page_size)
            except ApiError as error:
                at = replace(at, walk=_from_the_top(walk, error))
                continue
            headroom = page.headroom
            taken, walk = self._read(page, walk, at, view, now)
            at = at.with_seen(taken.seen, taken.keys, self._memory, walk.newest)
            over, gaps = self._is_over(page, walk, taken)
            going_on = replace(walk, page=page.older) if page.older and not over else None
            at = replace(at, walk=going_on)
            if gaps or not taken.is_empty:
                return Batch(
                    taken.mentions, (), taken.bad, gaps, cursor=at.dump(), more=True, headroom=headroom
                )
            if going_on is None:
                return self._look_again(at, view, now, headroom)
        return Batch(cursor=at.dump(), more=True, headroom=headroom)

    def _read(self, page: Page, walk: Walk, at: Cursor, view: View, now: datetime) -> tuple[_Taken, Walk]:
        """What is new on a page, and how far the walk has come by it."""
        known = {post.uri: post for post in at.seen}
        within = [entry for entry in page.entries if entry.at is None or entry.at >= walk.floor]
        met = walk.met or len(within) < len(page.entries)
        fresh: list[Entry] = []
        for entry in within:
            post = known.get(entry.uri or "")
            if post is not None:
                met = True
            if entry.key not in at.bad and (post is None or post.key != entry.key):
                fresh.append(entry)
        taken = self._take(fresh, known, view, now)
        moved = page.lowest is not None and (walk.lowest is None or page.lowest < walk.lowest)
        lowest = page.lowest if moved else walk.lowest
        # A page that neither brings anything nor leads further back counts twice against the walk.
        barren = 0 if not taken.is_empty else walk.barren + (1 if moved else 2)
        return taken, replace(walk, lowest=lowest, met=met, barren=barren)

    def _is_over(self, page: Page, walk: Walk, taken: _Taken) -> tuple[bool, tuple[Gap, ...]]:
        """Whether the walk ends with this page, and what may be missing when it does."""
        within = any(entry.at is None or entry.at >= walk.floor for entry in page.entries)
        last = next((entry.at for entry in reversed(page.entries) if entry.at is not None), None)
        behind = last is not None and last < walk.floor and taken.is_empty
        ends = page.older is None or page.older == walk.page or walk.barren >= _BARREN_LIMIT
        if behind or (page.entries and not within):
            return True, ()
        if not ends:
            return False, ()
        # The list has ended, on a later page, without coming to anything known.
        if walk.newest is None or walk.met or not walk.page or walk.lowest is None:
            return True, ()
        if walk.lowest <= walk.newest:
            return True, ()
        reason = f"{self._client.title}'s list of {self._feed} ends before the newest post that was known."
        return True, (Gap(moment(walk.newest), moment(walk.lowest), reason),)

    def _take(self, entries: list[Entry], known: dict[str, Seen], view: View, now: datetime) -> _Taken:
        shown = {}
        if self._feed is BlueskyFeed.MENTIONS:
            # A notification lacks who may answer; it is enough where the network is behind.
            shown = read_posts(self._client, [entry.uri for entry in entries if entry.uri is not None])
        mentions: dict[str, Mention] = {}
        bad: list[BadRecord] = []
        keys: list[str] = []
        seen: dict[str, Seen] = {}
        for entry in entries:
            try:
                mention = to_mention(shown.get(entry.uri or "", entry.post), view, now)
            except PostError as error:
                bad.append(BadRecord(entry.place, entry.text, str(error)))
                keys.append(entry.key)
                continue
            text = digest(mention.text)
            before = seen.get(mention.external_id) or known.get(mention.external_id)
            at = entry.at if entry.at is not None else to_ms(mention.created_at)
            seen[mention.external_id] = Seen(mention.external_id, entry.key, text, at)
            # Only the words of a post concern the desk: a new version of the same words is no news.
            if before is None or before.text != text:
                mentions[mention.external_id] = mention
        return _Taken(tuple(mentions.values()), tuple(bad), tuple(seen.values()), tuple(keys))

    def _look_again(self, at: Cursor, view: View, now: datetime, headroom: Headroom | None) -> Batch:
        """Nothing is new: what has become of the last posts?"""
        found = self._recheck.run(at.seen, view, now)
        at = at.with_seen(found.seen, (), self._memory).with_gone(found.gone)
        deleted = [mention_id(SOURCE, uri) for uri in found.gone]
        return Batch(found.edited, deleted, cursor=at.dump(), headroom=headroom)


def _from_the_top(walk: Walk, error: ApiError) -> Walk:
    """The same walk begun anew, where the server no longer takes the token of its next page.

    Raises the error where it is another one, or where a new beginning did not help.
    """
    barren = walk.barren + _BARREN_LIMIT // 4
    if error.status != 400 or not walk.page or barren >= _BARREN_LIMIT:
        raise error
    return replace(walk, page="", lowest=None, barren=barren)
