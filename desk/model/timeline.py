"""From a case's events to its state and its clocks. Pure: the same events always give the same case."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from desk.model.case import CLOSED, Case, CaseId, CaseState, Opening, Severity, allowed, next_state
from desk.model.customer import CustomerId
from desk.model.event import Event, EventKind
from desk.model.mention import ConversationId, MentionId
from desk.model.sla import Clock, SlaPolicy


@dataclass(frozen=True, slots=True)
class Span:
    """One run of one clock."""

    clock: Clock
    started_at: datetime
    stopped_at: datetime | None
    """None while it runs."""
    policy: SlaPolicy
    pauses: tuple[tuple[datetime, datetime | None], ...] = ()
    """Times that do not count, in order; the last may still be open."""
    answered_by: str | None = None
    """Who stopped it; None while it runs, and where the case was closed without an answer."""

    def due_at(self) -> datetime | None:
        """When the target passes; None without a target, or while the clock pauses before it."""
        left = self.policy.target_seconds(self.clock)
        if left is None:
            return None
        calendar, remaining = self.policy.calendar, float(left)
        begin = self.started_at
        for paused_at, resumed_at in self.pauses:
            passed = calendar.seconds_between(begin, paused_at)
            if passed >= remaining:
                break
            remaining -= passed
            if resumed_at is None:
                return None
            begin = resumed_at
        return calendar.add(begin, remaining)

    def breached_at(self, now: datetime) -> datetime | None:
        """The instant of the breach, or None. An answer exactly at the due time is in time."""
        due = self.due_at()
        if due is None:
            return None
        end = self.stopped_at or now
        return due if end > due or (self.stopped_at is None and now >= due) else None

    def wall_seconds(self) -> float | None:
        """Time on the wall from start to stop, pauses left out; None while it runs."""
        if self.stopped_at is None:
            return None
        paused = sum(
            ((resumed or self.stopped_at) - paused).total_seconds() for paused, resumed in self.pauses
        )
        return (self.stopped_at - self.started_at).total_seconds() - paused

    def working_seconds(self) -> float | None:
        """The same, in working time of the policy's calendar."""
        if self.stopped_at is None:
            return None
        between = self.policy.calendar.seconds_between
        return between(self.started_at, self.stopped_at) - sum(
            between(paused, resumed or self.stopped_at) for paused, resumed in self.pauses
        )


@dataclass(slots=True)
class _Fold:
    """The state while events are read in order; private to this module."""

    policy: SlaPolicy | None = None
    state: CaseState = CaseState.NEW
    severity: Severity = Severity.NORMAL
    assignee: str | None = None
    snoozed_until: datetime | None = None
    approved: set[int] = field(default_factory=set)
    """Replies that an agent has put on their way."""
    slept_on: frozenset[int] = frozenset()
    """Those of which the agent who put the case away knew that they were on their way."""
    first_wrote_at: datetime | None = None
    first_response_at: datetime | None = None
    pending: list[Event] = field(default_factory=list)
    """Customer posts that await an answer, oldest first."""
    deleted: set[MentionId | None] = field(default_factory=set)
    closed_at: datetime | None = None
    wrote: list[Event] = field(default_factory=list)
    responses: list[tuple[Clock, datetime, datetime, str]] = field(default_factory=list)
    pauses: list[tuple[datetime, datetime | None]] = field(default_factory=list)

    def take(self, event: Event) -> None:
        before = self.state
        match event.kind:
            case EventKind.OPENED:
                self.severity = Severity[event.data["severity"].upper()]
            case EventKind.SEVERITY_CHANGED:
                self.severity = Severity[event.data["severity"].upper()]
            case EventKind.CLAIMED:
                self.assignee = event.actor
            case EventKind.RELEASED:
                self.assignee = None
            case EventKind.SNOOZED:
                self.snoozed_until = datetime.fromisoformat(event.data["until"])
                self.slept_on = frozenset(self.approved)
            case EventKind.REPLY_APPROVED:
                self.approved.add(event.data["reply"])
            case EventKind.POST_DELETED:
                # Nothing is left to answer; an answer that it got before stays one.
                self.pending = [post for post in self.pending if post.mention_id != event.mention_id]
                self.deleted.add(event.mention_id)
            case EventKind.CUSTOMER_WROTE | EventKind.POST_EDITED:
                self._customer_wrote(event)
            case EventKind.BRAND_REPLIED:
                self._brand_replied(event)
        # The log is the truth: an event that came too late to matter changes nothing, and breaks nothing.
        if not self._keeps_state(event) and allowed(before, event.kind):
            self.state = next_state(before, event.kind, owned=self.owned)
            if self.pending and self.state is CaseState.WAITING:
                # Answered, but a post came to light that the reply could not have known.
                self.state = next_state(CaseState.WAITING, EventKind.CUSTOMER_WROTE, owned=self.owned)
        self._time_passes(before, event)

    def _customer_wrote(self, event: Event) -> None:
        self.wrote.append(event)
        if not event.data["awaits_answer"]:
            return
        if self.first_wrote_at is None:
            self.first_wrote_at = event.at
        self.pending.append(event)

    def _brand_replied(self, event: Event) -> None:
        if event.data.get("automatic"):
            return
        # A reply answers what was known when it was made: a post recorded later still waits.
        answered = [post for post in self.pending if post.seq < event.seq]
        if answered:
            self.responses.append((self._response_clock, answered[0].at, event.at, event.actor))
            self.first_response_at = self.first_response_at or event.at
        self.pending = [post for post in self.pending if post.seq > event.seq]

    def _keeps_state(self, event: Event) -> bool:
        """A bot answers nobody, a bare "thanks" calls nobody back, and a reply on its way wakes nobody.

        Whoever answers and then puts the case away until Monday means to look again on Monday.
        """
        if event.kind is EventKind.BRAND_REPLIED:
            asleep = self.state is CaseState.SNOOZED and event.data.get("reply") in self.slept_on
            return asleep or bool(event.data.get("automatic"))
        return event.kind is EventKind.CUSTOMER_WROTE and not event.data["awaits_answer"]

    @property
    def owned(self) -> bool:
        return self.assignee is not None

    @property
    def _response_clock(self) -> Clock:
        return Clock.NEXT_RESPONSE if self.first_response_at else Clock.FIRST_RESPONSE

    def _time_passes(self, before: CaseState, event: Event) -> None:
        """Keep the resolution clock's pauses: waiting on the customer, and the time spent closed."""
        was, now = _resting(before), _resting(self.state)
        if now and not was:
            self.pauses.append((event.at, None))
        elif was and not now and self.pauses:
            self.pauses[-1] = (self.pauses[-1][0], event.at)
        if self.state in CLOSED and before not in CLOSED:
            self.closed_at = event.at
        elif self.state not in CLOSED:
            self.closed_at = None
        if self.state is not CaseState.SNOOZED:
            self.snoozed_until = None

    def spans(self) -> list[Span]:
        """Every run of every clock so far. Needs a policy."""
        policy = self.policy
        if policy is None:
            return []
        spans = [
            Span(clock, started, stopped, policy, answered_by=actor)
            for clock, started, stopped, actor in self.responses
        ]
        if self.pending:
            spans.append(Span(self._response_clock, self.pending[0].at, self.closed_at, policy))
        something_left = any(post.mention_id not in self.deleted for post in self.wrote)
        if self.first_wrote_at is not None and something_left and self.state is not CaseState.DISMISSED:
            # The rest that began with the closing is no pause: it is the end.
            pauses = [p for p in self.pauses if self.closed_at is None or p[0] < self.closed_at]
            if self.closed_at is not None and pauses and pauses[-1][1] is None:
                pauses[-1] = (pauses[-1][0], self.closed_at)
            spans.append(Span(Clock.RESOLUTION, self.first_wrote_at, self.closed_at, policy, tuple(pauses)))
        return spans


