"""A small server that speaks the part of Telegram's Bot API that one bot needs."""

from __future__ import annotations

import json
from collections import deque
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs

from pydantic import SecretStr

from listener.platforms.telegram import TelegramSettings
from listener.platforms.telegram.bot import Bot
from tests.fakes.clock import Clock
from tests.fakes.loopback import PATIENCE_SECONDS, Answer, Fault, Loopback

TOKEN = "4242:AAF-token_of_tests_0123456789"
GROUP = -1001234567890
BOT: dict[str, Any] = {"id": 4242, "is_bot": True, "first_name": "Fernway", "username": "fernway_bot"}


class FakeTelegram(Loopback):
    """Keeps updates until they are confirmed; a bot's own messages come back to nobody."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self.clock = clock
        self.updates: list[Any] = []
        self.asked: list[dict[str, Any]] = []
        """Parameters of the calls of getUpdates, in order."""
        self.sent: list[dict[str, Any]] = []
        """Parameters of the messages that were published."""
        self.writing: deque[Fault] = deque()
        self.next_update = 100
        self._message = 0

    def settings(self, **facts: Any) -> TelegramSettings:
        return TelegramSettings(type="telegram", brand="fernway", base_url=self.url, **facts)

    def bot(self, token: str = TOKEN, timeout_seconds: float = PATIENCE_SECONDS) -> Bot:
        return Bot(SecretStr(token), base_url=self.url, now=self.clock, timeout_seconds=timeout_seconds)

    def say(self, text: str | None, *, kind: str = "message", **facts: Any) -> dict[str, Any]:
        """A new message in the group by Ana, as the bot is told of it; `facts` are more of its fields."""
        self._message += 1
        message: dict[str, Any] = {
            "message_id": self._message,
            "from": {"id": 20, "is_bot": False, "first_name": "Ana", "username": "ana"},
            "chat": {"id": GROUP, "type": "supergroup", "title": "Fernway users"},
            "date": int(self.clock().timestamp()),
        }
        message |= ({} if text is None else {"text": text}) | facts
        self.tell({kind: message})
        return message

    def tell(self, update: dict[str, Any]) -> None:
        self.updates.append({"update_id": self.next_update} | update)
        self.next_update += 1

    def fail_post(self, fault: Fault) -> None:
        """The next publication is answered so; what is asked before it is not."""
        self.writing.append(fault)

    def _serve(self, handler: BaseHTTPRequestHandler) -> None:
        if handler.path.endswith("/sendMessage") and self.writing:
            self.fail(handler.path, self.writing.popleft())
        super()._serve(handler)

    def respond(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Answer:
        _, token, name = path.split("/")
        if token != f"bot{TOKEN}":
            return _error(401, "Unauthorized")
        if name == "getMe":
            return _result(BOT)
        if name == "getUpdates":
            asked = {key: json.loads(values[0]) for key, values in parse_qs(body.decode()).items()}
            return self._updates(asked)
        if name == "sendMessage":
            return self._send(json.loads(body))
        return _error(404, "Not Found")

    def _updates(self, asked: dict[str, Any]) -> Answer:
        self.asked.append(asked)
        if "offset" in asked:
            self.updates = [u for u in self.updates if _number(u, asked["offset"]) >= asked["offset"]]
        return _result(self.updates[: asked.get("limit", 100)])

    def _send(self, asked: dict[str, Any]) -> Answer:
        self.sent.append(asked)
        self._message += 1
        chat = {"id": asked["chat_id"], "type": "supergroup", "title": "Fernway users"}
        return _result(
            {
                "message_id": self._message,
                "from": BOT,
                "chat": chat,
                "date": int(self.clock().timestamp()),
                "text": asked["text"],
            }
        )


def _number(update: Any, otherwise: int) -> int:
    return int(update["update_id"]) if isinstance(update, dict) and "update_id" in update else otherwise


def _result(value: Any) -> Answer:
    return Answer(200, {"ok": True, "result": value})


def _error(status: int, description: str) -> Answer:
    return Answer(status, {"ok": False, "error_code": status, "description": description})
