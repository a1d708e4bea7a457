"""The queue: due first, paged, and quiet under the agent's cursor."""

from __future__ import annotations

import pytest
from textual.message import Message

from desk import casework
from desk.model.case import CaseId, CaseState
from desk.store import case_view, queue_view
from desk.store.queue_view import Shelf
from tests.kernel import NOON, Desk, after, post
from tests.tui.drive import AGENT, NARROW, at_desk, settle
from tui.app import PAGE_ROWS
from tui.messages import CaseLoaded, QueueLoaded
from tui.widgets.queue import ROW_LINES


async def test_due_first_and_the_first_case_is_shown(morning: Desk) -> None:
    async with at_desk(morning.store) as agent:
        assert agent.order == [1, 2, 3, 4, 5]
        assert agent.shown == 1
        assert agent.words("#topbar-left") == "Answerback   ◆ 2 overdue"


async def test_a_row_says_what_presses_without_colour(morning: Desk) -> None:
    async with at_desk(morning.store) as agent:
        first, below = agent.lines[:2]
        assert "◆ late 15m" in first
        assert "@anna" in first
        assert first.rstrip().endswith("Bluesky")
        assert "new" in below
        assert "My parcel never came." in below
        assert "! " in agent.lines[4]  # furious, so of high severity
        assert "look? Hmm, is the locker" in agent.lines[7]
        assert "no reply Their app" in agent.lines[9]


async def test_customers_are_named_as_their_platform_names_them(desk: Desk) -> None:
    desk.take(post("1", by="ana@mail.example", source="email"))
    async with at_desk(desk.store) as agent:
        written = "ana@mail.example"
        shown = [agent.lines[0], str(agent.app.desk.query_one("#conversation-pane").border_title)]
        shown += [agent.blocks[0], agent.words("#composer-says"), agent.words("#profile")]
        assert all(written in words for words in shown), shown
        assert not any(f"@{written}" in words for words in shown), shown


async def test_counts_stand_on_the_shelves(morning: Desk) -> None:
    casework.claim(morning.store, CaseId(3), agent="ada", now=NOON)
    casework.resolve(morning.store, CaseId(4), agent="bob", now=NOON)
    async with at_desk(morning.store) as agent:
        tabs = [agent.words(f"#shelf-{shelf}") for shelf in Shelf]
        assert [tab.strip(" ▸") for tab in tabs] == [
            "To do 4",
            "Mine 1",
            "Waiting 0",
            "Snoozed 0",
            "Closed 1",
            "All 5",
        ]


async def test_shelves_are_walked_and_each_empty_one_says_what_to_do(morning: Desk) -> None:
    async with at_desk(morning.store) as agent:
        seen = []
        for _ in range(4):
            await agent.press("right_square_bracket")
            seen.append((agent.app.desk.wanted.shelf, agent.words("#queue-empty").splitlines()[0]))
        assert seen == [
            (Shelf.MINE, "No open case is yours."),
            (Shelf.WAITING, "No case waits for a customer."),
            (Shelf.SNOOZED, "Nothing is snoozed."),
            (Shelf.CLOSED, "No case is closed yet."),
        ]
        assert agent.app.desk.view is None
        await agent.press("left_square_bracket", "left", "left", "left")
        assert agent.order == [1, 2, 3, 4, 5]
        assert agent.shown == 1


async def test_j_and_k_and_arrows_move_and_show(morning: Desk) -> None:
    async with at_desk(morning.store) as agent:
        await agent.press("j", "down", "j")
        assert agent.shown == 4
        await agent.press("k", "up")
        assert agent.shown == 2
        await agent.press("end")
        assert agent.shown == 5
        await agent.press("j")
        assert agent.shown == 5
        await agent.press("home")
        assert agent.shown == 1


async def test_a_new_case_above_does_not_move_the_cursor_off_its_case(morning: Desk) -> None:
    async with at_desk(morning.store, keys=["j", "j"]) as agent:
        assert agent.shown == 3
        morning.take(post("9", "Late and unseen", after(-200), by="zoe", thread="z", seen=NOON))
        await agent.look()
        assert agent.order == [6, 1, 2, 3, 4, 5]
        assert agent.queue.cursor == 3
        assert agent.shown == 3


async def test_the_view_stands_still_when_cases_arrive_above(desk: Desk) -> None:
    for number in range(60):
        desk.take(post(str(number), "Broken again", after(-number), by=f"c{number}", thread=f"t{number}"))
    async with at_desk(desk.store, keys=["pagedown", "pagedown"]) as agent:
        shown, line = agent.shown, agent.queue.cursor * ROW_LINES - agent.queue.scroll_offset.y
        assert agent.queue.scroll_offset.y > 0
        for number in range(5):
            desk.take(
                post(f"n{number}", "Older", after(-200), by=f"n{number}", thread=f"n{number}", seen=NOON)
            )
        await agent.look()
        assert agent.shown == shown
        assert agent.queue.cursor * ROW_LINES - agent.queue.scroll_offset.y == line


async def test_nothing_is_read_again_while_nothing_is_written(morning: Desk) -> None:
    async with at_desk(morning.store) as agent:
        before = agent.queue.rows
        await agent.look()
        assert agent.queue.rows is before


