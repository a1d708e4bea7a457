"""What is read of a conversation: all of the case, and of a chat that never ends what stands around it."""

from __future__ import annotations

from desk.model.mention import Mention
from desk.store.case_view import CaseView, load
from tests.desk.replying import ONE
from tests.kernel import Desk, FakeSender, after, post


def chatter(count: int, minute: float) -> list[Mention]:
    """What somebody else says from that minute on, ten posts a minute."""
    return [
        post(f"c{minute:.0f}-{number}", "Nice weather", after(minute + number / 10), by="ben")
        for number in range(count)
    ]


def ids(view: CaseView) -> list[str]:
    return [entry.mention.external_id for entry in view.posts]


def test_a_short_conversation_is_read_whole(desk: Desk) -> None:
    desk.take(post("1"), *chatter(50, 5), post("2", at=after(20)), *chatter(20, 30))
    view = load(desk.store, ONE, "mia")
    assert (len(view.posts), view.left_out) == (72, 0)
    assert ids(view)[0] == "1"


def test_of_a_chat_all_of_the_case_is_read_and_what_was_said_around_its_latest_post(desk: Desk) -> None:
    desk.take(post("1"))
    desk.answer(FakeSender(), now=after(1))
    desk.take(post("2", at=after(60)))
    desk.record(*chatter(300, 5), *chatter(60, 61))
    view = load(desk.store, ONE, "mia")
    seen = ids(view)
    assert [entry.mention.external_id for entry in view.posts if entry.in_case] == ["1", "out-1", "2"]
    assert (seen[:2], seen[-1], seen.index("2")) == (["1", "out-1"], "c61-29", len(seen) - 31)
    assert view.left_out == 363 - len(seen)
    assert len(seen) < 240
