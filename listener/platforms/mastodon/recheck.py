"""What has become of the posts seen last: the feeds tell of new posts, never of edits and deletions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from desk.model.mention import Mention
from listener.api_errors import ApiError
from listener.platforms.mastodon.api import MastodonClient
from listener.platforms.mastodon.cursor import Seen, digest
from listener.platforms.mastodon.posts import PostError, View, status_id_of, to_mention
from listener.platforms.mastodon.stream import MastodonStream

BATCH = 20
"""Statuses that one request can name (Mastodon 4.3, `DEFAULT_STATUSES_LIMIT`)."""
SINGLES = 10
"""Statuses looked up one by one in one go; the next go takes the next ones."""
_GONE = frozenset({404, 410})
_TRY_AGAIN = frozenset({408, 429, 502, 503, 504})


@dataclass(frozen=True, slots=True)
class Rechecked:
    edited: tuple[Mention, ...] = ()
    seen: tuple[Seen, ...] = ()
    """The edited posts as they are now."""
    gone: tuple[str, ...] = ()
    """Ids of statuses that the server no longer has, or no longer shows to us."""


class Recheck:
    """Looks the last posts up again: in groups where the server can, or else a few each time."""

    def __init__(self, client: MastodonClient, lookback: int, stream: MastodonStream | None) -> None:
        self._client, self._lookback, self._stream = client, lookback, stream
        self._in_groups = True
        self._turn = 0

    def run(self, posts: Sequence[Seen], view: View, now: datetime) -> Rechecked:
        """Raises ApiError where the server asks to wait or cannot be reached."""
        told = self._stream.deleted() if self._stream is not None else ()
        gone = dict.fromkeys(told)
        recent = [post for post in posts if post.id not in gone][-self._lookback :] if self._lookback else []
        found = self._grouped(recent) if self._in_groups else {}
        in_groups = self._in_groups and bool(found)
        for post in self._next([post for post in recent if post.id not in found]):
            try:
                found[post.id] = self._client.get(f"/api/v1/statuses/{post.id}").data
            except ApiError as error:
                if error.status in _GONE:
                    gone[post.id] = None
                elif error.status is None or error.status in _TRY_AGAIN:
                    raise
            else:
                # There after all: a server that answers for no group at all does not know how to.
                self._in_groups = in_groups
        if self._stream is not None:
            self._stream.told(told)
        edited: list[Mention] = []
        seen: list[Seen] = []
        for post in recent:
            mention = _mention(found.get(post.id), post, view, now)
            if mention is not None and digest(mention.text) != post.text:
                edited.append(mention)
                seen.append(replace(post, text=digest(mention.text)))
        return Rechecked(tuple(edited), tuple(seen), tuple(gone))

    def _grouped(self, posts: Sequence[Seen]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for begin in range(0, len(posts), BATCH):
            ids = [("id[]", post.id) for post in posts[begin : begin + BATCH]]
            try:
                listed = self._client.get("/api/v1/statuses", ids).data
            except ApiError as error:
                if error.status is None or error.status in _TRY_AGAIN:
                    raise
                self._in_groups = False
                return found
            for status in listed if isinstance(listed, list) else []:
                try:
                    found[status_id_of(status)] = status
                except PostError:
                    continue
        return found

    def _next(self, posts: Sequence[Seen]) -> Sequence[Seen]:
        """The posts whose turn it is, so that after some rounds each has been looked up."""
        if len(posts) <= SINGLES:
            return posts
        begin = self._turn % len(posts)
        self._turn = begin + SINGLES
        return [*posts, *posts][begin : begin + SINGLES]


def _mention(status: Any, post: Seen, view: View, now: datetime) -> Mention | None:
    """None where there is nothing to compare; what cannot be read was no edit."""
    if not isinstance(status, dict):
        return None
    try:
        return to_mention(status, post.root, view, now)
    except PostError:
        return None
