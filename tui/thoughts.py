"""What the model and the triage made of a post, and, where somebody asked, which words moved the verdict."""

from __future__ import annotations

from datetime import datetime, timedelta

from textual.content import Content

from desk.model.explanation import Explanation
from desk.store.case_view import Post
from tui import text

_LIKELY = 0.5
"""Probability from which anger and abuse are named."""
_PATIENCE = timedelta(seconds=10)
"""An answer takes about a second where something runs that gives it."""
_TOWARDS, _AGAINST = "bold underline $warning", "italic $success"
_WORD = 30
"""Characters of a telling word in the line below; it may be a link, or a run of words."""


def thought(post: Post) -> str:
    """One line: the verdict, and what the triage concluded beyond it."""
    if post.mention.from_brand or not post.in_case:
        return ""
    said = []
    if verdict := post.verdict:
        said.append(f"complaint {verdict.complaint:.0%}")
        if verdict.anger >= _LIKELY:
            said.append("angry")
        if verdict.abuse >= _LIKELY:
            said.append("abusive")
        if verdict.reason and (verdict.is_complaint or verdict.needs_look):
            said.append(text.line(verdict.reason, limit=40))
        mood = verdict.sentiment
        strongest = max(("negative", mood.negative), ("neutral", mood.neutral), ("positive", mood.positive),
                        key=lambda pair: pair[1])  # fmt: skip
        said.append(f"{strongest[0]} {strongest[1]:.0%}")
        if verdict.language not in ("und", "en"):
            said.append(verdict.language)
    # The first reason says the probability, or that the thread is known: both are to be seen already.
    why = " ".join(text.line(reason, limit=300) for reason in post.reasons[1:])
    head = " · ".join(said)
    return f"{head} — {why}" if head and why else head or why


def moved(post: Post, now: datetime) -> Content | None:
    """The line that names the telling words, or says that they are asked for; None where nobody asked."""
    if post.explanation is None:
        if post.asked_at is None:
            return None
        waited = now - post.asked_at > _PATIENCE
        said = "no answer yet: `answerback run` gives it" if waited else "asking which words moved it…"
        return Content.styled(said, "$quiet")
    words = post.mention.text
    parts = [
        Content.assemble(
            (text.line(words[word.start : word.end], limit=_WORD), _TOWARDS if word.weight > 0 else _AGAINST),
            (" ▲" if word.weight > 0 else " ▼", "$quiet"),
        )
        for word in post.explanation.telling
    ]
    if not parts:
        return Content.styled("moved by no word in particular", "$quiet")
    return Content.assemble(("moved by ", "$quiet"), Content.styled(" · ", "$quiet").join(parts))


def marked(words: str, explanation: Explanation, limit: int | None) -> Content:
    """A post's text with its telling words marked; cut after `limit` characters without a mark of its own.

    Cut up first and made safe piece by piece: the places count characters of the text as it was written.
    """
    words = words[:limit]
    pieces: list[Content | tuple[str, str]] = []
    at = 0
    for word in sorted(explanation.telling, key=lambda each: each.start):
        if word.end > len(words) or word.start < at:
            continue
        pieces.append(text.content(words[at : word.start]))
        style = _TOWARDS if word.weight > 0 else _AGAINST
        pieces.append((text.block(words[word.start : word.end]), style))
        at = word.end
    return Content.assemble(*pieces, text.content(words[at:]))
