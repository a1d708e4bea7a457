"""Asking the predictor about every customer's post, once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from desk.errors import ClassifierError, DeskError
from desk.model.thresholds import ALIKE, Thresholds
from desk.model.verdict import Verdict
from desk.ports import Predictor
from desk.store import Store, mentions

_PLAIN_TEXT = "hello"
_REASON_CHARS = 300


@dataclass(frozen=True, slots=True)
class Unread:
    """What stands in a verdict's place where the classifier fails on one text."""

    reason: str


def classify_pending(
    store: Store,
    predictor: Predictor,
    limit: int = 256,
    thresholds: Thresholds = ALIKE,
    on_unread: Callable[[int], object] = lambda _: None,
) -> int:
    """Give verdicts to posts that have none, oldest first; how many there were.

    The model runs outside any transaction. A post that is edited meanwhile keeps waiting for its verdict.
    A post that the predictor fails on goes on without one, is quarantined, and waits for `retry_unread`;
    `on_unread` hears how many there were. Raises what `read` raises.
    """
    with store.read() as db:
        waiting = mentions.unclassified(db, limit)
    if not waiting:
        return 0
    found = read(predictor, [m.text for m in waiting], [m.language for m in waiting])
    said = list(zip(waiting, found, strict=True))
    unread = [(m, each.reason) for m, each in said if isinstance(each, Unread)]
    verdicts = [(m, thresholds.apply(m.brand, v)) for m, v in said if isinstance(v, Verdict)]
    with store.write() as db:
        mentions.save_verdicts(db, verdicts)
        mentions.save_unread(db, unread)
    if unread:
        on_unread(len(unread))
    return len(waiting)


def retry_unread(store: Store) -> None:
    """Let posts that the predictor failed on have another try. Asked for once at a start: weights change."""
    with store.write() as db:
        mentions.await_again(db)


def read(
    predictor: Predictor, texts: Sequence[str], langs: Sequence[str | None]
) -> Sequence[Verdict | Unread]:
    """What the predictor says of each text; where it fails on them together, they are read one by one.

    Raises what the predictor says in words (damaged weights), and ClassifierError where it fails on plain
    words as well: then no text is to blame, and none is given up.
    """
    try:
        return _predict(predictor, texts, langs)
    except DeskError:
        raise
    except Exception:  # noqa: BLE001  (a runtime of others; no text may hold up the rest)
        return [_read_one(predictor, *each) for each in zip(texts, langs, strict=True)]


def _read_one(predictor: Predictor, text: str, lang: str | None) -> Verdict | Unread:
    try:
        return _predict(predictor, [text], [lang])[0]
    except DeskError:
        raise
    except Exception as error:  # noqa: BLE001  (as above)
        check(predictor)
        return Unread(f"The classifier {predictor.version} fails on it ({_in_short(error)}).")


def check(predictor: Predictor) -> None:
    """Whether the predictor reads plain words. Raises ClassifierError, or what it says itself in words."""
    try:
        _predict(predictor, [_PLAIN_TEXT], [None])
    except DeskError:
        raise
    except Exception as error:
        raise ClassifierError(
            f"The classifier {predictor.version} fails even on plain words ({_in_short(error)}). Posts wait "
            "until it works: look whether memory is short, and install the weights anew where it is not."
        ) from error


def _predict(predictor: Predictor, texts: Sequence[str], langs: Sequence[str | None]) -> list[Verdict]:
    verdicts = predictor.predict(texts, langs)
    if not all(verdict.is_sound for verdict in verdicts):
        raise ArithmeticError("a probability that is none")
    return verdicts


def _in_short(error: Exception) -> str:
    said = " ".join(str(error).split())
    return f"{type(error).__name__}{': ' if said else ''}{said}"[:_REASON_CHARS]
