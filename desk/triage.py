"""What to do with a mention: open a case, join one, or leave it. Pure, and every decision says why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

import regex

from desk.model.case import CLOSED, Case, CaseId, CaseState, Opening, Severity
from desk.model.copies import Original, Wording, only_repeats, word_for_word
from desk.model.folding import fold
from desk.model.mention import Mention
from desk.model.platform import written
from desk.model.sla import PolicyRule
from desk.model.spam import giveaway_or_spam
from desk.model.verdict import UNREAD, Verdict

_NOT_READ = "The classifier could not read it"


class Action(StrEnum):
    OPEN = "open"
    JOIN = "join"
    REOPEN = "reopen"
    """Join a closed case and open it again."""
    BRAND_POST = "brand_post"
    """Written by the brand: an answer to whoever it answers."""
    NOISE = "noise"
    COPY = "copy"
    """The words of a post that has a case already, passed on: counted there, with no clock of its own."""


@dataclass(frozen=True, slots=True)
class Ally:
    """An account of somebody who speaks for the brand, by its handle or its platform's id."""

    source: str
    name: str
    """Lower case, without the @."""

    @classmethod
    def of(cls, source: str, name: str) -> Ally:
        return cls(source.strip().lower(), name.strip().removeprefix("@").lower())

    def __str__(self) -> str:
        return f"{written(self.source, self.name)} on {self.source}"


@dataclass(frozen=True, slots=True)
class TriagePolicy:
    """The operator's choices."""

    open_every_thread: bool = False
    """A case for each thread, not only for complaints."""
    open_needs_look: bool = True
    """Where the classifier is not sure, open a case for a person to decide."""
    reopen_within: timedelta = timedelta(days=14)
    """A customer who comes back sooner continues the old case; later, a new one links to it."""
    urgent_terms: tuple[str, ...] = ()
    """Words or phrases that make a complaint urgent, matched whole and by `desk.model.folding`."""
    severe_negative: float = 0.9
    """Probability of negative sentiment from which a complaint is of high severity."""
    severe_anger: float = 0.9
    """The same for the probability of anger."""
    allies: frozenset[Ally] = frozenset()
    """The brand's agencies, employees and partners: what they write is nobody's complaint."""
    fold_within: timedelta = timedelta(days=7)
    """A copy of a post at most so much older is folded into that post's case; never where it is zero."""


@dataclass(frozen=True, slots=True)
class Rules:
    """Everything that the operator has configured for opening and timing cases."""

    triage: TriagePolicy
    sla: Sequence[PolicyRule]


@dataclass(frozen=True, slots=True)
class Context:
    """What is known around the mention."""

    previous: Case | None = None
    """The same customer's latest case in the same conversation."""
    open_elsewhere: Sequence[Case] = ()
    """The same customer's open cases in other conversations."""


@dataclass(frozen=True, slots=True)
class Decision:
    action: Action
    reasons: tuple[str, ...]
    """In words, for whoever asks why."""
    severity: Severity = Severity.NORMAL
    opening: Opening = Opening.COMPLAINT
    awaits_answer: bool = True
    """False for a bare "thanks": it is kept, and starts no clock."""
    into: CaseId | None = None
    """The case that counts a copy."""


def decide(mention: Mention, verdict: Verdict | None, context: Context, policy: TriagePolicy) -> Decision:
    """Decide on one mention. `verdict` is None for the brand's own and for deleted posts.

    A post that the classifier fails on (UNREAD) is one where it is not sure.
    """
    if mention.from_brand:
        return Decision(Action.BRAND_POST, ("Written by the brand's own account.",))
    if (ally := _ally(mention, policy)) is not None:
        return Decision(Action.NOISE, (f"An ally of the brand: {ally}.",))
    if verdict is None:
        return Decision(Action.NOISE, ("Deleted by its author before it was read.",))
    thanks = not verdict.is_complaint and (
        says_only_thanks(mention.text) or (is_bare_thanks(mention.text) and not verdict.needs_look)
    )
    if context.previous is not None:
        return _decide_in_known_thread(mention, verdict, context.previous, policy, thanks=thanks)
    return _decide_in_new_thread(mention, verdict, context, policy, thanks=thanks)


