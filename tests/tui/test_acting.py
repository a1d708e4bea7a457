"""Acts: each key is a use case of the kernel, says what happened, and can be taken back."""

from __future__ import annotations

from typing import Any

import pytest

from desk import casework, outbox
from desk.errors import StoreError
from desk.model.case import CaseId, CaseState, Severity
from desk.model.event import EventKind
from desk.model.reply import ReplyState
from desk.store.queue_view import Shelf
from tests.kernel import NOON, Desk, FakeSender, after, post
from tests.tui.drive import at_desk, settle


async def test_claim_and_undo(morning: Desk) -> None:
    async with at_desk(morning.store, keys=["c"]) as agent:
        assert morning.case(1).assignee == "ada"
        assert agent.said[-1] == "Case 1 is yours. u undoes it."
        assert "yours" in agent.words("#case-head")
        await agent.press("u")
        assert morning.case(1).assignee is None
        assert agent.said[-1] == "Taken back: case 1 is yours."
        assert "Undo" not in agent.footer()


async def test_resolving_goes_on_to_the_next_and_undo_comes_back(morning: Desk) -> None:
    async with at_desk(morning.store, keys=["j", "e"]) as agent:
        assert morning.case(2).state is CaseState.RESOLVED
        assert agent.order == [1, 3, 4, 5]
        assert agent.shown == 3
        await agent.press("u")
        assert morning.case(2).state is CaseState.NEW
        assert agent.order == [1, 2, 3, 4, 5]
        assert agent.shown == 2
        assert agent.queue.cursor == 1


async def test_resolving_the_last_one_goes_to_the_one_before(morning: Desk) -> None:
    async with at_desk(morning.store, keys=["end", "e"]) as agent:
        assert agent.shown == 4


async def test_resolving_everything_ends_with_a_kind_word(desk: Desk) -> None:
    desk.take(post("1"))
    async with at_desk(desk.store, keys=["e"]) as agent:
        assert agent.words("#queue-empty").startswith("Nothing waits for an answer.")
        assert agent.app.desk.view is None
        await agent.press("u")
        assert agent.shown == 1


async def test_undo_walks_back_through_several_cases(morning: Desk) -> None:
    async with at_desk(morning.store, keys=["c", "j", "c", "j", "e", "u", "u", "u", "u"]) as agent:
        assert [morning.case(n).assignee for n in (1, 2, 3)] == [None, None, None]
        assert morning.case(3).state is CaseState.NEW
        assert agent.shown == 1


async def test_snooze_asks_until_when(morning: Desk) -> None:
    async with at_desk(morning.store, keys=["z", "down", "enter"]) as agent:
        assert morning.case(1).snoozed_until == after(hours=1)
        assert agent.said[-1].startswith("Case 1 comes back in an hour")
        assert agent.shown == 2


async def test_snooze_takes_the_agents_own_time(morning: Desk) -> None:
    async with at_desk(morning.store, keys=["z", "6"]) as agent:
        await agent.type("soon")
        await agent.press("enter")
        assert "Write a time like" in str(agent.app.screen.query_one("#own-problem").content)  # type: ignore[attr-defined]
        await agent.press(*["backspace"] * 4)
        await agent.type("fri 9:00")
        await agent.press("enter")
        assert morning.case(1).snoozed_until == after(days=2, hours=21)


async def test_a_question_can_be_left(morning: Desk) -> None:
    async with at_desk(
        morning.store, keys=["z", "escape", "d", "escape", "n", "escape", "s", "escape"]
    ) as agent:
        assert morning.case(1).state is CaseState.NEW
        assert agent.said == []


async def test_a_snoozed_case_can_be_woken(morning: Desk) -> None:
    async with at_desk(morning.store, keys=["z", "1", "right", "right", "right"]) as agent:
        assert agent.app.desk.wanted.shelf is Shelf.SNOOZED
        assert {"Wake"} <= agent.footer()
        await agent.press("w")
        assert morning.case(1).state is CaseState.NEW


async def test_dismissing_asks_why(morning: Desk) -> None:
    async with at_desk(morning.store, keys=["d", "2"]) as agent:
        assert morning.case(1).state is CaseState.DISMISSED
        assert morning.log(1)[-1].data["reason"] == "No complaint"
        assert agent.shown == 2


async def test_dismissing_in_the_agents_own_words(morning: Desk) -> None:
    async with at_desk(morning.store, keys=["d", "6", "enter"]) as agent:
        assert morning.case(1).state is CaseState.NEW  # no words, no reason
        await agent.type("a poem")
        await agent.press("enter")
        assert morning.log(1)[-1].data["reason"] == "a poem"


