"""What a person may approve, and what they write before they do."""

from __future__ import annotations

import pytest

from desk import casework, outbox
from desk.errors import (
    ConflictError,
    NotAllowedError,
)
from desk.model.mention import Replyable
from desk.store.case_view import load
from tests.desk.replying import ONE, send
from tests.kernel import Desk, FakeSender, after, post


def test_nobody_answers_or_closes_over_a_post_that_they_have_not_seen(case: Desk) -> None:
    seen = case.case().version
    case.take(post("2", "My kitchen is on fire", after(5), reply_to="1"))
    for act in (
        lambda: outbox.approve(case.store, case.case().id, agent="mia", text="Hi", now=after(6), seen=seen),
        lambda: casework.resolve(case.store, case.case().id, agent="mia", now=after(6), seen=seen),
        lambda: casework.dismiss(
            case.store, case.case().id, agent="mia", reason="x", now=after(6), seen=seen
        ),
        lambda: casework.snooze(
            case.store, case.case().id, agent="mia", until=after(90), now=after(6), seen=seen
        ),
    ):
        with pytest.raises(ConflictError, match="wrote meanwhile"):
            act()
    casework.resolve(case.store, case.case().id, agent="mia", now=after(6), seen=case.case().version)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "Bluesky would refuse this: The reply is empty."),
        ("  \n", "Bluesky would refuse this: The reply is empty."),
        ("a" * 301, "1 over Bluesky's limit of 300."),
    ],
)
def test_what_the_platform_would_refuse_is_not_approved(case: Desk, text: str, says: str) -> None:
    with pytest.raises(NotAllowedError, match=says):
        case.approve(text, now=after(1))
    assert load(case.store, ONE, "mia").replies == ()
    assert case.case().assignee is None


def test_where_the_terms_forbid_a_reply_none_is_approved(desk: Desk) -> None:
    desk.take(post("1", replyable=Replyable(False, "The author did not mention you.")))
    with pytest.raises(NotAllowedError, match=r"No reply possible: The author did not mention you\."):
        desk.approve(now=after(1))


@pytest.mark.parametrize("close", ["resolve", "dismiss"])
def test_a_closed_case_is_reopened_before_it_is_answered(case: Desk, close: str) -> None:
    if close == "resolve":
        casework.resolve(case.store, ONE, agent="mia", now=after(1))
    else:
        casework.dismiss(case.store, ONE, agent="mia", reason="noise", now=after(1))
    with pytest.raises(NotAllowedError, match="reopen it before you answer"):
        case.approve(now=after(2))


def test_a_second_agent_is_told_of_the_first(case: Desk) -> None:
    case.approve(now=after(1), agent="mia")
    with pytest.raises(ConflictError, match="A reply by mia to this case is on its way already"):
        case.approve(now=after(1), agent="leo")
    send(case, FakeSender(), 2)
    assert case.approve("One more thing", now=after(3), agent="leo").agent == "leo"


def test_a_deleted_post_cannot_be_answered(case: Desk) -> None:
    case.record(deleted=["bluesky:1"], now=after(1))
    with pytest.raises(NotAllowedError, match="deleted the post"):
        case.approve(now=after(2))


def test_a_post_that_is_only_a_picture_can_be_answered(desk: Desk) -> None:
    desk.take(post("1"), post("2", "", after(1)))
    assert desk.approve(now=after(2)).mention_id == "bluesky:2"


def test_drafts_are_each_agents_own_and_empty_ones_are_forgotten(case: Desk) -> None:
    outbox.save_draft(case.store, ONE, agent="mia", text="Dear", now=after(1))
    outbox.save_draft(case.store, ONE, agent="leo", text="Hi", now=after(1))
    assert (load(case.store, ONE, "mia").draft, load(case.store, ONE, "leo").draft) == ("Dear", "Hi")
    outbox.save_draft(case.store, ONE, agent="mia", text="", now=after(2))
    assert (load(case.store, ONE, "mia").draft, load(case.store, ONE, "leo").draft) == ("", "Hi")
    case.approve(now=after(3), agent="mia")
    assert load(case.store, ONE, "leo").draft == "Hi"
