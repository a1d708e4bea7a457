"""The SLA report, derived from the event log alone: the same period always gives the same past."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

from desk.model.case import CaseId, Opening
from desk.model.event import SYSTEM, Event, EventKind
from desk.model.report import (
    Attainment,
    Breach,
    ClockFigures,
    Day,
    Durations,
    Figures,
    GroupBy,
    Report,
    Scope,
    Threads,
)
from desk.model.sla import Clock, SlaPolicy
from desk.model.timeline import Span, effective, spans
from desk.store import Store, events

NATIVE = "(native app)"
"""Stands for the agent where the brand answered in the platform's own app."""
NOBODY = "(unanswered)"


@dataclass(frozen=True, slots=True)
class _Told:
    """One case as its log tells it."""

    case_id: CaseId
    log: Sequence[Event]
    spans: Sequence[Span]

    @property
    def opened(self) -> Event:
        return self.log[0]

    @property
    def first_answer(self) -> Span | None:
        return next(
            (s for s in self.spans if s.clock is Clock.FIRST_RESPONSE and s.answered_by is not None), None
        )

    @property
    def first_wrote_at(self) -> datetime:
        return min(event.at for event in self.log if event.kind is EventKind.CUSTOMER_WROTE)

    @property
    def agent(self) -> str:
        answer = self.first_answer
        if answer is None or answer.answered_by is None:
            return NOBODY
        return NATIVE if answer.answered_by == SYSTEM else answer.answered_by

    @property
    def dismissed(self) -> bool:
        closings = [e.kind for e in self.log if e.kind in {EventKind.DISMISSED, EventKind.REOPENED}]
        return bool(closings) and closings[-1] is EventKind.DISMISSED

    @property
    def resolved(self) -> bool:
        return any(s.clock is Clock.RESOLUTION and s.stopped_at is not None for s in self.spans)


def build(
    store: Store,
    *,
    opened_from: datetime,
    opened_to: datetime,
    now: datetime,
    scope: Scope = Scope.COMPLAINTS,
    by: GroupBy | None = None,
) -> Report:
    """The report on the cases opened in [from, to), with running clocks judged as of `now`."""
    with store.read() as db:
        policies = events.policies(db)
        told = [
            case
            for case_id, log in events.by_case(db, opened_from, opened_to)
            if _in_scope((case := _tell(case_id, log, policies)).opened, scope)
        ]
    counted = [case for case in told if not case.dismissed]
    groups: dict[str, list[_Told]] = defaultdict(list)
    if by is not None:
        for case in counted:
            groups[_group_key(case, by)].append(case)
    return Report(
        opened_from=opened_from,
        opened_to=opened_to,
        made_at=now,
        scope=scope,
        grouped_by=by,
        total=_figures(counted, now),
        groups=tuple((key, _figures(groups[key], now)) for key in sorted(groups)),
        threads=_threads(counted),
        breaches=tuple(sorted(_breaches(counted, now), key=lambda breach: (breach.due_at, breach.case_id))),
        days=_days(counted),
        dismissed=len(told) - len(counted),
        policies=_policies(counted),
    )


def _tell(case_id: CaseId, log: Sequence[Event], policies: Mapping[str, SlaPolicy]) -> _Told:
    return _Told(case_id, effective(log), spans(log, policies))


def _in_scope(opened: Event, scope: Scope) -> bool:
    return scope is Scope.ALL or opened.data["opening"] == Opening.COMPLAINT


def _group_key(case: _Told, by: GroupBy) -> str:
    data = case.opened.data
    match by:
        case GroupBy.BRAND:
            return str(data["brand"])
        case GroupBy.CHANNEL:
            return str(data["source"])
        case GroupBy.AGENT:
            return case.agent
        case GroupBy.SEVERITY:
            return str(data["severity"])
        case GroupBy.LANGUAGE:
            return str(data["language"])
        case GroupBy.POLICY:
            return next((span.policy.name for span in case.spans), "")
        case GroupBy.DAY:
            return case.opened.at.astimezone(UTC).date().isoformat()


def _figures(told: Sequence[_Told], now: datetime) -> Figures:
    answered = sum(case.first_answer is not None for case in told)
    return Figures(
        cases=len(told),
        answered=answered,
        unanswered=len(told) - answered,
        resolved=sum(case.resolved for case in told),
        clocks={
            clock: _clock_figures([s for case in told for s in case.spans if s.clock is clock], now)
            for clock in Clock
        },
    )


def _clock_figures(runs: Sequence[Span], now: datetime) -> ClockFigures:
    # A response that never came has no duration, though its breach counts.
    timed = [s for s in runs if s.answered_by is not None or s.clock is Clock.RESOLUTION]
    missed = sum(span.breached_at(now) is not None for span in runs)
    targeted = [span for span in runs if span.policy.target_seconds(span.clock) is not None]
    met = sum(span.stopped_at is not None and span.breached_at(now) is None for span in targeted)
    return ClockFigures(
        wall=Durations.of([w for s in timed if (w := s.wall_seconds()) is not None]),
        working=Durations.of([w for s in timed if (w := s.working_seconds()) is not None]),
        attainment=Attainment(met, missed, len(targeted) - met - missed),
    )


def _threads(told: Iterable[_Told]) -> Threads:
    starts: dict[str, datetime] = {}
    answers: dict[str, datetime] = {}
    for case in told:
        thread = case.opened.data["conversation"]
        starts[thread] = min(starts.get(thread, case.first_wrote_at), case.first_wrote_at)
        answer = case.first_answer
        if answer is not None and answer.stopped_at is not None:
            answers[thread] = min(answers.get(thread, answer.stopped_at), answer.stopped_at)
    waits = [(answers[thread] - starts[thread]).total_seconds() for thread in answers]
    return Threads(len(starts), len(answers), Durations.of(waits))


def _breaches(told: Iterable[_Told], now: datetime) -> Iterator[Breach]:
    for case in told:
        data = case.opened.data
        for span in case.spans:
            due = span.breached_at(now)
            if due is not None:
                answerer = NATIVE if span.answered_by == SYSTEM else span.answered_by
                yield Breach(
                    case.case_id, data["brand"], data["source"], span.clock, due, span.stopped_at, answerer
                )


def _days(told: Iterable[_Told]) -> tuple[Day, ...]:
    opened: dict[date, int] = defaultdict(int)
    answered: dict[date, int] = defaultdict(int)
    for case in told:
        day = case.opened.at.astimezone(UTC).date()
        opened[day] += 1
        answered[day] += case.first_answer is not None
    return tuple(Day(day, opened[day], answered[day]) for day in sorted(opened))


def _policies(told: Iterable[_Told]) -> tuple[SlaPolicy, ...]:
    promised = {id(span.policy): span.policy for case in told for span in case.spans}
    return tuple(sorted(promised.values(), key=lambda policy: policy.id))
