"""Mastodon, and whatever speaks its API (GoToSocial, Pleroma, Akkoma, Pixelfed): four feeds as sources."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from desk.errors import InputError, SourceError
from desk.model.mention import Mention, MentionId, mention_id
from desk.ports import BadRecord, Batch, Headroom, Now
from listener.api_errors import ApiError, source_error
from listener.platforms.mastodon.account import MastodonAccount, id_order
from listener.platforms.mastodon.api import MastodonClient
from listener.platforms.mastodon.cursor import Cursor, Seen, digest
from listener.platforms.mastodon.feeds import Entry, Feed, MastodonFeed, Page
from listener.platforms.mastodon.instance import read_identity, read_instance
from listener.platforms.mastodon.posts import SOURCE, PostError, View, external_id, status_id_of, to_mention
from listener.platforms.mastodon.recheck import Recheck
from listener.platforms.mastodon.sender import MastodonSender
from listener.platforms.mastodon.stream import MastodonStream
from listener.platforms.mastodon.threads import Threads

__all__ = ["MastodonAccount", "MastodonFeed", "MastodonSender", "MastodonSource", "MastodonStream"]

_RIGHTS = "Check the token and its scopes."
_ADDRESS = "Check the server's address and the query."
_KNOWN_PAGES = 10
"""Pages of known posts that one fetch passes over on its way to a new one."""


@dataclass(frozen=True, slots=True)
class _Ready:
    """What has to be asked once before anything can be read."""

    view: View
    knows_filtered: bool


@dataclass(frozen=True, slots=True)
class _Taken:
    """What a page brought that was not known."""

    mentions: tuple[Mention, ...]
    bad: tuple[BadRecord, ...]
    seen: tuple[Seen, ...]

    @property
    def is_empty(self) -> bool:
        return not self.mentions and not self.bad


class MastodonSource:
    """One feed of one brand account; an account is followed by several sources with a cursor each.

    The same post comes through several feeds, always with the same id. The first pass reads backwards from
    the newest entry to `first_hours` ago, later ones forwards from the last entry read. When a pass has
    nothing new, the last `lookback` posts are looked at again: changed ones come as edits, those that the
    server no longer has as deletions.
    """

    def __init__(
        self,
        account: MastodonAccount,
        *,
        feed: MastodonFeed,
        now: Now,
        query: str = "",
        name: str | None = None,
        interval_seconds: float = 60,
        page_size: int = 40,
        first_hours: float = 24,
        overlap_seconds: float = 600,
        lookback: int = 60,
        timeout_seconds: float = 30,
        stream: MastodonStream | None = None,
    ) -> None:
        """`query` is the hashtag or the words of a search; `overlap_seconds` is how late a post may arrive
        from another server, or in the index, and still be found. Raises InputError for settings that no
        server would take."""
        self._client = MastodonClient(account, now=now, timeout_seconds=timeout_seconds)
        topic = query.strip().lstrip("#") if feed is MastodonFeed.HASHTAG else query.strip()
        wants_topic = feed in {MastodonFeed.HASHTAG, MastodonFeed.SEARCH}
        self._name = name or ":".join((SOURCE, self._client.host, feed, *([topic] if topic else ())))
        if wants_topic != bool(topic) or (feed is MastodonFeed.HASHTAG and not _is_hashtag(topic)):
            wanted = "one hashtag" if feed is MastodonFeed.HASHTAG else "words to search for"
            raise InputError(
                f"Source {self._name}: its query must be {wanted if wants_topic else 'empty'}, not {query!r}."
            )
        if not 1 <= page_size <= 80:
            raise InputError(f"Source {self._name}: page_size must be 1 to 80, not {page_size}.")
        if not 0 <= lookback <= 1_000:
            raise InputError(f"Source {self._name}: lookback must be 0 to 1,000, not {lookback}.")
        self._account, self._now = account, now
        self._feed = Feed(feed, topic, page_size)
        self._interval_seconds, self._first_hours = interval_seconds, first_hours
        # Notifications and own posts get their ids in the order in which they appear.
        self._overlap = timedelta(seconds=overlap_seconds if feed is MastodonFeed.HASHTAG else 0)
        self._late = timedelta(seconds=overlap_seconds)
        # A search and an overlap know what is new only by what was seen.
        self._memory = max(lookback, 2 * page_size if wants_topic else 1)
        self._threads = Threads(self._client)
        self._recheck = Recheck(self._client, lookback, stream)
        self._ready: _Ready | None = None
        self._pages_forward = False
        """Whether the server has shown that `min_id` gives the entries right behind it."""

    @property
    def name(self) -> str:
        return self._name

    @property
    def interval_seconds(self) -> float:
        return self._interval_seconds

    def fetch(self, cursor: str | None) -> Batch:
        """One page of new posts, or else what has become of the last ones.

        Raises SourceError: permanent where the token, the account or the query is wrong.
        """
        now = self._now()
        if cursor is None:
            at = Cursor.first(now - timedelta(hours=self._first_hours))
        else:
            at = Cursor.parse(cursor, self._name)
        for post in at.seen:
            self._threads.learn(post.id, post.root)
        try:
            ready = self._prepare()
            if self._feed.kind is MastodonFeed.SEARCH:
                return self._search(at, ready, now)
            if at.min_id is None or at.max_id is not None:
                return self._backwards(at, ready, now)
            return self._forwards(at, ready, now)
        except ApiError as error:
            raise source_error(self._name, error, rights=_RIGHTS, address=_ADDRESS) from error

    def _prepare(self) -> _Ready:
        if self._ready is None:
            instance = read_instance(self._client)
            identity = read_identity(self._client, self._account, instance.domain)
            if identity is None:
                raise SourceError(
                    f"Source {self._name}: the token belongs to another account than "
                    f"@{self._account.handle}; set that account's token.",
                    permanent=True,
                )
            view = View(self._account.brand, self._client.host, instance.domain, identity.account_id)
            self._ready = _Ready(view, instance.knows_filtered)
        return self._ready

    def _page(
        self,
        ready: _Ready,
        *,
        min_id: str | None = None,
        max_id: str | None = None,
        since_id: str | None = None,
        offset: int = 0,
    ) -> Page:
        return self._feed.page(
            self._client,
            ready.view.account_id,
            knows_filtered=ready.knows_filtered,
            min_id=min_id,
            max_id=max_id,
            since_id=since_id,
            offset=offset,
        )

    def _backwards(self, at: Cursor, ready: _Ready, now: datetime) -> Batch:
        """The next older page: of the first pass, or of a stretch that a page forwards has left out."""
        page = self._page(ready, max_id=at.max_id, since_id=at.min_id)
        within = [entry for entry in page.entries if self._is_within(entry, at)]
        older = page.answer.next_max_id or (None if page.answer.has_links else page.lowest)
        if within and older is not None and older == at.max_id:
            raise SourceError(
                f"Source {self._name}: {self._client.host} gave the same page twice; asked again later."
            )
        taken = self._take(within, at, ready, now)
        newest = at.newest or page.highest
        # One post that arrived late does not end the pass: a page without any in reach does.
        if older is None or not within:
            # The start stays the bound until there is an entry to go on from.
            at = replace(at, start=None if newest else at.start, min_id=newest, newest=None, max_id=None)
        else:
            at = replace(at, newest=newest, max_id=older)
        return self._batch(at, taken, page.answer.headroom, more=bool(page.entries))

    def _is_within(self, entry: Entry, at: Cursor) -> bool:
        if at.min_id is not None:
            return entry.id is None or id_order(entry.id) > id_order(at.min_id)
        created_at, start = entry.created_at, at.start_at
        return created_at is None or start is None or created_at >= start

    def _forwards(self, at: Cursor, ready: _Ready, now: datetime) -> Batch:
        """The first page behind what was read that brings something."""
        floor = at.floor(now, self._overlap)
        for _ in range(_KNOWN_PAGES):
            page = self._page(ready, min_id=floor)
            highest = page.answer.prev_min_id or page.highest
            if highest is None or (floor is not None and id_order(highest) <= id_order(floor)):
                return self._look_again(at, ready, now, page.answer.headroom)
            taken = self._take(page.entries, at, ready, now)
            if not taken.is_empty and self._left_some_out(page, floor, ready):
                at = replace(at, newest=highest, max_id=page.lowest)
                return self._batch(at, taken, page.answer.headroom, more=True)
            if at.min_id is None or id_order(highest) > id_order(at.min_id):
                at = replace(at, min_id=highest)
            if not taken.is_empty:
                return self._batch(at, taken, page.answer.headroom, more=True)
            floor = highest
        return self._batch(at, _Taken((), (), ()), page.answer.headroom, more=True)

    def _left_some_out(self, page: Page, floor: str | None, ready: _Ready) -> bool:
        """Whether a server gave the newest entries above `min_id` instead of the next ones, as some do."""
        if self._pages_forward or len(page.entries) < min(self._feed.page_size, 20):
            return False
        between = self._page(ready, since_id=floor, max_id=page.lowest)
        left = any(
            entry.id is not None and floor is not None and id_order(entry.id) > id_order(floor)
            for entry in between.entries
        )
        self._pages_forward = not left
        return left

    def _search(self, at: Cursor, ready: _Ready, now: datetime) -> Batch:
        """The next page with something new of a pass through the results, newest first."""
        offset, lowest, start = at.offset, None, at.start_at
        for _ in range(_KNOWN_PAGES):
            page = self._page(ready, offset=offset)
            recent = [
                e for e in page.entries if start is None or e.created_at is None or e.created_at >= start
            ]
            taken = self._take(recent, at, ready, now)
            offset += len(page.entries)
            if not taken.is_empty:
                return self._batch(replace(at, offset=offset), taken, page.answer.headroom, more=True)
            # Some servers take no notice of the offset, and send the same page for ever.
            if not recent or page.lowest == lowest:
                break
            lowest = page.lowest
        at = replace(at, offset=0)
        if at.seen:
            # All that is newer than the last post was read, but an index can be late.
            latest = datetime.fromtimestamp(max(post.at for post in at.seen), tz=now.tzinfo)
            at = replace(at, start=Cursor.first(max(latest - self._late, start or latest)).start)
        return self._look_again(at, ready, now, page.answer.headroom)

    def _take(self, entries: Iterable[Entry], at: Cursor, ready: _Ready, now: datetime) -> _Taken:
        """What is new among the entries: neither known by its id, nor the copy of a known post."""
        known = {post.id: post for post in at.seen}
        by_uri = {post.uri: post.id for post in at.seen if post.uri}
        mentions: list[Mention] = []
        bad: list[BadRecord] = []
        seen: list[Seen] = []
        for entry in entries:
            if entry.status is None:
                continue
            try:
                status_id = status_id_of(entry.status)
                root = self._threads.root_of(status_id, entry.status)
                mention = to_mention(entry.status, root, ready.view, now)
            except PostError as error:
                if entry.key not in at.bad:
                    bad.append(BadRecord(entry.key, entry.text, str(error)))
                continue
            uri = entry.status.get("uri")
            uri = digest(uri) if isinstance(uri, str) and uri else ""
            if by_uri.setdefault(uri, status_id) != status_id and uri:
                continue
            post = Seen(status_id, root, digest(mention.text), uri, int(mention.created_at.timestamp()))
            if status_id in known and known[status_id].text == post.text:
                continue
            known[status_id] = post
            mentions.append(mention)
            seen.append(post)
        return _Taken(tuple(mentions), tuple(bad), tuple(seen))

    def _look_again(self, at: Cursor, ready: _Ready, now: datetime, headroom: Headroom | None) -> Batch:
        """Nothing is new: what has become of the last posts?"""
        found = self._recheck.run(at.seen, ready.view, now)
        deleted: list[MentionId] = [
            mention_id(SOURCE, external_id(status_id, ready.view.host)) for status_id in found.gone
        ]
        at = at.without(found.gone).with_seen(found.seen, (), self._memory)
        return Batch(found.edited, deleted, cursor=at.dump(), headroom=headroom)

    def _batch(self, at: Cursor, taken: _Taken, headroom: Headroom | None, *, more: bool) -> Batch:
        at = at.with_seen(taken.seen, (record.position for record in taken.bad), self._memory)
        return Batch(taken.mentions, (), taken.bad, cursor=at.dump(), more=more, headroom=headroom)


def _is_hashtag(topic: str) -> bool:
    """One word. Which signs it may hold differs by server, and many scripts need more than letters."""
    return bool(topic) and not any(char.isspace() or char in "#/?,\\" for char in topic)
