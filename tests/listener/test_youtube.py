"""YouTube: threads and their answers, the day's quota, and answers that are never doubled."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import timedelta

import pytest

from desk.errors import SendLaterError, SendRefusedError, SourceError
from desk.model.mention import Mention
from desk.model.reply import Outgoing, ReplyId
from desk.ports import Batch, ReplySender, Source
from tests.fakes.clock import START, Clock
from tests.fakes.loopback import Answer
from tests.fakes.youtube_api import ANA, CHANNEL, SECRETS, FakeYouTube


@pytest.fixture
def fake() -> Iterator[FakeYouTube]:
    with FakeYouTube(Clock()) as server:
        yield server


def source_of(fake: FakeYouTube, **facts: object) -> Source:
    return fake.connected(fake.clock, **facts).feeds[0].source  # type: ignore[arg-type]


def sender_of(fake: FakeYouTube) -> ReplySender:
    return fake.connected(fake.clock).senders["youtube"]


def drained(source: Source, cursor: str | None = None) -> tuple[list[Mention], Batch]:
    batch = source.fetch(cursor)
    found = list(batch.mentions)
    while batch.more:
        batch = source.fetch(batch.cursor)
        found += batch.mentions
    return found, batch


def outgoing(to: str, text: str = "We are on it.", number: int = 1) -> Outgoing:
    return Outgoing(ReplyId(number), "fernway", to, to, "ana", text, START)


def test_a_thread_and_its_answers_become_mentions(fake: FakeYouTube) -> None:
    top = fake.add("It broke")
    answer = fake.add("Sorry!", CHANNEL, under=top)

    (question, reply), _ = drained(source_of(fake))

    assert (question.id, question.conversation_id, question.in_reply_to) == (f"youtube:{top}", top, None)
    assert (question.author.external_id, question.author.handle) == (ANA, "ana")
    assert question.url == f"https://www.youtube.com/watch?v=video-1&lc={top}"
    assert (reply.external_id, reply.in_reply_to, reply.from_brand) == (answer, top, True)


def test_all_answers_are_read_where_a_thread_shows_only_some(fake: FakeYouTube) -> None:
    top = fake.add("It broke")
    answers = {fake.add(f"me too {number}", under=top) for number in range(5)}

    found, _ = drained(source_of(fake))

    assert {mention.external_id for mention in found} == {top, *answers}


def test_an_answer_to_an_old_thread_is_found(fake: FakeYouTube) -> None:
    top = fake.add("It broke")
    for number in range(3):
        fake.add(f"me too {number}", under=top)
    source = source_of(fake)
    _, batch = drained(source)
    fake.clock.advance(3 * 86_400)
    late = fake.add("still broken", under=top)

    found, batch = drained(source_of(fake), batch.cursor)
    again, _ = drained(source_of(fake), batch.cursor)

    assert [mention.external_id for mention in found] == [late]
    assert again == []


def test_answers_are_not_listed_again_while_their_number_stays(fake: FakeYouTube) -> None:
    top = fake.add("It broke")
    for number in range(4):
        fake.add(f"me too {number}", under=top)
    _, batch = drained(source_of(fake))
    before = len(fake.requests)

    drained(source_of(fake), batch.cursor)

    assert [path for _, path in fake.requests[before:] if "parentId" in path] == []


def test_a_comment_that_was_held_for_review_is_read_when_it_shows(fake: FakeYouTube) -> None:
    fake.add("first")
    _, batch = drained(source_of(fake))
    late = fake.add("held", at=START - timedelta(hours=5))

    found, _ = drained(source_of(fake), batch.cursor)

    assert [mention.external_id for mention in found] == [late]


def test_an_edit_is_seen(fake: FakeYouTube) -> None:
    top = fake.add("It brok")
    _, batch = drained(source_of(fake))
    fake.threads[top].text = "It broke"

    (edited,), _ = drained(source_of(fake), batch.cursor)

    assert (edited.external_id, edited.text) == (top, "It broke")


def test_held_comments_are_looked_up_for_deletions(fake: FakeYouTube) -> None:
    gone, changed, kept = fake.add("one"), fake.add("two"), fake.add("three")
    held, _ = drained(source_of(fake))
    fake.delete(gone)
    fake.threads[changed].text = "two!"
    (check,) = fake.connected(fake.clock).checkers

    looked = check.look(held)

    assert list(looked.deleted) == [f"youtube:{gone}"]
    assert [(mention.external_id, mention.text) for mention in looked.edited] == [(changed, "two!")]
    assert kept not in str(looked.undecided)


def test_a_platform_that_shows_nothing_at_all_deletes_nothing(fake: FakeYouTube) -> None:
    for number in range(6):
        fake.add(f"{number}")
    held, _ = drained(source_of(fake))
    fake.threads.clear()
    (check,) = fake.connected(fake.clock).checkers

    assert (len(check.look(held).undecided), len(check.look(held).deleted)) == (6, 0)


def test_reading_stops_before_the_days_quota_is_used_up_and_goes_on_at_midnight(fake: FakeYouTube) -> None:
    source = source_of(fake, daily_units=1_000)
    batch = source.fetch(None)
    with pytest.raises(SourceError, match="quota for today") as caught:
        for _ in range(1_000):
            batch = source.fetch(batch.cursor)

    assert batch.headroom is not None
    assert batch.headroom.remaining == 500  # left to replies
    # START is 09:00 UTC, 02:00 in California, so that midnight is 22 hours away.
    assert caught.value.retry_after_seconds == 22 * 3_600
    fake.clock.advance(22 * 3_600)
    source.fetch(batch.cursor)


def test_a_quota_that_others_have_used_up_is_waited_for(fake: FakeYouTube) -> None:
    reasons = {"errors": [{"reason": "quotaExceeded"}], "message": "quota"}
    fake.fail("/", Answer(403, {"error": reasons}))

    with pytest.raises(SourceError) as caught:
        source_of(fake).fetch(None)
    assert (caught.value.permanent, caught.value.retry_after_seconds) == (False, 22 * 3_600)


def test_an_expired_access_token_is_renewed(fake: FakeYouTube) -> None:
    top = fake.add("It broke")
    source = source_of(fake, without=("API_KEY",))
    source.fetch(None)
    fake.access_tokens += 1  # as if Google had ended the one in use

    assert [mention.external_id for mention in source.fetch(None).mentions] == [top]


def test_a_refresh_token_that_was_revoked_is_named(
    fake: FakeYouTube, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    fake.fail("/token", *[Answer(400, {"error": "invalid_grant", "x": SECRETS["REFRESH_TOKEN"]})] * 2)

    with pytest.raises(SourceError, match="invalid_grant") as caught:
        source_of(fake, without=("API_KEY",)).fetch(None)

    assert caught.value.permanent
    assert not any(secret in caplog.text + str(caught.value) for secret in SECRETS.values())


def test_an_answer_to_an_answer_hangs_on_the_thread_and_names_its_person(fake: FakeYouTube) -> None:
    top = fake.add("It broke")
    answer = fake.add("me too", under=top)
    sender = sender_of(fake)

    sent = sender.send(outgoing(answer))

    (public,) = fake.by(CHANNEL)
    assert (public.id, public.text) == (sent.external_id, "@ana We are on it.")
    assert sent.external_id.startswith(f"{top}.")
    found = sender.find(outgoing(answer))
    assert found is not None and found.external_id == sent.external_id


def test_the_same_words_to_another_thread_are_not_the_reply(fake: FakeYouTube) -> None:
    one, two = fake.add("one"), fake.add("two")
    sender = sender_of(fake)
    sender.send(outgoing(one))

    sender.send(outgoing(two, number=2))

    assert len(fake.by(CHANNEL)) == 2


def test_the_same_words_to_somebody_else_in_the_thread_are_not_the_reply(fake: FakeYouTube) -> None:
    top = fake.add("It broke")
    answer = fake.add("me too", under=top)
    sender = sender_of(fake)
    sender.send(outgoing(top))

    sent = sender.send(outgoing(answer, number=2))

    assert [one.text for one in fake.by(CHANNEL)] == ["We are on it.", "@ana We are on it."]
    assert sent.external_id == fake.by(CHANNEL)[1].id


def test_the_same_words_of_another_day_are_not_the_reply(fake: FakeYouTube) -> None:
    top = fake.add("It broke")
    before = fake.add("We are on it.", CHANNEL, under=top, at=START - timedelta(days=1))

    sent = sender_of(fake).send(outgoing(top))

    assert len(fake.by(CHANNEL)) == 2
    assert sent.external_id != before


def test_an_answer_of_the_brand_that_names_somebody_speaks_to_them_alone(fake: FakeYouTube) -> None:
    top = fake.add("It broke")
    for words, writer in (("@ben please write to us", CHANNEL), ("@ben I know that", ANA)):
        fake.add(words, writer, under=top)

    (_, ours, theirs), _ = drained(source_of(fake))

    assert (ours.in_reply_to, theirs.in_reply_to) == (None, top)


def test_without_the_right_to_write_there_is_no_sender(fake: FakeYouTube) -> None:
    assert fake.connected(fake.clock, without=("REFRESH_TOKEN",)).senders == {}


def test_a_thread_that_is_gone_is_refused_and_an_unreadable_one_waited_for(fake: FakeYouTube) -> None:
    with pytest.raises(SendRefusedError, match="could not be found"):
        sender_of(fake).send(outgoing("UgxNOTHERE"))
    fake.fail("/comments", Answer(500, {}))
    with pytest.raises(SendLaterError):
        sender_of(fake).find(outgoing("UgxNOTHERE"))
