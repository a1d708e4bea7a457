"""Which part of the queue is read: the shelf, the search, the filter, and what to say where it is empty."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, tzinfo

from textual.content import Content
from textual.widgets import Static

from desk.model.platform import platform_of
from desk.store.queue_view import QueueCounts, QueueFilter, QueueRow, Shelf
from tui import text
from tui.messages import SearchChanged, SearchEnded, ShelfChosen
from tui.modals.questions import ask_narrow
from tui.screens.case_actions import CaseActions
from tui.screens.panes import Panes
from tui.widgets.queue import QueueList
from tui.widgets.search import SearchField
from tui.widgets.topbar import ShelfTabs, TopBar

_EMPTY = {
    Shelf.TODO: "Nothing waits for an answer.\nNew complaints appear here by themselves.",
    Shelf.MINE: "No open case is yours.\nc claims one from To do.",
    Shelf.WAITING: "No case waits for a customer.",
    Shelf.SNOOZED: "Nothing is snoozed.\nz puts a case away until later.",
    Shelf.CLOSED: "No case is closed yet.\ne resolves one.",
    Shelf.ALL: "There is no case yet.\nStart `answerback run` beside this desk; cases appear by themselves.",
}


class Finding(CaseActions):
    """The half of the desk that chooses cases; `DeskScreen` shows them."""

    def __init__(self, *, agent: str, now: datetime, zone: tzinfo | None) -> None:
        super().__init__(agent=agent, now=now, zone=zone)
        self.wanted = QueueFilter(Shelf.TODO, agent)
        self.counts: QueueCounts | None = None
        self.troubles: tuple[str, ...] = ()
        self.panes = Panes(self)
        self.brands = set[str]()
        self.sources = set[str]()
        """What the queue has shown so far, to narrow it to."""
        self.asked = 0
        """Number of the latest reading; each has one of its own."""
        self.queue_asked = 0
        """That of the latest reading of the queue: an older one that comes later says nothing."""

    @property
    def queue(self) -> QueueList:
        return self.query_one(QueueList)

    def remember(self, rows: Iterable[QueueRow]) -> None:
        """Offer the brands and platforms of these rows in the filter."""
        for row in rows:
            self.brands.add(row.case.brand)
            self.sources.add(row.case.source)

    # --- finding -----------------------------------------------------------------------------------

    def action_shelf(self, step: int) -> None:
        shelves = list(Shelf)
        self._show_shelf(shelves[(shelves.index(self.wanted.shelf) + step) % len(shelves)])

    def on_shelf_chosen(self, message: ShelfChosen) -> None:
        self._show_shelf(message.shelf)

    def action_search(self) -> None:
        self.go_to_pane("queue")
        field = self.query_one(SearchField)
        field.display = True
        self.call_after_refresh(field.focus)

    def on_search_changed(self, message: SearchChanged) -> None:
        self._narrow(replace(self.wanted, search=message.text))

    def on_search_ended(self, message: SearchEnded) -> None:
        field = self.query_one(SearchField)
        if not message.keep or not field.value.strip():
            field.value = ""
            field.display = False
            self._narrow(replace(self.wanted, search=""))
        self.go_to_pane("queue")

    def action_narrow(self) -> None:
        def chosen(answer: tuple[str | None, str | None] | None) -> None:
            if answer is not None:
                self._narrow(replace(self.wanted, brand=answer[0], source=answer[1]))

        self.app.push_screen(ask_narrow(self.wanted, sorted(self.brands), sorted(self.sources)), chosen)

    def action_back(self) -> None:
        if self.panes.at == "queue" and self.wanted.search:
            self.on_search_ended(SearchEnded(keep=False))
        else:
            self.go_to_pane("queue")

    def _show_shelf(self, shelf: Shelf) -> None:
        self._narrow(replace(self.wanted, shelf=shelf))

    def _narrow(self, wanted: QueueFilter) -> None:
        if wanted != self.wanted:
            self.wanted = wanted
            self._show_counts()
            self._read_queue()

    def _read_queue(self) -> None:
        self.asked += 1
        self.queue_asked = self.asked
        self.desk_app.read_queue(self.asked, self.wanted, self.queue.reach, self.desk_app.now())

    def _show_counts(self) -> None:
        brand, source = self.wanted.brand, self.wanted.source
        scope = text.line(brand) if brand else platform_of(source).title if source else ""
        self.query_one(TopBar).show(self.counts, scope, self.troubles)
        self.query_one(ShelfTabs).show(self.counts, self.wanted)
        self._show_titles()

    def _show_titles(self) -> None:
        """Where the cursor is, of how many."""
        pane = self.query_one("#queue-pane")
        queue = self.queue
        total = self.counts.by_shelf.get(self.wanted.shelf, 0) if self.counts else 0
        pane.border_subtitle = f"{(queue.cursor or 0) + 1} of {total:,}" if queue.rows and total else ""

    def _show_emptiness(self) -> None:
        empty = not self.queue.rows
        self.queue.set_class(empty, "-empty")
        note = self.query_one("#queue-empty", Static)
        note.display = empty
        if empty and self.wanted.search.strip():
            found = (
                f"Nothing here for “{text.line(self.wanted.search, limit=60)}”.\nesc shows everything again."
            )
            note.update(Content(found))
        elif empty and (self.wanted.brand or self.wanted.source):
            note.update(Content("Nothing here with this filter.\nf chooses another one."))
        elif empty:
            note.update(Content(_EMPTY[self.wanted.shelf]))
