"""What the desk asks before it acts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, tzinfo
from enum import StrEnum

from textual.content import Content

from desk.model.case import Severity
from desk.model.copies import Wording
from desk.model.correction import NO_COMPLAINT, SENTIMENTS, Label
from desk.model.mention import Mention
from desk.model.platform import platform_of
from desk.model.reason import OTHER
from desk.model.reply import Reply
from desk.store.case_view import Copies
from desk.store.queue_view import QueueFilter
from tui import text
from tui.modals.choose import Choice, Choose, OwnWords
from tui.timeline import actor, same_words
from tui.times import clock
from tui.when import EXAMPLES, Moment, parse, suggestions

_HANDLE, _EXCERPT = 22, 200
"""Cells and characters of a line that names a post."""
_LAST_WORDS = 500
"""Characters of a sender's sentence."""
_REASONS = ("Not about us", NO_COMPLAINT, "Spam or a bot", "A joke or irony", "Handled elsewhere")
_SEVERITIES = {
    Severity.URGENT: "harm, press, the law",
    Severity.HIGH: "very upset, or much at stake",
    Severity.NORMAL: "",
    Severity.LOW: "can wait",
}


def ask_until(now: datetime, zone: tzinfo | None) -> Choose[Moment]:
    """Until when to snooze."""

    def read(words: str) -> Moment:
        at = parse(words, now, zone)
        return Moment(f"at {clock(at, now, zone)}", at)

    choices = [Choice(moment.words, moment, clock(moment.at, now, zone)) for moment in suggestions(now, zone)]
    return Choose("Snooze until", choices, own=OwnWords("at another time…", EXAMPLES, read))


def ask_reason() -> Choose[str]:
    """Why a case is not for us."""

    def read(words: str) -> str:
        if not words.strip():
            raise ValueError("Write a few words, or choose one of the reasons above.")
        return words.strip()

    choices = [Choice(reason, reason) for reason in _REASONS]
    return Choose("Dismiss, because", choices, own=OwnWords("another reason…", "in a few words", read))


def ask_severity(current: Severity) -> Choose[Severity]:
    choices = [Choice(severity.word, severity, hint) for severity, hint in _SEVERITIES.items()]
    return Choose("How severe is it?", choices, current=current)


class Further(StrEnum):
    """What a correction may be about beside complaint or none."""

    REASON = "reason"
    SENTIMENT = "sentiment"


def ask_correction(current: Label) -> Choose[Label | Further]:
    """What a post is."""
    choices: list[Choice[Label | Further]] = [
        Choice("A complaint", Label(complaint=True)),
        Choice("No complaint", Label(complaint=False)),
        Choice("About something else…", Further.REASON, current.reason or "no reason found"),
        Choice("Of another mood…", Further.SENTIMENT, SENTIMENTS[current.sentiment or 0]),
    ]
    # What the classifier says is known: the likeliest answer is the other one.
    return Choose("This post is", choices, current=Label(complaint=not current.complaint))


def ask_what_about(reasons: Sequence[str], current: Label) -> Choose[Label]:
    choices = [Choice(text.line(reason, limit=40), Label(reason=reason)) for reason in reasons]
    choices.append(Choice("None of these", Label(reason=OTHER)))
    return Choose("It is about", choices, current=Label(reason=current.reason))


def ask_mood(current: Label) -> Choose[Label]:
    choices = [Choice(words, Label(sentiment=value)) for value, words in SENTIMENTS.items()]
    return Choose("It sounds", choices, current=Label(sentiment=current.sentiment))


def ask_narrow(
    wanted: QueueFilter, brands: Iterable[str], sources: Iterable[str]
) -> Choose[tuple[str | None, str | None]]:
    """To which brand and platform the queue is narrowed: (brand, source), None for all."""
    choices: list[Choice[tuple[str | None, str | None]]] = [Choice("Everything", (None, None))]
    choices += [Choice(text.line(brand), (brand, None), "brand") for brand in brands]
    choices += [Choice(platform_of(source).title, (None, source), "platform") for source in sources]
    return Choose("Show only", choices, current=(wanted.brand, wanted.source))


def ask_copy(copies: Copies, first: str, now: datetime, zone: tzinfo | None) -> Choose[Mention]:
    """Which of the posts that repeat a complaint, whose words are `first`, is to be a case of its own."""
    said = Wording.of(first).fingerprint.exact

    def words(copy: Mention) -> str:
        exact = Wording.of(copy.text).fingerprint.exact == said
        return "word for word" if exact else text.line(copy.text, limit=_EXCERPT)

    choices = [
        Choice(
            f"{text.fit(text.writer(copy), _HANDLE)} {clock(copy.created_at, now, zone)}",
            copy,
            words(copy),
        )
        for copy in copies.latest
    ]
    return Choose(f"{same_words(copies.count)}: open one as a case of its own?", choices)


def ask_settle(reply: Reply, agent: str) -> Choose[bool | None]:
    """Whether a reply of unknown outcome is out; nothing is said where the agent cannot tell."""
    platform = platform_of(reply.source).title
    whose = "your" if reply.agent == agent else f"{actor(reply.agent, agent)}’s"
    last = text.line(reply.error, limit=_LAST_WORDS) or "nothing"
    about = Content("\n\n").join(
        [
            text.content(reply.text),
            Content.assemble(("The sender last said: ", "$quiet"), last),
            Content.styled(f"Look on {platform} before you answer.", "$warning"),
        ]
    )
    choices: list[Choice[bool | None]] = [
        Choice("It is out", True, "counts as sent; it is never sent again"),
        Choice("It is not out", False, "its words become a draft again"),
        Choice("I cannot tell", None, "nothing changes"),
    ]
    # A key pressed too early must not say what nobody has seen.
    return Choose(f"Is {whose} reply out?", choices, current=None, about=about)


def ask_theme(names: Sequence[str], current: str) -> Choose[str]:
    return Choose("How the desk looks", [Choice(name, name) for name in names], current=current)
