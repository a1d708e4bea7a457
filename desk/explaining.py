"""Why a verdict is as it is. The desk has no model: it asks, and whoever classifies answers."""

from __future__ import annotations

from datetime import datetime

from desk.errors import ClassifierError, DeskError, NotAllowedError
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
    """Answer what was asked first; how many there were. The model runs outside any transaction.

    A question that the model fails on is taken back, for it would hold up the rest, and may be asked again.
    Raises ClassifierError for it, or what the model says in words.
    """
    with store.read() as db:
        asked = explanations.unanswered(db, _AT_ONCE)
    for mention in asked:
        try:
            found = explain(mention.text, mention.language)
        except DeskError:
            raise
        except Exception as error:
            with store.write() as db:
                explanations.withdraw(db, mention.id)
            raise ClassifierError(
                f"The classifier cannot say which words moved the verdict on {mention.id} "
                f"({type(error).__name__}); the question is taken back, and may be asked again."
            ) from error
        with store.write() as db:
            explanations.save(db, mention, found)
    return len(asked)
