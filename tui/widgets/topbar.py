"""The two lines on top: what is pressing, who is here, and the shelves."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, tzinfo

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content
from textual.widgets import Static

from desk.store.queue_view import QueueCounts, QueueFilter, Shelf
from tui import text
from tui.messages import ShelfChosen

TITLES = {
    Shelf.TODO: "To do",
    Shelf.MINE: "Mine",
    Shelf.WAITING: "Waiting",
    Shelf.SNOOZED: "Snoozed",
    Shelf.CLOSED: "Closed",
    Shelf.ALL: "All",
}


class TopBar(Horizontal):
    """The program's line."""

    def __init__(self, *, agent: str, zone: tzinfo | None) -> None:
        super().__init__(id="topbar")
        self.agent = agent
        self.zone = zone

    def compose(self) -> ComposeResult:
        yield Static(id="topbar-left")
        yield Static(id="topbar-right")

    def show(self, counts: QueueCounts | None, scope: str, troubles: Sequence[str] = ()) -> None:
        """`scope` says to what the queue is narrowed, empty for everything; `troubles` come first."""
        parts = [Content.styled("Answerback", "bold $primary")]
        parts += [
            Content.styled(f"⚠ {text.line(trouble, limit=70)}", "bold $warning") for trouble in troubles
        ]
        if scope:
            parts.append(Content.styled(f"only {scope}", "bold $accent"))
        if counts is not None:
            if counts.overdue:
                parts.append(Content.styled(f"◆ {counts.overdue:,} overdue", "bold $error"))
            else:
                # An empty queue is no good news where nothing can come in.
                parts.append(Content.styled("nothing overdue", "$quiet" if troubles else "$success"))
        self.query_one("#topbar-left", Static).update(Content("   ").join(parts))

    def tick(self, now: datetime) -> None:
        words = f"{text.line(self.agent, limit=40)}  {now.astimezone(self.zone):%H:%M}"
        self.query_one("#topbar-right", Static).update(Content.styled(words, "$quiet"))


class ShelfTab(Static):
    """One shelf and how many cases it holds."""

    def __init__(self, shelf: Shelf) -> None:
        super().__init__(id=f"shelf-{shelf}")
        self.shelf = shelf

    def show(self, count: int | None, *, active: bool) -> None:
        self.set_class(active, "-active")
        number = "" if count is None else f" {count:,}"
        mark = "▸" if active else " "
        self.update(Content.assemble(mark, TITLES[self.shelf], (number, "" if active else "$quiet")))

    def on_click(self) -> None:
        self.post_message(ShelfChosen(self.shelf))


class ShelfTabs(Horizontal):
    """All shelves in a row."""

    def compose(self) -> ComposeResult:
        for shelf in Shelf:
            yield ShelfTab(shelf)

    def show(self, counts: QueueCounts | None, wanted: QueueFilter) -> None:
        for tab in self.query(ShelfTab):
            number = None if counts is None else counts.by_shelf.get(tab.shelf)
            tab.show(number, active=tab.shelf is wanted.shelf)
