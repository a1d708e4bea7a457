"""Telegram: what a bot is shown becomes mentions, and an answer whose fate is unknown is never sent twice."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from desk.errors import InputError, SendLaterError, SendRefusedError, SendUnknownError, SourceError
from desk.model.mention import Mention
from desk.model.platform import measure_reply
from desk.model.reply import Outgoing, ReplyId
from listener.platforms.telegram.sender import TelegramSender
from listener.platforms.telegram.source import TelegramSource
from tests.fakes.clock import START, Clock
from tests.fakes.loopback import Answer, Hang, Reset
from tests.fakes.telegram_api import GROUP, TOKEN, FakeTelegram

HOUR = 3_600


@pytest.fixture
def fake() -> Iterator[FakeTelegram]:
    with FakeTelegram(Clock()) as server:
        yield server


def source_of(fake: FakeTelegram, **facts: object) -> TelegramSource:
    return TelegramSource(fake.settings(**facts), fake.bot(), now=fake.clock)


def only(fake: FakeTelegram, **facts: object) -> Mention:
    (mention,) = source_of(fake, **facts).fetch(None).mentions
    return mention


def sender_of(fake: FakeTelegram) -> TelegramSender:
    return TelegramSender([("fernway", fake.bot())], now=fake.clock)


def outgoing(to: str = f"{GROUP}:1", text: str = "We are on it.") -> Outgoing:
    return Outgoing(ReplyId(1), "fernway", to, str(GROUP), "ana", text, START)


def test_a_message_in_a_group_becomes_a_mention(fake: FakeTelegram) -> None:
    fake.say("It broke again")

    mention = only(fake)

    assert (mention.id, mention.conversation_id) == (f"telegram:{GROUP}:1", str(GROUP))
    assert (mention.author.external_id, mention.author.handle, mention.author.name) == ("20", "ana", "Ana")
    assert (mention.text, mention.created_at) == ("It broke again", START)
    assert mention.url == "https://t.me/c/1234567890/1"
    assert mention.replyable.allowed
    assert not mention.from_brand


def test_an_edit_comes_as_the_same_mention_with_other_words(fake: FakeTelegram) -> None:
    first = fake.say("It brok")
    source = source_of(fake)
    batch = source.fetch(None)
    fake.tell({"edited_message": first | {"text": "It broke", "edit_date": first["date"] + 60}})

    (edited,) = source.fetch(batch.cursor).mentions

    assert (edited.id, edited.text, edited.created_at) == (batch.mentions[0].id, "It broke", START)


def test_updates_are_confirmed_only_when_their_cursor_comes_back(fake: FakeTelegram) -> None:
    fake.say("one")
    source = source_of(fake)

    lost = source.fetch(None)  # its cursor is never stored
    batch = source_of(fake).fetch(None)

    assert [m.id for m in batch.mentions] == [m.id for m in lost.mentions]
    assert len(fake.updates) == 1
    source.fetch(batch.cursor)
    assert fake.updates == []


def test_a_number_that_begins_anew_after_a_silent_week_loses_nothing(fake: FakeTelegram) -> None:
    fake.say("before")
    source = source_of(fake)
    batch = source.fetch(None)
    batch = source.fetch(batch.cursor)
    fake.clock.advance(7 * 24 * HOUR)
    fake.next_update = 7
    fake.say("after")

    batch = source.fetch(batch.cursor)

    assert [m.text for m in batch.mentions] == ["after"]
    fake.say("and on")
    assert [m.text for m in source.fetch(batch.cursor).mentions] == ["and on"]


def test_what_telegram_has_dropped_is_noted_as_a_gap(fake: FakeTelegram) -> None:
    fake.say("before")
    source = source_of(fake)
    batch = source.fetch(None)
    fake.clock.advance(20 * HOUR)
    batch = source.fetch(batch.cursor)
    assert not batch.gaps
    last = fake.clock()
    fake.clock.advance(30 * HOUR)

    batch = source.fetch(batch.cursor)

    (gap,) = batch.gaps
    assert (gap.since, gap.until) == (last, fake.clock() - timedelta(hours=24))
    assert "24 hours" in gap.reason
    assert not source.fetch(batch.cursor).gaps


def test_staff_and_anonymous_administrators_speak_for_the_brand(fake: FakeTelegram) -> None:
    asked = fake.say("help")
    staff = {"id": 30, "is_bot": False, "first_name": "Sam", "username": "SamAtFernway"}
    fake.say("Have you tried this?", **{"from": staff, "reply_to_message": asked})
    group = {"id": GROUP, "type": "supergroup", "title": "Fernway users"}
    anonymous = {"id": 1087968824, "is_bot": True, "username": "GroupAnonymousBot"}
    fake.say("Closed for today", **{"from": anonymous, "sender_chat": group})

    question, answer, notice = source_of(fake, staff=("samatfernway",)).fetch(None).mentions

    assert (question.from_brand, answer.from_brand, notice.from_brand) == (False, True, True)
    assert answer.in_reply_to == question.external_id


def test_a_query_narrows_groups_but_not_what_is_addressed_to_the_bot(fake: FakeTelegram) -> None:
    fake.say("nice weather")
    fake.say("the cable broke")
    fake.say("thanks", reply_to_message={"message_id": 1, "from": {"id": 4242, "is_bot": True}})
    fake.say("hello", chat={"id": 20, "type": "private", "username": "ana"})
    fake.say("/start", chat={"id": 20, "type": "private", "username": "ana"})

    batch = source_of(fake, listen="cable").fetch(None)

    found = batch.mentions
    assert [m.text for m in found] == ["the cable broke", "thanks", "hello"]
    assert [m.text for m in batch.aside] == ["nice weather"]
    assert [m.private for m in found] == [False, False, True]
    assert "private" in found[-1].replyable.reason


def test_topics_are_conversations_and_their_first_message_is_no_question(fake: FakeTelegram) -> None:
    topic = {"message_thread_id": 77, "is_topic_message": True}
    fake.say("in a topic", reply_to_message={"message_id": 77}, **topic)

    mention = only(fake)

    assert (mention.conversation_id, mention.in_reply_to) == (f"{GROUP}:77", None)


def test_pictures_are_named_and_notices_are_no_mentions(fake: FakeTelegram) -> None:
    fake.say(None, photo=[{"file_id": "x"}], caption="look")
    fake.say(None, voice={"file_id": "y"})
    fake.say(None, new_chat_title="Fernway friends")

    assert [m.text for m in source_of(fake).fetch(None).mentions] == ["look\n\n[photo]", "[voice]"]


@pytest.mark.parametrize(
    "facts",
    [{"date": "yesterday"}, {"date": 10**15}, {"message_id": None}, {"text": 7}, {"from": 3}, {"chat": []}],
)
def test_a_broken_message_stops_no_other(fake: FakeTelegram, facts: dict[str, object]) -> None:
    fake.say("broken")
    fake.updates[0]["message"] |= facts
    fake.say("whole")

    batch = source_of(fake).fetch(None)

    assert [m.text for m in batch.mentions] == ["whole"]
    assert [bad.position for bad in batch.bad] == ["update 100"]


def test_a_second_reader_is_named_as_what_it_is(fake: FakeTelegram) -> None:
    conflict = {
        "ok": False,
        "error_code": 409,
        "description": "Conflict: terminated by other getUpdates request",
    }
    fake.fail("/", Answer(409, conflict))

    with pytest.raises(SourceError, match=r"Only one program .*deleteWebhook") as caught:
        source_of(fake).fetch(None)
    assert caught.value.permanent


def test_a_wait_that_stands_in_the_body_is_kept(fake: FakeTelegram) -> None:
    busy = {"ok": False, "error_code": 429, "parameters": {"retry_after": 35}}
    fake.fail("/", Answer(429, busy))

    with pytest.raises(SourceError) as caught:
        source_of(fake).fetch(None)
    assert caught.value.retry_after_seconds == 35


@pytest.mark.parametrize(
    "fault",
    [
        Answer(401, {"ok": False, "description": f"bad bot{TOKEN}"}),
        Answer(500, f"<html>{TOKEN}".encode()),
        Answer(200, b'{"ok"', cut=True),
        Answer(302, b"", {"Location": f"https://evil.example/{TOKEN}"}),
    ],
)
def test_the_token_is_in_no_error_and_in_no_log(
    fake: FakeTelegram, fault: Answer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    fake.fail("/", fault, fault)

    with pytest.raises(SourceError) as caught:
        source_of(fake).fetch(None)

    told = [str(caught.value), repr(caught.value.__cause__), caplog.text]
    assert not any("AAF-token" in text for text in told)


def test_a_token_that_is_none_is_refused_without_being_repeated() -> None:
    with FakeTelegram(Clock()) as fake, pytest.raises(InputError) as caught:
        fake.bot("hunter2 and more")
    assert "hunter2" not in str(caught.value)


def test_an_answer_goes_under_the_message(fake: FakeTelegram) -> None:
    fake.say("help")

    sent = sender_of(fake).send(outgoing())

    assert sent.external_id == f"{GROUP}:2"
    assert (sent.author_id, sent.author_handle, sent.created_at) == ("4242", "fernway_bot", START)
    (posted,) = fake.sent
    assert (posted["chat_id"], posted["text"]) == (GROUP, "We are on it.")
    assert posted["reply_parameters"] == {"message_id": 1, "allow_sending_without_reply": False}


@pytest.mark.parametrize("fault", [Reset(after=True), Hang(after=True), Answer(500, {}), Answer(200, b'{"o')])
def test_an_unknown_outcome_stays_unknown(fake: FakeTelegram, fault: Answer | Reset | Hang) -> None:
    sender = sender_of(fake)
    fake.fail_post(fault)

    with pytest.raises(SendUnknownError):
        sender.send(outgoing())
    with pytest.raises(SendLaterError, match=r"look into the chat.*not sent again"):
        sender.find(outgoing())


def test_a_refusal_says_the_reason_and_publishes_nothing(fake: FakeTelegram) -> None:
    kicked = "Forbidden: bot was kicked from the supergroup chat"
    fake.fail_post(Answer(403, {"ok": False, "error_code": 403, "description": kicked}))

    with pytest.raises(SendRefusedError, match="bot was kicked"):
        sender_of(fake).send(outgoing())
    assert fake.sent == []


def test_a_full_chat_asks_to_come_back(fake: FakeTelegram) -> None:
    fake.fail_post(Answer(429, {"ok": False, "error_code": 429, "parameters": {"retry_after": 12}}))

    with pytest.raises(SendLaterError) as caught:
        sender_of(fake).send(outgoing())
    assert caught.value.retry_after_seconds == 12


@pytest.mark.parametrize("target", ["7", "x:1", "1:2:3", "-:1", ""])
def test_a_target_that_is_no_message_is_refused(fake: FakeTelegram, target: str) -> None:
    with pytest.raises(SendRefusedError, match="no message on Telegram"):
        sender_of(fake).send(outgoing(target))


def test_the_limit_counts_an_emoji_twice() -> None:
    assert not measure_reply("telegram", "a" * 4_096).problem
    assert measure_reply("telegram", "🔌" * 2_049).problem


def test_times_are_the_platforms(fake: FakeTelegram) -> None:
    fake.say("late", date=int(datetime(2026, 3, 1, tzinfo=UTC).timestamp()))

    assert only(fake).created_at == datetime(2026, 3, 1, tzinfo=UTC)
