"""A reply in doubt: the desk says so, asks who has looked, and takes nobody's silence for a word."""

from __future__ import annotations

import pytest
from textual.widgets import Static

from desk import outbox
from desk.errors import SendLaterError, SendUnknownError
from desk.model.case import CaseId, CaseState
from desk.model.event import EventKind
from desk.model.reply import Outgoing, ReplyId, ReplyState, SentPost
from desk.store import Store
from tests.kernel import NOON, Desk, FakeSender, after, post
from tests.tui.drive import LOW, NARROW, Sitting, at_desk
from tests.tui.test_hostile import HOSTILE

WORDS = "Anna, your parcel is at the depot."


def in_doubt(
    store: Store,
    *,
    agent: str = "ada",
    text: str = WORDS,
    says: str = "Bluesky lets no bot look: only a look at the thread can tell.",
    case: int = 1,
    source: str = "bluesky",
) -> None:
    """Approved a minute ago; its outcome is unknown, and nobody can read it back."""

    class Blind(FakeSender):
        def find(self, outgoing: Outgoing) -> SentPost | None:
            raise SendLaterError(says, retry_after_seconds=3600)

    sender = {source: Blind(source, SendUnknownError("time-out"))}
    outbox.approve(store, CaseId(case), agent=agent, text=text, now=after(-1), undo_seconds=0)
    outbox.send_due(store, sender, after(-1))
    outbox.send_due(store, sender, NOON)


def question(agent: Sitting) -> str:
    """What the question says before its answers."""
    return str(agent.app.screen.query_one("#about").query_one(Static).content)


async def test_the_conversation_says_that_a_reply_is_in_doubt_and_how_it_ends(morning: Desk) -> None:
    in_doubt(morning.store)
    async with at_desk(morning.store) as agent:
        assert "a reply is in doubt" in agent.words("#case-head")
        (block,) = [block for block in agent.blocks if WORDS in block]
        assert "in doubt: Bluesky did not confirm it" in block
        assert "Look yourself, then press a." in block
        assert "only a look at the thread can tell." in block
        assert agent.words("#composer-says").endswith("look, then press a.")
        assert "Is it out?" in agent.footer()
        await agent.press("r")
        assert not agent.app.desk.composer.is_open


async def test_it_is_out(morning: Desk) -> None:
    in_doubt(morning.store)
    async with at_desk(morning.store, keys=["a"]) as agent:
        assert agent.app.screen.query_one(".dialog").border_title == "Is your reply out?"
        asked = question(agent)
        assert WORDS in asked
        assert "The sender last said: Bluesky lets no bot look" in asked
        await agent.press("1")
        assert agent.said[-1] == "The reply counts as sent."
        assert (morning.reply().state, morning.case(1).state) == (ReplyState.SENT, CaseState.WAITING)
        assert any("✓ out on Bluesky, as somebody saw" in block for block in agent.blocks)
        assert any("You looked: the reply is out" in block for block in agent.blocks)
        assert "Is it out?" not in agent.footer()


async def test_it_is_not_out_and_is_written_again(morning: Desk) -> None:
    in_doubt(morning.store, agent="bob")
    async with at_desk(morning.store, keys=["a"]) as agent:
        assert agent.app.screen.query_one(".dialog").border_title == "Is bob’s reply out?"
        await agent.press("2")
        assert agent.said[-1] == "The reply counts as not sent; its words are a draft again."
        assert morning.reply().state is ReplyState.FAILED
        assert any("✗ not sent: ada has looked, and it is not out." in block for block in agent.blocks)
        await agent.press("r")
        assert agent.app.desk.composer.field.text == WORDS
        await agent.press("ctrl+s")
        assert morning.reply(2).state is ReplyState.APPROVED


@pytest.mark.parametrize("keys", [["a", "escape"], ["a", "enter"], ["a", "3"]], ids=["esc", "enter", "third"])
async def test_who_cannot_tell_says_nothing(morning: Desk, keys: list[str]) -> None:
    in_doubt(morning.store)
    log = morning.log(1)
    async with at_desk(morning.store, keys=keys) as agent:
        assert agent.app.screen is agent.app.desk
        assert agent.said == []
        assert morning.log(1) == log
        assert morning.reply().state is ReplyState.UNCONFIRMED


async def test_nothing_is_asked_where_nothing_is_in_doubt(morning: Desk) -> None:
    in_doubt(morning.store, case=3)
    outbox.approve(morning.store, CaseId(1), agent="ada", text=WORDS, now=NOON)
    async with at_desk(morning.store, keys=["a"]) as agent:
        assert agent.app.screen is agent.app.desk
        assert not agent.app.desk.is_possible("settle")
        assert "Is it out?" not in agent.footer()
        await agent.press("j", "j", "a")
        assert agent.app.screen is not agent.app.desk


async def test_who_was_first_is_said_to_the_second(morning: Desk) -> None:
    in_doubt(morning.store)
    async with at_desk(morning.store, keys=["a"]) as agent:
        outbox.settle(morning.store, ReplyId(1), out=True, agent="bob", now=NOON)
        await agent.press("2")
        assert agent.said[-1] == "bob has already said that the reply is out."
        assert morning.reply().state is ReplyState.SENT
        assert [e.actor for e in morning.log(1) if e.kind is EventKind.REPLY_SETTLED] == ["bob"]
        assert any("bob looked: the reply is out" in block for block in agent.blocks)


@pytest.mark.parametrize("size", [LOW, NARROW], ids=["wide", "narrow"])
@pytest.mark.parametrize("kind", HOSTILE)
async def test_hostile_words_in_the_question(desk: Desk, kind: str, size: tuple[int, int]) -> None:
    desk.take(post("1", source="email"))
    words = HOSTILE[kind]
    in_doubt(desk.store, agent="[b]bob[/nope]\x1b[2J", text=f"{words}!", says=words, source="email")
    async with at_desk(desk.store, size=size, keys=["a"]) as agent:
        assert agent.app.screen is not agent.app.desk
        picture = agent.app.export_screenshot()
        assert not any(each in picture for each in ("\u202e", "\u2066", "\x1b", "\x9b"))
        dialog, answers = agent.app.screen.query_one(".dialog"), agent.app.screen.query_one("#choices")
        assert dialog.region.contains_region(answers.region), "the answers stay in sight"
        assert answers.size.height == 3
        await agent.press("2")
        assert desk.reply().state is ReplyState.FAILED
        assert agent.app.is_running
