"""Sits at the desk: opens it on a real store, presses keys, waits until everything is done, and reads."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from textual.pilot import Pilot
from textual.widgets import Input, TextArea

from desk.model.case import CaseId
from desk.store import Store, health_view
from desk.store.case_view import CaseView
from tests.fakes.clock import Clock
from tests.kernel import NOON
from tui.app import DeskApp
from tui.widgets.blocks import Block
from tui.widgets.queue import QueueList

WIDE = (160, 45)
LOW = (140, 24)
"""Wide enough for all three panes, and quick to draw."""
MEDIUM = (120, 40)
NARROW = (80, 24)
AGENT = "ada"


def make_app(store: Store, now: datetime = NOON, *, listening: bool = True, **options: Any) -> DeskApp:
    """`listening`: a run beside the desk says that it lives."""
    if listening:
        health_view.beat(store, now)
    clock = options.pop("clock", None) or Clock(now)
    return DeskApp(store, agent=options.pop("agent", AGENT), now=clock, zone=UTC, **options)


async def settle(pilot: Pilot[Any]) -> None:
    """Wait until no worker is at work and no message waits, what they set off included."""
    quiet = 0
    # A message climbs from the queue to the screen by four parents, and on a busy machine by one a round.
    while quiet < 6:
        working = [worker for worker in pilot.app.workers if not worker.is_finished]
        # One that is overtaken by the next one ends as cancelled: that is no failure.
        await asyncio.gather(*(worker.wait() for worker in working), return_exceptions=True)
        await pilot.pause(0)
        quiet = 0 if working else quiet + 1


class Sitting:
    """One agent at one desk."""

    def __init__(self, app: DeskApp, pilot: Pilot[Any], clock: Clock) -> None:
        self.app = app
        self.pilot = pilot
        self.clock = clock

    async def press(self, *keys: str) -> None:
        """Press keys that mean something; `Pilot.press` waits for an idle processor at each one."""
        for key in keys:
            self.app.simulate_key(key)
            await settle(self.pilot)

    async def type(self, words: str) -> None:
        """Write into the field that has the focus, all at once."""
        focused = self.app.focused
        if isinstance(focused, TextArea):
            focused.insert(words)
        else:
            assert isinstance(focused, Input)
            focused.insert_text_at_cursor(words)
        await settle(self.pilot)

    async def look(self) -> None:
        """What the desk does by itself twice a second."""
        self.app.desk.look()
        await settle(self.pilot)

    async def tick(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.app.desk.tick()
        await settle(self.pilot)

    @property
    def queue(self) -> QueueList:
        return self.app.desk.queue

    @property
    def view(self) -> CaseView:
        view = self.app.desk.view
        assert view is not None, "no case is shown"
        return view

    @property
    def shown(self) -> CaseId:
        return self.view.case.id

    @property
    def order(self) -> list[int]:
        return [row.case.id for row in self.queue.rows]

    @property
    def said(self) -> list[str]:
        """All toasts so far."""
        return [notice.message for notice in self.app._notifications]

    @property
    def blocks(self) -> list[str]:
        return [str(block.content) for block in self.app.desk.query(Block)]

    @property
    def lines(self) -> list[str]:
        """The queue's lines as they are drawn."""
        return [self.queue.render_line(y).text for y in range(self.queue.size.height)]

    def words(self, selector: str) -> str:
        return str(self.app.desk.query_one(selector).content)  # type: ignore[attr-defined]

    def footer(self) -> set[str]:
        """Titles of the keys that the footer offers."""
        active = self.app.screen.active_bindings.values()
        return {each.binding.description for each in active if each.binding.show and each.enabled}


@asynccontextmanager
async def at_desk(
    store: Store,
    now: datetime = NOON,
    *,
    size: tuple[int, int] = LOW,
    keys: Sequence[str] = (),
    listening: bool = True,
    **options: Any,
) -> AsyncIterator[Sitting]:
    clock = Clock(now)
    # A connection of its own, as in a process of its own: that is how it notices what others commit.
    own = Store(store.path)
    app = make_app(own, clock=clock, listening=listening, **options)
    async with app.run_test(size=size, notifications=True) as pilot:
        await settle(pilot)
        sitting = Sitting(app, pilot, clock)
        await sitting.press(*keys)
        yield sitting
    own.close()
