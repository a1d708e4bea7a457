"""The direct messages of a small X: events newest first, one to one or in groups, sent and listed."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tests.fakes.loopback import Answer


@dataclass(slots=True)
class Event:
    id: str
    sender_id: str
    conversation_id: str
    text: str
    at: datetime


class Messages:
    """What `FakeX` asks about private messages."""

    def __init__(self, next_id: Callable[[datetime], str]) -> None:
        self.events: dict[str, Event] = {}
        self.raw: dict[str, Any] = {}
        """Events sent as they are, by id."""
        self._next_id = next_id

    def add(self, sender_id: str, conversation_id: str, text: str, at: datetime) -> str:
        event_id = self._next_id(at)
        self.events[event_id] = Event(event_id, sender_id, conversation_id, text, at)
        return event_id

    def respond(
        self, method: str, path: str, query: dict[str, str], body: bytes, me: str, now: datetime
    ) -> Answer | None:
        """None where it is no request about messages."""
        if method == "POST" and (to := re.fullmatch(r"/2/dm_conversations/([\d-]+)/messages", path)):
            if not any(event.conversation_id == to[1] for event in self.events.values()):
                return Answer(403, {"title": "Forbidden", "detail": "You cannot message this conversation."})
            event_id = self.add(me, to[1], json.loads(body)["text"], now)
            return Answer(201, {"data": {"dm_conversation_id": to[1], "dm_event_id": event_id}})
        if path == "/2/dm_events":
            return self._page(list(self.events.values()), query)
        if one := re.fullmatch(r"/2/dm_conversations/([\d-]+)/dm_events", path):
            return self._page([e for e in self.events.values() if e.conversation_id == one[1]], query)
        return None

    def _page(self, events: list[Event], query: dict[str, str]) -> Answer:
        token = query.get("pagination_token")
        if token is not None and not re.fullmatch(r"m-\d+", token):
            return Answer(400, {"title": "Invalid Request", "errors": [{"message": "pagination_token"}]})
        events.sort(key=lambda event: int(event.id), reverse=True)
        if token is not None:
            events = [event for event in events if int(event.id) < int(token[2:])]
        size = int(query.get("max_results", 100))
        page, rest = events[:size], events[size:]
        meta: dict[str, Any] = {"result_count": len(page)}
        if rest:
            meta["next_token"] = f"m-{page[-1].id}"
        answer: dict[str, Any] = {"meta": meta}
        if page:
            answer["data"] = [self.raw.get(event.id, _object(event)) for event in page]
            senders = sorted({event.sender_id for event in page}) if "expansions" in query else []
            answer["includes"] = {"users": senders}
        return Answer(200, answer)


def _object(event: Event) -> dict[str, Any]:
    return {
        "id": event.id,
        "event_type": "MessageCreate",
        "text": html.escape(event.text, quote=False),
        "sender_id": event.sender_id,
        "dm_conversation_id": event.conversation_id,
        "created_at": f"{event.at:%Y-%m-%dT%H:%M:%S.000Z}",
    }