def _resting(state: CaseState) -> bool:
    return state is CaseState.WAITING or state in CLOSED


def effective(events: Iterable[Event]) -> list[Event]:
    """The events that count, in the order in which they happened.

    What was undone is left out, and replies that the brand has deleted: they stop no clock.
    """
    all_events = list(events)
    undone = {event.data["seq"] for event in all_events if event.kind is EventKind.UNDONE}
    deleted = {event.mention_id for event in all_events if event.kind is EventKind.POST_DELETED}
    return sorted(
        (
            e
            for e in all_events
            if e.seq not in undone
            and e.kind is not EventKind.UNDONE
            and not (e.kind is EventKind.BRAND_REPLIED and e.mention_id in deleted)
        ),
        key=lambda e: (e.kind is not EventKind.OPENED, e.at, e.seq),
    )


def _fold(events: Sequence[Event], policies: Mapping[str, SlaPolicy]) -> _Fold:
    fold = _Fold()
    for event in events:
        if event.kind is EventKind.POLICY_CHOSEN:
            fold.policy = policies[event.data["policy"]]
        fold.take(event)
    return fold


def spans(events: Iterable[Event], policies: Mapping[str, SlaPolicy]) -> list[Span]:
    """Every run of every clock of one case, first response first. `policies` by id."""
    return _fold(effective(events), policies).spans()


def project(case_id: CaseId, events: Sequence[Event], policies: Mapping[str, SlaPolicy]) -> Case:
    """The case as its events leave it.

    `events` are all of the case's events and begin with `opened`, `policy_chosen` and a customer's post.
    """
    counted = effective(events)
    fold = _fold(counted, policies)
    opened = counted[0].data
    policy_id = [e.data["policy"] for e in counted if e.kind is EventKind.POLICY_CHOSEN][-1]
    running = [
        (due, span.clock)
        for span in fold.spans()
        if span.stopped_at is None and (due := span.due_at()) is not None
    ]
    due_at, due_clock = min(running, default=(None, None))
    standing = [post for post in fold.wrote if post.mention_id not in fold.deleted]
    last = (standing or fold.wrote)[-1]
    assert last.mention_id is not None, "customer_wrote always names its mention"  # noqa: S101
    return Case(
        id=case_id,
        conversation=ConversationId(opened["conversation"]),
        source=opened["source"],
        brand=opened["brand"],
        customer_id=CustomerId(opened["customer"]),
        opening=Opening(opened["opening"]),
        language=opened["language"],
        state=fold.state,
        severity=fold.severity,
        assignee=fold.assignee,
        policy_id=policy_id,
        opened_at=counted[0].at,
        due_at=due_at,
        due_clock=due_clock,
        snoozed_until=fold.snoozed_until,
        first_response_at=fold.first_response_at,
        closed_at=fold.closed_at,
        last_mention_id=last.mention_id,
        last_customer_at=last.at,
        unanswered=len(fold.pending),
        linked_case_id=opened.get("linked_case"),
        version=max(event.seq for event in events),
    )