async def test_a_note_that_the_store_could_not_take_is_not_lost(
    morning: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise StoreError("The disk is full.")

    async with at_desk(morning.store, keys=["n"]) as agent:
        await agent.type("Her parcel is in Hamburg.")
        with monkeypatch.context() as full:
            full.setattr(casework, "note", refuse)
            await agent.press("ctrl+s")
        assert "The disk is full." in agent.said
        await agent.press("ctrl+s")
        assert any("Her parcel is in Hamburg." in block for block in agent.blocks)


async def test_a_note_is_kept_and_shown(morning: Desk) -> None:
    async with at_desk(morning.store, keys=["n"]) as agent:
        await agent.type("call [b]depot[/nope]")
        await agent.press("ctrl+s")
        assert morning.log(1)[-1].data["text"] == "call [b]depot[/nope]"
        assert any("call [b]depot[/nope]" in block for block in agent.blocks)


async def test_severity(morning: Desk) -> None:
    async with at_desk(morning.store, keys=["s", "1"]) as agent:
        assert morning.case(1).severity is Severity.URGENT
        assert "!!" in agent.lines[0]


async def test_release_and_reopen(morning: Desk) -> None:
    casework.claim(morning.store, CaseId(1), agent="ada", now=NOON)
    async with at_desk(morning.store, keys=["C"]) as agent:
        assert morning.case(1).assignee is None
        await agent.press("e", *["right"] * 4)
        assert agent.app.desk.wanted.shelf is Shelf.CLOSED
        assert agent.shown == 1
        await agent.press("o")
        assert morning.case(1).state is CaseState.NEW


async def test_keys_that_the_state_forbids_are_not_offered(morning: Desk) -> None:
    casework.resolve(morning.store, CaseId(1), agent="bob", now=NOON)
    async with at_desk(morning.store) as agent:
        assert {"Claim", "Resolve", "Snooze", "Reply"} <= agent.footer()
        assert not {"Reopen", "Wake", "Undo"} & agent.footer()
        await agent.press(*["right"] * 4)
        assert agent.shown == 1
        assert {"Reopen", "Note"} <= agent.footer()
        assert not {"Claim", "Resolve", "Snooze", "Reply", "Dismiss"} & agent.footer()
        await agent.press("e", "c", "z")
        assert len(morning.log(1)) == len([e for e in morning.log(1) if e.actor != "ada"])


async def test_a_refusal_is_one_sentence(morning: Desk) -> None:
    """The case is closed between what is shown and the key."""
    async with at_desk(morning.store) as agent:
        casework.dismiss(morning.store, CaseId(1), agent="bob", reason="[/nope]", now=NOON)
        await agent.press("e")
        assert agent.said[-1] == "Case 1 is dismissed: it cannot be resolved."
        assert "dismissed" in agent.words("#case-head")


async def test_what_can_no_longer_be_undone_is_said_and_forgotten(morning: Desk) -> None:
    async with at_desk(morning.store, keys=["c"]) as agent:
        casework.set_severity(morning.store, CaseId(1), agent="bob", severity=Severity.URGENT, now=NOON)
        await agent.press("u")
        assert agent.said[-1].startswith("There is nothing of yours to take back")
        assert morning.case(1).assignee == "ada"
        assert "Undo" not in agent.footer()


async def test_a_colleagues_claim_is_to_be_seen(morning: Desk) -> None:
    async with at_desk(morning.store) as agent:
        casework.claim(morning.store, CaseId(1), agent="bob", now=NOON)
        await agent.look()
        assert "bob has claimed it" in agent.words("#case-head")
        assert "bob" in agent.lines[1]
        await agent.press("c")
        assert agent.said[-1] == "Case 1 is yours, taken over from bob. u undoes it."


async def test_a_colleagues_reply_on_its_way_is_to_be_seen(morning: Desk) -> None:
    async with at_desk(morning.store) as agent:
        outbox.approve(morning.store, CaseId(1), agent="bob", text="We look into it", now=NOON)
        await agent.look()
        assert "bob’s reply is on its way" in agent.words("#case-head")
        await agent.press("r")
        assert agent.said[-1] == "bob’s reply is on its way."


async def test_a_reply_that_becomes_public_moves_the_case(morning: Desk) -> None:
    async with at_desk(morning.store, keys=["r"]) as agent:
        await agent.type("Sorry")
        await agent.press("ctrl+s")
        assert morning.reply(1).state is ReplyState.APPROVED
        outbox.send_due(morning.store, {"bluesky": FakeSender("bluesky")}, after(1))
        await agent.look()
        assert agent.shown == 1  # a guest now: it waits for the customer
        assert agent.view.case.state is CaseState.WAITING
        assert any("by you" in block for block in agent.blocks)
        await agent.press("u")
        assert "nothing of yours to take back" in agent.said[-1]


@pytest.mark.parametrize("key", ["b", "y"])
async def test_addresses_that_are_no_web_addresses_are_not_offered(desk: Desk, key: str) -> None:
    from dataclasses import replace

    desk.take(replace(post("1"), url="javascript:alert(1)"))
    async with at_desk(desk.store) as agent:
        await agent.press(key)
        assert agent.said == []
        assert not agent.app.desk.is_possible("browse")


async def test_the_posts_address_is_copied(desk: Desk) -> None:
    from dataclasses import replace

    desk.take(replace(post("1"), url="https://example.com/p/1"))
    async with at_desk(desk.store, keys=["y"]) as agent:
        assert agent.app.clipboard == "https://example.com/p/1"


async def test_a_case_that_is_gone_is_said_once(morning: Desk) -> None:
    async with at_desk(morning.store) as agent:
        agent.app.desk.came_back(CaseId(99), compose=False)
        await settle(agent.pilot)
        assert agent.said == ["There is no case 99 in this store."]


async def test_events_are_told_in_words(morning: Desk) -> None:
    casework.claim(morning.store, CaseId(1), agent="bob", now=after(-3))
    casework.snooze(morning.store, CaseId(1), agent="bob", until=after(hours=2), now=after(-2))
    casework.wake(morning.store, CaseId(1), agent="ada", now=after(-1))
    assert EventKind.CLAIMED in [event.kind for event in morning.log(1)]
    async with at_desk(morning.store) as agent:
        told = [block.split(" · ")[0] for block in agent.blocks]
        assert told[1:] == ["bob claimed the case", "bob snoozed it until 14:00", "You brought it back"]