def speaks_for_brand(mention: Mention, policy: TriagePolicy) -> bool:
    return mention.from_brand or _ally(mention, policy) is not None


def repeated(
    decision: Decision,
    mention: Mention,
    wording: Wording,
    context: Context,
    first: Mention | None,
    policy: TriagePolicy,
) -> Decision:
    """The same decision, or to leave a post whose writer only passes on what the brand or an ally has said.

    `decision` is to open a case, and `first` is the oldest post with the words of `mention`, or one that
    goes on where `mention` leaves off. Who is known in the conversation, or sends the brand its own words in
    private, wants something by it.
    """
    if decision.action is not Action.OPEN or context.previous is not None or mention.private:
        return decision
    if first is None or not speaks_for_brand(first, policy) or not only_repeats(wording, first):
        return decision
    said = f"Only the words of {written(first.source, first.author.handle)}, who speaks for the brand."
    return Decision(Action.NOISE, (*decision.reasons[:1], said))


def _ally(mention: Mention, policy: TriagePolicy) -> Ally | None:
    names = (mention.author.handle, mention.author.external_id)
    return next((ally for name in names if (ally := Ally.of(mention.source, name)) in policy.allies), None)


def folded(decision: Decision, mention: Mention, context: Context, originals: Sequence[Original]) -> Decision:
    """The same decision, or to fold the post into the case of the first post that it repeats.

    `decision` is to open a case, and `originals` are posts of which `mention` is a copy. A writer who has a
    matter of their own stays apart; so does what can be answered from what cannot, and what comes after the
    first one was resolved.
    """
    if decision.action is not Action.OPEN or context.previous is not None:
        return decision
    for original in originals:
        case, same_writer = original.case, original.mention.author.external_id == mention.author.external_id
        if (
            case.state is CaseState.RESOLVED
            or (same_writer and case.state in CLOSED)
            or (mention.replyable.allowed and not original.mention.replyable.allowed)
            or any(other.id != case.id for other in context.open_elsewhere)
            or (
                decision.severity is Severity.URGENT
                and not word_for_word(mention.text, original.mention.text)
            )
        ):
            continue
        writer = written(original.mention.source, original.mention.author.handle)
        said = f"The same words as {writer}’s: counted in case {case.id}."
        return Decision(Action.COPY, (*decision.reasons[:1], said), awaits_answer=False, into=case.id)
    return decision


def _decide_in_new_thread(
    mention: Mention, verdict: Verdict, context: Context, policy: TriagePolicy, *, thanks: bool
) -> Decision:
    severity, why = _severity(mention, verdict, policy)
    elsewhere = tuple(f"The customer also has open case {case.id}." for case in context.open_elsewhere)
    if verdict.is_complaint:
        said = f"A complaint with {verdict.complaint:.0%}."
        return Decision(Action.OPEN, (said, *why, *elsewhere), severity)
    spam = giveaway_or_spam(mention.text)
    if spam is not None:
        return Decision(Action.NOISE, (spam,))
    if verdict.needs_look and policy.open_needs_look and not thanks:
        sure = "" if verdict is UNREAD else f" ({verdict.complaint:.0%})"
        said = f"Perhaps a complaint{sure}: a person should look."
        return Decision(Action.OPEN, (said, *why, *elsewhere), severity, Opening.NEEDS_LOOK)
    found = _NOT_READ if verdict is UNREAD else f"No complaint ({verdict.complaint:.0%})"
    if policy.open_every_thread:
        said = f"{found}, but every thread is to have a case."
        return Decision(Action.OPEN, (said, *elsewhere), Severity.LOW, Opening.EVERY_MENTION)
    return Decision(Action.NOISE, (f"{found}.",))


