"""A small X API v2 as its documentation describes it: users, posts, paging, replies."""

from __future__ import annotations

import html
import json
import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

from pydantic import SecretStr

from listener.platforms.x.api import XCredentials
from tests.fakes.clock import Clock
from tests.fakes.loopback import Answer, Loopback
from tests.fakes.x_messages import Messages
from tests.fakes.x_stream import RULES, STREAM, Line, Rules

_EPOCH_MS = 1_288_834_974_657


@dataclass(slots=True)
class Post:
    id: str
    author_id: str
    text: str
    at: datetime
    conversation_id: str
    replied_to: str | None = None
    quoted: str | None = None
    lang: str = "en"
    note: str | None = None
    history: list[str] = field(default_factory=list)
    links: list[dict[str, str]] = field(default_factory=list)
    extra: dict[str, Any] = field(default_factory=dict)


class FakeX(Loopback):
    """Newest first, ids as text, `since_id` exclusive, tokens that end when told to."""

    token = "bearer-of-tests"

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self.clock = clock
        self.users: dict[str, dict[str, str]] = {}
        self.posts: dict[str, Post] = {}
        self.raw: dict[str, Any] = {}
        """Post objects sent as they are, by id."""
        self.me = ""
        self.gate = False
        """Refuse replies to posts that did not summon the account."""
        self.errors: list[dict[str, Any]] = []
        """Partial errors put into every page."""
        self.tokens_from = 0
        """Raise it, and every token given out so far is refused."""
        self.gone: dict[str, str] = {}
        """What a look-up says of posts that are not to be seen: the end of the problem's type, by id."""
        self.messages = Messages(self.next_id)
        self.rules = Rules()
        self.line = Line(self._released)
        self._sequence = 0

    def add_user(self, user_id: str, handle: str, *, me: bool = False) -> None:
        self.users[user_id] = {"id": user_id, "username": handle, "name": handle.title()}
        if me:
            self.me = user_id

    def add_post(self, author_id: str, text: str, **facts: Any) -> str:
        at = facts.pop("at", self.clock())
        post_id = self.next_id(at)
        replied_to = facts.get("replied_to")
        root = self.posts[replied_to].conversation_id if replied_to in self.posts else post_id
        self.posts[post_id] = Post(post_id, author_id, text, at, root, history=[post_id], **facts)
        return post_id

    def edit(self, post_id: str, text: str) -> str:
        """A new version under a new id; look-ups of the old one know about it."""
        old = self.posts.pop(post_id)
        new_id = self.next_id(self.clock())
        history = [*old.history, new_id]
        self.posts[new_id] = Post(
            new_id, old.author_id, text, self.clock(), old.conversation_id, old.replied_to, history=history
        )
        return new_id

    def next_id(self, at: datetime) -> str:
        self._sequence += 1
        return str(((int(at.timestamp() * 1000) - _EPOCH_MS) << 22) + self._sequence)

    def respond(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Answer:
        authorization = headers.get("authorization", "")
        if authorization != f"Bearer {self.token}" and not authorization.startswith("OAuth "):
            return Answer(401, {"title": "Unauthorized", "type": "about:blank", "detail": "Unauthorized"})
        parts = urlsplit(path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        private = self.messages.respond(method, parts.path, query, body, self.me, self.clock())
        if private is not None:
            return self._private(private, authorization)
        if method == "POST" and parts.path == "/2/tweets":
            return self._create(json.loads(body))
        if parts.path == "/2/tweets":
            return self._look_up(query["ids"].split(","))
        if parts.path == RULES:
            return self.rules.respond(method, body)
        if parts.path == "/2/users/me":
            return Answer(200, {"data": self.users[self.me]})
        if by_name := re.fullmatch(r"/2/users/by/username/(\w+)", parts.path):
            return self._user(by_name[1])
        if timeline := re.fullmatch(r"/2/users/(\d+)/(mentions|tweets)", parts.path):
            return self._timeline(timeline[1], timeline[2], query)
        if parts.path == "/2/tweets/search/recent":
            words = [word for word in query["query"].split() if not word.startswith("-")]
            return self._page(
                [p for p in self.posts.values() if all(w in p.text for w in words)], query, "next_token"
            )
        return Answer(404, {"title": "Not Found", "detail": path, "type": "about:blank"})

    def _serve(self, handler: Any) -> None:
        failing = any(waiting and handler.path.startswith(path) for path, waiting in self._faults.items())
        if urlsplit(handler.path).path != STREAM or failing:
            super()._serve(handler)
            return
        self.requests.append((handler.command, handler.path))
        self.line.serve(handler)

    def _private(self, answer: Answer, authorization: str) -> Answer:
        """Only user keys open messages; the senders become users."""
        if not authorization.startswith("OAuth "):
            return Answer(403, {"title": "Unsupported Authentication", "detail": "Application-Only"})
        includes = answer.body.get("includes") if isinstance(answer.body, dict) else None
        if includes:
            includes["users"] = [self.users[each] for each in includes["users"] if each in self.users]
        return answer

    def _look_up(self, ids: list[str]) -> Answer:
        """By the id of any version: each is given as the version that it is, with the whole history."""
        posts = {post_id: post for post_id in ids if (post := self._version(post_id)) is not None}
        found = [self._object(post) | {"id": post_id} for post_id, post in posts.items()]
        errors = [
            {
                "value": post_id,
                "resource_id": post_id,
                "resource_type": "tweet",
                "parameter": "ids",
                "type": f"https://api.x.com/2/problems/{self.gone.get(post_id, 'resource-not-found')}",
                "title": "Not Found Error",
                "detail": f"Could not find tweet with ids: [{post_id}].",
            }
            for post_id in ids
            if post_id not in posts
        ]
        return Answer(200, ({"data": found} if found else {}) | ({"errors": errors} if errors else {}))

    def _version(self, post_id: str) -> Post | None:
        post = next((p for p in self.posts.values() if post_id in p.history), None)
        return None if post is None or post_id in self.gone else post

    def _user(self, handle: str) -> Answer:
        for user in self.users.values():
            if user["username"].lower() == handle.lower():
                return Answer(200, {"data": user})
        return Answer(200, {"errors": [{"title": "Not Found Error", "detail": f"Could not find {handle}."}]})

    def _timeline(self, user_id: str, which: str, query: dict[str, str]) -> Answer:
        handle = self.users[user_id]["username"]
        posts = [
            post
            for post in self.posts.values()
            if (post.author_id == user_id if which == "tweets" else f"@{handle}".lower() in post.text.lower())
        ]
        return self._page(posts, query, "pagination_token")

    def _page(self, posts: list[Post], query: dict[str, str], token_name: str) -> Answer:
        size = int(query.get("max_results", 10))
        if not 5 <= size <= 100:
            return Answer(400, {"title": "Invalid Request", "detail": "max_results", "type": "about:blank"})
        floor = int(query.get("since_id", 0))
        start = query.get("start_time")
        chosen = sorted((p for p in posts if int(p.id) > floor), key=lambda p: int(p.id), reverse=True)
        if start is not None and not floor:
            earliest = datetime.fromisoformat(start)
            chosen = [post for post in chosen if post.at >= earliest]
        token = query.get(token_name)
        if token is not None:
            number, last = token.removeprefix("t-").split("-") if token.count("-") == 2 else ("-1", "0")
            if int(number) < self.tokens_from:
                return Answer(
                    400, {"errors": [{"message": f"Invalid {token_name}"}], "title": "Invalid Request"}
                )
            chosen = [post for post in chosen if int(post.id) < int(last)]
        page, rest = chosen[:size], chosen[size:]
        meta: dict[str, Any] = {"result_count": len(page)}
        if page:
            meta |= {"newest_id": page[0].id, "oldest_id": page[-1].id}
        if rest:
            meta["next_token"] = f"t-{self.tokens_from}-{page[-1].id}"
        answer: dict[str, Any] = {"meta": meta}
        if page:
            answer |= {"data": [self.raw.get(post.id, self._object(post)) for post in page]}
            answer["includes"] = self._includes(page)
        if self.errors:
            answer["errors"] = self.errors
        return Answer(200, answer)

    def _includes(self, page: list[Post]) -> dict[str, Any]:
        referenced = {ref for post in page for ref in (post.replied_to, post.quoted) if ref in self.posts}
        authors = {post.author_id for post in page}
        return {
            "users": [self.users[author] for author in sorted(authors) if author in self.users],
            "tweets": [self._object(self.posts[ref]) for ref in sorted(referenced)],
        }

    def _object(self, post: Post) -> dict[str, Any]:
        references = [{"type": "replied_to", "id": post.replied_to}] if post.replied_to else []
        references += [{"type": "quoted", "id": post.quoted}] if post.quoted else []
        handles = re.findall(r"(?<!\w)@(\w+)", post.text)
        by_handle = {user["username"].lower(): user["id"] for user in self.users.values()}
        mentions = [{"username": h, "id": by_handle.get(h.lower(), "0")} for h in handles]
        answer: dict[str, Any] = {
            "id": post.id,
            "text": html.escape(post.text, quote=False),
            "author_id": post.author_id,
            "created_at": f"{post.at:%Y-%m-%dT%H:%M:%S.000Z}",
            "conversation_id": post.conversation_id,
            "edit_history_tweet_ids": post.history,
            "lang": post.lang,
            "entities": {"mentions": mentions, "urls": post.links},
        }
        if references:
            answer["referenced_tweets"] = references
        if post.note is not None:
            answer["note_tweet"] = {"text": html.escape(post.note, quote=False)}
        return answer | post.extra

    def _create(self, body: dict[str, Any]) -> Answer:
        asked = body["reply"]["in_reply_to_tweet_id"]
        target = self._version(asked)
        handle = self.users[self.me]["username"]
        if target is None:
            return Answer(
                400, {"errors": [{"code": 385, "message": "You attempted to reply to a deleted post."}]}
            )
        if self.gate and f"@{handle}".lower() not in target.text.lower():
            return Answer(
                403, {"title": "Forbidden", "detail": "Reply not permitted: not mentioned.", "status": 403}
            )
        links: list[dict[str, str]] = []

        def shorten(match: re.Match[str]) -> str:
            target = match[0] if match[0].startswith("http") else f"http://{match[0]}"
            links.append({"url": f"https://t.co/a{len(links)}", "expanded_url": target})
            return links[-1]["url"]

        words = re.sub(r"https?://\S+|\b\w+\.(?:com|org)\b\S*", shorten, body["text"])
        author = self.users.get(target.author_id, {"username": "gone"})["username"]
        text = f"@{author} {words}"
        for post in self.posts.values():
            if (
                post.author_id == self.me
                and post.text == text
                and self.clock() - post.at < timedelta(hours=1)
            ):
                message = "You are not allowed to create a Tweet with duplicate content."
                return Answer(403, {"detail": message, "title": "Forbidden", "type": "about:blank"})
        post_id = self.add_post(self.me, text, replied_to=asked, links=links)
        self.posts[post_id].conversation_id = target.conversation_id
        return Answer(201, {"data": {"id": post_id, "text": text, "edit_history_tweet_ids": [post_id]}})


KEYS = XCredentials(
    bearer_token=SecretStr(FakeX.token),
    consumer_key=SecretStr("consumer-key-of-tests"),
    consumer_secret=SecretStr("consumer-secret-of-tests"),
    access_token=SecretStr("access-token-of-tests"),
    access_token_secret=SecretStr("access-token-secret-of-tests"),
)
