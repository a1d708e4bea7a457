"""What mentions do to cases: they open, join and reopen them, or answer them."""

from __future__ import annotations

from datetime import datetime

import regex
from sqlite_utils import Database

from desk.caselog import advance, brand_replied, credit
from desk.errors import ConflictError, NotFoundError
from desk.model.case import CLOSED, Case, CaseId, CaseState
from desk.model.copies import Wording
from desk.model.customer import CustomerId
from desk.model.event import SYSTEM, Event, EventKind
from desk.model.mention import Mention, MentionId, mention_id
from desk.model.reply import Reply, same_words
from desk.model.sla import SlaPolicy, choose_policy
from desk.store import Store, cases, events, mentions, replies, wordings
from desk.triage import Action, Context, Decision, Rules, decide, folded, repeated, speaks_for_brand


def triage_pending(store: Store, rules: Rules, now: datetime, limit: int = 200) -> int:
    """Decide on mentions that nobody has decided on, oldest first; how many there were.

    Each mention's decision, events and case commit together, so a run cut off anywhere goes on here.
    """
    with store.write() as db:
        pending = mentions.undecided(db, limit)
        for item in pending:
            _triage(db, item, rules, now)
    return len(pending)


def open_copy(store: Store, copy_id: MentionId, *, agent: str, now: datetime) -> CaseId:
    """A person sees more than a copy: it becomes a case, promised what the case that counted it was.

    Its clocks run from when it was written. Raises NotFoundError, and ConflictError where it is no copy.
    """
    with store.write() as db:
        item = mentions.decided(db, copy_id)
        if item is None or item.customer_id is None:
            raise NotFoundError("There is no such post in this store.")
        first = cases.of_mention(db, copy_id)
        if first is None or not mentions.is_copy(db, copy_id):
            raise ConflictError("The post is no copy any more: it was deleted, or has a case of its own.")
        reason = f"{agent} found more in it than the same words as in case {first.id}."
        decision = Decision(Action.OPEN, (reason,), first.severity, first.opening)
        policy = events.policies(db)[first.policy_id]
        case_id = _open(db, item, decision, policy=policy, previous=None, now=now, actor=agent)
        mentions.decide(db, copy_id, decision.action, decision.reasons, case_id)
        return case_id


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
        context = Context(_case_of(db, mention, known), elsewhere)
    decision = decide(mention, item.verdict, context, rules.triage)
    wording = Wording.of(mention.text) if decision.action is Action.OPEN else None
    if wording is not None:
        first = wordings.first_said(db, mention, wording)
        decision = repeated(decision, mention, wording, context, first, rules.triage)
        if decision.action is Action.OPEN and wording.can_be_copy and rules.triage.fold_within:
            originals = wordings.originals(db, mention, wording, rules.triage.fold_within)
            decision = folded(decision, mention, context, originals)
    elif speaks_for_brand(mention, rules.triage):
        wordings.save(db, mention, Wording.of(mention.text), near=False)
    case_id: CaseId | None = decision.into
    match decision.action:
        case Action.OPEN if item.customer_id is not None:
            policy = _policy(rules, item, decision)
            case_id = _open(db, item, decision, policy=policy, previous=context.previous, now=now)
            if wording is not None:
                wordings.save(db, mention, wording)
        case Action.JOIN | Action.REOPEN if context.previous is not None:
            case_id = _join(db, mention, decision, context.previous, now)
        case Action.BRAND_POST:
            case_id = _brand_posted(db, mention, now)
    mentions.decide(db, mention.id, decision.action, decision.reasons, case_id)


def _case_of(db: Database, mention: Mention, known: list[Case]) -> Case | None:
    """Of a customer's cases in a conversation, newest first: the one that has the post, or else the newest.

    An old post that is edited belongs where it was, not into the case that came after.
    """
    if len(known) > 1:
        naming = events.cases_naming(db, mention.id)
        return next((case for case in known if case.id in naming), known[0])
    return known[0] if known else None


def _open(
    db: Database,
    item: mentions.Undecided,
    decision: Decision,
    *,
    policy: SlaPolicy,
    previous: Case | None,
    now: datetime,
    actor: str = SYSTEM,
) -> CaseId:
    mention = item.mention
    events.save_policy(db, policy)
    case_id = cases.next_id(db)
    opened = Event(
        EventKind.OPENED,
        mention.created_at,
        actor,
        mention_id=mention.id,
        data={
            "conversation": mention.conversation,
            "source": mention.source,
            "brand": mention.brand,
            "customer": item.customer_id,
            "opening": decision.opening,
            "severity": decision.severity.word,
            "language": _language(item),
            "reasons": list(decision.reasons),
            "linked_case": previous.id if previous else None,
        },
    )
    chosen = Event(EventKind.POLICY_CHOSEN, mention.created_at, data={"policy": policy.id})
    advance(db, case_id, [opened, chosen, _wrote(mention, awaits_answer=True)], now)
    # Replies that were read before the post which they answer.
    for post in mentions.brand_posts(db, mention.conversation, since=mention.created_at):
        if case_id in _answered_by(db, post):
            advance(db, case_id, [brand_replied(post)], now)
            mentions.decide(
                db, post.id, Action.BRAND_POST, ("An answer found before its question.",), case_id
            )
    return case_id