def _decide_in_known_thread(
    mention: Mention, verdict: Verdict, previous: Case, policy: TriagePolicy, *, thanks: bool
) -> Decision:
    severity, why = _severity(mention, verdict, policy)
    same = f"The same customer in the same conversation as case {previous.id}."
    if previous.state not in CLOSED:
        if thanks:
            return Decision(Action.JOIN, (same, "A bare thanks: it starts no clock."), awaits_answer=False)
        return Decision(Action.JOIN, (same, *why), severity)
    if thanks:
        return Decision(Action.JOIN, (same, "A bare thanks: the case stays closed."), awaits_answer=False)
    closed_at = previous.closed_at or previous.opened_at
    if mention.created_at - closed_at <= policy.reopen_within:
        return Decision(Action.REOPEN, (same, "It was closed not long ago: opened again.", *why), severity)
    said = f"Case {previous.id} was closed over {policy.reopen_within.days} days before: a new case, linked."
    opening = Opening.COMPLAINT if verdict.is_complaint else Opening.NEEDS_LOOK
    return Decision(Action.OPEN, (said, *why), severity, opening)


def _severity(mention: Mention, verdict: Verdict, policy: TriagePolicy) -> tuple[Severity, tuple[str, ...]]:
    if not (verdict.is_complaint or verdict.needs_look):
        return Severity.LOW, ()
    unread = (f"{_NOT_READ}.",) if verdict is UNREAD else ()
    text = fold(mention.text)
    for term in policy.urgent_terms:
        if regex.search(rf"(?<!\w){regex.escape(fold(term))}(?!\w)", text):
            return Severity.URGENT, (*unread, f"Urgent: it says “{term}”.")
    if not verdict.is_complaint:
        return Severity.LOW, unread
    if verdict.sentiment.negative >= policy.severe_negative:
        return Severity.HIGH, (f"Strongly negative ({verdict.sentiment.negative:.0%}).",)
    if verdict.anger >= policy.severe_anger:
        return Severity.HIGH, (f"Angry ({verdict.anger:.0%}).",)
    return Severity.NORMAL, ()


_THANKS = regex.compile(
    r"\b(?:thanks?|thank you|thankyou|thx|tysm|ty|cheers|much appreciated|appreciate it|"
    r"спасибо|благодарю|спс|teşekkür(?:ler| ederim)?|tesekkur(?:ler| ederim)?|sağ ?ol(?:un)?|eyvallah|"
    r"danke(?:schön)?|vielen dank|merci|gracias|grazie|obrigad[oa]|شكرا|شكراً|धन्यवाद|शुक्रिया)\b",
    regex.IGNORECASE,
)
_HANDLES_AND_LINKS = regex.compile(r"@[\w.-]+|https?://\S+")
_BUT = regex.compile(
    r"\b(?:but|still|however|no thanks|но|ama|aber|mais|pero|ma|mas|لكن|लेकिन)\b|[?؟]|\d", regex.I
)
"""A contradiction, a question, or a number (an order's, a telephone's): somebody should read it."""
_WORD = regex.compile(r"\w+")
_LONGEST_THANKS = 60
"""Characters without handles and links; who writes more has something to say."""


def is_bare_thanks(text: str) -> bool:
    """Whether a post is a thank-you and nothing else, in any of the ten languages that are served."""
    words = _HANDLES_AND_LINKS.sub(" ", text).strip()
    return len(words) <= _LONGEST_THANKS and bool(_THANKS.search(words)) and not _BUT.search(words)


def says_only_thanks(text: str) -> bool:
    """Whether nothing is left beside the thanks but a word: sure even where the classifier is not.

    "Danke, geht nicht" is a thanks by its words, and none by its sense.
    """
    rest = _THANKS.sub(" ", _HANDLES_AND_LINKS.sub(" ", text))
    return is_bare_thanks(text) and len(_WORD.findall(rest)) <= 1
