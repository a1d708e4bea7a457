"""The console as an application: the store's one visitor, its workers, and its looks."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime, tzinfo
from typing import TYPE_CHECKING, ClassVar

from textual import constants, work
from textual.app import App
from textual.worker import Worker, WorkerFailed, WorkerState, get_current_worker

from desk import explaining, outbox
from desk.errors import DeskError, NotFoundError, StoreError
from desk.model.case import CaseId
from desk.model.mention import MentionId
from desk.model.reason import GENERAL_REASONS
from desk.ports import Now
from desk.store import Store, case_view, health_view, queue_view
from desk.store.queue_view import Key, QueueFilter
from tui import themes
from tui.acts import Act
from tui.messages import Acted, CaseGone, CaseLoaded, CountsLoaded, MoreLoaded, QueueLoaded, Refused
from tui.screens.desk import DeskScreen

if TYPE_CHECKING:
    from textual.command import Provider
    from textual.driver import Driver

PAGE_ROWS = 100
_THREADS = 4
"""Readers and writers of the store; each thread keeps a connection with a cache of its own."""


def _palette() -> type[Provider]:
    """Loaded when it is opened: the desk is on the screen a tenth of a second sooner."""
    from tui.commands import DeskCommands  # noqa: PLC0415

    return DeskCommands


class DeskApp(App[None]):
    """Puts unanswered complaints before an agent, due first.

    `now` tells the time, `zone` is the agent's (None: the system's), `keymap` maps ids of the registry to
    other keys, `undo_seconds` is how long an approved reply can be taken back,
    `reasons` are what a complaint may be said to be about.
    """

    CSS_PATH = "app.tcss"
    TITLE = "Answerback"
    COMMANDS: ClassVar = {_palette}
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-medium"), (140, "-wide")]  # noqa: RUF012 - as Textual types it

    def __init__(
        self,
        store: Store,
        *,
        agent: str,
        now: Now,
        brands: Sequence[str] = (),
        theme: str = themes.DEFAULT,
        zone: tzinfo | None = None,
        keymap: Mapping[str, str] | None = None,
        undo_seconds: float = outbox.UNDO_SECONDS,
        reasons: Sequence[str] = GENERAL_REASONS,
    ) -> None:
        super().__init__()
        self.store = store
        self.agent = agent
        self.now: Now = now
        self.brands = tuple(brands)
        self.zone = zone
        self.keys = dict(keymap or {})
        self.undo_seconds = undo_seconds
        self.reasons = tuple(reasons)
        self._drafts: dict[CaseId, str] = {}
        self._drafting = threading.Lock()
        self._unsavable: tuple[CaseId, str] | None = None
        """A draft that could not be saved when the agent wanted to leave."""
        for known in themes.THEMES:
            self.register_theme(known)
        self.theme = theme if theme in self.available_themes else themes.DEFAULT

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return themes.defaults(dark=self.current_theme.dark)

    def get_driver_class(self) -> type[Driver]:
        if sys.platform == "win32" or constants.DRIVER is not None:
            return super().get_driver_class()
        from tui.driver import DeskDriver  # noqa: PLC0415 -- Windows has not what it imports

        return DeskDriver

    def get_default_screen(self) -> DeskScreen:
        return DeskScreen(agent=self.agent, now=self.now(), zone=self.zone)

    def on_mount(self) -> None:
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(_THREADS, "desk"))
        self.set_keymap(self.keys)

    @property
    def desk(self) -> DeskScreen:
        """The screen to which workers report, also while a question stands before it."""
        return next(screen for screen in self.screen_stack if isinstance(screen, DeskScreen))

    # --- the only way to the store -----------------------------------------------------------------

    @work(thread=True, exclusive=True, group="queue", exit_on_error=False)
    def read_queue(self, asked: int, wanted: QueueFilter, rows: int, moment: datetime) -> None:
        """The first rows of a shelf, at least `rows` of them, and then all counts, which take longer."""
        worker = get_current_worker()
        page = queue_view.page(self.store, wanted, limit=max(PAGE_ROWS, rows))
        if worker.is_cancelled:
            return
        self.desk.post_message(QueueLoaded(asked, page))
        counts = queue_view.counts(self.store, wanted, moment)
        if not worker.is_cancelled:
            self.desk.post_message(CountsLoaded(asked, counts, health_view.troubles(self.store, moment)))

    @work(thread=True, exclusive=True, group="more", exit_on_error=False)
    def read_more(self, asked: int, wanted: QueueFilter, after: Key) -> None:
        """The page behind a key."""
        page = queue_view.page(self.store, wanted, after, limit=PAGE_ROWS)
        if not get_current_worker().is_cancelled:
            self.desk.post_message(MoreLoaded(asked, wanted, after, page))

    @work(thread=True, exclusive=True, group="case", exit_on_error=False)
    def read_case(self, asked: int, case_id: CaseId) -> None:
        message: CaseLoaded | CaseGone
        try:
            message = CaseLoaded(asked, case_view.load(self.store, case_id, self.agent))
        except NotFoundError as error:
            message = CaseGone(asked, case_id, str(error))
        if not get_current_worker().is_cancelled:
            self.desk.post_message(message)

    @work(thread=True, group="act", exit_on_error=False)
    def perform(self, act: Act) -> None:
        """Do it, and tell the screen how it went. Not exclusive: an act that was begun is finished."""
        try:
            act.run(self.store, self.now())
        except DeskError as error:
            self.desk.post_message(Refused(str(error), act, final=not isinstance(error, StoreError)))
        else:
            self.desk.post_message(Acted(act))

    @work(thread=True, group="why", exit_on_error=False)
    def ask_why(self, mention_id: MentionId) -> None:
        """Ask which words moved a verdict; the answer comes as any change of the store does."""
        explaining.ask(self.store, mention_id, self.now())

    def save_draft(self, case_id: CaseId, words: str) -> Worker[None]:
        self._drafts[case_id] = words
        return self._save_draft(case_id)

    @work(thread=True, group="draft", exit_on_error=False)
    def _save_draft(self, case_id: CaseId) -> None:
        """One after another, and each the newest words: saves that wait for the store may pass each other."""
        with self._drafting:
            words = self._drafts[case_id]
            outbox.save_draft(self.store, case_id, agent=self.agent, text=words, now=self.now())

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """The one place for what workers could not do: a sentence where the kernel has one."""
        error = event.worker.error
        if event.state is not WorkerState.ERROR or error is None:
            return
        if not isinstance(error, DeskError):
            raise error  # A defect: better a traceback than a desk that silently shows old cases.
        self.desk.post_message(Refused(str(error)))

    # --- leaving -----------------------------------------------------------------------------------

    async def action_quit(self) -> None:
        """Leave once the draft that is being written is in the store; asked twice, leave without it."""
        unsaved = self.desk.unsaved_draft()
        if unsaved is not None and unsaved != self._unsavable:
            try:
                await self.save_draft(*unsaved).wait()
            except WorkerFailed:  # the reason is said where all workers' errors are
                self._unsavable = unsaved
                return
        self.exit()

    def on_terminal_gone(self) -> None:
        # By way of the screen, which answers once it is mounted: an app that ends sooner ends in a traceback.
        self.desk.call_later(self._leave_unasked)

    async def _leave_unasked(self) -> None:
        """Leave as on the agent's wish, but whether the draft is saved or not: nobody is there to decide."""
        unsaved = self.desk.unsaved_draft()
        if unsaved is not None:
            with suppress(WorkerFailed):
                await self.save_draft(*unsaved).wait()
        self.exit()
