"""What agents say of posts, and what of it may train a model."""

from __future__ import annotations

import pytest

from desk import casework
from desk.corrections import Lessons, lessons
from desk.errors import ConflictError, NotAllowedError
from desk.model.case import CaseId
from desk.model.correction import NO_COMPLAINT, Label
from desk.model.event import EventKind
from tests.kernel import Desk, after, brand_post, post

ONE = CaseId(1)
NO, YES = Label(complaint=False), Label(complaint=True)


def correct(
    desk: Desk, label: Label, *, minutes: float = 5, post_id: str = "bluesky:1", agent: str = "mia"
) -> None:
    casework.correct(
        desk.store, ONE, agent=agent, post=desk.mention(post_id), label=label, now=after(minutes)
    )  # fmt: skip


def learned(desk: Desk) -> dict[str, Label]:
    return {one.text: one.label for one in lessons(desk.store).corrections}


@pytest.fixture
def case(desk: Desk) -> Desk:
    desk.take(post("1", "Not one parcel late this year, bravo"))
    return desk


def test_a_correction_is_learned_and_leaves_the_case_as_it_is(case: Desk) -> None:
    before = case.case()
    correct(case, Label(complaint=False, sentiment=1, reason="delay"))
    (found,) = lessons(case.store).corrections
    assert (found.text, found.language, found.source) == (
        "Not one parcel late this year, bravo",
        "en",
        "bluesky",
    )
    assert found.label == Label(complaint=False, sentiment=1, reason="delay")
    assert (found.agents, found.at) == (("mia",), after(5))
    assert (case.case().state, case.case().due_at) == (before.state, before.due_at)


def test_the_latest_word_counts_field_by_field(case: Desk) -> None:
    correct(case, Label(complaint=False, reason="delay"))
    correct(case, Label(sentiment=0), minutes=6)
    correct(case, YES, minutes=7, agent="bob")
    (found,) = lessons(case.store).corrections
    assert found.label == Label(complaint=True, sentiment=0, reason="delay")
    assert found.agents == ("mia", "bob")


def test_what_is_taken_back_is_not_learned(case: Desk) -> None:
    correct(case, YES)
    correct(case, NO, minutes=6)
    assert casework.undo(case.store, ONE, agent="mia", now=after(7)).kind is EventKind.CORRECTED
    assert learned(case) == {"Not one parcel late this year, bravo": YES}
    casework.undo(case.store, ONE, agent="mia", now=after(8))
    assert learned(case) == {}


def test_a_deleted_post_takes_its_text_along_and_never_trains(case: Desk) -> None:
    correct(case, NO)
    case.record(deleted=["bluesky:1"], now=after(9))
    assert lessons(case.store) == Lessons((), {})
    with case.store.read() as db:
        log = str(db.execute("SELECT group_concat(data) FROM events").fetchone())
    assert "parcel" not in log


def test_a_correction_says_nothing_of_words_that_came_later(case: Desk) -> None:
    correct(case, NO)
    case.take(post("1", "Late after all, where is it?", seen=after(9)))
    assert learned(case) == {}
    correct(case, YES, minutes=10)
    assert learned(case) == {"Late after all, where is it?": YES}


def test_who_has_old_words_before_them_is_told(case: Desk) -> None:
    old = case.mention("bluesky:1")
    case.take(post("1", "Late after all, where is it?", seen=after(2)))
    with pytest.raises(ConflictError, match="changed the post"):
        casework.correct(case.store, ONE, agent="mia", post=old, label=NO, now=after(3))
    case.record(deleted=["bluesky:1"], now=after(4))
    with pytest.raises(NotAllowedError, match="no words"):
        casework.correct(case.store, ONE, agent="mia", post=old, label=NO, now=after(5))


def test_only_the_customers_posts_and_only_with_something_said(case: Desk) -> None:
    case.take(brand_post("b", at=after(1)), post("2", "Same here", after(2), by="ben"))
    for other in ("bluesky:b", "bluesky:2"):
        with pytest.raises(NotAllowedError, match="customer"):
            correct(case, NO, post_id=other)
    with pytest.raises(NotAllowedError, match="Say what"):
        correct(case, Label())


def test_a_dismissal_as_no_complaint_teaches_until_it_is_taken_back(case: Desk) -> None:
    casework.dismiss(case.store, ONE, agent="mia", reason=NO_COMPLAINT, now=after(5))
    assert learned(case) == {"Not one parcel late this year, bravo": NO}
    casework.reopen(case.store, ONE, agent="bob", now=after(6))
    assert learned(case) == {}


def test_other_dismissals_teach_nothing(case: Desk) -> None:
    casework.dismiss(case.store, ONE, agent="mia", reason="Not about us", now=after(5))
    assert learned(case) == {}


def test_platforms_whose_terms_forbid_it_are_left_out_and_counted(desk: Desk) -> None:
    desk.take(post("1", source="x"))
    casework.correct(
        desk.store, ONE, agent="mia", post=desk.mention("x:1"), label=NO, now=after(1)
    )  # fmt: skip
    assert lessons(desk.store) == Lessons((), {"x": 1})


@pytest.mark.parametrize(
    ("label", "words"),
    [
        (NO, "no complaint"),
        (Label(complaint=True, reason="delay"), "a complaint, about delay"),
        (Label(sentiment=-1), "negative"),
    ],
)
def test_a_label_in_words(label: Label, words: str) -> None:
    assert label.words == words
    assert Label.from_data(label.to_data()) == label
