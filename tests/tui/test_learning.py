"""The agent and the classifier: what it thinks, why it does, and what it is told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from desk import explaining
from desk.corrections import lessons
from desk.model.correction import Label
from desk.model.explanation import Explanation, Moved
from desk.model.reason import OTHER
from desk.model.verdict import Verdict
from tests.kernel import COMPLAINT, PRAISE, Desk, WordPredictor, after, post
from tests.tui.drive import at_desk

HOSTILE = "[bold]late[/nope]\x1b[2J \u202eyap\u202c and LATE e\u0301s\r\nagain"


def saying(desk: Desk, verdict: Verdict) -> Desk:
    class Told(WordPredictor):
        def predict(self, texts: Sequence[str], langs: Sequence[str | None] | None = None) -> list[Verdict]:
            return [verdict] * len(texts)

    desk.predictor = Told()
    return desk


def explain(text: str, language: str | None) -> Explanation:
    """One word speaks for a complaint, one against, the first letter for next to nothing."""
    words = [Moved(0, 1, 0.01)]
    for word, weight in (("LATE", 2.0), ("again", -1.0)):
        if word in text:
            start = text.index(word)
            words.append(Moved(start, start + len(word), weight))
    return Explanation(tuple(words), "test-1")


@pytest.mark.parametrize(
    ("verdict", "words"),
    [
        (replace(COMPLAINT, anger=0.7, reason="delay"), "complaint 90% · angry · delay · negative 50%"),
        (replace(COMPLAINT, abuse=0.5, anger=0.49), "complaint 90% · abusive · negative 50%"),
        (replace(COMPLAINT, reason="a\x1b[31m\nb"), "complaint 90% · a␛[31m b · negative 50%"),
    ],
)
async def test_what_the_classifier_thinks_stands_below_the_post(
    desk: Desk, verdict: Verdict, words: str
) -> None:
    saying(desk, verdict).take(post("1", "Late again"))
    async with at_desk(desk.store) as agent:
        assert agent.blocks[0].splitlines()[-1] == words


async def test_no_complaint_has_no_reason(desk: Desk) -> None:
    desk.take(post("1", "Where is it"))
    saying(desk, replace(PRAISE, reason="delay")).take(post("2", "Found it, all is fine", after(1)))
    async with at_desk(desk.store) as agent:
        assert "delay" not in agent.blocks[1]


async def test_why_is_asked_and_the_answer_marks_the_words(desk: Desk) -> None:
    desk.take(post("1", "My parcel is LATE, again and again"))
    async with at_desk(desk.store, after(1)) as agent:
        assert "moved" not in agent.blocks[0]
        await agent.press("i")
        await agent.look()
        assert agent.blocks[0].splitlines()[-1] == "asking which words moved it…"
        explaining.answer(desk.store, explain)
        await agent.look()
        assert agent.blocks[0].splitlines()[-1] == "moved by LATE ▲ · again ▼"
        assert "My parcel is LATE, again and again" in agent.blocks[0]
        await agent.press("i")
        assert "moved by" not in agent.blocks[0]
        await agent.press("i")
        assert "moved by" in agent.blocks[0]


async def test_where_nothing_answers_the_agent_is_told_what_would(desk: Desk) -> None:
    desk.take(post("1", "My parcel is LATE"))
    async with at_desk(desk.store, after(1), keys=["i"]) as agent:
        await agent.look()
        await agent.tick(30)
        assert agent.blocks[0].splitlines()[-1] == "no answer yet: `answerback run` gives it"


async def test_hostile_words_are_marked_as_plain_cells(desk: Desk) -> None:
    desk.take(post("1", HOSTILE))
    async with at_desk(desk.store, after(1), keys=["i"]) as agent:
        explaining.answer(desk.store, explain)
        await agent.look()
        shown = agent.blocks[0]
        assert "[bold]late[/nope]␛[2J yap and LATE és\nagain" in shown
        assert not any(sign in shown for sign in ("\x1b", "\u202e", "\r"))


async def test_another_case_starts_without_marks(desk: Desk) -> None:
    desk.take(post("1", "LATE one"), post("2", "LATE two", after(1), thread="t2", by="ben"))
    async with at_desk(desk.store, after(2), keys=["i"]) as agent:
        explaining.answer(desk.store, explain)
        await agent.press("j", "k")
        await agent.look()
        assert "moved by" not in agent.blocks[0]


async def test_a_correction_is_kept_said_and_taken_back(desk: Desk) -> None:
    desk.take(post("1", "Not one parcel late this year"))
    async with at_desk(desk.store, after(1), keys=["m", "2"]) as agent:
        assert agent.said[-1] == "Kept for the classifier: no complaint. u undoes it."
        assert [one.label for one in lessons(desk.store).corrections] == [Label(complaint=False)]
        assert any("You said what the post is: no complaint" in block for block in agent.blocks)
        await agent.press("u")
        assert lessons(desk.store).corrections == ()


async def test_the_likeliest_answer_is_the_one_that_the_classifier_did_not_give(desk: Desk) -> None:
    desk.take(post("1", "Not one parcel late this year"))
    async with at_desk(desk.store, after(1), keys=["m", "enter"]):
        assert [one.label for one in lessons(desk.store).corrections] == [Label(complaint=False)]


async def test_another_reason_and_another_mood(desk: Desk) -> None:
    desk.take(post("1", "Locker 5 is stuck"))
    async with at_desk(desk.store, after(1), reasons=("delay", "lo[cker"), keys=["m", "3", "2"]) as agent:
        await agent.press("m", "4", "1")
        assert agent.said[-1] == "Kept for the classifier: negative. u undoes it."
    (found,) = lessons(desk.store).corrections
    assert found.label == Label(sentiment=-1, reason="lo[cker")


async def test_none_of_the_reasons_is_an_answer_too(desk: Desk) -> None:
    desk.take(post("1", "Locker 5 is stuck"))
    async with at_desk(desk.store, after(1), reasons=("delay", "lo[cker"), keys=["m", "3", "3"]) as agent:
        assert agent.said[-1] == "Kept for the classifier: about something else. u undoes it."
        assert any("You said what the post is: about something else" in block for block in agent.blocks)
    (found,) = lessons(desk.store).corrections
    assert found.label == Label(reason=OTHER)


async def test_a_question_can_be_left_on_the_way(desk: Desk) -> None:
    desk.take(post("1", "Locker 5 is stuck"))
    async with at_desk(desk.store, after(1), keys=["m", "3", "escape", "m", "escape"]):
        assert lessons(desk.store).corrections == ()


async def test_a_post_that_is_gone_can_be_neither_explained_nor_corrected(desk: Desk) -> None:
    desk.take(post("1", "Locker 5 is stuck"))
    desk.record(deleted=["bluesky:1"], now=after(1))
    async with at_desk(desk.store, after(2)) as agent:
        assert not agent.app.desk.is_possible("why")
        assert not agent.app.desk.is_possible("correct")


async def test_dismissing_as_no_complaint_teaches_the_classifier(desk: Desk) -> None:
    desk.take(post("1", "Not one parcel late this year"))
    async with at_desk(desk.store, after(1), keys=["d", "2"]):
        assert [one.label for one in lessons(desk.store).corrections] == [Label(complaint=False)]