def _policy(rules: Rules, item: mentions.Undecided, decision: Decision) -> SlaPolicy:
    return choose_policy(
        rules.sla,
        brand=item.mention.brand,
        source=item.mention.source,
        severity=decision.severity.word,
        language=_language(item),
    )


def _language(item: mentions.Undecided) -> str:
    return item.mention.language or (item.verdict.language if item.verdict else "und")


def _join(db: Database, mention: Mention, decision: Decision, previous: Case, now: datetime) -> CaseId:
    known = [event for event in events.of_case(db, previous.id) if event.mention_id == mention.id]
    if known:
        return _rejoin(db, mention, decision, previous, known, now)
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
    advance(db, previous.id, happened, now)
    return previous.id


def _rejoin(
    db: Database, mention: Mention, decision: Decision, previous: Case, known: list[Event], now: datetime
) -> CaseId:
    """A post of the case was edited: it counts anew only where it asked for nothing before, and now does."""
    if any(event.kind is EventKind.OPENED and event.actor == SYSTEM for event in known):
        wordings.save(db, mention, Wording.of(mention.text))
    if decision.awaits_answer and not any(event.data.get("awaits_answer") for event in known):
        asks = Event(EventKind.POST_EDITED, now, mention_id=mention.id, data={"awaits_answer": True})
        reopened = [Event(EventKind.REOPENED, now)] if decision.action is Action.REOPEN else []
        advance(db, previous.id, [*reopened, asks], now)
    return previous.id


def _brand_posted(db: Database, post: Mention, now: datetime) -> CaseId | None:
    """Credit a post by the brand to the cases that it answers; the first of them, or None."""
    own = _own_reply(db, post)
    if own is not None:
        if replies.prove(db, own.id, external_id=post.external_id, sent_at=post.created_at):
            credit(db, own, post, now)
        return own.case_id
    answered = _answered_by(db, post)
    for case_id in answered:
        advance(db, case_id, [brand_replied(post)], now)
    return answered[0] if answered else None


def _own_reply(db: Database, post: Mention) -> Reply | None:
    """The reply of this desk that a post by the brand is: known by its id, or one that has no post yet."""
    known = replies.by_external_id(db, post.source, post.external_id)
    if known is not None or post.in_reply_to is None:
        return known
    question = mention_id(post.source, post.in_reply_to)
    candidates = [
        reply for reply in replies.unproven(db, post.source, question) if same_words(reply.text, post.text)
    ]
    # An agent may say the same twice: then it is the latest one that was approved before the post was made.
    return max(candidates, key=lambda each: (each.approved_at <= post.created_at, each.id), default=None)


def _answered_by(db: Database, post: Mention) -> list[CaseId]:
    """The cases in the conversation to whose customers a brand's post speaks, newest first.

    It speaks to the writer of the post that it replies to, and to everybody whom it names. Where that is
    nobody, it speaks to the conversation's only customer; among several it stops no clock by guessing.
    """
    addressed: set[CustomerId] = set()
    if post.in_reply_to is not None:
        author = mentions.customer_of(db, mention_id(post.source, post.in_reply_to))
        addressed |= set() if author is None else {author}
    names = {name.lower() for name in _NAMED.findall(post.text)}
    asked: list[Case] = []
    for case in cases.of_conversation(db, post.conversation):
        question = mentions.get(db, case.last_mention_id)
        if question is None or case.brand != post.brand or post.created_at < case.opened_at:
            continue
        if any(newer.customer_id == case.customer_id for newer in asked):
            continue  # the case before the linked one: it was closed, and this answers its successor
        asked.append(case)
        handle = question.author.handle.lower()
        # A Mastodon handle may be written without its server.
        if {f"@{handle}", f"@{handle.partition('@')[0]}"} & names:
            addressed.add(case.customer_id)
    if not addressed and len({case.customer_id for case in asked}) == 1:
        addressed = {case.customer_id for case in asked}
    return [case.id for case in asked if case.customer_id in addressed]


_NAMED = regex.compile(r"(?<![\w@.])@\w(?:[\w.-]*\w)?(?:@\w(?:[\w.-]*\w)?)?")
"""A handle as it is written in a text, with or without its server; whatever punctuation stands around it."""


def _wrote(mention: Mention, *, awaits_answer: bool) -> Event:
    return Event(
        EventKind.CUSTOMER_WROTE,
        mention.created_at,
        mention_id=mention.id,
        data={"awaits_answer": awaits_answer},
    )
