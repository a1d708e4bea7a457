"""The desk as a whole: what it loads, how it fails, how it stays fresh."""

from __future__ import annotations

import asyncio
import subprocess
import sys

import pytest

from desk.errors import StoreError
from desk.model.case import CaseId
from tests.kernel import NOON, Desk, FakeSender, after, brand_post, post
from tests.tui.drive import WIDE, at_desk, settle
from tui.bindings import ACTIONS, BY_NAME, Scope
from tui.screens.desk import DeskScreen


def test_the_console_loads_no_model_and_no_network() -> None:
    heavy = ("torch", "transformers", "httpx", "onnxruntime", "tweepy")
    check = f"import sys, tui.app; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_action_has_one_id_and_a_method() -> None:
    assert len({action.id for action in ACTIONS}) == len(ACTIONS)
    for name in BY_NAME:
        assert hasattr(DeskScreen, f"action_{name}"), name


def test_no_key_means_two_things_in_one_place() -> None:
    for scope in Scope:
        keys = [key for action in ACTIONS if action.scope is scope for key in action.keys.split(",")]
        assert len(keys) == len(set(keys))


async def test_the_desk_looks_by_itself(morning: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tui.screens.desk.LOOK_SECONDS", 0.01)
    async with at_desk(morning.store) as agent:
        morning.take(post("9", "New one", by="zoe", thread="z"))
        async with asyncio.timeout(20):
            while 6 not in agent.order:
                await settle(agent.pilot)


async def test_a_store_that_fails_is_said_once(morning: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    async with at_desk(morning.store) as agent:

        def broken() -> int:
            raise StoreError("The disk of [/x] is full.")

        monkeypatch.setattr(agent.app.store, "data_version", broken)
        await agent.look()
        await agent.look()
        assert agent.said == ["The disk of [/x] is full."]
        assert agent.shown == 1


async def test_a_worker_that_cannot_read_says_why(morning: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    async with at_desk(morning.store) as agent:

        def broken(*_: object, **__: object) -> None:
            raise StoreError("It was held by another program for too long; run this again.")

        monkeypatch.setattr("desk.store.queue_view.page", broken)
        await agent.press("right")
        assert agent.said == ["It was held by another program for too long; run this again."]


async def test_a_defect_is_not_hidden(morning: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("a defect")

    with pytest.raises(ZeroDivisionError, match="a defect"):
        async with at_desk(morning.store) as agent:
            monkeypatch.setattr("desk.store.queue_view.page", broken)
            await agent.press("right")


async def test_the_conversation_tells_everything_in_its_order(morning: Desk) -> None:
    async with at_desk(morning.store, keys=["j"]) as agent:
        blocks = agent.blocks
        assert blocks[0].startswith("Boris  @boris · 11:20 · 40m ago\nYou charged me twice\ncomplaint 90% · ")
        assert blocks[1].startswith("Fernway  @fernway · 11:25")
        assert blocks[2].startswith("Boris  @boris · 11:26")


async def test_what_others_wrote_deleted_and_edited_is_marked(desk: Desk) -> None:
    desk.take(post("1", "It never came", after(-30)))
    desk.take(post("2", "Same here", after(-20), by="boris", thread="t1", reply_to="1"))
    desk.take(brand_post("b", "A bot says hello", after(-15), reply_to="1", automatic=True))
    desk.take(post("3", "Still nothing", after(-10), reply_to="1"))
    desk.take(post("3", "Still nothing at all", after(-10), reply_to="1", seen=after(-1)))
    desk.record(deleted=["bluesky:1"], now=NOON)
    async with at_desk(desk.store) as agent:
        agent.queue.select(CaseId(1))
        await agent.look()
        assert agent.blocks[0].endswith("Deleted by its author.")
        assert "took part" in agent.blocks[1]
        assert "automatic" in agent.blocks[2]
        assert "edited\nStill nothing at all" in agent.blocks[3]


async def test_private_messages_are_marked_and_so_is_what_answers_them(desk: Desk) -> None:
    desk.take(post("1", "It never came", after(-30), private=True))
    desk.answer(FakeSender("bluesky"), "So sorry", now=after(-20))
    desk.take(post("2", "In public: it never came", after(-10), reply_to="1"))
    async with at_desk(desk.store) as agent:
        heads = {block.splitlines()[1]: block.splitlines()[0] for block in agent.blocks if "\n" in block}
        assert "· private" in heads["It never came"]
        assert "· private" in heads["So sorry"]
        assert "private" not in heads["In public: it never came"]


async def test_a_long_conversation_begins_with_its_end(desk: Desk) -> None:
    for number in range(70):
        desk.take(post(str(number), f"Post number {number}", after(number - 70)))
    async with at_desk(desk.store) as agent:
        assert agent.blocks[0] == "10 earlier entries: x shows them"
        assert "Post number 69" in agent.blocks[-1]
        assert agent.app.desk.conversation.timeline.is_vertical_scroll_end
        await agent.press("x")
        assert "Post number 0" in agent.blocks[0]


async def test_a_chat_says_how_much_of_it_is_not_shown(desk: Desk) -> None:
    desk.take(post("1", at=after(-600)))
    desk.record(*(post(f"c{n}", "Nice weather", after(n - 400), by="ben") for n in range(350)))
    async with at_desk(desk.store, keys=["x"]) as agent:
        assert agent.blocks[0] == "320 more posts by others: b opens the conversation"
        assert "My parcel never came" in agent.blocks[1]


async def test_relative_times_move_on_in_the_conversation(morning: Desk) -> None:
    async with at_desk(morning.store) as agent:
        assert "1h15 ago" in agent.blocks[0]
        await agent.tick(120)
        assert "1h17 ago" in agent.blocks[0]


async def test_the_customer_beside_it(crm: Desk) -> None:
    async with at_desk(crm.store) as agent:
        profile = agent.words("#profile")
        assert profile.startswith("Anna\n@anna on Bluesky\n  public account\n")
        assert "From customers.csv" in profile
        assert "vip" in profile
        assert "Fourth floor, no lift." in " ".join(profile.split())
        assert "▸ 1 new · 17 Nov 2026" in profile
        await agent.press("j", "j")
        assert "Nothing imported about this account." in agent.words("#profile")


async def test_moods_are_bars(desk: Desk) -> None:
    desk.take(post("1", "It never came", after(days=-3)))
    desk.take(post("2", "I love it", after(days=-2), thread="t2"))
    desk.take(post("3", "furious", after(-3), thread="t3"))
    async with at_desk(desk.store) as agent:
        profile = agent.words("#profile")
        assert "▃▄▁  high is friendly" in profile
        assert "14 Nov 2026 – 17 Nov 2026" in profile
        assert "3 posts so far" in profile


async def test_an_agent_is_told_when_nothing_listens(morning: Desk) -> None:
    async with at_desk(morning.store, listening=False, size=WIDE) as sitting:
        assert "nothing listens or sends" in sitting.words("#topbar-left")
    async with at_desk(morning.store, size=WIDE) as sitting:
        assert "nothing listens" not in sitting.words("#topbar-left")
