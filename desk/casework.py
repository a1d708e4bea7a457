"""What happens to a case. Every act is an event in one transaction, and the case is projected anew from all.

Agents' acts raise NotFoundError, NotAllowedError (the state forbids it) or ConflictError (somebody was first).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlite_utils import Database

from desk.errors import ConflictError, NotAllowedError, NotFoundError
from desk.model.case import CLOSED, Case, CaseId, CaseState, Severity, allowed
from desk.model.event import SYSTEM, UNDOABLE, Event, EventKind
from desk.model.mention import Mention, mention_id
from desk.model.reply import Reply, ReplyId, ReplyState, same_words
from desk.model.sla import PolicyRule, choose_policy
from desk.model.timeline import effective, project
from desk.store import Store, cases, events, mentions, replies
from desk.triage import Action, Context, Decision, TriagePolicy, decide


@dataclass(frozen=True, slots=True)
class Rules:
    """What the operator has configured for opening and timing cases."""

    triage: TriagePolicy
    sla: Sequence[PolicyRule]


# --- What mentions do -------------------------------------------------------------------------------


def triage_pending(store: Store, rules: Rules, now: datetime, limit: int = 200) -> int:
    """Decide on mentions that nobody has decided on, oldest first; how many there were.

    Each mention's decision, events and case commit together, so a run cut off anywhere goes on here.
    """
    with store.write() as db:
        pending = mentions.undecided(db, limit)
        for item in pending:
            _triage(db, item, rules, now)
    return len(pending)


def _triage(db: Database, item: mentions.Undecided, rules: Rules, now: datetime) -> None:
    mention = item.mention
    context = Context()
    if item.customer_id is not None:
        known = cases.of_conversation(db, mention.conversation, item.customer_id)
        elsewhere = [
            case
            for case in cases.of_customer(db, item.customer_id)
            if case.state not in CLOSED and case.conversation != mention.conversation
        ]
        context = Context(known[0] if known else None, elsewhere)
    decision = decide(mention, item.verdict, context, rules.triage)
    case_id: CaseId | None = None
    match decision.action:
        case Action.OPEN if item.customer_id is not None:
            case_id = _open(db, item, decision, context, rules, now)
        case Action.JOIN | Action.REOPEN if context.previous is not None:
            case_id = _join(db, mention, decision, context.previous, now)
        case Action.BRAND_POST:
            case_id = _brand_posted(db, mention, now)
    mentions.decide(db, mention.id, decision.action, decision.reasons, case_id)


def _open(
    db: Database, item: mentions.Undecided, decision: Decision, context: Context, rules: Rules, now: datetime
) -> CaseId:
    mention, verdict = item.mention, item.verdict
    language = mention.language or (verdict.language if verdict else "und")
    policy = choose_policy(
        rules.sla,
        brand=mention.brand,
        source=mention.source,
        severity=decision.severity.word,
        language=language,
    )
    events.save_policy(db, policy)
    case_id = cases.next_id(db)
    opened = Event(
        EventKind.OPENED,
        mention.created_at,
        mention_id=mention.id,
        data={
            "conversation": mention.conversation,
            "source": mention.source,
            "brand": mention.brand,
            "customer": item.customer_id,
            "opening": decision.opening,
            "severity": decision.severity.word,
            "language": language,
            "reasons": list(decision.reasons),
            "linked_case": context.previous.id if context.previous else None,
        },
    )
    chosen = Event(EventKind.POLICY_CHOSEN, mention.created_at, data={"policy": policy.id})
    _append(db, case_id, [opened, chosen, _wrote(mention, awaits_answer=True)], now)
    # Replies that were read before the post which they answer.
    for post in mentions.brand_posts(db, mention.conversation, since=mention.created_at):
        if _answers(post, mention):
            _append(db, case_id, [_replied(post, SYSTEM)], now)
            mentions.decide(
                db, post.id, Action.BRAND_POST, ("An answer found before its question.",), case_id
            )
    return case_id


def _join(db: Database, mention: Mention, decision: Decision, previous: Case, now: datetime) -> CaseId:
    happened = [_wrote(mention, awaits_answer=decision.awaits_answer)]
    # A post that was written before the case was put away, and seen only after, brings it back as well.
    if decision.action is Action.REOPEN:
        closed_at = previous.closed_at or mention.created_at
        happened.insert(0, Event(EventKind.REOPENED, max(mention.created_at, closed_at)))
    elif decision.awaits_answer and previous.state is CaseState.SNOOZED:
        happened.append(Event(EventKind.WOKEN, max(mention.created_at, now)))
    if decision.severity > previous.severity:
        raised = {"severity": decision.severity.word}
        happened.append(Event(EventKind.SEVERITY_CHANGED, mention.created_at, data=raised))
    _append(db, previous.id, happened, now)
    return previous.id


def _brand_posted(db: Database, post: Mention, now: datetime) -> CaseId | None:
    """Credit a post by the brand to the cases that it answers; the first of them, or None."""
    own = _own_reply(db, post)
    if own is not None:
        if replies.change(
            db, own.id, own.state, ReplyState.SENT, external_id=post.external_id, sent_at=post.created_at
        ):
            credit_reply(db, own.case_id, post, agent=own.agent, reply_id=own.id, now=now)
        return own.case_id
    answered = [
        case
        for case in cases.of_conversation(db, post.conversation)
        if (question := mentions.get(db, case.last_mention_id)) is not None and _answers(post, question)
    ]
    for case in answered:
        _append(db, case.id, [_replied(post, SYSTEM)], now)
    return answered[0].id if answered else None


def _own_reply(db: Database, post: Mention) -> Reply | None:
    """The reply of this desk that a post by the brand is: known by its id, or one whose answer was lost."""
    known = replies.by_external_id(db, post.source, post.external_id)
    if known is not None or post.in_reply_to is None:
        return known
    question = mention_id(post.source, post.in_reply_to)
    candidates = replies.unsettled(db, post.source, question)
    return next((reply for reply in candidates if same_words(reply.text, post.text)), None)


def _answers(post: Mention, question: Mention) -> bool:
    """Whether a brand's post speaks to the writer of a question in the same conversation.

    It does when it replies to it, when it names the writer, or when it names nobody.
    """
    if post.created_at < question.created_at:
        return False
    names = {word.strip(".,:;!?").lower() for word in post.text.split() if word.startswith("@")}
    handle = question.author.handle.lower()
    # A Mastodon handle may be written without its server.
    named = {f"@{handle}", f"@{handle.partition('@')[0]}"} & names
    return post.in_reply_to == question.external_id or bool(named) or not names


def _wrote(mention: Mention, *, awaits_answer: bool) -> Event:
    return Event(
        EventKind.CUSTOMER_WROTE,
        mention.created_at,
        mention_id=mention.id,
        data={"awaits_answer": awaits_answer},
    )


def _replied(post: Mention, actor: str, reply_id: ReplyId | None = None) -> Event:
    return Event(
        EventKind.BRAND_REPLIED,
        post.created_at,
        actor=actor,
        mention_id=post.id,
        data={"automatic": post.automatic, "reply": reply_id},
    )


def credit_reply(
    db: Database, case_id: CaseId, post: Mention, *, agent: str, reply_id: ReplyId, now: datetime
) -> None:
    """A reply of this desk is public: stop the clocks at the platform's own time."""
    _append(db, case_id, [_replied(post, agent, reply_id)], now)