async def test_a_case_that_a_colleague_resolves_stays_until_the_cursor_moves_on(morning: Desk) -> None:
    async with at_desk(morning.store, keys=["j"]) as agent:
        casework.resolve(morning.store, CaseId(2), agent="bob", now=NOON)
        await agent.look()
        assert agent.order == [1, 2, 3, 4, 5]
        assert agent.shown == 2
        assert agent.view.case.state is CaseState.RESOLVED
        assert "resolved" in agent.lines[3]
        await agent.press("j")
        assert agent.order == [1, 3, 4, 5]
        assert agent.shown == 3


@pytest.mark.parametrize("case_first", [True, False])
async def test_a_case_kept_under_the_cursor_reads_as_it_is_whichever_was_read_first(
    morning: Desk, case_first: bool
) -> None:
    async with at_desk(morning.store, keys=["j"]) as agent:
        casework.resolve(morning.store, CaseId(2), agent="bob", now=NOON)
        wanted, asked = agent.app.desk.wanted, agent.app.desk.asked
        messages: list[Message] = [
            CaseLoaded(asked, case_view.load(morning.store, CaseId(2), AGENT)),
            QueueLoaded(asked, queue_view.page(morning.store, wanted, limit=PAGE_ROWS)),
        ]
        for message in messages if case_first else reversed(messages):
            agent.app.desk.post_message(message)
            await settle(agent.pilot)
        assert agent.order == [1, 2, 3, 4, 5]
        assert "resolved" in agent.lines[3]


async def test_pages_are_read_as_the_agent_goes_down(desk: Desk) -> None:
    total = PAGE_ROWS + 30
    for begin in (0, 70):
        numbers = range(begin, min(begin + 70, total))
        desk.take(
            *(post(str(n), "Broken again", after(-n), by=f"c{n}", thread=f"t{n}") for n in numbers), now=NOON
        )
    async with at_desk(desk.store) as agent:
        assert len(agent.queue.rows) == PAGE_ROWS
        await agent.press("end")
        assert len(agent.queue.rows) == total
        await agent.press("end")
        assert agent.queue.cursor == total - 1
        assert len({row.case.id for row in agent.queue.rows}) == total
        assert agent.queue.more is False
        await agent.press("f5")
        assert agent.queue.cursor == total - 1


async def test_search_finds_while_typing_and_escape_shows_everything(morning: Desk) -> None:
    async with at_desk(morning.store, keys=["slash"]) as agent:
        await agent.type("fur")
        assert agent.order == [3]
        assert agent.shown == 3
        await agent.press("enter")
        assert agent.queue.has_focus
        await agent.press("escape")
        assert agent.order == [1, 2, 3, 4, 5]
        assert agent.shown == 3


async def test_a_search_without_hits_says_so(morning: Desk) -> None:
    async with at_desk(morning.store, keys=["slash"]) as agent:
        await agent.type('zz" OR [x]')
        assert agent.order == []
        assert agent.words("#queue-empty").startswith('Nothing here for “zz" OR [x]”.')


async def test_the_filter_narrows_to_a_platform(morning: Desk) -> None:
    async with at_desk(morning.store, keys=["f"]) as agent:
        await agent.press("down", "down", "down", "enter")  # everything, fernway, bluesky, mastodon
        assert agent.order == [2]
        assert "only Mastodon" in agent.words("#topbar-left")
        await agent.press("f", "1")
        assert agent.order == [1, 2, 3, 4, 5]


async def test_countdowns_move_on(morning: Desk) -> None:
    async with at_desk(morning.store) as agent:
        await agent.tick(60)
        assert "late 16m" in agent.lines[0]
        await agent.tick(3600)
        assert "◆ 5 overdue" in agent.words("#topbar-left")


async def test_a_click_chooses_a_case_and_another_one_opens_it(morning: Desk) -> None:
    async with at_desk(morning.store, size=NARROW) as agent:
        await agent.pilot.click("#queue", offset=(10, 4))
        await agent.press()
        await agent.look()
        assert agent.queue.cursor == 2
        assert agent.app.desk.panes.at == "queue"
        await agent.pilot.click("#queue", offset=(10, 5))
        await agent.look()
        assert agent.app.desk.panes.at == "conversation"
        assert agent.shown == 3


async def test_an_empty_store_says_how_cases_come(desk: Desk) -> None:
    async with at_desk(desk.store) as agent:
        assert agent.words("#queue-empty").startswith("Nothing waits for an answer.")
        await agent.press("j", "e", "r", "enter", "u", "end", "x")
        assert agent.app.desk.view is None
        desk.take(post("1"))
        await agent.look()
        assert agent.shown == 1


async def test_the_arrow_keys_walk_cases_that_came_to_an_empty_queue(desk: Desk) -> None:
    async with at_desk(desk.store) as agent:
        await agent.press("down", "enter")
        desk.take(post("1", "My parcel never came.", after(-75), by="anna", thread="a"))
        desk.take(post("2", "You charged me twice", after(-40), by="boris", thread="b"))
        await agent.look()
        assert agent.shown == 1
        await agent.press("down")
        assert agent.shown == 2


async def test_the_arrow_keys_walk_the_queue_after_a_search_that_found_nothing(morning: Desk) -> None:
    async with at_desk(morning.store) as agent:
        await agent.press("slash", "q", "q", "enter")
        assert agent.words("#queue-empty")
        await agent.press("escape", "down")
        assert agent.shown == agent.order[1]
