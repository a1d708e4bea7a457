"""A receiver of alerts: keeps what came and checks signatures as Standard Webhooks says."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from dataclasses import dataclass
from typing import Any

from tests.fakes.loopback import Answer, Loopback


@dataclass(frozen=True, slots=True)
class Received:
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    def signed_by(self, secret: str) -> bool:
        """One of the signatures is the secret's over id, timestamp and body."""
        key = base64.b64decode(secret.removeprefix("whsec_"))
        message = f"{self.headers['webhook-id']}.{self.headers['webhook-timestamp']}.".encode() + self.body
        wanted = "v1," + base64.b64encode(hmac.new(key, message, hashlib.sha256).digest()).decode()
        return any(
            hmac.compare_digest(wanted, given) for given in self.headers["webhook-signature"].split(" ")
        )


class WebhookReceiver(Loopback):
    def __init__(self) -> None:
        super().__init__()
        self.received: list[Received] = []

    def respond(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Answer:
        self.received.append(Received(path, headers, body))
        return Answer(200, {"ok": True})
