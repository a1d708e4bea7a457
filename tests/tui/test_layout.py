"""What is to be seen at which size, and where the focus goes."""

from __future__ import annotations

import asyncio
import os

import pytest
from textual.command import CommandList

from tests.kernel import Desk
from tests.tui.drive import MEDIUM, NARROW, WIDE, Sitting, at_desk, settle
from tui import themes


def visible(agent: Sitting) -> list[str]:
    panes = ("queue", "conversation", "customer")
    return [pane for pane in panes if agent.app.desk.query_one(f"#{pane}-pane").region.area]


async def test_wide_shows_all_three_and_p_hides_the_customer(morning: Desk) -> None:
    async with at_desk(morning.store, size=WIDE) as agent:
        assert visible(agent) == ["queue", "conversation", "customer"]
        await agent.press("p")
        assert visible(agent) == ["queue", "conversation"]
        await agent.press("3")
        assert visible(agent) == ["queue", "conversation", "customer"]


async def test_medium_shows_two(morning: Desk) -> None:
    async with at_desk(morning.store, size=MEDIUM) as agent:
        assert visible(agent) == ["queue", "conversation"]
        await agent.press("p")
        assert visible(agent) == ["conversation", "customer"]
        await agent.press("1")
        assert visible(agent) == ["queue", "conversation"]


async def test_narrow_shows_one_and_enter_and_escape_go_between(morning: Desk) -> None:
    async with at_desk(morning.store, size=NARROW) as agent:
        assert visible(agent) == ["queue"]
        await agent.press("j", "enter")
        assert visible(agent) == ["conversation"]
        assert agent.shown == 2
        await agent.press("j")
        assert agent.shown == 3
        await agent.press("p")
        assert visible(agent) == ["customer"]
        await agent.press("escape")
        assert visible(agent) == ["queue"]
        await agent.press("r")
        assert visible(agent) == ["conversation"]
        assert agent.app.desk.composer.is_open


async def test_a_window_that_changes_its_size_keeps_the_case(morning: Desk) -> None:
    async with at_desk(morning.store, size=WIDE, keys=["j", "2"]) as agent:
        for size, panes in ((NARROW, 1), (MEDIUM, 2), ((40, 10), 1), (WIDE, 3)):
            await agent.pilot.resize_terminal(*size)
            await settle(agent.pilot)
            assert len(visible(agent)) == panes
            assert agent.shown == 2


async def test_tab_goes_round(morning: Desk) -> None:
    async with at_desk(morning.store, size=WIDE) as agent:
        went = []
        for key in ("tab", "tab", "tab", "shift+tab", "2", "1"):
            await agent.press(key)
            focused = agent.app.focused
            went.append(focused.id if focused else None)
        assert went == ["timeline", "customer", "queue", "customer", "timeline", "queue"]


async def test_help_lists_every_action(morning: Desk) -> None:
    from tui.bindings import ACTIONS

    async with at_desk(morning.store, keys=["question_mark"]) as agent:
        told = "\n".join(str(line.content) for line in agent.app.screen.query(".help-line"))  # type: ignore[attr-defined]
        assert all(action.about in told for action in ACTIONS)
        await agent.press("escape")
        assert agent.app.screen is agent.app.desk


async def test_the_palette_runs_an_action(morning: Desk) -> None:
    async with at_desk(morning.store, keys=["ctrl+p"]) as agent:
        await agent.type("claim")
        async with asyncio.timeout(20):
            while not agent.app.screen.query_one(CommandList).option_count:
                await settle(agent.pilot)
            await agent.press("enter")
            while morning.case(1).assignee is None:  # the palette closes first, and runs it then
                await settle(agent.pilot)
        assert morning.case(1).assignee == "ada"


async def test_every_theme_draws(morning: Desk) -> None:
    async with at_desk(morning.store) as agent:
        pictures = set()
        for theme in (*themes.NAMES, *themes.OTHERS):
            agent.app.theme = theme
            await settle(agent.pilot)
            pictures.add(agent.app.export_screenshot())
        assert len(pictures) == len(themes.NAMES) + len(themes.OTHERS)


async def test_a_theme_is_chosen_by_key_and_an_unknown_one_is_left_out(morning: Desk) -> None:
    async with at_desk(morning.store, theme="no such thing", keys=["t"]) as agent:
        assert agent.app.theme == themes.DEFAULT
        await agent.press("2")
        assert agent.app.theme == "answerback-light"


async def test_without_colours_the_cursor_is_still_to_be_seen(
    morning: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(os.environ, "NO_COLOR", "1")
    async with at_desk(morning.store) as agent:
        styles = [segment.style for segment in agent.queue.render_line(0) if segment.text.strip()]
        assert all(style is not None and style.reverse for style in styles)
        assert agent.lines[0].startswith("▌◆ late")
        assert agent.lines[2].startswith(" ◆ late")


async def test_keys_can_be_other_keys(morning: Desk) -> None:
    async with at_desk(morning.store, keymap={"case.claim": "m"}) as agent:
        await agent.press("m")
        assert morning.case(1).assignee == "ada"


async def test_the_bottom_line_keeps_the_help_where_it_is_short(morning: Desk) -> None:
    async with at_desk(morning.store, size=(60, 20), keys=["c"]) as agent:
        line = agent.words("#actions")
        assert len(line) <= 58
        assert line.startswith("r Reply  e Resolve")
        assert line.endswith("? Help")


async def test_the_bottom_line_can_be_clicked(morning: Desk) -> None:
    async with at_desk(morning.store) as agent:
        await agent.pilot.click("#actions", offset=(agent.words("#actions").index("Help") + 1, 0))
        await settle(agent.pilot)
        assert agent.app.screen is not agent.app.desk


async def test_a_conversation_that_was_hidden_begins_with_its_end(morning: Desk) -> None:
    async with at_desk(morning.store, size=(80, 16), keys=["j", "enter"]) as agent:
        timeline = agent.app.desk.conversation.timeline
        assert timeline.max_scroll_y > 0
        assert timeline.scroll_y == timeline.max_scroll_y
