"""Posts that the classifier fails on: people see them, they are listed, and nothing waits behind them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from desk import explaining
from desk.classification import classify_pending, retry_unread
from desk.errors import ClassifierError, InputError
from desk.model.case import CaseId, CaseState, Opening, Severity
from desk.model.explanation import Explanation
from desk.model.mention import MentionId
from desk.model.verdict import Sentiment, Verdict
from desk.store import case_view, sources
from desk.store.sources import Quarantined
from desk.triage import Rules, TriagePolicy
from tests.kernel import COMPLAINT, NOON, Desk, WordPredictor, after, post

NAN = float("nan")


class Stumbling(WordPredictor):
    """Fails on texts with a word in them, and notes what it was asked."""

    def __init__(self, word: str = "poison", error: Exception | None = None) -> None:
        self.word = word
        self.error = error or RuntimeError("Non-zero status code\n  while running MatMul")
        self.asked: list[str] = []

    def predict(self, texts: Sequence[str], langs: Sequence[str | None] | None = None) -> list[Verdict]:
        self.asked += texts
        if any(self.word in text for text in texts):
            raise self.error
        return super().predict(texts, langs)


class NoNumbers(WordPredictor):
    """Answers one text with what is not a number."""

    def __init__(self, broken: Verdict) -> None:
        self.broken = broken

    def predict(self, texts: Sequence[str], langs: Sequence[str | None] | None = None) -> list[Verdict]:
        said = super().predict(texts, langs)
        return [self.broken if "poison" in text else v for text, v in zip(texts, said, strict=True)]


def listed(desk: Desk) -> list[Quarantined]:
    with desk.store.read() as db:
        return list(sources.quarantined(db))


def work_off(desk: Desk, predictor: WordPredictor) -> None:
    while classify_pending(desk.store, predictor):
        pass
    desk.triage(NOON)


@pytest.fixture
def stuck(desk: Desk) -> Desk:
    """Three posts in three threads, the second of which no `Stumbling` reads."""
    for n, text in enumerate(("late again", "poison", "and again"), start=1):
        desk.record(post(str(n), text, thread=f"t{n}", by=f"u{n}"))
    return desk


def test_the_others_get_their_verdicts_and_the_one_is_for_a_person(stuck: Desk) -> None:
    heard: list[int] = []
    assert classify_pending(stuck.store, Stumbling(), on_unread=heard.append) == 3
    assert heard == [1]
    stuck.triage(NOON)
    opened = [(stuck.case(n).opening, stuck.case(n).severity) for n in stuck.case_ids()]
    sure = (Opening.COMPLAINT, Severity.NORMAL)
    assert opened == [sure, (Opening.NEEDS_LOOK, Severity.LOW), sure]
    shown = case_view.load(stuck.store, CaseId(2), "mia").posts[0]
    assert shown.verdict is None
    assert shown.reasons == (
        "Perhaps a complaint: a person should look.",
        "The classifier could not read it.",
    )


def test_it_is_listed_whole_with_the_reason(stuck: Desk) -> None:
    work_off(stuck, Stumbling())
    (kept,) = listed(stuck)
    assert (kept.source, kept.position, kept.raw) == ("classifier", "bluesky:2", "poison")
    assert kept.reason == (
        "The classifier test-1 fails on it (RuntimeError: Non-zero status code while running MatMul)."
    )


@pytest.mark.parametrize("error", [MemoryError(), ValueError("x" * 10_000)])
def test_whatever_it_fails_with(stuck: Desk, error: Exception) -> None:
    work_off(stuck, Stumbling(error=error))
    (kept,) = listed(stuck)
    assert type(error).__name__ in kept.reason
    assert len(kept.reason) < 400


@pytest.mark.parametrize(
    "broken",
    [
        replace(COMPLAINT, complaint=NAN),
        replace(COMPLAINT, complaint=1.5),
        replace(COMPLAINT, sentiment=Sentiment(NAN, NAN, NAN)),
        replace(COMPLAINT, anger=NAN),
        replace(COMPLAINT, reason_score=NAN),
    ],
)
def test_an_answer_that_is_no_number_is_none(stuck: Desk, broken: Verdict) -> None:
    work_off(stuck, NoNumbers(broken))
    assert [kept.position for kept in listed(stuck)] == ["bluesky:2"]
    assert stuck.case_ids() == [1, 2, 3]


def test_it_is_not_asked_about_again_until_the_next_start(stuck: Desk) -> None:
    model = Stumbling()
    work_off(stuck, model)
    model.asked.clear()
    work_off(stuck, model)
    assert model.asked == []
    retry_unread(stuck.store)
    work_off(stuck, model)
    assert set(model.asked) == {"poison", "hello"}
    assert len(listed(stuck)) == 1
    assert stuck.case_ids() == [1, 2, 3]


def test_a_model_that_reads_it_takes_it_off_the_list_and_leaves_the_case_to_people(stuck: Desk) -> None:
    work_off(stuck, Stumbling())
    before = stuck.log(2)
    retry_unread(stuck.store)
    work_off(stuck, WordPredictor())
    assert listed(stuck) == []
    shown = case_view.load(stuck.store, CaseId(2), "mia").posts[0]
    assert shown.verdict == COMPLAINT
    assert (stuck.log(2), stuck.case_ids()) == (before, [1, 2, 3])


def test_where_unsure_posts_open_no_case_it_opens_one_once_it_is_read(stuck: Desk) -> None:
    stuck.rules = Rules(TriagePolicy(open_needs_look=False), stuck.rules.sla)
    work_off(stuck, Stumbling())
    assert stuck.decision("bluesky:2") == ("noise", None)
    assert [kept.position for kept in listed(stuck)] == ["bluesky:2"]
    retry_unread(stuck.store)
    work_off(stuck, WordPredictor())
    assert stuck.decision("bluesky:2") == ("open", 3)


def test_an_urgent_word_is_heard_without_a_verdict(stuck: Desk) -> None:
    stuck.rules = Rules(TriagePolicy(urgent_terms=("poison",)), stuck.rules.sla)
    work_off(stuck, Stumbling())
    assert stuck.case(2).severity is Severity.URGENT


def test_a_customer_who_writes_on_is_not_held_up(stuck: Desk) -> None:
    stuck.record(post("4", "Anybody there?", after(5), thread="t2", by="u2"))
    work_off(stuck, Stumbling())
    retry_unread(stuck.store)
    stuck.record(post("5", "Well?", after(6), thread="t2", by="u2"))
    assert stuck.triage(after(6)) == 0
    work_off(stuck, Stumbling())
    assert [stuck.decision(f"bluesky:{n}") for n in (4, 5)] == [("join", 2), ("join", 2)]
    assert stuck.case(2).state is CaseState.NEW


def test_what_its_author_takes_back_stands_in_no_list(stuck: Desk) -> None:
    work_off(stuck, Stumbling())
    stuck.record(deleted=["bluesky:2"])
    assert listed(stuck) == []
    retry_unread(stuck.store)
    assert classify_pending(stuck.store, WordPredictor()) == 0


def test_an_edit_is_read_like_any_other(stuck: Desk) -> None:
    work_off(stuck, Stumbling())
    stuck.record(post("2", "late", thread="t2", by="u2", seen=after(3)))
    work_off(stuck, Stumbling())
    assert listed(stuck) == []
    assert case_view.load(stuck.store, CaseId(2), "mia").posts[0].verdict == COMPLAINT


def test_a_model_that_reads_nothing_gives_no_post_up(stuck: Desk) -> None:
    with pytest.raises(ClassifierError, match=r"even on plain words \(MemoryError\)"):
        classify_pending(stuck.store, Stumbling("", MemoryError()))
    assert listed(stuck) == []
    assert classify_pending(stuck.store, WordPredictor()) == 3


def test_what_the_model_says_in_words_is_said(stuck: Desk) -> None:
    """Weights that are missing or damaged, above all."""
    damaged = InputError("weights/encoder.onnx is damaged. Install it again.")
    with pytest.raises(InputError, match=r"encoder\.onnx is damaged"):
        classify_pending(stuck.store, Stumbling("poison", damaged))
    assert listed(stuck) == []
    assert classify_pending(stuck.store, WordPredictor()) == 3


def failing(error: Exception) -> Callable[[str, str | None], Explanation]:
    def explain(text: str, language: str | None) -> Explanation:
        raise error

    return explain


def test_a_question_that_the_model_fails_on_holds_up_nothing_and_may_be_asked_again(desk: Desk) -> None:
    desk.take(post("1"))
    explaining.ask(desk.store, MentionId("bluesky:1"), NOON)
    with pytest.raises(ClassifierError, match=r"bluesky:1 .* may be asked again"):
        explaining.answer(desk.store, failing(RuntimeError("no")))
    assert explaining.answer(desk.store, failing(RuntimeError("no"))) == 0
    explaining.ask(desk.store, MentionId("bluesky:1"), after(1))
    with pytest.raises(InputError, match="damaged"):
        explaining.answer(desk.store, failing(InputError("damaged")))
    assert explaining.answer(desk.store, lambda *_: Explanation((), "test-1")) == 1
