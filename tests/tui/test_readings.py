"""Whatever was read first may arrive last: the desk shows what it asked for last, in any order of arrival."""

from __future__ import annotations

import pytest
from textual.message import Message

from desk import casework
from desk.model.case import CaseId
from desk.model.mention import Mention
from desk.store import case_view, queue_view
from desk.store.queue_view import Shelf
from tests.kernel import NOON, Desk, after, post
from tests.tui.drive import AGENT, Sitting, at_desk, settle
from tui.app import PAGE_ROWS
from tui.messages import CaseLoaded, CountsLoaded, MoreLoaded, QueueLoaded

in_both_orders = pytest.mark.parametrize("late", [True, False])


async def arrive(agent: Sitting, older: Message, *, late: bool) -> None:
    """Let the older reading's answer come before or after the one that the desk asks for now."""
    desk = agent.app.desk
    if late:
        await agent.look()
        desk.post_message(older)
    else:
        desk.post_message(older)
        await settle(agent.pilot)
        await agent.look()
    await settle(agent.pilot)


@in_both_orders
async def test_an_older_queue(morning: Desk, late: bool) -> None:
    async with at_desk(morning.store) as agent:
        desk = agent.app.desk
        older = QueueLoaded(desk.asked, queue_view.page(morning.store, desk.wanted, limit=PAGE_ROWS))
        casework.resolve(morning.store, CaseId(3), agent="bob", now=NOON)
        await arrive(agent, older, late=late)
        assert agent.order == [1, 2, 4, 5]


@in_both_orders
async def test_older_counts(morning: Desk, late: bool) -> None:
    async with at_desk(morning.store) as agent:
        desk = agent.app.desk
        older = CountsLoaded(desk.asked, queue_view.counts(morning.store, desk.wanted, NOON), ("lost",))
        casework.resolve(morning.store, CaseId(3), agent="bob", now=NOON)
        await arrive(agent, older, late=late)
        assert agent.words(f"#shelf-{Shelf.TODO}").endswith("To do 4")
        assert "lost" not in agent.words("#topbar-left")


@in_both_orders
async def test_an_older_state_of_the_same_case(morning: Desk, late: bool) -> None:
    async with at_desk(morning.store) as agent:
        older = CaseLoaded(agent.app.desk.asked, case_view.load(morning.store, CaseId(1), AGENT))
        casework.claim(morning.store, CaseId(1), agent="bob", now=NOON)
        await arrive(agent, older, late=late)
        assert "bob has claimed it" in agent.words("#case-head")


@pytest.mark.parametrize("later", [0, 100], ids=["asked before the queue", "asked while it was read"])
@in_both_orders
async def test_a_page_behind_rows_that_have_moved_leaves_none_out(desk: Desk, late: bool, later: int) -> None:
    desk.take(*(numbered(n) for n in range(70)), now=NOON)
    desk.take(*(numbered(n) for n in range(70, PAGE_ROWS + 30)), now=NOON)
    async with at_desk(desk.store) as agent:
        screen = agent.app.desk
        wanted = screen.wanted
        end = queue_view.page(desk.store, wanted, limit=PAGE_ROWS).next_key
        assert end is not None
        older = MoreLoaded(screen.asked + later, wanted, end, queue_view.page(desk.store, wanted, end))
        desk.take(*(numbered(n) for n in range(200, 210)), now=NOON)
        await arrive(agent, older, late=late)
        every = [row.case.id for row in queue_view.page(desk.store, wanted, limit=500).rows]
        assert agent.order == every[: len(agent.order)]
        await agent.press("end", "end", "end")
        assert agent.order == every


def numbered(number: int) -> Mention:
    return post(str(number), "Broken again", after(-number), by=f"c{number}", thread=f"t{number}")


async def test_the_cursor_goes_back_although_an_older_queue_lacks_the_case(morning: Desk) -> None:
    async with at_desk(morning.store, keys=["e"]) as agent:
        desk = agent.app.desk
        older = QueueLoaded(desk.asked, queue_view.page(morning.store, desk.wanted, limit=PAGE_ROWS))
        casework.undo(morning.store, CaseId(1), agent=AGENT, now=NOON)
        desk.came_back(CaseId(1), compose=False)
        desk.post_message(older)
        await settle(agent.pilot)
        assert agent.queue.selected is not None
        assert (agent.queue.selected.case.id, agent.shown) == (1, 1)


async def test_words_are_given_back_although_an_older_state_still_has_the_reply(morning: Desk) -> None:
    async with at_desk(morning.store, keys=["r"]) as agent:
        await agent.type("We are sorry")
        await agent.press("ctrl+s")
        desk = agent.app.desk
        older = CaseLoaded(desk.asked, case_view.load(morning.store, CaseId(1), AGENT))
        casework.undo(morning.store, CaseId(1), agent=AGENT, now=NOON)
        desk.came_back(CaseId(1), compose=True)
        desk.post_message(older)
        await settle(agent.pilot)
        assert desk.composer.is_open
        assert desk.composer.field.text == "We are sorry"


async def test_of_drafts_that_wait_for_the_store_the_newest_is_kept(morning: Desk) -> None:
    async with at_desk(morning.store) as agent:
        with morning.store.write():
            for words in ("We", "We are", "We are sorry"):
                agent.app.save_draft(CaseId(1), words)
                await agent.pilot.pause(0)
        await settle(agent.pilot)
        assert case_view.load(morning.store, CaseId(1), AGENT).draft == "We are sorry"
