"""Answering: whether it may be, how long it may be, and that no word is lost."""

from __future__ import annotations

from typing import Any

import pytest

from desk import casework, outbox
from desk.errors import StoreError
from desk.model.case import CaseId
from desk.model.event import EventKind
from desk.model.reply import ReplyState
from desk.store import case_view
from tests.kernel import NOON, Desk, FakeSender, after, post
from tests.tui.drive import at_desk, settle
from tui.messages import TerminalGone
from tui.widgets.composer import ReplyField


async def test_a_reply_is_approved_and_the_case_claimed(morning: Desk) -> None:
    async with at_desk(morning.store, keys=["r"]) as agent:
        assert isinstance(agent.app.focused, ReplyField)
        assert morning.case(1).assignee == "ada"  # colleagues see that somebody writes
        await agent.type("We look into it")
        assert agent.words("#composer-count") == "15/300"
        await agent.press("ctrl+s")
        reply = morning.reply(1)
        assert (reply.text, reply.agent, reply.state) == ("We look into it", "ada", ReplyState.APPROVED)
        assert not agent.app.desk.composer.is_open
        assert any("goes out in 6s, u takes it back" in block for block in agent.blocks)


async def test_undo_brings_the_words_back(morning: Desk) -> None:
    async with at_desk(morning.store, keys=["r"]) as agent:
        await agent.type("Too fast")
        await agent.press("ctrl+s", "u")
        assert morning.reply(1).state is ReplyState.CANCELLED
        assert agent.app.desk.composer.field.text == "Too fast"
        assert agent.app.desk.composer.is_open
        assert not any("Too fast" in block for block in agent.blocks)
        await agent.press("ctrl+s")
        assert morning.reply(2).state is ReplyState.APPROVED


async def test_where_no_reply_is_possible_the_reason_stands_first_and_typing_is_refused(
    morning: Desk,
) -> None:
    async with at_desk(morning.store, keys=["end"]) as agent:
        reason = "⊘ No reply possible: X lets us answer only posts that mention the brand."
        assert agent.words("#composer-says") == reason
        await agent.press("r")
        assert not agent.app.desk.composer.is_open
        assert agent.said == [reason.removeprefix("⊘ ")]
        assert morning.case(5).assignee is None


async def test_what_the_platform_would_refuse_is_not_sent(morning: Desk) -> None:
    async with at_desk(morning.store, keys=["r"]) as agent:
        await agent.press("ctrl+s")
        assert agent.said[-1] == "Bluesky would refuse this: The reply is empty."
        agent.app.desk.composer.field.text = "x" * 301
        await agent.press("end", "ctrl+s")
        assert agent.words("#composer-count") == "301/300 over"
        assert agent.said[-1] == "Bluesky would refuse this: 1 over Bluesky's limit of 300."
        assert agent.app.desk.composer.is_open
        assert agent.view.replies == ()


async def test_the_count_is_the_platforms(morning: Desk) -> None:
    async with at_desk(morning.store, keys=["j", "j", "j", "r"]) as agent:
        agent.app.desk.composer.field.text = "@dora https://example.com/" + "x" * 99 + " 漢"
        await agent.press("end")
        assert agent.words("#composer-count") == "26/280"  # a link is 23, the handle is free, 漢 is 2


async def test_escape_keeps_the_draft_and_r_goes_on_with_it(morning: Desk) -> None:
    async with at_desk(morning.store, keys=["r"]) as agent:
        await agent.type("Dear Anna")
        await agent.press("escape")
        assert case_view.load(morning.store, CaseId(1), "ada").draft == "Dear Anna"
        await agent.press("1", "j", "k")
        assert agent.words("#composer-says") == "r continues your draft to @anna on Bluesky"
        await agent.press("r")
        assert agent.app.desk.composer.field.text == "Dear Anna"


