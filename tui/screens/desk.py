"""The desk: the queue, the conversation and the customer, kept fresh."""

from __future__ import annotations

from datetime import datetime, tzinfo

from textual import events, on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.widgets import Static

from desk.errors import StoreError
from desk.model.case import CaseId
from desk.store.queue_view import Key, QueueFilter
from tui import themes
from tui.bindings import BY_NAME, Scope, bindings
from tui.messages import (
    CaseGone,
    CaseHighlighted,
    CaseLoaded,
    CaseOpened,
    ComposerLeft,
    CountsLoaded,
    DraftChanged,
    MoreLoaded,
    MoreWanted,
    QueueLoaded,
)
from tui.modals.help import HelpModal
from tui.modals.questions import ask_theme
from tui.screens.finding import Finding
from tui.widgets.action_bar import ActionBar
from tui.widgets.composer import Composer
from tui.widgets.conversation import Conversation, title
from tui.widgets.profile import CustomerPane
from tui.widgets.queue import QueueList
from tui.widgets.search import SearchField
from tui.widgets.topbar import ShelfTabs, TopBar

LOOK_SECONDS = 0.5
TICK_SECONDS = 1.0


class DeskScreen(Finding):
    """The half of the desk that shows: the three panes, what is in them, and when to read again."""

    BINDINGS = bindings(Scope.DESK)

    def __init__(self, *, agent: str, now: datetime, zone: tzinfo | None) -> None:
        super().__init__(agent=agent, now=now, zone=zone)
        self._version = 0
        self._shown: QueueFilter | None = None
        """The filter whose rows the queue shows; None before the first."""
        self._shown_asked = 0
        self._next: Key | None = None
        self._let_go: CaseId | None = None
        self._came_back: CaseId | None = None
        self._compose_on: CaseId | None = None
        self._store_said = ""
        self._case_wanted: CaseId | None = None
        self._case_asked = 0
        self._possible: tuple[str, ...] = ()

    def compose(self) -> ComposeResult:
        yield TopBar(agent=self.agent, zone=self.zone)
        yield ShelfTabs(id="shelves")
        with Horizontal(id="panes"):
            with Vertical(id="queue-pane", classes="pane -here") as queue_pane:
                queue_pane.border_title = "1 Queue"
                yield SearchField()
                yield QueueList(agent=self.agent, now=self.now, id="queue")
                yield Static(id="queue-empty")
            with Vertical(id="conversation-pane", classes="pane") as conversation_pane:
                conversation_pane.border_title = "2 Conversation"
                yield Conversation(agent=self.agent, now=self.now, zone=self.zone, id="conversation")
                yield Composer(agent=self.agent, id="composer")
                yield Static("Choose a case in the queue.", id="conversation-empty")
            with Vertical(id="customer-pane", classes="pane") as customer_pane:
                customer_pane.border_title = "3 Customer"
                yield CustomerPane(zone=self.zone, id="customer")
        yield ActionBar()

    def on_mount(self) -> None:
        self.queue.focus()
        self.brands.update(self.desk_app.brands)
        self._show_case_parts(visible=False)
        self.tick()
        self._show_counts()
        self._version = self.desk_app.store.data_version()
        self.reload()
        self.set_interval(LOOK_SECONDS, self.look)
        self.set_interval(TICK_SECONDS, self.tick)

    # --- parts -------------------------------------------------------------------------------------

    @property
    def conversation(self) -> Conversation:
        return self.query_one(Conversation)

    def unsaved_draft(self) -> tuple[CaseId, str] | None:
        """What is being written and would be lost with the screen."""
        composer = self.composer
        if composer.case_id is None or not composer.is_open:
            return None
        return composer.case_id, composer.field.text

    # --- freshness ---------------------------------------------------------------------------------

    def look(self) -> None:
        """Read again if anybody has committed anything.

        On this thread, because SQLite counts versions per connection; it reads a header, not the data.
        """
        if any(worker.group == "queue" and not worker.is_finished for worker in self.app.workers):
            return
        try:
            version = self.desk_app.store.data_version()
        except StoreError as error:
            if str(error) != self._store_said:  # once, not twice a second
                self._store_said = str(error)
                self.say(self._store_said, bad=True)
            return
        self._store_said = ""
        if version != self._version:
            self._version = version
            self.reload()

    def reload(self) -> None:
        self._read_queue()
        if self._case_wanted is not None:
            self._read_case(self._case_wanted)

    def tick(self) -> None:
        """Let a second pass on the screen."""
        before = self.now
        self.now = self.desk_app.now()
        self.query_one(TopBar).tick(self.now)
        self.queue.tick(self.now)
        self.conversation.tick(self.now)
        if before.timestamp() // 60 != self.now.timestamp() // 60:
            self._read_queue()  # what was in time may be overdue now

    # --- the queue ---------------------------------------------------------------------------------

    def on_queue_loaded(self, message: QueueLoaded) -> None:
        if message.asked < self.queue_asked:
            return
        fresh = self._shown != self.wanted
        self._shown, self._shown_asked = self.wanted, message.asked
        self._next = message.page.next_key
        self.remember(message.page.rows)
        queue = self.queue
        selected = queue.selected.case.id if queue.selected else None
        queue.show(
            message.page.rows,
            more=self._next is not None,
            keep_guest=not fresh and selected != self._let_go,
        )
        if self.view is not None:
            queue.update_case(self.view.case)  # the case may have been read before the queue that lost it
        if self._came_back is not None:
            queue.select(self._came_back)
            self._came_back = None
        queue.tick(self.now)
        self._show_titles()
        self._show_emptiness()

    def on_counts_loaded(self, message: CountsLoaded) -> None:
        if message.asked >= self.queue_asked:
            self.counts, self.troubles = message.counts, message.troubles
            self._show_counts()

    @on(MoreWanted)
    def _more_wanted(self) -> None:
        if self._next is not None and self._shown is not None:
            self.asked += 1
            self.desk_app.read_more(self.asked, self._shown, self._next)

    def on_more_loaded(self, message: MoreLoaded) -> None:
        # Rows may have moved since it was asked for: a page fits only to the queue whose end it begins at.
        fits = message.wanted == self._shown and message.after == self._next
        if fits and message.asked > self._shown_asked:
            self._next = message.page.next_key
            self.queue.append(message.page.rows, more=self._next is not None)

    def on_case_highlighted(self, message: CaseHighlighted) -> None:
        if message.case_id != self._let_go:
            self._let_go = None
        if message.case_id != self._case_wanted:
            self.reply_wanted = False
        if message.case_id is None:
            self._show_no_case()
            return
        self.leave_stale_case()
        self._read_case(message.case_id)

    @on(CaseOpened)
    def _case_opened(self) -> None:
        self.go_to_pane("conversation")

    def let_go(self, case_id: CaseId) -> None:
        self._let_go = case_id

    def came_back(self, case_id: CaseId, *, compose: bool) -> None:
        self._let_go = None
        self._came_back = case_id
        self._compose_on = case_id if compose else None
        self._read_queue()
        self._read_case(case_id)

    def action_next_case(self) -> None:
        self.queue.action_cursor(1)

    def action_previous_case(self) -> None:
        self.queue.action_cursor(-1)

    def action_reload(self) -> None:
        self.reload()

    # --- the case ----------------------------------------------------------------------------------

    async def on_case_loaded(self, message: CaseLoaded) -> None:
        view = message.view
        if view.case.id != self._case_wanted or message.asked < self._case_asked:
            return
        self.view = view
        self.queue.update_case(view.case)
        with self.app.batch_update():
            self._show_case_parts(visible=True)
            await self.conversation.show(view)
            self.query_one(CustomerPane).show(view, self.now)
            self.composer.show(view)
        if self.reply_wanted:
            self.reply_wanted = False
            self.action_reply()
        if self._compose_on == view.case.id:
            self._compose_on = None
            self.go_to_pane("conversation")
            self.composer.open()
        self._show_titles()
        self._show_possible()

    def leave_stale_case(self) -> None:
        # It stays on the screen until the next one is read. The cursor moves at once, and says so later.
        if self.view is None:
            return
        selected = self.queue.selected
        if selected is not None and self.view.case.id != selected.case.id:
            self.view = None
            self._case_wanted = selected.case.id

    @property
    def case_is_coming(self) -> bool:
        return self.view is None and self._case_wanted is not None

    def on_case_gone(self, message: CaseGone) -> None:
        if message.case_id != self._case_wanted or message.asked < self._case_asked:
            return
        self.reply_wanted = False
        self.say(message.sentence, bad=True)
        self._let_go = message.case_id
        self._read_queue()

    def on_draft_changed(self, message: DraftChanged) -> None:
        self.desk_app.save_draft(message.case_id, message.text)

    @on(ComposerLeft)
    def _composer_left(self) -> None:
        self.go_to_pane("conversation")

    async def action_unfold(self) -> None:
        await self.conversation.unfold()

    def explain(self) -> bool:
        self.conversation.explain(explained=not self.conversation.explained)
        return self.conversation.explained

    # --- the panes ---------------------------------------------------------------------------------

    def go_to_pane(self, pane: str) -> None:
        self.panes.go(pane)

    def action_pane(self, pane: str) -> None:
        self.panes.go(pane)

    def action_next_pane(self, step: int) -> None:
        self.panes.step(step)

    def action_toggle_customer(self) -> None:
        self.panes.toggle_customer()

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        self.panes.focused(event.widget)

    # --- the desk ----------------------------------------------------------------------------------

    def action_help(self) -> None:
        self.app.push_screen(HelpModal(self.desk_app.keys))

    def action_theme(self) -> None:
        def chosen(name: str | None) -> None:
            if name is not None:
                self.app.theme = name

        names = (*themes.NAMES, *(name for name in themes.OTHERS if name in self.app.available_themes))
        self.app.push_screen(ask_theme(names, self.app.theme), chosen)

    async def action_quit(self) -> None:
        await self.desk_app.action_quit()

    # --- showing -----------------------------------------------------------------------------------

    def _read_case(self, case_id: CaseId) -> None:
        self._case_wanted = case_id
        self.asked += 1
        self._case_asked = self.asked
        self.desk_app.read_case(self.asked, case_id)

    def _show_titles(self) -> None:
        middle = self.query_one("#conversation-pane")
        middle.border_title = title(self.view) if self.view is not None else "2 Conversation"
        super()._show_titles()

    def _show_no_case(self) -> None:
        self._case_wanted = None
        self.view = None
        self._show_case_parts(visible=False)
        self._show_titles()
        self._show_possible()

    def _show_case_parts(self, *, visible: bool) -> None:
        for part in ("#conversation", "#composer", "#customer"):
            self.query_one(part).display = visible
        self.query_one("#conversation-empty").display = not visible

    def _show_possible(self) -> None:
        """Rebuild the footer, but only where other keys work than before."""
        possible = tuple(name for name in BY_NAME if self.is_possible(name))
        if possible != self._possible:
            self._possible = possible
            self.refresh_bindings()
