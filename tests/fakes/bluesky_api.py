"""A small personal data server with its view of a network, as far as Answerback asks for it.

What it answers is shaped after the reference implementation (@atproto/pds and @atproto/bsky), which
tests/platforms runs itself.
"""

from __future__ import annotations

import hashlib
import json
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import regex
from pydantic import SecretStr

from listener.platforms.bluesky.account import BlueskyAccount
from listener.platforms.bluesky.api import BlueskyClient
from listener.platforms.bluesky.session import Session
from tests.fakes.clock import Clock
from tests.fakes.loopback import PATIENCE_SECONDS, Answer, Fault, Loopback

POSTS = "app.bsky.feed.post"
PASSWORD = "abcd-efgh-ijkl-mnop"
Event = dict[str, Any]


@dataclass(slots=True)
class Post:
    uri: str
    did: str
    record: dict[str, Any]
    at: datetime
    number: int
    viewer: dict[str, Any] = field(default_factory=dict)
    """What the view says of this post for our account."""

    @property
    def cid(self) -> str:
        return cid_of(self.record)

    @property
    def order(self) -> tuple[str, int]:
        """Both feeds sort by the earlier of the two times."""
        said = datetime.fromisoformat(self.record["createdAt"])
        return stamp(min(said, self.at)), self.number


def cid_of(record: Mapping[str, Any]) -> str:
    return "bafyrei" + hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()[:40]


