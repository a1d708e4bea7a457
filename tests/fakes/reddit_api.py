"""A small server that speaks the part of Reddit's API that listings, comments and tokens need."""

from __future__ import annotations

from base64 import b64decode
from collections import deque
from dataclasses import dataclass, field
from datetime import datetime
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, urlsplit

from pydantic import SecretStr

from listener.platform import Connected
from listener.platforms.reddit import PLATFORM, RedditSettings
from tests.fakes.clock import Clock
from tests.fakes.loopback import PATIENCE_SECONDS, Answer, Fault, Loopback

SECRETS = {
    "CLIENT_ID": "client-of-tests",
    "CLIENT_SECRET": "client-secret-of-tests",
    "REFRESH_TOKEN": "refresh-token-of-tests",
}
ACCOUNT = "fernway"


@dataclass
class Thing:
    name: str
    author: str
    text: str
    at: datetime
    link: str
    parent: str | None = None
    subreddit: str = "fernway"
    extra: dict[str, Any] = field(default_factory=dict)


class FakeReddit(Loopback):
    """Listings are newest first; behind an `after` that is not in them there is nothing."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self.clock = clock
        self.things: dict[str, Thing] = {}
        self.raw: dict[str, Any] = {}
        """Records sent as they are, by name."""
        self.limit = 1_000
        """A listing ends after so many."""
        self.writing: deque[Fault] = deque()
        self.agents: set[str] = set()
        self.tokens = 0
        self.refuses: dict[str, Any] | None = None
        """What a comment is answered with, inside a 200."""
        self._number = 100

    def connected(self, clock: Clock, without: tuple[str, ...] = (), **facts: Any) -> Connected:
        facts = {"subreddits": ("fernway",), "timeout_seconds": PATIENCE_SECONDS} | facts
        settings = RedditSettings(
            type="reddit",
            brand="fernway",
            account=ACCOUNT,
            base_url=self.url,
            token_url=f"{self.url}/api/v1/access_token",
            **facts,
        )
        secrets = {name: SecretStr(value) for name, value in SECRETS.items() if name not in without}
        return PLATFORM.connect([settings], lambda _, name: secrets.get(name), clock)

    def add(self, text: str, author: str = "ana", *, under: str | None = None, **facts: Any) -> str:
        """A new comment under something, or else a post."""
        self._number += 1
        name = f"{'t3' if under is None else 't1'}_{self._number:x}"
        parent = None if under is None else self.things[under]
        at = facts.pop("at", None) or self.clock()
        thing = Thing(name, author, text, at, name if parent is None else parent.link, under, extra=facts)
        self.things[name] = thing
        return name

    def by(self, author: str) -> list[Thing]:
        return [thing for thing in self.things.values() if thing.author == author]

    def fail_post(self, fault: Fault) -> None:
        self.writing.append(fault)

    def _serve(self, handler: BaseHTTPRequestHandler) -> None:
        if handler.path == "/api/comment" and self.writing:
            self.fail(handler.path, self.writing.popleft())
        super()._serve(handler)

    def respond(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Answer:
        self.agents.add(headers.get("user-agent", ""))
        parts = urlsplit(path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        form = {name: values[0] for name, values in parse_qs(body.decode()).items()}
        if parts.path == "/api/v1/access_token":
            return self._token(headers.get("authorization", ""), form)
        if headers.get("authorization") != f"Bearer access-{self.tokens}":
            return Answer(401, {"message": "Unauthorized", "error": 401})
        if parts.path == "/api/comment":
            return self._comment(form)
        answer = self._listing(parts.path, query)
        limits = {"X-Ratelimit-Used": "4", "X-Ratelimit-Remaining": "596.0", "X-Ratelimit-Reset": "300"}
        answer.headers.update(limits)
        return answer

    def _token(self, basic: str, form: dict[str, str]) -> Answer:
        pair = b64decode(basic.removeprefix("Basic ")).decode()
        refreshes = form.get("refresh_token") == SECRETS["REFRESH_TOKEN"]
        if pair != f"{SECRETS['CLIENT_ID']}:{SECRETS['CLIENT_SECRET']}":
            return Answer(401, {"message": "Unauthorized", "error": 401})
        if form["grant_type"] == "refresh_token" and not refreshes:
            return Answer(400, {"error": "invalid_grant"})
        self.tokens += 1
        return Answer(200, {"access_token": f"access-{self.tokens}", "expires_in": 86_400})

    def _listing(self, path: str, query: dict[str, str]) -> Answer:
        if path == "/api/info":
            wanted = query["id"].split(",")
            return Answer(200, _listing([self._record(t) for t in self.things.values() if t.name in wanted]))
        newest = [
            t
            for t in sorted(self.things.values(), key=self._age, reverse=True)
            if self._is_in(t, path, query)
        ]
        newest = newest[: self.limit]
        begin = 0
        if "after" in query:
            names = [thing.name for thing in newest]
            begin = names.index(query["after"]) + 1 if query["after"] in names else len(names)
        size = int(query["limit"])
        page = newest[begin : begin + size]
        after = page[-1].name if page and begin + size < len(newest) else None
        return Answer(200, _listing([self._record(thing) for thing in page], after))

    def _age(self, thing: Thing) -> tuple[datetime, int]:
        return thing.at, int(thing.name[3:], 16)

    def _is_in(self, thing: Thing, path: str, query: dict[str, str]) -> bool:
        comment = thing.name.startswith("t1_")
        match path:
            case "/message/inbox":
                parent = self.things.get(thing.parent or "")
                named = f"u/{ACCOUNT}" in thing.text or (parent is not None and parent.author == ACCOUNT)
                return comment and thing.author != ACCOUNT and named
            case "/user/fernway/comments":
                return comment and thing.author == ACCOUNT
            case "/search":
                return not comment and query["q"].strip('"').lower() in thing.text.lower()
        return comment == path.endswith("/comments") and path.startswith(f"/r/{thing.subreddit}/")

    def _record(self, thing: Thing) -> Any:
        if thing.name in self.raw:
            return self.raw[thing.name]
        path = f"/r/{thing.subreddit}/comments/{thing.link[3:]}/title/"
        data: dict[str, Any] = {
            "name": thing.name,
            "id": thing.name[3:],
            "author": thing.author,
            "created_utc": thing.at.timestamp(),
            "permalink": path if thing.parent is None else f"{path}{thing.name[3:]}/",
            "subreddit": thing.subreddit,
        }
        if thing.parent is None:
            data |= {"title": "A title", "selftext": thing.text, "is_self": True}
        else:
            data |= {"body": thing.text, "parent_id": thing.parent, "link_id": thing.link}
        return {"kind": thing.name[:2], "data": data | thing.extra}

    def _comment(self, form: dict[str, str]) -> Answer:
        if self.refuses is not None:
            return Answer(200, {"json": self.refuses})
        if form["thing_id"] not in self.things:
            refused = [["DELETED_COMMENT", "that comment has been deleted", "parent"]]
            return Answer(200, {"json": {"errors": refused}})
        name = self.add(form["text"], ACCOUNT, under=form["thing_id"])
        return Answer(200, {"json": {"errors": [], "data": {"things": [self._record(self.things[name])]}}})


def _listing(records: list[Any], after: str | None = None) -> dict[str, Any]:
    return {"kind": "Listing", "data": {"children": records, "after": after, "before": None}}
