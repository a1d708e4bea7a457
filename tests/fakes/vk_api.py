"""A small server that speaks the part of VK's API that posts and comments need."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs

from pydantic import SecretStr

from listener.platform import Connected
from listener.platforms.vk import PLATFORM, VkSettings
from tests.fakes.clock import Clock
from tests.fakes.loopback import PATIENCE_SECONDS, Answer, Fault, Loopback

TOKEN = "vk1.a.token-of-tests"
GROUP = 77
ANA = 20
_PROFILES = [{"id": ANA, "first_name": "Анна", "last_name": "К.", "screen_name": "anna_k"}]
_GROUPS = [{"id": GROUP, "name": "Fernway", "screen_name": "fernway"}]


@dataclass
class Post:
    id: int
    owner: int
    writer: int
    text: str
    at: datetime
    under: int = 0
    """The post under which a comment stands; 0 for a post."""
    to: int = 0
    """The comment that a comment answers."""
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> str:
        return f"{self.owner}_{self.under}_{self.id}" if self.under else f"{self.owner}_{self.id}"


class FakeVk(Loopback):
    """Refuses inside answers of 200; a comment that is sent again under its guid stays one comment."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self.clock = clock
        self.posts: dict[str, Post] = {}
        self.raw: dict[str, Any] = {}
        """Records sent as they are, by key."""
        self.limit = 1_000
        """A search ends after so many."""
        self.guids: dict[str, int] = {}
        self.refuses: dict[str, list[int]] = {}
        """By method: codes with which the next calls are refused."""
        self.writing: deque[Fault] = deque()
        self.forms: list[dict[str, str]] = []
        self._number = 0

    def connected(self, clock: Clock, **facts: Any) -> Connected:
        facts = {"timeout_seconds": PATIENCE_SECONDS} | facts
        settings = VkSettings(type="vk", brand="fernway", group=GROUP, base_url=self.url, **facts)
        return PLATFORM.connect([settings], lambda *_: SecretStr(TOKEN), clock)

    def add(
        self, text: str, writer: int = ANA, *, owner: int = -GROUP, under: int = 0, to: int = 0, **facts: Any
    ) -> str:
        self._number += 1
        at = facts.pop("at", None) or self.clock()
        post = Post(self._number, owner, writer, text, at, under, to, facts)
        self.posts[post.key] = post
        return post.key

    def by(self, writer: int) -> list[Post]:
        return [post for post in self.posts.values() if post.writer == writer]

    def fail_post(self, fault: Fault) -> None:
        self.writing.append(fault)

    def _serve(self, handler: BaseHTTPRequestHandler) -> None:
        if handler.path == "/method/wall.createComment" and self.writing:
            self.fail(handler.path, self.writing.popleft())
        super()._serve(handler)

    def respond(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Answer:
        form = {name: values[0] for name, values in parse_qs(body.decode()).items()}
        self.forms.append(form)
        name = path.removeprefix("/method/")
        if form.get("access_token") != TOKEN or form.get("v") != "5.199":
            return _refused(5, "User authorization failed: invalid access_token", form)
        if self.refuses.get(name):
            return _refused(self.refuses[name].pop(0), "as ordered by a test", form)
        return Answer(200, {"response": getattr(self, f"_{name.partition('.')[2]}")(form)})

    def _search(self, form: dict[str, str]) -> dict[str, Any]:
        found = self._newest(lambda p: not p.under and form["q"].strip('"').lower() in p.text.lower())
        found = [post for post in found if post.at.timestamp() >= int(form["start_time"])][: self.limit]
        begin, size = int(form.get("start_from", "0")), int(form["count"])
        page = self._page(found[begin : begin + size])
        return page | ({"next_from": str(begin + size)} if begin + size < len(found) else {})

    def _getMentions(self, form: dict[str, str]) -> dict[str, Any]:
        found = self._newest(
            lambda p: f"club{GROUP}|" in p.text and p.at.timestamp() >= int(form["start_time"])
        )
        return self._page(found[int(form["offset"]) :][: int(form["count"])])

    def _get(self, form: dict[str, str]) -> dict[str, Any]:
        found = self._newest(lambda p: not p.under and str(p.owner) == form["owner_id"])
        return self._page(found[int(form["offset"]) :][: int(form["count"])])

    def _getById(self, form: dict[str, str]) -> dict[str, Any]:
        wanted = form["posts"].split(",")
        return self._page([post for post in self.posts.values() if post.key in wanted and not post.under])

    def _getComment(self, form: dict[str, str]) -> dict[str, Any]:
        comments = (p for p in self.posts.values() if p.under and str(p.id) == form["comment_id"])
        return self._page([post for post in comments if str(post.owner) == form["owner_id"]])

    def _getComments(self, form: dict[str, str]) -> dict[str, Any]:
        root = int(form.get("comment_id", "0"))
        found = self._newest(lambda p: str(p.under) == form["post_id"] and self._root(p) == root)
        page = self._page(found[int(form["offset"]) :][: int(form["count"])])
        for item in page["items"] if not root else []:
            inner = self._newest(lambda p, item=item: bool(p.under) and self._root(p) == item.get("id"))
            item["thread"] = {"count": len(inner), "items": [self._record(post) for post in inner[:10]]}
        return page

    def _createComment(self, form: dict[str, str]) -> dict[str, Any]:
        if form["guid"] not in self.guids:
            key = self.add(
                form["message"],
                -int(form["from_group"]),
                owner=int(form["owner_id"]),
                under=int(form["post_id"]),
                to=int(form.get("reply_to_comment", "0")),
            )
            self.guids[form["guid"]] = self.posts[key].id
        return {"comment_id": self.guids[form["guid"]], "parents_stack": []}

    def _root(self, post: Post) -> int:
        answered = self.posts.get(f"{post.owner}_{post.under}_{post.to}")
        return (self._root(answered) or answered.id) if answered else 0

    def _newest(self, wanted: Any) -> list[Post]:
        return sorted((p for p in self.posts.values() if wanted(p)), key=lambda p: (p.at, p.id), reverse=True)

    def _page(self, posts: list[Post]) -> dict[str, Any]:
        items = [self._record(post) for post in posts]
        return {"count": len(items), "items": items, "profiles": _PROFILES, "groups": _GROUPS}

    def _record(self, post: Post) -> Any:
        if post.key in self.raw:
            return self.raw[post.key]
        record: dict[str, Any] = {
            "id": post.id,
            "owner_id": post.owner,
            "from_id": post.writer,
            "date": int(post.at.timestamp()),
            "text": post.text,
        }
        if post.under:
            record |= {"post_id": post.under, "parents_stack": [root] if (root := self._root(post)) else []}
            record |= {"reply_to_comment": post.to} if post.to else {}
        else:
            count = sum(p.owner == post.owner and p.under == post.id for p in self.posts.values())
            record |= {"post_type": "post", "comments": {"count": count, "can_post": 1}}
        return record | post.extra


def _refused(code: int, said: str, form: dict[str, str]) -> Answer:
    params = [{"key": name, "value": value} for name, value in form.items()]
    return Answer(200, {"error": {"error_code": code, "error_msg": said, "request_params": params}})
