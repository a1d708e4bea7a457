"""The queue: a virtual list over the pages that are loaded so far, drawn line by line."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from textual import events
from textual.geometry import Region, Size
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from desk.model.case import Case, CaseId
from desk.store.queue_view import QueueRow
from tui.bindings import Scope, bindings
from tui.messages import CaseHighlighted, CaseOpened, MoreWanted
from tui.times import Band, band, countdown
from tui.widgets.queue_row import PARTS, RowPainter

ROW_LINES = 2
_AHEAD = 30
"""Rows before the end of what is loaded at which the next page is asked for."""


class QueueList(ScrollView, can_focus=True):
    """Cases, two lines each. The cursor stays on its case whatever comes and goes around it.

    A case that leaves the shelf while the cursor is on it stays as a guest until the cursor moves on, so
    nothing changes under the agent's hands.
    """

    BINDINGS = bindings(Scope.QUEUE)
    COMPONENT_CLASSES = PARTS

    cursor: reactive[int | None] = reactive(None)

    def __init__(self, *, agent: str, now: datetime, id: str | None = None) -> None:
        super().__init__(id=id)
        self.agent = agent
        self.now = now
        self.rows: list[QueueRow] = []
        self.more = False
        """The store holds rows behind the last one."""
        self._guest: CaseId | None = None
        self._shown_times: tuple[tuple[str, Band], ...] = ()
        self._asked = False

    # --- what it shows -----------------------------------------------------------------------------

    @property
    def selected(self) -> QueueRow | None:
        return None if self.cursor is None else self.rows[self.cursor]

    @property
    def reach(self) -> int:
        """How many rows a refresh must read to cover what the agent can see."""
        return max(self._bottom_row(), self.cursor or 0) + 1 + _AHEAD

    def show(self, rows: Sequence[QueueRow], *, more: bool, keep_guest: bool) -> None:
        """Take over fresh rows from the top of the shelf.

        `keep_guest` says whether the case under the cursor stays although the shelf no longer has it.
        """
        before, old = self.cursor, self.selected
        self.rows, self.more, self._guest, self._asked = list(rows), more, None, False
        target = self._place_of(old.case.id) if old else None
        if old is not None and target is None:
            target = min(before or 0, len(self.rows))
            if keep_guest:
                self.rows.insert(target, old)
                self._guest = old.case.id
        self._resize()
        target = min(target or 0, len(self.rows) - 1) if self.rows else None
        if target is not None and before is not None and target != before:
            # New cases above push the rows down: move the view with them, so that it looks still.
            self.scroll_to(
                y=self.scroll_offset.y + (target - before) * ROW_LINES, animate=False, immediate=True
            )
        self._stand_on(target, old.case.id if old else None)
        self.refresh()

    def append(self, rows: Sequence[QueueRow], *, more: bool) -> None:
        """Add the page that follows."""
        known = {row.case.id for row in self.rows}
        self.rows += [row for row in rows if row.case.id not in known]
        self.more, self._asked = more, False
        self._resize()
        self.refresh()

    def update_case(self, case: Case) -> None:
        """Show what became of a guest, which no page brings any more."""
        if case.id == self._guest and (place := self._place_of(case.id)) is not None:
            self.rows[place] = replace(self.rows[place], case=case)
            self.refresh()

    def select(self, case_id: CaseId) -> bool:
        """Put the cursor on a case; False where it is not among the loaded rows."""
        place = self._place_of(case_id)
        if place is None:
            return False
        self.move_to(place)
        return True

    def tick(self, now: datetime) -> None:
        """Let time pass; draws again only if a visible countdown reads differently."""
        self.now = now
        times = tuple((countdown(row.case, now), band(row.case, now)) for row in self._visible_rows())
        if times != self._shown_times:
            self._shown_times = times
            self.refresh()

    # --- moving ------------------------------------------------------------------------------------

    def move_to(self, index: int) -> None:
        """Put the cursor on a row, or on the nearest there is."""
        if not self.rows:
            return
        old = self.selected
        index = max(0, min(index, len(self.rows) - 1))
        if self._guest is not None and self.rows[index].case.id != self._guest:
            place = self._place_of(self._guest)
            if place is not None:
                del self.rows[place]
                index -= place < index
                self._resize()
            self._guest = None
            self.refresh()
        self._stand_on(index, old.case.id if old else None)

    def action_cursor(self, step: int) -> None:
        self.move_to((self.cursor or 0) + step)

    def action_page(self, step: int) -> None:
        self.move_to((self.cursor or 0) + step * max(1, self.size.height // ROW_LINES - 1))

    def action_first(self) -> None:
        self.move_to(0)

    def action_last(self) -> None:
        self.move_to(len(self.rows) - 1)

    def action_open(self) -> None:
        if self.selected is not None:
            self.post_message(CaseOpened(self.selected.case.id))

    def on_click(self, event: events.Click) -> None:
        offset = event.get_content_offset(self)
        index = -1 if offset is None else (offset.y + self.scroll_offset.y) // ROW_LINES
        if 0 <= index < len(self.rows):
            again = index == self.cursor
            self.move_to(index)
            if again or event.chain > 1:
                self.action_open()

    def _stand_on(self, index: int | None, before: CaseId | None) -> None:
        """Move the cursor and, if the case under it is another one, say so."""
        self.set_reactive(QueueList.cursor, index)
        self.refresh()
        if index is not None:
            self.scroll_to_region(
                Region(0, index * ROW_LINES, 1, ROW_LINES), animate=False, force=True, immediate=True
            )
        now_on = self.rows[index].case.id if index is not None else None
        if now_on != before:
            self.post_message(CaseHighlighted(now_on))
        self._ask_for_more()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        self._ask_for_more()

    def _ask_for_more(self) -> None:
        near_end = max(self._bottom_row(), self.cursor or 0) + _AHEAD >= len(self.rows)
        if self.more and not self._asked and near_end:
            self._asked = True
            self.post_message(MoreWanted())

    # --- drawing -----------------------------------------------------------------------------------

    def render_line(self, y: int) -> Strip:
        width = self.scrollable_content_region.width
        index, part = divmod(y + self.scroll_offset.y, ROW_LINES)
        painter = RowPainter(self.get_component_rich_style, self.agent, self.now, width)
        if index >= len(self.rows):
            return painter.nothing(loading=self.more and index == len(self.rows) and part == 0)
        row, is_cursor = self.rows[index], index == self.cursor
        return painter.line(row, part, cursor=is_cursor, guest=row.case.id == self._guest)

    def on_resize(self) -> None:
        self._resize()
        if self.cursor is not None:
            self._stand_on(self.cursor, self.rows[self.cursor].case.id)

    def _resize(self) -> None:
        self.virtual_size = Size(
            self.scrollable_content_region.width, (len(self.rows) + self.more) * ROW_LINES
        )

    def _bottom_row(self) -> int:
        return (self.scroll_offset.y + self.size.height) // ROW_LINES

    def _visible_rows(self) -> Iterable[QueueRow]:
        return self.rows[self.scroll_offset.y // ROW_LINES : self._bottom_row() + 1]

    def _place_of(self, case_id: CaseId) -> int | None:
        return next((i for i, row in enumerate(self.rows) if row.case.id == case_id), None)
