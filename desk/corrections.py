"""What the classifier may learn from agents."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from desk.model.correction import Correction
from desk.model.mention import MentionId
from desk.model.platform import platform_of
from desk.store import Store, corrections


@dataclass(frozen=True, slots=True)
class Lessons:
    corrections: tuple[Correction, ...]
    """One a post, in the order in which the posts were first corrected; the latest word on each counts."""
    left_out: Mapping[str, int]
    """Corrected posts by platform whose terms keep their text from training a model."""


def lessons(store: Store) -> Lessons:
    """Everything that agents corrected and that may train a model."""
    found: dict[MentionId, Correction] = {}
    with store.read() as db:
        for mention, label, agent, at in corrections.standing(db):
            known = found.get(mention.id)
            found[mention.id] = Correction(
                mention_id=mention.id,
                source=mention.source,
                text=mention.text,
                language=mention.language,
                label=label.over(known.label) if known else label,
                agents=tuple(dict.fromkeys((*(known.agents if known else ()), agent))),
                at=at,
            )
    usable = tuple(one for one in found.values() if platform_of(one.source).trainable)
    left_out = Counter(one.source for one in found.values() if not platform_of(one.source).trainable)
    return Lessons(usable, dict(sorted(left_out.items())))
