"""An alert to send."""

from __future__ import annotations

from datetime import timedelta

from desk.model.alert import AlertKind, Notice
from desk.model.case import CaseId
from tests.fakes.clock import START

NOTICE = Notice(
    message_id="alert-12-ops",
    kind=AlertKind.BREACH,
    at=START,
    case_id=CaseId(7),
    brand="Fernway",
    source="x",
    severity="high",
    state="new",
    assignee=None,
    due_at=START - timedelta(minutes=30),
    customer="ana",
    excerpt="It broke & nobody answers",
    url="https://x.com/ana/status/1",
)
