"""What has become of posts that were brought: the feeds tell of new posts, never of edits and deletions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from desk.errors import SourceError
from desk.model.mention import Mention, MentionId, mention_id
from desk.ports import Looked, Now
from listener.api_errors import ApiError, source_error
from listener.platforms.bluesky.api import BlueskyClient
from listener.platforms.bluesky.cursor import Seen
from listener.platforms.bluesky.ids import digest, parts_of
from listener.platforms.bluesky.lookup import GROUP, is_gone, read_posts
from listener.platforms.bluesky.posts import SOURCE, PostError, View, text_of, to_mention

SINGLES = 10
"""Posts looked up one by one in one go; the next go takes the next ones."""
RIGHTS = "Check the handle and its app password."
ADDRESS = "Check the server's address."


@dataclass(frozen=True, slots=True)
class Rechecked:
    edited: tuple[Mention, ...] = ()
    seen: tuple[Seen, ...] = ()
    """The edited posts as they are now."""
    gone: tuple[str, ...] = ()


class Recheck:
    """Looks the last posts up again, in groups; one that is missing is then looked for by itself.

    An answer without a post is no proof: the network may be behind, or the author may have blocked us.
    """

    def __init__(self, client: BlueskyClient, lookback: int) -> None:
        self._client, self._lookback, self._turn = client, lookback, 0

    def run(self, posts: Sequence[Seen], view: View, now: datetime) -> Rechecked:
        """Raises ApiError where the server asks to wait or cannot be reached."""
        recent = [post for post in posts if post.text][-self._lookback :] if self._lookback else []
        found = read_posts(self._client, [post.uri for post in recent])
        missing = [post.uri for post in recent if post.uri not in found]
        gone = [uri for uri in self._next(missing) if is_gone(self._client, uri)]
        edited: list[Mention] = []
        seen: list[Seen] = []
        for post in recent:
            try:
                mention = to_mention(found[post.uri], view, now)
            except (LookupError, PostError):
                continue  # nothing to compare with
            if digest(mention.text) != post.text:
                edited.append(mention)
                seen.append(replace(post, text=digest(mention.text)))
        return Rechecked(tuple(edited), tuple(seen), tuple(gone))

    def _next(self, uris: Sequence[str]) -> Sequence[str]:
        """Those whose turn it is, so that after some rounds each has been looked for."""
        if len(uris) <= SINGLES:
            return uris
        begin = self._turn % len(uris)
        self._turn = begin + SINGLES
        return [*uris, *uris][begin : begin + SINGLES]


class BlueskyCheck:
    """Looks again at any posts that are held; looks cost nothing here."""

    def __init__(self, client: BlueskyClient, *, now: Now) -> None:
        self._client, self._now = client, now

    @property
    def name(self) -> str:
        return f"{SOURCE}:check"

    @property
    def source(self) -> str:
        return SOURCE

    @property
    def batch_size(self) -> int:
        return GROUP

    @property
    def posts_per_day(self) -> int | None:
        return None

    def look(self, held: Sequence[Mention]) -> Looked:
        """How these posts are now. Raises SourceError, see the port."""
        try:
            return self._look(held)
        except ApiError as error:
            raise source_error(self.name, error, rights=RIGHTS, address=ADDRESS) from error

    def _look(self, held: Sequence[Mention]) -> Looked:
        ours = [post for post in held if post.source == SOURCE and parts_of(post.external_id) is not None]
        found = read_posts(self._client, [post.external_id for post in ours])
        edited: list[Mention] = []
        deleted: list[MentionId] = []
        for post in ours:
            shown = found.get(post.external_id)
            if shown is None:
                if is_gone(self._client, post.external_id):
                    deleted.append(mention_id(SOURCE, post.external_id))
                continue
            try:
                record = shown.get("record")
                text = text_of(record if isinstance(record, dict) else {}, whole=not post.from_brand)
            except PostError:
                continue
            if text != post.text:
                edited.append(replace(post, text=text, received_at=self._now()))
        return Looked(deleted, edited)


def failure(name: str, error: ApiError) -> SourceError:
    return source_error(name, error, rights=RIGHTS, address=ADDRESS)
