"""A case's log, written by hand; shared by the tests of what is made of it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from desk.model.case import Case, CaseId
from desk.model.event import SYSTEM, Event, EventKind
from desk.model.mention import MentionId
from desk.model.sla import Clock, SlaPolicy
from desk.model.timeline import Span, project, spans
from tests.kernel import HOUR, NOON

K = EventKind
FIRST, NEXT, RESOLUTION = Clock.FIRST_RESPONSE, Clock.NEXT_RESPONSE, Clock.RESOLUTION


class Log:
    """A case's log, written line by line; each line is recorded after the one before."""

    def __init__(self, policy: SlaPolicy = HOUR, opened: datetime = NOON, **data: Any) -> None:
        self.policies = {policy.id: policy}
        self.events: list[Event] = []
        self.add(
            K.OPENED,
            opened,
            conversation="bluesky:t1",
            source="bluesky",
            brand="fernway",
            customer=1,
            opening="complaint",
            severity="normal",
            language="en",
            reasons=[],
            linked_case=None,
            **data,
        )
        self.add(K.POLICY_CHOSEN, opened, policy=policy.id)
        self.wrote("m1", opened)

    def add(
        self, kind: EventKind, at: datetime, actor: str = SYSTEM, mention: str | None = None, **data: Any
    ) -> int:
        seq = len(self.events) + 1
        self.events.append(Event(kind, at, actor, MentionId(mention) if mention else None, data, seq, at))
        return seq

    def wrote(self, mention: str, at: datetime, *, awaits: bool = True) -> int:
        return self.add(K.CUSTOMER_WROTE, at, mention=mention, awaits_answer=awaits)

    def replied(
        self,
        mention: str,
        at: datetime,
        actor: str = "mia",
        *,
        automatic: bool = False,
        reply: int | None = None,
    ) -> int:
        return self.add(K.BRAND_REPLIED, at, actor, mention, automatic=automatic, reply=reply)

    def undo(self, seq: int, at: datetime) -> int:
        return self.add(K.UNDONE, at, "mia", seq=seq)

    @property
    def case(self) -> Case:
        return project(CaseId(1), self.events, self.policies)

    @property
    def spans(self) -> list[Span]:
        return spans(self.events, self.policies)

    def runs(self, clock: Clock) -> list[tuple[datetime, datetime | None]]:
        return [(span.started_at, span.stopped_at) for span in self.spans if span.clock is clock]

    def only(self, clock: Clock) -> Span:
        (span,) = [span for span in self.spans if span.clock is clock]
        return span
