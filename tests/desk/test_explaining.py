"""Asking why a verdict is as it is, and answering where the model is."""

from __future__ import annotations

import pytest

from desk import explaining
from desk.errors import NotAllowedError
from desk.model.case import CaseId
from desk.model.explanation import Explanation, Moved
from desk.model.mention import MentionId
from desk.store import case_view
from desk.store.case_view import Post
from tests.kernel import Desk, after, brand_post, post

ONE = MentionId("bluesky:1")


def explain(text: str, language: str | None) -> Explanation:
    return Explanation((Moved(0, text.index(" "), 1.25),), f"said-{language}")


def shown(desk: Desk) -> Post:
    return case_view.load(desk.store, CaseId(1), "mia").posts[0]


@pytest.fixture
def asked(desk: Desk) -> Desk:
    desk.take(post("1", "Late again, my parcel"))
    explaining.ask(desk.store, ONE, after(1))
    return desk


def test_a_question_waits_until_it_is_answered(asked: Desk) -> None:
    assert (shown(asked).explanation, shown(asked).asked_at) == (None, after(1))
    assert explaining.answer(asked.store, explain) == 1
    assert shown(asked).explanation == Explanation((Moved(0, 4, 1.25),), "said-en")
    assert explaining.answer(asked.store, explain) == 0


def test_nobody_asked_nothing_is_explained(desk: Desk) -> None:
    desk.take(post("1"))
    assert explaining.answer(desk.store, explain) == 0
    assert (shown(desk).explanation, shown(desk).asked_at) == (None, None)


def test_asking_twice_is_asking_once(asked: Desk) -> None:
    explaining.answer(asked.store, explain)
    explaining.ask(asked.store, ONE, after(5))
    assert explaining.answer(asked.store, explain) == 0
    assert shown(asked).asked_at == after(1)


def test_a_post_without_a_verdict_has_none_to_explain(desk: Desk) -> None:
    desk.record(post("1"), brand_post("2"))
    for unknown in ("bluesky:1", "bluesky:2", "bluesky:9"):
        with pytest.raises(NotAllowedError, match="no verdict"):
            explaining.ask(desk.store, MentionId(unknown), after(1))


def test_an_edit_takes_question_and_answer_away(asked: Desk) -> None:
    explaining.answer(asked.store, explain)
    asked.take(post("1", "All is well, thank you", seen=after(2)))
    assert (shown(asked).explanation, shown(asked).asked_at) == (None, None)


def test_an_answer_on_words_that_have_changed_meanwhile_is_dropped(asked: Desk) -> None:
    def slow(text: str, language: str | None) -> Explanation:
        asked.take(post("1", "Early at last, my parcel", seen=after(2)))
        explaining.ask(asked.store, ONE, after(3))
        return explain(text, language)

    explaining.answer(asked.store, slow)
    assert (shown(asked).explanation, shown(asked).asked_at) == (None, after(3))
    explaining.answer(asked.store, explain)
    assert shown(asked).explanation == Explanation((Moved(0, 5, 1.25),), "said-en")


def test_a_deletion_takes_the_answer_with_the_text(asked: Desk) -> None:
    explaining.answer(asked.store, explain)
    asked.record(deleted=["bluesky:1"], now=after(4))
    with asked.store.read() as db:
        assert db.execute("SELECT count(*) FROM explanations").fetchone() == (0,)


def test_those_who_asked_first_are_answered_first(desk: Desk) -> None:
    desk.take(*(post(f"{n}", f"Word{n} here", thread=f"t{n}") for n in range(6)))
    for minute, n in enumerate((3, 1, 5, 0, 2, 4)):
        explaining.ask(desk.store, MentionId(f"bluesky:{n}"), after(minute))
    texts: list[str] = []

    def note(text: str, language: str | None) -> Explanation:
        texts.append(text)
        return explain(text, language)

    while explaining.answer(desk.store, note):
        pass
    assert texts == [f"Word{n} here" for n in (3, 1, 5, 0, 2, 4)]
