"""Direct messages on X: read without losing or repeating any, answered once, never shown as public."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desk.errors import SendLaterError, SendRefusedError, SendUnknownError, SourceError
from desk.model.mention import Mention
from desk.model.reply import Outgoing, ReplyId
from desk.ports import Batch
from listener.platforms.x.messages import XMessages
from listener.platforms.x.source import XAccount, XSender
from tests.fakes.clock import START, Clock
from tests.fakes.loopback import PATIENCE_SECONDS, Answer, Hang, Reset
from tests.fakes.x_api import KEYS, FakeX

ACCOUNT = XAccount("fernway", "Fernway")
WITH_ANA = "10-20"


def source_of(x: FakeX, **settings: Any) -> XMessages:
    defaults: dict[str, Any] = {"now": x.clock, "base_url": x.url}
    return XMessages(settings.pop("account", ACCOUNT), KEYS, **(defaults | settings))


def write(x: FakeX, text: str, sender: str = "20", conversation: str = WITH_ANA, ago: float = 0) -> str:
    return x.messages.add(sender, conversation, text, x.clock() - timedelta(seconds=ago))


def drain(source: XMessages, cursor: str | None = None) -> list[Batch]:
    batches = [source.fetch(cursor)]
    while batches[-1].more:
        batches.append(source.fetch(batches[-1].cursor))
    return batches


def texts(batches: list[Batch]) -> list[str]:
    return sorted(mention.text for batch in batches for mention in batch.mentions)


def only(batch: Batch) -> Mention:
    [mention] = batch.mentions
    return mention


def test_a_message_is_private_and_can_be_answered(x: FakeX) -> None:
    event_id = write(x, "My card was charged twice &amp; <again>")

    mention = only(source_of(x).fetch(None))

    assert mention.id == f"x:dm:{event_id}"
    assert mention.conversation == "x:dm:10-20"
    assert (mention.author.external_id, mention.author.handle) == ("20", "ana")
    assert mention.text == "My card was charged twice &amp; <again>"
    assert mention.url is None
    assert mention.replyable.allowed
    assert mention.private
    assert "private" in mention.replyable.reason
    assert not mention.from_brand


def test_what_the_account_itself_wrote_comes_as_the_brands(x: FakeX) -> None:
    write(x, "We are on it.", sender="10")

    assert only(source_of(x).fetch(None)).from_brand


def test_only_what_is_new_comes_and_no_more_pages_than_needed_are_paid_for(x: FakeX) -> None:
    for number in range(25):
        write(x, f"message {number}")
    source = source_of(x)
    batches = drain(source)
    newest = write(x, "one more")
    asked = len(x.requests)

    later = source.fetch(batches[-1].cursor)

    assert [len(batch.mentions) for batch in batches] == [10, 10, 5]
    assert only(later).text == "one more"
    assert not later.more
    assert len(x.requests) == asked + 1
    assert json.loads(later.cursor or "") == {"since_id": newest}


def test_messages_between_two_pages_are_not_skipped(x: FakeX) -> None:
    for number in range(15):
        write(x, f"message {number}")
    source = source_of(x)
    first = source.fetch(None)
    write(x, "between")

    rest = drain(source, first.cursor)

    assert "between" not in texts(rest)
    assert texts(drain(source, rest[-1].cursor)) == ["between"]


def test_the_first_fetch_looks_back_as_far_as_it_is_told(x: FakeX) -> None:
    write(x, "long ago", ago=25 * 3600)
    write(x, "recent", ago=23 * 3600)

    batches = drain(source_of(x))

    assert texts(batches) == ["recent"]
    assert texts(drain(source_of(x), batches[-1].cursor)) == []


def test_an_empty_inbox_reports_no_gap_for_as_long_as_it_runs(x: FakeX, clock: Clock) -> None:
    cursor = None
    for _ in range(40):
        batch = source_of(x).fetch(cursor)
        assert not batch.gaps
        cursor = batch.cursor
        clock.advance(24 * 3600)
    write(x, "hello at last")

    assert texts([source_of(x).fetch(cursor)]) == ["hello at last"]


def test_messages_older_than_x_gives_are_said_to_be_missing(x: FakeX, clock: Clock) -> None:
    write(x, "first")
    cursor = source_of(x).fetch(None).cursor
    clock.advance(40 * 24 * 3600)
    write(x, "again")

    batch = source_of(x).fetch(cursor)

    assert texts([batch]) == ["again"]
    [gap] = batch.gaps
    assert "30 days" in gap.reason
    assert gap.until == clock() - timedelta(days=30) + timedelta(minutes=5)


def test_a_page_token_that_x_no_longer_takes_begins_the_pass_again(x: FakeX) -> None:
    for number in range(15):
        write(x, f"message {number}")
    source = source_of(x)
    cursor = json.loads(source.fetch(None).cursor or "")
    cursor["next_token"] = "stale"

    rest = drain(source, json.dumps(cursor))

    assert len(set(texts(rest))) == 15


def test_a_page_in_another_order_loses_nothing(x: FakeX) -> None:
    ids = [write(x, f"message {number}") for number in range(3)]
    cursor = source_of(x).fetch(None).cursor
    write(x, "new one")
    # The place of the newest is taken by the oldest, and the other way round.
    x.messages.raw[max(x.messages.events, key=int)] = {**_event(x, ids[0])}
    x.messages.raw[ids[0]] = {**_event(x, max(x.messages.events, key=int))}

    assert texts([source_of(x).fetch(cursor)]) == ["new one"]


def _event(x: FakeX, event_id: str) -> dict[str, Any]:
    event = x.messages.events[event_id]
    return {
        "id": event.id,
        "text": event.text,
        "sender_id": event.sender_id,
        "dm_conversation_id": event.conversation_id,
        "created_at": f"{event.at:%Y-%m-%dT%H:%M:%S.000Z}",
    }


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"id": "x1"}, '"id" is missing or no id'),
        ({"sender_id": None}, '"sender_id" is missing or no id'),
        ({"text": None}, '"text" is missing'),
        ({"created_at": None}, '"created_at" is missing'),
        ({"created_at": "soon"}, '"created_at" is not an ISO 8601 time'),
        ({"dm_conversation_id": "../me"}, '"dm_conversation_id" is missing or no id'),
    ],
)
def test_a_bad_message_is_set_aside_and_the_rest_comes(x: FakeX, change: dict[str, Any], reason: str) -> None:
    odd = write(x, "odd")
    write(x, "good")
    x.messages.raw[odd] = _event(x, odd) | change

    batch = source_of(x).fetch(None)

    assert texts([batch]) == ["good"]
    [bad] = batch.bad
    assert reason in bad.reason


def test_keys_of_another_account_open_nobodys_messages(x: FakeX) -> None:
    write(x, "for Fernway")
    x.me = "30"

    with pytest.raises(SourceError, match="belong to another account than @Fernway") as caught:
        source_of(x).fetch(None)
    assert caught.value.permanent


@pytest.mark.parametrize(
    ("fault", "permanent"),
    [
        (Answer(503, b"<html>"), False),
        (Answer(429, {}), False),
        (Answer(403, {"detail": "no dm.read"}), True),
        (Answer(402, {"title": "CreditsDepleted"}), True),
        (Answer(200, {"errors": [{"detail": "nothing"}]}), True),
        (Answer(200, {"data": {}}), False),
        (Answer(200, b'{"da'), False),
        (Reset(), False),
        (Hang(), False),
    ],
)
def test_every_failure_is_said_and_the_same_cursor_asked_again(x: FakeX, fault: Any, permanent: bool) -> None:
    write(x, "hello")
    source = source_of(x, timeout_seconds=PATIENCE_SECONDS)
    x.fail("/2/dm_events", fault)

    with pytest.raises(SourceError) as caught:
        source.fetch(None)

    assert caught.value.permanent is permanent
    assert texts([source.fetch(None)]) == ["hello"]


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.sampled_from(["10", "1900"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["id", "text", "sender_id", "created_at", "data", "meta", "next_token", "users"]),
            inner,
            max_size=5,
        )
    ),
    max_leaves=12,
)


@given(page=st.fixed_dictionaries({"data": _JSON, "meta": _JSON, "includes": _JSON}) | _JSON)
def test_whatever_x_sends_is_taken_set_aside_or_said(x: FakeX, page: Any) -> None:
    x.fail("/2/dm_events", Answer(200, page))
    try:
        batch = source_of(x).fetch(None)
    except SourceError as error:
        assert "x:Fernway:dms" in str(error)
    else:
        assert len(batch.mentions) + len(batch.bad) <= len(page.get("data", []))


def sender_of(x: FakeX, **settings: Any) -> XSender:
    return XSender(
        {ACCOUNT: KEYS}, now=x.clock, base_url=x.url, **({"timeout_seconds": PATIENCE_SECONDS} | settings)
    )


def answer_to(event_id: str, text: str = "Sorry, we are on it.", number: int = 1) -> Outgoing:
    post, conversation = f"dm:{event_id}", f"dm:{WITH_ANA}"
    return Outgoing(ReplyId(number), "fernway", post, conversation, "ana", text, START)


def ours(x: FakeX) -> list[str]:
    return [event.text for event in x.messages.events.values() if event.sender_id == "10"]


def test_the_answer_goes_into_the_conversation_and_nowhere_else(x: FakeX) -> None:
    question = write(x, "help")

    sent = sender_of(x).send(answer_to(question))

    assert ours(x) == ["Sorry, we are on it."]
    assert not [post for post in x.posts.values() if post.author_id == "10"]
    assert sent.url is None
    # As the feed will bring it, so that it is not taken for another reply.
    by_feed = next(m for m in source_of(x).fetch(None).mentions if m.from_brand)
    assert by_feed.external_id == sent.external_id


@pytest.mark.parametrize("fault", [Reset(after=True), Hang(after=True)])
def test_a_lost_answer_is_found_in_the_conversation(x: FakeX, fault: Any) -> None:
    question = write(x, "help")
    x.fail(f"/2/dm_conversations/{WITH_ANA}/messages", fault)
    with pytest.raises(SendUnknownError):
        sender_of(x).send(answer_to(question))

    found = sender_of(x).find(answer_to(question))

    assert found is not None
    assert ours(x) == ["Sorry, we are on it."]


def test_sending_again_after_a_crash_sends_no_second_message(x: FakeX) -> None:
    question = write(x, "help")
    first = sender_of(x).send(answer_to(question))

    again = sender_of(x).send(answer_to(question))

    assert again.external_id == first.external_id
    assert len(ours(x)) == 1


def test_the_same_words_from_before_the_approval_are_another_message(x: FakeX, clock: Clock) -> None:
    write(x, "Sorry, we are on it.", sender="10", ago=3600)
    question = write(x, "and now?")

    sender_of(x).send(answer_to(question))

    assert len(ours(x)) == 2


def test_the_look_before_sending_reads_through_a_long_conversation(x: FakeX) -> None:
    question = write(x, "help")
    first = sender_of(x).send(answer_to(question))
    for number in range(45):
        write(x, f"more {number}")

    assert sender_of(x).send(answer_to(question)).external_id == first.external_id


def test_absence_is_sure_only_after_a_while(x: FakeX, clock: Clock) -> None:
    question = write(x, "help")
    sender = sender_of(x, settle_seconds=60)

    with pytest.raises(SendLaterError, match="messages"):
        sender.find(answer_to(question))
    clock.advance(60)

    assert sender.find(answer_to(question)) is None


@pytest.mark.parametrize("fault", [Answer(503, {}), Answer(429, {}), Answer(200, {"data": ["odd"]}), Reset()])
def test_where_the_conversation_cannot_be_read_nothing_is_sent(x: FakeX, fault: Any) -> None:
    question = write(x, "help")
    x.fail(f"/2/dm_conversations/{WITH_ANA}/dm_events", fault)

    with pytest.raises(SendLaterError, match="Nothing was sent"):
        sender_of(x).send(answer_to(question))
    assert not ours(x)


def test_a_customer_who_takes_no_messages_is_a_refusal(x: FakeX) -> None:
    outgoing = replace(answer_to("1"), conversation_id="dm:10-77")

    with pytest.raises(SendRefusedError, match="cannot message"):
        sender_of(x).send(outgoing)
