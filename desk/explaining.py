"""Why a verdict is as it is. The desk has no model: it asks, and whoever classifies answers."""

from __future__ import annotations

from datetime import datetime

from desk.errors import NotAllowedError
from desk.model.mention import MentionId
from desk.ports import Explain
from desk.store import Store, explanations

_AT_ONCE = 4
"""Questions answered before new posts have their turn."""


def ask(store: Store, mention_id: MentionId, now: datetime) -> None:
    """Ask which words moved a verdict; nothing happens where that was asked before.

    Raises NotAllowedError for a post without a verdict.
    """
    with store.write() as db:
        if not explanations.ask(db, mention_id, now):
            raise NotAllowedError("The classifier has no verdict on this post, so there is none to explain.")


def answer(store: Store, explain: Explain) -> int:
    """Answer what was asked first; how many there were. The model runs outside any transaction."""
    with store.read() as db:
        asked = explanations.unanswered(db, _AT_ONCE)
    for mention in asked:
        found = explain(mention.text, mention.language)
        with store.write() as db:
            explanations.save(db, mention, found)
    return len(asked)
