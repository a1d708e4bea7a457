"""Asking the predictor about every customer's post, once."""

from __future__ import annotations

from desk.model.thresholds import ALIKE, Thresholds
from desk.ports import Predictor
from desk.store import Store, mentions


def classify_pending(
    store: Store,
    predictor: Predictor,
    limit: int = 256,
    thresholds: Thresholds = ALIKE,
) -> int:
    """Give verdicts to posts that have none, oldest first; how many there were.

    The model runs outside any transaction. A post that is edited meanwhile keeps waiting for its verdict.
    """
    with store.read() as db:
        waiting = mentions.unclassified(db, limit)
    if waiting:
        said = predictor.predict([m.text for m in waiting], [m.language for m in waiting])
        verdicts = [thresholds.apply(m.brand, v) for m, v in zip(waiting, said, strict=True)]
        with store.write() as db:
            mentions.save_verdicts(db, zip(waiting, verdicts, strict=True))
    return len(waiting)
