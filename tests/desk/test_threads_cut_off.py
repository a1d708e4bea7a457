"""Cut off anywhere, and going on: a conversation comes out the same as undisturbed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from desk.model.customer import CustomerId
from desk.model.mention import Mention
from desk.model.timeline import project
from desk.store import events
from tests.kernel import Desk, after, brand_post, post

STORY: list[Mention] = [
    post("1", by="anna"),
    post("2", "Mine neither", after(2), by="bob"),
    brand_post("8", "@anna we are on it", after(5), reply_to="1"),
    post("3", "hmm, when?", after(7), by="anna"),
    brand_post("9", "Tomorrow", after(9), reply_to="3"),
    post("4", "Thank you!", after(11), by="anna"),
    post("5", "I love this shop", after(12), by="eve", thread="t2"),
    post("6", "I am furious", after(13), by="bob"),
    brand_post("7", "Sorry @bob", after(20)),
]
_END = after(30)


def outcome(desk: Desk) -> object:
    """Everything that a person could tell apart, without numbers that only count."""
    cases = []
    for number in desk.case_ids():
        case = desk.case(number)
        log = sorted((e.kind, e.at, e.actor, e.mention_id or "") for e in desk.log(number))
        runs = sorted((s.clock, s.started_at, s.stopped_at, s.answered_by) for s in desk.spans(number))
        with desk.store.read() as db:
            assert case == project(case.id, desk.log(number), events.policies(db)), "the table is the log's"
        cases.append((replace(case, version=0, customer_id=CustomerId(0)), log, runs))
    decisions = [desk.decision(mention.id) for mention in STORY]
    return cases, decisions


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> object:
    desk = Desk(tmp_path_factory.mktemp("whole") / "desk.db")
    desk.take(*STORY, now=_END)
    done = outcome(desk)
    desk.store.close()
    return done


@settings(max_examples=30)
@given(data=st.data())
def test_law_steps_cut_off_and_mixed_anyhow_end_the_same(
    tmp_path_factory: pytest.TempPathFactory, undisturbed: object, data: st.DataObject
) -> None:
    """One post at a time in the order of a platform's pages, each step again and again, killed in between."""
    desk = Desk(tmp_path_factory.mktemp("steps") / "desk.db")
    waiting = list(STORY)

    def bring() -> object:
        return desk.record(waiting.pop(0), now=_END) if waiting else None

    def bring_again() -> object:
        seen = STORY[: len(STORY) - len(waiting)]
        return desk.record(*seen, now=_END) if seen else None

    def restart() -> object:
        path = desk.store.path
        desk.store.close()
        desk.__init__(path)  # type: ignore[misc]
        return None

    steps: list[Callable[[], object]] = [
        bring,
        bring,
        bring_again,
        lambda: desk.classify(limit=1),
        lambda: desk.triage(_END, limit=1),
        lambda: desk.triage(_END, limit=1),
        restart,
    ]
    for step in data.draw(st.lists(st.sampled_from(steps), max_size=40)):
        step()
    desk.record(*waiting, now=_END)
    while desk.classify(limit=2):
        desk.triage(_END, limit=1)
    while desk.triage(_END):
        pass
    assert outcome(desk) == undisturbed
    desk.store.close()


@settings(max_examples=40)
@given(order=st.permutations(STORY[:3]), late=st.booleans())
def test_law_a_batch_may_be_in_any_order(
    tmp_path_factory: pytest.TempPathFactory, undisturbed: object, order: list[Mention], late: bool
) -> None:
    desk = Desk(tmp_path_factory.mktemp("order") / "desk.db")
    whole = [*STORY[3:], *order] if late else [*order, *STORY[3:]]
    desk.take(*whole, now=_END)
    assert outcome(desk) == undisturbed
    desk.store.close()
