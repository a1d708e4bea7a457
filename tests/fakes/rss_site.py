"""A site with one Atom feed on pages (RFC 5005), which knows conditional requests."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qs, urlsplit
from xml.sax.saxutils import escape

from listener.platforms.rss import RssSettings
from tests.fakes.clock import Clock
from tests.fakes.loopback import Answer, Loopback


@dataclass
class Post:
    id: str
    text: str
    """HTML."""
    at: datetime
    author: str | None = "Ana"
    raw: str = ""
    """The whole entry, instead of one made of the facts above."""


class FakeSite(Loopback):
    """Newest first; an entry leaves the feed when `pages` pages of `page_size` are full."""

    def __init__(self, clock: Clock, *, page_size: int = 10, pages: int = 10) -> None:
        super().__init__()
        self.clock, self.page_size, self.pages = clock, page_size, pages
        self.posts: list[Post] = []
        self.asked: list[dict[str, str]] = []
        """Headers of the requests, in order."""
        self.conditional = True

    def settings(self, **facts: Any) -> RssSettings:
        return RssSettings(type="rss", brand="fernway", url=f"{self.url}/feed.xml", **facts)

    def add(self, text: str, **facts: Any) -> str:
        at = facts.pop("at", None) or self.clock()
        self.posts.append(Post(f"urn:post:{len(self.posts)}", text, at, **facts))
        return self.posts[-1].id

    def respond(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Answer:
        self.asked.append(headers)
        parts = urlsplit(path)
        if parts.path != "/feed.xml":
            return Answer(404, b"<html>no such page</html>")
        page = int(parse_qs(parts.query).get("page", ["1"])[0])
        newest = self.posts[::-1][: self.page_size * self.pages]
        shown = newest[(page - 1) * self.page_size : page * self.page_size]
        more = page * self.page_size < len(newest)
        link = f'<link rel="next" href="/feed.xml?page={page + 1}"/>' if more else ""
        entries = "".join(post.raw or _entry(post) for post in shown)
        content = (
            f'<feed xmlns="http://www.w3.org/2005/Atom" xml:lang="en-GB">{link}{entries}</feed>'.encode()
        )
        etag = f'"{sha256(content).hexdigest()[:12]}"'
        if self.conditional and headers.get("if-none-match") == etag:
            return Answer(304, b"", {"ETag": etag})
        return Answer(200, content, {"ETag": etag} if self.conditional else {})


def _entry(post: Post) -> str:
    author = f"<author><name>{escape(post.author)}</name></author>" if post.author is not None else ""
    return (
        f"<entry><id>{post.id}</id><title>Review</title>{author}<updated>{post.at.isoformat()}</updated>"
        f'<link href="/reviews/{post.id[9:]}"/>'
        f'<content type="html">{escape(post.text)}</content></entry>'
    )
