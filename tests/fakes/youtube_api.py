"""A small server that speaks the part of the YouTube Data API that comments need, and Google's tokens."""

from __future__ import annotations

import json
from collections import deque
from dataclasses import dataclass, field
from datetime import datetime
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, urlsplit

from pydantic import SecretStr

from listener.platform import Connected
from listener.platforms.youtube import PLATFORM, YouTubeSettings
from tests.fakes.clock import Clock
from tests.fakes.loopback import PATIENCE_SECONDS, Answer, Fault, Loopback

CHANNEL = "UC" + "fernway".ljust(22, "_")
ANA = "UC" + "ana".ljust(22, "_")
SECRETS = {
    "API_KEY": "key-of-tests",
    "CLIENT_ID": "client-of-tests",
    "CLIENT_SECRET": "client-secret-of-tests",
    "REFRESH_TOKEN": "refresh-token-of-tests",
}
_NAMES = {CHANNEL: "@fernway", ANA: "@ana"}


@dataclass
class Comment:
    id: str
    channel: str
    text: str
    at: datetime
    answers: list[Comment] = field(default_factory=list)


class FakeYouTube(Loopback):
    """Threads newest first; a thread shows its first two answers only."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self.clock = clock
        self.threads: dict[str, Comment] = {}
        self.raw: dict[str, Any] = {}
        """Threads sent as they are, by id."""
        self.writing: deque[Fault] = deque()
        self.access_tokens = 0
        self._number = 0

    def settings(self, **facts: Any) -> YouTubeSettings:
        facts = {"timeout_seconds": PATIENCE_SECONDS} | facts
        return YouTubeSettings(
            type="youtube",
            brand="fernway",
            channel=CHANNEL,
            base_url=self.url,
            token_url=f"{self.url}/token",
            **facts,
        )

    def connected(self, clock: Clock, without: tuple[str, ...] = (), **facts: Any) -> Connected:
        secrets = {name: SecretStr(value) for name, value in SECRETS.items() if name not in without}
        return PLATFORM.connect([self.settings(**facts)], lambda _, name: secrets.get(name), clock)

    def add(
        self, text: str, channel: str = ANA, *, under: str | None = None, at: datetime | None = None
    ) -> str:
        self._number += 1
        name = f"Ugx{self._number:07}"
        comment = Comment(name, channel, text, at or self.clock())
        if not under:
            self.threads[name] = comment
        else:
            comment.id = f"{under}.{name}"
            self.threads[under].answers.append(comment)
        return comment.id

    def delete(self, name: str) -> None:
        thread, _, answer = name.partition(".")
        if not answer:
            del self.threads[thread]
        else:
            held = self.threads[thread]
            held.answers = [one for one in held.answers if one.id != name]

    def by(self, channel: str) -> list[Comment]:
        return [one for one in self._all().values() if one.channel == channel]

    def fail_post(self, fault: Fault) -> None:
        self.writing.append(fault)

    def _serve(self, handler: BaseHTTPRequestHandler) -> None:
        if handler.command == "POST" and handler.path.startswith("/comments") and self.writing:
            self.fail(handler.path, self.writing.popleft())
        super()._serve(handler)

    def respond(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Answer:
        parts = urlsplit(path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        if parts.path == "/token":
            return self._token({name: values[0] for name, values in parse_qs(body.decode()).items()})
        bearer = headers.get("authorization") == f"Bearer access-{self.access_tokens}"
        if not bearer and (method == "POST" or headers.get("x-goog-api-key") != SECRETS["API_KEY"]):
            return _error(401, "required", "Login Required.")
        if method == "POST":
            return self._insert(json.loads(body)["snippet"])
        if parts.path == "/commentThreads":
            return self._threads(query)
        if "parentId" in query:
            parent = self.threads.get(query["parentId"])
            if parent is None:
                return _error(404, "commentNotFound", "The comment could not be found.")
            return _page([_comment(one) for one in parent.answers], query)
        wanted = query["id"].split(",")
        return _page([_comment(one) for name, one in self._all().items() if name in wanted], {})

    def _token(self, form: dict[str, str]) -> Answer:
        if form.get("refresh_token") != SECRETS["REFRESH_TOKEN"] or form["client_id"] != SECRETS["CLIENT_ID"]:
            return Answer(400, {"error": "invalid_grant", "error_description": "Token has been revoked."})
        self.access_tokens += 1
        token = f"access-{self.access_tokens}"
        return Answer(200, {"access_token": token, "expires_in": 3_599, "token_type": "Bearer"})

    def _threads(self, query: dict[str, str]) -> Answer:
        newest = sorted(self.threads.values(), key=lambda one: (one.at, one.id), reverse=True)
        if "id" in query:
            wanted = query["id"].split(",")
            return _page([self._shown(one) for one in newest if one.id in wanted], {})
        if query["allThreadsRelatedToChannelId"] != CHANNEL:
            return _error(404, "channelNotFound", "The channel could not be found.")
        return _page([self._shown(one) for one in newest], query)

    def _shown(self, one: Comment) -> Any:
        if one.id in self.raw:
            return self.raw[one.id]
        snippet = {
            "channelId": CHANNEL,
            "videoId": "video-1",
            "topLevelComment": _comment(one),
            "totalReplyCount": len(one.answers),
            "canReply": False,
        }
        thread: dict[str, Any] = {"kind": "youtube#commentThread", "id": one.id, "snippet": snippet}
        if one.answers:
            thread["replies"] = {"comments": [_comment(answer) for answer in one.answers[:2]]}
        return thread

    def _insert(self, snippet: dict[str, str]) -> Answer:
        if snippet["parentId"] not in self.threads:
            return _error(404, "parentCommentNotFound", "The parent comment could not be found.")
        name = self.add(snippet["textOriginal"], CHANNEL, under=snippet["parentId"])
        return Answer(200, _comment(self._all()[name]))

    def _all(self) -> dict[str, Comment]:
        every = [one for thread in self.threads.values() for one in (thread, *thread.answers)]
        return {one.id: one for one in every}


def _comment(one: Comment) -> dict[str, Any]:
    snippet = {
        "channelId": CHANNEL,
        "textDisplay": one.text,
        "authorDisplayName": _NAMES.get(one.channel, one.channel),
        "authorChannelId": {"value": one.channel},
        "publishedAt": one.at.isoformat().replace("+00:00", "Z"),
        "updatedAt": one.at.isoformat().replace("+00:00", "Z"),
    }
    parent = one.id.partition(".")[0]
    return {
        "kind": "youtube#comment",
        "id": one.id,
        "snippet": snippet | ({"parentId": parent} if parent != one.id else {}),
    }


def _page(items: list[Any], query: dict[str, str]) -> Answer:
    begin, size = int(query.get("pageToken", "0")), int(query.get("maxResults", "100"))
    page: dict[str, Any] = {"items": items[begin : begin + size]}
    if begin + size < len(items):
        page["nextPageToken"] = str(begin + size)
    return Answer(200, page)


def _error(status: int, reason: str, message: str) -> Answer:
    errors = [{"message": message, "domain": "youtube.comment", "reason": reason}]
    return Answer(status, {"error": {"code": status, "message": message, "errors": errors}})
