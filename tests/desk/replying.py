"""Sends what is due, and tells what failed; shared by the tests of the outbox."""

from __future__ import annotations

from desk import outbox
from desk.model.case import CaseId
from desk.model.event import EventKind
from tests.kernel import Desk, FakeSender, after

ONE = CaseId(1)


def send(desk: Desk, sender: FakeSender, minute: float) -> int:
    return outbox.send_due(desk.store, {sender.source: sender}, after(minute))


def failures(desk: Desk) -> list[str]:
    return [event.data["error"] for event in desk.log() if event.kind is EventKind.REPLY_FAILED]
