"""The filtered stream of a small X: its rules, and lines that a test lets through one connection."""

from __future__ import annotations

import json
from queue import Empty, SimpleQueue
from threading import Event
from typing import Any

from tests.fakes.loopback import Answer

RULES = "/2/tweets/search/stream/rules"
STREAM = "/2/tweets/search/stream"


class Rules:
    """Adds and deletes rules as documented: each rule answers for itself."""

    def __init__(self) -> None:
        self.held: dict[str, dict[str, str]] = {}
        self.refused: set[str] = set()
        """Values that are no rules."""

    def add(self, value: str, tag: str = "") -> str:
        rule_id = str(9_000 + len(self.held))
        self.held[rule_id] = {"id": rule_id, "value": value} | ({"tag": tag} if tag else {})
        return rule_id

    def respond(self, method: str, body: bytes) -> Answer:
        if method == "GET":
            return Answer(200, {"data": list(self.held.values()), "meta": {}} if self.held else {"meta": {}})
        asked = json.loads(body)
        for rule_id in asked.get("delete", {}).get("ids", []):
            del self.held[rule_id]
        created, errors = [], []
        for rule in asked.get("add", []):
            if rule["value"] in self.refused:
                errors.append(
                    {"value": rule["value"], "title": "Invalid Rule", "details": ["no such operator"]}
                )
            else:
                created.append(self.held[self.add(rule["value"], rule["tag"])])
        answer: dict[str, Any] = {"meta": {"summary": {"created": len(created)}}}
        return Answer(
            201, answer | ({"data": created} if created else {}) | ({"errors": errors} if errors else {})
        )


class Line:
    """One open connection after the other, fed from a queue; None ends one."""

    def __init__(self, released: Event) -> None:
        self.queue: SimpleQueue[bytes | None] = SimpleQueue()
        self.open = Event()
        """Set while somebody listens."""
        self._released = released

    def send(self, *events: Any) -> None:
        """Objects as JSON lines, bytes as they are, None as the end of the connection."""
        for event in events:
            whole = (
                event if event is None or isinstance(event, bytes) else json.dumps(event).encode() + b"\r\n"
            )
            self.queue.put(whole)

    def serve(self, handler: Any) -> None:
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        self.open.set()
        try:
            while not self._released.is_set():
                try:
                    part = self.queue.get(timeout=0.05)
                except Empty:
                    continue
                if part is None:
                    handler.wfile.write(b"0\r\n\r\n")
                    return
                handler.wfile.write(b"%x\r\n%b\r\n" % (len(part), part))
        finally:
            self.open.clear()
            handler.close_connection = True


def event(post_id: str, *rules: str) -> dict[str, Any]:
    return {
        "data": {"id": post_id, "text": "fernway broke"},
        "matching_rules": [{"id": rule, "tag": ""} for rule in rules],
    }