def reply_failed(db: Database, case_id: CaseId, *, reply_id: ReplyId, error: str, now: datetime) -> None:
    """The platform refused a reply: the clocks run on, and the case says why."""
    _append(db, case_id, [Event(EventKind.REPLY_FAILED, now, data={"reply": reply_id, "error": error})], now)


def wake_due(store: Store, now: datetime) -> int:
    """Bring back snoozed cases whose time has come; how many."""
    with store.write() as db:
        due = cases.snoozed_until(db, now)
        for case_id in due:
            _append(db, case_id, [Event(EventKind.WOKEN, now)], now)
    return len(due)


# --- What agents do ---------------------------------------------------------------------------------


def claim(store: Store, case_id: CaseId, *, agent: str, now: datetime) -> Case:
    """Take a case, also one that somebody else has; nothing happens where it is the agent's already."""
    with store.write() as db:
        case = _existing(db, case_id)
        if case.assignee == agent:
            return case
        return _act(db, case, Event(EventKind.CLAIMED, now, agent), now)


def release(store: Store, case_id: CaseId, *, agent: str, now: datetime) -> Case:
    with store.write() as db:
        case = _existing(db, case_id)
        if case.assignee is None:
            raise NotAllowedError(f"Case {case_id} belongs to nobody.")
        return _act(db, case, Event(EventKind.RELEASED, now, agent), now)