async def test_who_comes_back_at_once_finds_their_words(
    morning: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before the case has been read anew, and where the words could not even be saved."""
    async with at_desk(morning.store, keys=["r"]) as agent:
        await agent.type("Dear Anna")
        await agent.press("escape", "r")
        assert agent.app.desk.composer.field.text == "Dear Anna"

        def refuse(*_: Any, **__: Any) -> None:
            raise StoreError("The disk is full.")

        with monkeypatch.context() as full:
            full.setattr(outbox, "save_draft", refuse)
            await agent.type(", we are sorry")
            await agent.press("escape")
        await agent.look()
        await agent.press("r")
        assert agent.app.desk.composer.field.text == "Dear Anna, we are sorry"
        await agent.press("ctrl+s")
        assert [reply.text for reply in agent.view.replies] == ["Dear Anna, we are sorry"]


async def test_leaving_the_desk_keeps_the_draft(morning: Desk) -> None:
    async with at_desk(morning.store, keys=["r"]) as agent:
        await agent.type("Half a sen")
        await agent.press("ctrl+q")
    assert case_view.load(morning.store, CaseId(1), "ada").draft == "Half a sen"


async def test_without_a_terminal_nothing_is_asked(morning: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise StoreError("The disk is full.")

    async with at_desk(morning.store, keys=["r"]) as agent:
        await agent.type("Half a sen")
        monkeypatch.setattr(outbox, "save_draft", refuse)
        agent.app.post_message(TerminalGone())
        await settle(agent.pilot)
        assert "The disk is full." in agent.said
        assert not agent.app.is_running


async def test_a_click_on_another_case_keeps_the_draft(morning: Desk) -> None:
    async with at_desk(morning.store, keys=["r"]) as agent:
        await agent.type("Dear Anna")
        await agent.pilot.click("#queue", offset=(10, 4))
        await agent.look()
        assert agent.shown == 3
        assert not agent.app.desk.composer.is_open
        assert case_view.load(morning.store, CaseId(1), "ada").draft == "Dear Anna"
        assert case_view.load(morning.store, CaseId(3), "ada").draft == ""


async def test_keys_are_letters_while_typing(morning: Desk) -> None:
    async with at_desk(morning.store, keys=["r"]) as agent:
        await agent.pilot.press(*"czjked1q", "question_mark", "slash")
        await settle(agent.pilot)
        assert agent.app.desk.composer.field.text == "czjked1q?/"
        assert agent.footer() == {"Send", "Keep draft"}


async def test_a_new_post_by_the_customer_does_not_touch_what_is_being_written(morning: Desk) -> None:
    async with at_desk(morning.store, keys=["r"]) as agent:
        await agent.type("Dear Anna")
        morning.take(post("9", "Hello?", NOON, by="anna", thread="a", reply_to="1"))
        await agent.look()
        assert agent.app.desk.composer.field.text == "Dear Anna"
        assert agent.app.desk.composer.is_open
        assert any("Hello?" in block for block in agent.blocks)


async def test_a_case_that_is_answered_meanwhile_refuses_and_keeps_the_words(morning: Desk) -> None:
    async with at_desk(morning.store, keys=["r"]) as agent:
        await agent.type("Dear Anna")
        outbox.approve(morning.store, CaseId(1), agent="bob", text="On it", now=NOON)
        await agent.look()
        assert not agent.app.desk.composer.is_open
        assert agent.words("#composer-says") == "⊘ bob’s reply is on its way."
        assert case_view.load(morning.store, CaseId(1), "ada").draft == "Dear Anna"


async def test_two_agents_send_at_once_and_one_is_told(morning: Desk) -> None:
    async with at_desk(morning.store, keys=["r"]) as agent:
        await agent.type("Dear Anna")
        outbox.approve(morning.store, CaseId(1), agent="bob", text="On it", now=NOON)
        await agent.press("ctrl+s")
        assert agent.said[-1] == "A reply by bob to this case is on its way already."
        assert len(agent.view.replies) == 1


async def test_a_closed_case_says_how_to_open_it(morning: Desk) -> None:
    casework.resolve(morning.store, CaseId(1), agent="bob", now=NOON)
    async with at_desk(morning.store, keys=["right"] * 4) as agent:
        assert agent.words("#composer-says") == "⊘ The case is resolved: o opens it again."


async def test_what_became_of_a_reply(morning: Desk) -> None:
    from desk.errors import SendRefusedError, SendUnknownError

    for case, failure in (
        (1, SendRefusedError("The [/nope] account is locked.")),
        (3, SendUnknownError("?")),
    ):
        outbox.approve(morning.store, CaseId(case), agent="ada", text="Sorry", now=NOON, undo_seconds=0)
        outbox.send_due(morning.store, {"bluesky": FakeSender("bluesky", failure)}, NOON)
    async with at_desk(morning.store, now=after(1)) as agent:
        assert any("✗ not sent: The [/nope] account is locked." in block for block in agent.blocks)
        await agent.press("j", "j")
        assert any("in doubt: Bluesky did not confirm it" in block for block in agent.blocks)
        await agent.press("r")
        assert not agent.app.desk.composer.is_open


async def test_who_types_ahead_writes_to_the_case_under_the_cursor(morning: Desk) -> None:
    """And commands nothing: all keys come before the second case is read."""
    async with at_desk(morning.store) as sitting:
        first = sitting.shown
        log = len(morning.log(first))
        for key in ("j", "r", "e"):
            sitting.app.simulate_key(key)
        await settle(sitting.pilot)
        composer = sitting.app.desk.composer
        assert composer.is_open
        assert composer.case_id == sitting.shown == sitting.queue.selected.case.id != first
        assert len(morning.log(first)) == log
        acts = [event.kind for number in range(1, 6) for event in morning.log(number)]
        assert EventKind.RESOLVED not in acts


async def test_nobody_answers_over_a_post_that_came_meanwhile(morning: Desk) -> None:
    async with at_desk(morning.store, keys=("r", "H", "i")) as sitting:
        case_id = sitting.app.desk.composer.case_id
        morning.take(post("9", "And now it burns", after(-1), by="anna", thread="a", reply_to="1"))
        await sitting.press("ctrl+s")
        assert sitting.app.desk.composer.is_open
        assert morning.case(case_id).unanswered == 2
        assert not [event for event in morning.log(case_id) if event.kind is EventKind.REPLY_APPROVED]
