"""The SLA report, derived from the event log alone: the same period always gives the same past.

What came later to the same cases, an answer or a copy, counts as soon as it is there.
"""

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
    Missing,
    Report,
    Scope,
    Threads,
)
from desk.model.sla import Clock, SlaPolicy
from desk.model.timeline import Span, effective, spans
from desk.store import Store, events, mentions, sources

NATIVE = "(native app)"
"""Stands for the agent where the brand answered in the platform's own app."""
NOBODY = "(unanswered)"


@dataclass(frozen=True, slots=True)
class _Run:
    """One run of a clock, measured once: due times are most of a report's work, and groups ask again."""

    span: Span
    breached_at: datetime | None
    wall_seconds: float | None
    working_seconds: float | None


@dataclass(frozen=True, slots=True)
class _Told:
    """One case as its log tells it."""

    case_id: CaseId
    log: Sequence[Event]
    runs: Sequence[_Run]

    @property
    def spans(self) -> Iterator[Span]:
        return (run.span for run in self.runs)

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
            if _in_scope((case := _tell(case_id, log, policies, now)).opened, scope)
        ]
        copies = mentions.copies_by_case(db)
        missing = tuple(
            Missing(source, gap.since, gap.until, gap.reason)
            for source, gap in sources.gaps(db)
            if gap.since < opened_to and gap.until > opened_from
        )
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
        total=_figures(counted),
        groups=tuple((key, _figures(groups[key])) for key in sorted(groups)),
        threads=_threads(counted),
        breaches=tuple(sorted(_breaches(counted), key=lambda breach: (breach.due_at, breach.case_id))),
        days=_days(counted),
        dismissed=len(told) - len(counted),
        policies=_policies(counted),
        missing=missing,
        copies=sum(copies.get(case.case_id, 0) for case in counted),
    )


def _tell(case_id: CaseId, log: Sequence[Event], policies: Mapping[str, SlaPolicy], now: datetime) -> _Told:
    return _Told(case_id, effective(log), [_measure(span, now) for span in spans(log, policies)])


def _measure(span: Span, now: datetime) -> _Run:
    return _Run(span, span.breached_at(now), span.wall_seconds(), span.working_seconds())


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


def _figures(told: Sequence[_Told]) -> Figures:
    answered = sum(case.first_answer is not None for case in told)
    return Figures(
        cases=len(told),
        answered=answered,
        unanswered=len(told) - answered,
        resolved=sum(case.resolved for case in told),
        clocks={
            clock: _clock_figures([r for case in told for r in case.runs if r.span.clock is clock])
            for clock in Clock
        },
    )


def _clock_figures(runs: Sequence[_Run]) -> ClockFigures:
    # A response that never came has no duration, and closing the case kept no promise; its breach counts.
    timed = [r for r in runs if r.span.answered_by is not None or r.span.clock is Clock.RESOLUTION]
    targeted = sum(run.span.policy.target_seconds(run.span.clock) is not None for run in runs)
    missed = sum(run.breached_at is not None for run in runs)
    met = sum(
        run.span.stopped_at is not None
        and run.breached_at is None
        and run.span.policy.target_seconds(run.span.clock) is not None
        for run in timed
    )
    return ClockFigures(
        wall=Durations.of([run.wall_seconds for run in timed if run.wall_seconds is not None]),
        working=Durations.of([run.working_seconds for run in timed if run.working_seconds is not None]),
        attainment=Attainment(met, missed, targeted - met - missed),
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


def _breaches(told: Iterable[_Told]) -> Iterator[Breach]:
    for case in told:
        data = case.opened.data
        for run in case.runs:
            if run.breached_at is not None:
                span = run.span
                yield Breach(
                    case_id=case.case_id,
                    brand=data["brand"],
                    source=data["source"],
                    clock=span.clock,
                    due_at=run.breached_at,
                    stopped_at=span.stopped_at,
                    agent=NATIVE if span.answered_by == SYSTEM else span.answered_by,
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