def snooze(store: Store, case_id: CaseId, *, agent: str, until: datetime, now: datetime) -> Case:
    """Put a case away until a moment to come, or until its customer writes. Its clocks run on."""
    if until <= now:
        raise NotAllowedError("Choose a time that is still to come.")
    with store.write() as db:
        event = Event(EventKind.SNOOZED, now, agent, data={"until": until.isoformat()})
        return _act(db, _existing(db, case_id), event, now)


def wake(store: Store, case_id: CaseId, *, agent: str, now: datetime) -> Case:
    return _simple(store, case_id, EventKind.WOKEN, agent, now)


def note(store: Store, case_id: CaseId, *, agent: str, text: str, now: datetime) -> Case:
    """An internal note: nobody outside sees it, and it stops no clock."""
    if not text.strip():
        raise NotAllowedError("The note is empty.")
    with store.write() as db:
        event = Event(EventKind.NOTED, now, agent, data={"text": text.strip()})
        return _act(db, _existing(db, case_id), event, now)


def resolve(store: Store, case_id: CaseId, *, agent: str, now: datetime) -> Case:
    return _simple(store, case_id, EventKind.RESOLVED, agent, now)


def dismiss(store: Store, case_id: CaseId, *, agent: str, reason: str, now: datetime) -> Case:
    """Not for us. The reason is kept: it is what the classifier can learn from."""
    with store.write() as db:
        event = Event(EventKind.DISMISSED, now, agent, data={"reason": reason})
        return _act(db, _existing(db, case_id), event, now)


def reopen(store: Store, case_id: CaseId, *, agent: str, now: datetime) -> Case:
    return _simple(store, case_id, EventKind.REOPENED, agent, now)


def set_severity(store: Store, case_id: CaseId, *, agent: str, severity: Severity, now: datetime) -> Case:
    with store.write() as db:
        case = _existing(db, case_id)
        if case.severity is severity:
            return case
        event = Event(EventKind.SEVERITY_CHANGED, now, agent, data={"severity": severity.word})
        return _act(db, case, event, now)


def undo(store: Store, case_id: CaseId, *, agent: str, now: datetime) -> Event:
    """Take back what the agent did last to the case, as long as nothing has happened since.

    Returns the event that no longer counts. A reply can be taken back until a sender has claimed it.
    """
    with store.write() as db:
        _existing(db, case_id)
        counted = sorted(effective(events.of_case(db, case_id)), key=lambda event: event.seq)
        last = counted[-1]
        if last.actor != agent or last.kind not in UNDOABLE:
            raise NotAllowedError("There is nothing of yours to take back: something else happened since.")
        if last.kind is EventKind.REPLY_APPROVED:
            reply_id = ReplyId(last.data["reply"])
            if not replies.change(db, reply_id, ReplyState.APPROVED, ReplyState.CANCELLED):
                raise ConflictError("Too late: the reply is already on its way.")
            cancelled = replies.get(db, reply_id)
            if cancelled is not None:
                replies.save_draft(db, case_id, agent, cancelled.text, now)
        _append(db, case_id, [Event(EventKind.UNDONE, now, agent, data={"seq": last.seq})], now)
        return last


def approved(db: Database, case: Case, *, reply_id: ReplyId, agent: str, now: datetime) -> None:
    """Note in the log that an agent approved a reply."""
    _append(db, case.id, [Event(EventKind.REPLY_APPROVED, now, agent, data={"reply": reply_id})], now)


def _simple(store: Store, case_id: CaseId, kind: EventKind, agent: str, now: datetime) -> Case:
    with store.write() as db:
        return _act(db, _existing(db, case_id), Event(kind, now, agent), now)


def _existing(db: Database, case_id: CaseId) -> Case:
    case = cases.get(db, case_id)
    if case is None:
        raise NotFoundError(f"There is no case {case_id} in this store.")
    return case


def _act(db: Database, case: Case, event: Event, now: datetime) -> Case:
    if not allowed(case.state, event.kind):
        raise NotAllowedError(f"Case {case.id} is {case.state}: it cannot be {event.kind.replace('_', ' ')}.")
    return _append(db, case.id, [event], now)


def _append(db: Database, case_id: CaseId, happened: Sequence[Event], now: datetime) -> Case:
    """The one way to change a case: append to its log, and write down what the whole log now says."""
    events.append(db, case_id, happened, now)
    case = project(case_id, events.of_case(db, case_id), events.policies(db))
    cases.save(db, case)
    return case
