"""The platform behind a replay, in memory: replies are published on it, scripted customers answer."""

from __future__ import annotations

import heapq
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from threading import Lock

from desk.model.mention import Author, ConversationId, Mention
from desk.model.reply import Outgoing, ReplyId, SentPost
from desk.ports import Now


@dataclass(frozen=True, slots=True)
class _Script:
    """What a customer will write back, once."""

    post: Mention
    answers: tuple[tuple[float, str], ...]
    """Seconds after the reply, and the text."""


class ReplayStage:
    """Holds what was published and what is due, for one process: nothing of it survives the process.

    Safe to use from the source's and the sender's threads at once.
    """

    def __init__(self) -> None:
        self.id = secrets.token_hex(4)
        """Tells this stage from the one of an earlier process."""
        self._lock = Lock()
        self._accounts: dict[tuple[str, str], Author] = {}
        self._scripts: dict[ConversationId, _Script] = {}
        self._played: set[ConversationId] = set()
        self._published: dict[tuple[str, ReplyId], Mention] = {}
        self._due: list[tuple[datetime, int, Mention]] = []
        """A heap of answers to come."""
        self._count = 0
        self._arrived: list[Mention] = []
        """Everything that came, in order: a fetch that is asked again finds the same."""

    def learn(self, mention: Mention, answers: Sequence[tuple[float, str]]) -> None:
        """Take from a post of the file who the brand writes as, and the customer's script if it has one."""
        with self._lock:
            if mention.from_brand:
                self._accounts.setdefault((mention.source, mention.brand), mention.author)
            if answers and mention.conversation not in self._played:
                self._scripts.setdefault(mention.conversation, _Script(mention, tuple(answers)))

    def publish(self, source: str, outgoing: Outgoing, now: datetime) -> Mention:
        """Make a reply public, once for its `reply_id`: again, it gives the post that is there."""
        with self._lock:
            key = (source, outgoing.reply_id)
            if key not in self._published:
                post = self._post_of(source, outgoing, now)
                self._published[key] = post
                self._arrived.append(post)
                self._answer(post, now)
            return self._published[key]

    def published(self, source: str, reply_id: ReplyId) -> Mention | None:
        with self._lock:
            return self._published.get((source, reply_id))

    def arrived(self, *, after: int, now: datetime) -> list[Mention]:
        """Every post from number `after` on that is public at `now`, oldest first."""
        with self._lock:
            while self._due and self._due[0][0] <= now:
                self._arrived.append(heapq.heappop(self._due)[2])
            return [replace(post, received_at=now) for post in self._arrived[after:]]

    def _post_of(self, source: str, outgoing: Outgoing, now: datetime) -> Mention:
        brand = outgoing.brand
        account = self._accounts.get((source, brand)) or Author(brand.lower(), brand)
        return Mention(
            source=source,
            external_id=f"reply-{outgoing.reply_id}",
            conversation_id=outgoing.conversation_id,
            in_reply_to=outgoing.in_reply_to,
            brand=brand,
            author=account,
            from_brand=True,
            created_at=now,
            received_at=now,
            text=outgoing.text,
        )

    def _answer(self, reply: Mention, now: datetime) -> None:
        script = self._scripts.pop(reply.conversation, None)
        if script is None:
            return
        self._played.add(reply.conversation)
        for index, (after_seconds, text) in enumerate(script.answers, start=1):
            at = now + timedelta(seconds=after_seconds)
            answer = replace(
                script.post,
                external_id=f"{reply.external_id}-answer-{index}",
                in_reply_to=reply.external_id,
                created_at=at,
                received_at=at,
                text=text,
                url=None,
            )
            self._count += 1
            heapq.heappush(self._due, (at, self._count, answer))


class ReplaySender:
    """Publishes replies to one platform's posts of a replay. It never refuses and never fails."""

    def __init__(self, source_key: str, stage: ReplayStage, now: Now) -> None:
        self._source, self._stage, self._now = source_key, stage, now

    @property
    def source(self) -> str:
        return self._source

    def send(self, outgoing: Outgoing) -> SentPost:
        return _sent(self._stage.publish(self._source, outgoing, self._now()))

    def find(self, outgoing: Outgoing) -> SentPost | None:
        post = self._stage.published(self._source, outgoing.reply_id)
        return None if post is None else _sent(post)


def _sent(post: Mention) -> SentPost:
    return SentPost(post.external_id, post.created_at, post.author.external_id, post.author.handle, post.url)
