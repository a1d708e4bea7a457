"""How one case looks in the queue: what is pressing on the left, who and what beside it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from desk.model.case import CaseState, Opening, Severity
from desk.model.platform import platform_of
from desk.store.queue_view import QueueRow
from tui import text
from tui.times import GLYPHS, band, countdown

PARTS: ClassVar[set[str]] = {  # type: ignore[misc]  # Textual asks for a set of class names
    "queue--row",
    "queue--cursor",
    "queue--handle",
    "queue--quiet",
    "queue--overdue",
    "queue--soon",
    "queue--fresh",
    "queue--resting",
    "queue--urgent",
    "queue--high",
    "queue--look",
    "queue--mine",
    "queue--bar",
}
SEVERITY_MARKS = {Severity.URGENT: "!!", Severity.HIGH: "! ", Severity.NORMAL: "  ", Severity.LOW: "  "}
_LEFT = 11
"""Cells of the left column: "late 9h59m" and a blank."""
_PLATFORM = 8
_LEADING_HANDLES = re.compile(r"\A(?:@[\w.-]+(?:@[\w.-]+)?[\s:,]+)+")
_NARROW = 40
"""Below this width the platform's name is left to the conversation."""


@dataclass(frozen=True, slots=True)
class RowPainter:
    """Draws rows at one width and one moment."""

    style: Callable[..., Style]
    agent: str
    now: datetime
    width: int

    def line(self, row: QueueRow, part: int, *, cursor: bool, guest: bool) -> Strip:
        """The upper (0) or lower (1) line of a row, exactly `width` cells."""
        pieces = self._upper(row, guest) if part == 0 else self._lower(row, guest)
        base = self.style("queue--cursor" if cursor else "queue--row")
        bar = Segment(
            "▌" if cursor else " ", base + self.style("queue--bar", partial=True) if cursor else base
        )
        segments = [bar]
        for words, name in pieces:
            segments.append(Segment(words, base + self.style(name, partial=True) if name else base))
        return Strip(segments).adjust_cell_length(self.width, base)

    def nothing(self, *, loading: bool) -> Strip:
        base = self.style("queue--row")
        quiet = base + self.style("queue--quiet", partial=True)
        words = text.fit("  reading more…" if loading else "", self.width)
        return Strip([Segment(words, quiet)], self.width)

    def _upper(self, row: QueueRow, guest: bool) -> list[tuple[str, str]]:
        case = row.case
        pressing = band(case, self.now)
        due = text.fit(countdown(case, self.now), _LEFT)
        platform = "" if self.width < _NARROW else platform_of(case.source).title
        right = SEVERITY_MARKS[case.severity], platform[:_PLATFORM].rjust(_PLATFORM) if platform else ""
        room = self.width - 3 - _LEFT - sum(len(words) for words in right) - 3
        handle = text.handle(case.source, row.handle)
        name = "queue--urgent" if case.severity is Severity.URGENT else "queue--high"
        return [
            (GLYPHS[pressing] + " ", f"queue--{pressing}"),
            (due, f"queue--{pressing}"),
            (text.fit(handle, room), "queue--quiet" if guest else "queue--handle"),
            (" ", ""),
            (right[0], name),
            (" ", ""),
            (right[1], "queue--quiet"),
            (" ", ""),
        ]

    def _lower(self, row: QueueRow, guest: bool) -> list[tuple[str, str]]:
        case = row.case
        mine = case.assignee == self.agent
        state = text.fit(self._state(row), _LEFT - 1) + " "
        look = "look? " if case.opening is Opening.NEEDS_LOOK else ""
        locked = "" if row.replyable else "no reply "
        posts = f" +{case.unanswered - 1}" if case.unanswered > 1 else ""
        people = f" ×{row.copies + 1:,}" if row.copies else ""
        room = self.width - 3 - _LEFT - len(look) - len(locked) - len(posts) - len(people) - 1
        return [
            ("  ", ""),
            (state, "queue--mine" if mine and not guest else "queue--quiet"),
            (look, "queue--look"),
            (locked, "queue--look"),
            (text.fit(_excerpt(row.excerpt), room), "queue--quiet" if guest else ""),
            (posts, "queue--quiet"),
            (people, "queue--high"),
            (" ", ""),
        ]

    def _state(self, row: QueueRow) -> str:
        case = row.case
        if case.state is CaseState.NEW:
            return "new"
        if case.state is CaseState.ASSIGNED:
            return "you" if case.assignee == self.agent else text.line(case.assignee or "")
        return case.state.value


def _excerpt(words: str) -> str:
    """A post without the handles it begins with: they say nothing that the row does not say already."""
    line = text.line(words, limit=400)
    return _LEADING_HANDLES.sub("", line) or line
