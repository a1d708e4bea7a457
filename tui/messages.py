"""What widgets and workers tell the screen. Down the tree go attributes, up come these.

What was read has the number under which the screen asked for it: of two readings the one that was asked for
first may come last, and is to be known by that.
"""

from __future__ import annotations

from dataclasses import dataclass

from textual.message import Message

from desk.model.case import Case, CaseId
from desk.store.case_view import CaseView
from desk.store.queue_view import Key, QueueCounts, QueueFilter, QueuePage, Shelf
from tui.acts import Act


@dataclass
class CaseHighlighted(Message):
    """The queue's cursor stands on another case, or on none."""

    case_id: CaseId | None


@dataclass
class CaseOpened(Message):
    """The agent wants to be in the conversation of the case under the cursor."""

    case_id: CaseId


class MoreWanted(Message):
    """The cursor or the view nears the end of what is loaded."""


@dataclass
class ShelfChosen(Message):
    shelf: Shelf


@dataclass
class SearchChanged(Message):
    text: str


@dataclass
class SearchEnded(Message):
    """The search field is left: with what was found, or with everything again."""

    keep: bool


@dataclass
class DraftChanged(Message):
    case_id: CaseId
    text: str


@dataclass
class SendAsked(Message):
    """The agent wants the reply out; `case` is the case as they had it before them."""

    case: Case
    text: str


class ComposerLeft(Message):
    """The agent went back to reading; the draft is kept."""


@dataclass
class QueueLoaded(Message):
    """The queue's first rows."""

    asked: int
    page: QueuePage


@dataclass
class CountsLoaded(Message):
    """How many cases the shelves hold, and what keeps all cases from moving."""

    asked: int
    counts: QueueCounts
    troubles: tuple[str, ...]


@dataclass
class MoreLoaded(Message):
    """The rows that follow a key, for the filter for which they were read."""

    asked: int
    wanted: QueueFilter
    after: Key
    page: QueuePage


@dataclass
class CaseLoaded(Message):
    asked: int
    view: CaseView


@dataclass
class CaseGone(Message):
    """The case is no longer in the store."""

    asked: int
    case_id: CaseId
    sentence: str


@dataclass
class Acted(Message):
    """An act is in the store."""

    act: Act


@dataclass
class Refused(Message):
    """The kernel did not do it, and says why in a sentence."""

    sentence: str
    act: Act | None = None
    final: bool = True
    """Asking again cannot help: the kernel forbids it. Not so for a store that was busy or full."""


class TerminalGone(Message):
    """Nobody sees the desk any more, and no key can come."""
