"""A small server that speaks the Mastodon API, with the habits of several kinds that one mock cannot have."""

from __future__ import annotations

import html
import json
import re
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

from pydantic import SecretStr

from listener.platforms.mastodon.account import MastodonAccount
from tests.fakes.clock import Clock
from tests.fakes.loopback import Answer, Fault, Hang, Loopback

TOKEN = "token-of-tests"
_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


@dataclass(slots=True)
class Status:
    id: str
    account_id: str
    text: str
    at: datetime
    in_reply_to: str | None = None
    visibility: str = "public"
    uri: str = ""
    edited_at: datetime | None = None
    extra: dict[str, Any] = field(default_factory=dict)


class FakeMastodon(Loopback):
    """Ids grow with time; pages are newest first; `min_id` gives what comes right behind it."""

    def __init__(self, clock: Clock, *, ulids: bool = False) -> None:
        super().__init__()
        self.clock, self.ulids = clock, ulids
        self.accounts: dict[str, dict[str, Any]] = {}
        self.statuses: dict[str, Status] = {}
        self.notifications: list[dict[str, Any]] = []
        self.raw: dict[str, Any] = {}
        """Statuses sent as they are, by id."""
        self.me = ""
        self.groups = True
        """It answers for several statuses at once (Mastodon 4.3)."""
        self.links = True
        self.since_for_min = False
        """`min_id` gives the newest entries, as `since_id` does."""
        self.inclusive = False
        """`min_id` gives the entry itself as well."""
        self.keeps_keys = True
        self.slow_stream = False
        """Streams open, and then say nothing."""
        self.reset: str | None = None
        """Value of X-RateLimit-Reset."""
        self.instance: dict[str, Any] = {
            "domain": "social.example",
            "version": "4.4.1",
            "configuration": {"statuses": {"max_characters": 500}},
        }
        self.has_v2 = True
        self.posted: list[dict[str, Any]] = []
        """Bodies of the publications, in order."""
        self.keys: dict[str, str] = {}
        self.writing: deque[Fault] = deque()
        """Faults for the next publications."""
        self.connections: list[tuple[str, int]] = []
        """Method and client port, one a request: tells connections apart."""
        self._sequence = 0

    def account(self, token: str = TOKEN, handle: str | None = None) -> MastodonAccount:
        return MastodonAccount("fernway", self.url, SecretStr(token), handle)

    def add_account(self, account_id: str, acct: str, *, me: bool = False, **facts: Any) -> None:
        name = acct.partition("@")[0]
        self.accounts[account_id] = {
            "id": account_id,
            "username": name,
            "acct": acct,
            "display_name": name.title(),
            "bot": False,
            "url": self._profile(acct),
        } | facts
        if me:
            self.me = account_id

    def add(self, account_id: str, text: str, **facts: Any) -> str:
        """A new status; whoever mentions the token's account notifies it."""
        at = facts.pop("at", self.clock())
        status_id = facts.pop("id", None) or self.next_id(at)
        status = Status(status_id, account_id, text, at, **facts)
        status.uri = status.uri or f"https://social.example/statuses/{status_id}"
        self.statuses[status_id] = status
        if account_id != self.me and self._names_me(text):
            self.notify(status_id)
        return status_id

    def notify(self, status_id: str, kind: str = "mention") -> None:
        entry = {"id": self.next_id(self.clock()), "type": kind, "status": status_id}
        self.notifications.append(entry | {"created_at": self.clock().isoformat()})

    def edit(self, status_id: str, text: str) -> None:
        self.statuses[status_id].text = text
        self.statuses[status_id].edited_at = self.clock()

    def delete(self, status_id: str) -> None:
        del self.statuses[status_id]
        self.notifications = [entry for entry in self.notifications if entry["status"] != status_id]

    def fail_post(self, fault: Fault) -> None:
        """The next publication is answered so; the requests before it are not."""
        self.writing.append(fault)

    def next_id(self, at: datetime) -> str:
        self._sequence += 1
        number = (int(at.timestamp() * 1000) << 20) + self._sequence
        if not self.ulids:
            return str(number)
        return "".join(_CROCKFORD[number >> shift & 31] for shift in range(125, -1, -5))

    def _serve(self, handler: BaseHTTPRequestHandler) -> None:
        self.connections.append((handler.command, handler.client_address[1]))
        if self.slow_stream and handler.path.startswith("/api/v1/streaming/"):
            handler.send_response(200)
            handler.end_headers()
            handler.wfile.write(b":connected\n\n")
            self.fail(handler.path, Hang())
        if handler.command == "POST" and self.writing:
            self.fail(handler.path, self.writing.popleft())
        super()._serve(handler)

    def respond(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Answer:
        answer = self._respond(method, path, headers, body)
        limits = {"X-RateLimit-Limit": "300", "X-RateLimit-Remaining": "299"}
        if self.reset is not None:
            answer.headers.update(limits | {"X-RateLimit-Reset": self.reset})
        return answer

    def _respond(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Answer:
        parts = urlsplit(path)
        query = parse_qs(parts.query)
        if parts.path == "/api/v2/instance" and not self.has_v2:
            return Answer(404, {"error": "Not Found"})
        if parts.path in {"/api/v1/instance", "/api/v2/instance"}:
            return Answer(200, self.instance)
        if headers.get("authorization") != f"Bearer {TOKEN}":
            return Answer(401, {"error": "The access token is invalid"})
        if method == "POST" and parts.path == "/api/v1/statuses":
            return self._publish(json.loads(body), headers.get("idempotency-key", ""))
        if parts.path == "/api/v1/accounts/verify_credentials":
            return Answer(200, self.accounts[self.me])
        if parts.path == "/api/v1/notifications":
            return self._page([self._notification(entry) for entry in self.notifications], path)
        if own := re.fullmatch(r"/api/v1/accounts/(\w+)/statuses", parts.path):
            return self._listed((s for s in self.statuses.values() if s.account_id == own[1]), path)
        if tag := re.fullmatch(r"/api/v1/timelines/tag/(.+)", parts.path):
            wanted = f"#{unquote(tag[1])}".lower()
            return self._listed((s for s in self.statuses.values() if wanted in s.text.lower()), path)
        if parts.path == "/api/v2/search":
            return self._search(query)
        if parts.path == "/api/v1/statuses" and self.groups:
            wanted = query.get("id[]", [])
            return Answer(200, [self._object(self.statuses[i]) for i in wanted if i in self.statuses])
        if single := re.fullmatch(r"/api/v1/statuses/(\w+)(/context)?", parts.path):
            return self._single(single[1], bool(single[2]))
        return Answer(404, {"error": "Record not found"})

    def _single(self, status_id: str, context: bool) -> Answer:
        status = self.statuses.get(status_id)
        if status is None:
            return Answer(404, {"error": "Record not found"})
        if not context:
            return Answer(200, self._object(status))
        ancestors: list[Status] = []
        while status.in_reply_to in self.statuses:
            status = self.statuses[status.in_reply_to or ""]
            ancestors.insert(0, status)
        return Answer(200, {"ancestors": [self._object(s) for s in ancestors], "descendants": []})

    def _search(self, query: dict[str, list[str]]) -> Answer:
        found = [s for s in self.statuses.values() if query["q"][0].lower() in s.text.lower()]
        newest = sorted(found, key=lambda s: (len(s.id), s.id), reverse=True)
        begin, limit = int(query.get("offset", ["0"])[0]), int(query["limit"][0])
        page = [self._object(s) for s in newest[begin : begin + limit]]
        return Answer(200, {"accounts": [], "statuses": page, "hashtags": []})

    def _listed(self, statuses: Iterable[Status], path: str) -> Answer:
        return self._page([(status.id, self._object(status)) for status in statuses], path)

    def _page(self, keyed: list[tuple[str, Any]], path: str) -> Answer:
        parts = urlsplit(path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}

        def order(value: str) -> tuple[int, str]:
            return len(value), value

        lower = query.get("min_id") or query.get("since_id")
        if lower is not None:
            least = order(lower)
            keyed = [e for e in keyed if order(e[0]) > least or (self.inclusive and order(e[0]) == least)]
        if "max_id" in query:
            keyed = [e for e in keyed if order(e[0]) < order(query["max_id"])]
        keyed.sort(key=lambda e: order(e[0]), reverse=True)
        limit = int(query.get("limit", 20))
        forwards = "min_id" in query and not self.since_for_min
        page = keyed[-limit:] if forwards else keyed[:limit]
        links = []
        if page and len(page) == limit:
            links.append(
                f'<http://elsewhere{parts.path}?limit={limit}&max_id={quote(page[-1][0])}>; rel="next"'
            )
        if page:
            links.append(f'<http://elsewhere{parts.path}?min_id={quote(page[0][0])}>; rel="prev"')
        headers = {"Link": ", ".join(links)} if self.links and links else {}
        return Answer(200, [entry for _, entry in page], headers)

    def _notification(self, entry: dict[str, Any]) -> tuple[str, Any]:
        status = self._object(self.statuses[entry["status"]])
        return entry["id"], self.raw.get(entry["id"], entry | {"status": status})

    def _object(self, status: Status) -> Any:
        if status.id in self.raw:
            return self.raw[status.id]
        by_name = {account["acct"].lower(): account for account in self.accounts.values()}
        named = [
            by_name[h.lower()] for h in re.findall(r"@([\w.@-]*\w)", status.text) if h.lower() in by_name
        ]
        return {
            "id": status.id,
            "uri": status.uri,
            "url": f"https://social.example/@x/{status.id}",
            "account": self.accounts[status.account_id],
            "in_reply_to_id": status.in_reply_to,
            "reblog": None,
            "content": self._html(status.text),
            "created_at": status.at.isoformat(),
            "edited_at": status.edited_at and status.edited_at.isoformat(),
            "spoiler_text": "",
            "visibility": status.visibility,
            "language": "en",
            "mentions": [{"id": a["id"], "acct": a["acct"], "url": a["url"]} for a in named],
            "media_attachments": [],
        } | status.extra

    def _html(self, text: str) -> str:
        def mention(found: re.Match[str]) -> str:
            acct = found[1]
            return (
                f'<span class="h-card"><a href="{self._profile(acct)}" class="u-url mention">'
                f"@<span>{acct.partition('@')[0]}</span></a></span>"
            )

        def link(found: re.Match[str]) -> str:
            scheme, rest = found[1], found[2]
            return (
                f'<a href="{scheme}{rest}" rel="nofollow"><span class="invisible">{scheme}</span>'
                f'<span class="ellipsis">{rest[:20]}</span><span class="invisible">{rest[20:]}</span></a>'
            )

        escaped = html.escape(text, quote=False)
        linked = re.sub(r"(https?://)([^\s<]+)", link, escaped)
        named = re.sub(r"(?<![\w/])@([\w.@-]*\w)", mention, linked)
        return "".join(f"<p>{part}</p>" for part in named.replace("\n\n", "\0").split("\0")).replace(
            "\n", "<br />"
        )

    def _profile(self, acct: str) -> str:
        name, _, host = acct.partition("@")
        return f"https://{host or 'social.example'}/@{name}"

    def _names_me(self, text: str) -> bool:
        return f"@{self.accounts[self.me]['acct']}".lower() in text.lower()

    def _publish(self, body: dict[str, Any], key: str) -> Answer:
        if self.keeps_keys and key and self.keys.get(key) in self.statuses:
            return Answer(200, self._object(self.statuses[self.keys[key]]))
        if body["in_reply_to_id"] not in self.statuses:
            return Answer(404, {"error": "The post you are trying to reply to does not appear to exist."})
        self.posted.append(body)
        status_id = self.add(
            self.me,
            body["status"],
            in_reply_to=body["in_reply_to_id"],
            visibility=body["visibility"],
            extra={"spoiler_text": body.get("spoiler_text", "")},
        )
        self.keys[key] = status_id
        return Answer(200, self._object(self.statuses[status_id]))