def stamp(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


class FakeBluesky(Loopback):
    """One server for all accounts; tokens run out when a test says so."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self.clock = clock
        self.people: dict[str, dict[str, Any]] = {}
        self.posts: dict[str, Post] = {}
        self.notifications: list[tuple[Post, str]] = []
        self.raw: dict[str, Any] = {}
        """Entries of lists that are sent as they are, by the address of their post."""
        self.me = ""
        self.password = PASSWORD
        self.tokens: set[str] = set()
        """Access and refresh tokens that are taken."""
        self.stale = Answer(400, {"error": "ExpiredToken", "message": "Token has expired"})
        self.signed_in: list[str] = []
        """Names of the methods that gave tokens, in order."""
        self.hidden: set[str] = set()
        """Posts that the view does not show to us, though they are there."""
        self.late: set[str] = set()
        """Posts that the view does not know yet, though notifications do."""
        self.headers: dict[str, str] = {}
        self.written: list[dict[str, Any]] = []
        """Bodies of the writes, in order."""
        self.writing: deque[Fault] = deque()
        self.on_event: Callable[[Event], None] = lambda _event: None
        """Told what happens, as Jetstream would tell it."""
        self._count = 0

    def account(self, password: str = PASSWORD) -> BlueskyAccount:
        return BlueskyAccount("fernway", "fernway.example", SecretStr(password), self.url)

    def client(self, password: str = PASSWORD, timeout_seconds: float = PATIENCE_SECONDS) -> BlueskyClient:
        """As a new process would make it."""
        now = self.clock
        session = Session(self.account(password), now=now, timeout_seconds=timeout_seconds)
        return BlueskyClient(session, now=now, timeout_seconds=timeout_seconds)

    def add_person(self, name: str, *, me: bool = False, **facts: Any) -> str:
        did = f"did:plc:{name:a<24}"
        self.people[did] = {
            "did": did,
            "handle": f"{name}.example",
            "displayName": name.title(),
            "labels": [],
            "viewer": {"muted": False, "blockedBy": False},
        } | facts
        if me:
            self.me = did
        return did

    def add(self, did: str, text: str, **facts: Any) -> str:
        """A new post; one that concerns our account notifies it. `at` is when it arrives."""
        self._count += 1
        at = facts.pop("at", self.clock())
        uri = f"at://{did}/{POSTS}/{facts.pop('key', f'3k{self._count:0>11}')}"
        record = {"$type": POSTS, "text": text, "createdAt": stamp(at), "langs": ["en"]} | facts
        return self._keep(uri, did, record, at)

    def reply(self, did: str, parent: str, text: str, **facts: Any) -> str:
        above = self.posts[parent]
        named = {"uri": parent, "cid": above.cid}
        root = above.record.get("reply", {}).get("root", named)
        return self.add(did, text, reply={"root": root, "parent": named}, **facts)

    def edit(self, uri: str, text: str) -> None:
        self.posts[uri].record = self.posts[uri].record | {"text": text}
        self._tell("update", uri)

    def delete(self, uri: str) -> None:
        self._tell("delete", uri)
        del self.posts[uri]
        self.notifications = [(post, reason) for post, reason in self.notifications if post.uri != uri]

    def expire(self) -> None:
        """All access tokens are over; refresh tokens are not."""
        self.tokens = {token for token in self.tokens if token.startswith("refresh")}

    def fail_write(self, fault: Fault) -> None:
        """The next write is answered so; the reads before it are not."""
        self.fail("/xrpc/com.atproto.repo.putRecord", fault)

    def respond(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Answer:
        parts = urlsplit(path)
        name = parts.path.removeprefix("/xrpc/")
        params = parse_qs(parts.query)
        data = json.loads(body) if body else {}
        token = headers.get("authorization", "").removeprefix("Bearer ")
        if name == "com.atproto.server.createSession":
            return self._sign_in(name, data)
        if token not in self.tokens:
            return self.stale if token else Answer(401, {"error": "AuthMissing"})
        if name == "com.atproto.server.refreshSession":
            if not token.startswith("refresh"):
                return Answer(400, {"error": "InvalidToken", "message": "Invalid token type"})
            self.tokens.discard(token)
            return self._session(name)
        answers: dict[str, Callable[[], Answer]] = {
            "app.bsky.notification.listNotifications": lambda: self._notified(params),
            "app.bsky.feed.getAuthorFeed": lambda: self._feed(params),
            "app.bsky.feed.getPosts": lambda: Answer(200, {"posts": self._shown(params["uris"])}),
            "app.bsky.actor.getProfiles": lambda: self._profiles(params["actors"]),
            "com.atproto.identity.resolveHandle": lambda: self._resolve(params["handle"][0]),
            "com.atproto.repo.getRecord": lambda: self._get(params),
            "com.atproto.repo.putRecord": lambda: self._put(data),
        }
        answer = answers.get(name, lambda: Answer(501, {"error": "MethodNotImplemented"}))()
        return Answer(answer.status, answer.body, self.headers | answer.headers)

    def _keep(self, uri: str, did: str, record: dict[str, Any], at: datetime) -> str:
        post = self.posts[uri] = Post(uri, did, record, at, self._count)
        reason = self._reason(record)
        if did != self.me and reason is not None:
            self.notifications.append((post, reason))
        self._tell("create", uri)
        return uri

    def _reason(self, record: dict[str, Any]) -> str | None:
        if str(record.get("reply", {}).get("parent", {}).get("uri", "")).startswith(f"at://{self.me}/"):
            return "reply"
        if self.me and f"@{self.people[self.me]['handle']}" in record["text"]:
            return "mention"
        return None

    def _tell(self, operation: str, uri: str) -> None:
        post = self.posts[uri]
        commit = {"operation": operation, "collection": POSTS, "rkey": uri.rpartition("/")[2]}
        if operation != "delete":
            commit |= {"record": self.raw.get(uri, post.record), "cid": post.cid}
        self.on_event({"did": post.did, "kind": "commit", "commit": commit})

    def _sign_in(self, name: str, data: dict[str, Any]) -> Answer:
        if data.get("identifier") != self.people[self.me]["handle"] or data.get("password") != self.password:
            reason = "Invalid identifier or password"
            return Answer(401, {"error": "AuthenticationRequired", "message": reason})
        return self._session(name)

    def _session(self, name: str) -> Answer:
        self.signed_in.append(name.rpartition(".")[2])
        number = len(self.signed_in)
        access, refresh = f"access-{number}", f"refresh-{number}"
        self.tokens |= {access, refresh}
        person = {"did": self.me, "handle": self.people[self.me]["handle"]}
        return Answer(200, {"accessJwt": access, "refreshJwt": refresh} | person)

    def _view(self, post: Post) -> dict[str, Any]:
        return {
            "uri": post.uri,
            "cid": post.cid,
            "author": self.people[post.did],
            "record": post.record,
            "indexedAt": post.order[0],
            "viewer": {"threadMuted": False} | post.viewer,
            "labels": [],
        }

    def _shown(self, uris: list[str]) -> list[dict[str, Any]]:
        away = self.hidden | self.late
        return [self._view(self.posts[uri]) for uri in uris if uri in self.posts and uri not in away]

    def _notified(self, params: dict[str, list[str]]) -> Answer:
        wanted = params.get("reasons")
        listed = [(post, why) for post, why in self.notifications if wanted is None or why in wanted]
        entries = []
        for post, why in sorted(listed, key=lambda pair: pair[0].order, reverse=True):
            entry = self._view(post) | {"reason": why, "isRead": False}
            entries.append((post.order, self.raw.get(post.uri, entry)))
        return self._page("notifications", entries, params)

    def _feed(self, params: dict[str, list[str]]) -> Answer:
        theirs = [post for post in self.posts.values() if post.did == params["actor"][0]]
        entries = [
            (post.order, self.raw.get(post.uri, {"post": self._view(post)}))
            for post in sorted(theirs, key=lambda post: post.order, reverse=True)
        ]
        return self._page("feed", entries, params)

    def _page(
        self, name: str, entries: list[tuple[tuple[str, int], Any]], params: dict[str, list[str]]
    ) -> Answer:
        limit = int(params["limit"][0])
        token = params.get("cursor", ["endless"])[0]
        if not token.startswith("endless"):
            at, _, number = token.partition("::")
            if not number.isdecimal():
                return Answer(400, {"error": "InvalidRequest", "message": "Malformed cursor"})
            entries = [entry for entry in entries if entry[0] < (at, int(number))]
        body: dict[str, Any] = {name: [entry for _, entry in entries[:limit]]}
        if len(entries) > limit:
            at, last = entries[limit - 1][0]
            body["cursor"] = f"{at}::{last}"
        return Answer(200, body)

    def _profiles(self, actors: list[str]) -> Answer:
        return Answer(200, {"profiles": [self.people[did] for did in actors if did in self.people]})

    def _resolve(self, handle: str) -> Answer:
        for did, person in self.people.items():
            if person["handle"] == handle:
                return Answer(200, {"did": did})
        return Answer(400, {"error": "InvalidRequest", "message": "Unable to resolve handle"})

    def _get(self, params: dict[str, list[str]]) -> Answer:
        post = self.posts.get(f"at://{params['repo'][0]}/{params['collection'][0]}/{params['rkey'][0]}")
        if post is None:
            return Answer(400, {"error": "RecordNotFound", "message": "Could not locate record"})
        return Answer(200, {"uri": post.uri, "cid": post.cid, "value": post.record})

    def _put(self, data: dict[str, Any]) -> Answer:
        self.written.append(data)
        uri, record = f"at://{data['repo']}/{data['collection']}/{data['rkey']}", data["record"]
        if data["swapRecord"] is None and uri in self.posts:
            reason = f"Record was at {self.posts[uri].cid}"
            return Answer(400, {"error": "InvalidSwap", "message": reason})
        if len(regex.findall(r"\X", record["text"])) > 300:
            reason = "Invalid app.bsky.feed.post record: grapheme too big"
            return Answer(400, {"error": "InvalidRequest", "message": reason})
        self._count += 1
        self._keep(uri, data["repo"], record, self.clock())
        return Answer(200, {"uri": uri, "cid": self.posts[uri].cid, "validationStatus": "valid"})
