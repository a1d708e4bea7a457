"""An alert to send."""

from __future__ import annotations

from datetime import timedelta

from desk.model.alert import AlertKind, CaseNotice, SourceNotice
from desk.model.case import CaseId
from tests.fakes.clock import START

NOTICE = CaseNotice(
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

SILENCE = SourceNotice(
    message_id="alert-13-ops",
    kind=AlertKind.SOURCE_SILENT,
    at=START,
    source="x:mentions",
    state="backing_off",
    last_success_at=START - timedelta(minutes=5),
    error="401 Unauthorized: <b>check</b> the token",
    permanent=True,
)
