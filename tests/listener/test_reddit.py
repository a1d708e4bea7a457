"""Reddit: listings that end, names that vanish, deletions that are honoured, and answers once."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import timedelta

import pytest

from desk.errors import SendLaterError, SendRefusedError, SourceError
from desk.model.mention import Mention
from desk.model.platform import platform_of
from desk.model.reply import Outgoing, ReplyId
from desk.ports import Batch, ReplySender, Source
from listener.platforms import load
from tests.fakes.clock import START, Clock
from tests.fakes.loopback import Answer
from tests.fakes.reddit_api import ACCOUNT, SECRETS, FakeReddit


@pytest.fixture
def fake() -> Iterator[FakeReddit]:
    with FakeReddit(Clock()) as server:
        yield server


def source_of(fake: FakeReddit, feed: str = "comments", **facts: object) -> Source:
    feeds = fake.connected(fake.clock, **facts).feeds  # type: ignore[arg-type]
    return next(each.source for each in feeds if each.source.name.split(":")[1] == feed)


def sender_of(fake: FakeReddit) -> ReplySender:
    return fake.connected(fake.clock).senders["reddit"]


def drained(source: Source, cursor: str | None = None) -> tuple[list[Mention], Batch, list[str]]:
    batch = source.fetch(cursor)
    found, gaps = list(batch.mentions), [gap.reason for gap in batch.gaps]
    while batch.more:
        batch = source.fetch(batch.cursor)
        found += batch.mentions
        gaps += [gap.reason for gap in batch.gaps]
    return found, batch, gaps


def outgoing(to: str, text: str = "We are on it.") -> Outgoing:
    return Outgoing(ReplyId(1), "fernway", to, to, "ana", text, START)


def test_a_comment_becomes_a_mention_in_its_posts_conversation(fake: FakeReddit) -> None:
    top = fake.add("It broke")
    name = fake.add("me *too*", "Bo", under=top)

    (mention,), batch, _ = drained(source_of(fake))

    assert (mention.id, mention.conversation_id, mention.in_reply_to) == (f"reddit:{name}", top, top)
    assert (mention.author.external_id, mention.author.handle, mention.text) == ("bo", "Bo", "me *too*")
    assert mention.url == f"https://www.reddit.com/r/fernway/comments/{top[3:]}/title/{name[3:]}/"
    assert batch.headroom is not None
    assert (batch.headroom.remaining, batch.headroom.limit) == (596, 600)


def test_a_posts_title_belongs_to_its_words(fake: FakeReddit) -> None:
    fake.add("It broke")

    (mention,), _, _ = drained(source_of(fake, "new"))

    assert mention.text == "A title\n\nIt broke"
    assert mention.conversation_id == mention.external_id


def test_the_inbox_names_the_conversation_in_an_address(fake: FakeReddit) -> None:
    top = fake.add("It broke")
    name = fake.add("u/fernway help", under=top)
    context = f"/r/fernway/comments/{top[3:]}/title/{name[3:]}/?context=3"
    data = {"name": name, "author": "ana", "body": "u/fernway help", "context": context}
    fake.raw[name] = {"kind": "t1", "data": data | {"created_utc": START.timestamp(), "parent_id": top}}

    (mention,), _, _ = drained(source_of(fake, "inbox"))

    assert mention.conversation_id == top


def test_private_messages_are_no_mentions(fake: FakeReddit) -> None:
    name = fake.add("u/fernway", under=fake.add("top"))
    fake.raw[name] = {"kind": "t4", "data": {"name": "t4_1", "author": "ana", "body": "psst"}}

    batch = source_of(fake, "inbox").fetch(None)

    assert (list(batch.mentions), list(batch.bad)) == ([], [])


def test_a_name_that_was_deleted_does_not_end_a_listing(fake: FakeReddit) -> None:
    top = fake.add("top")
    names = [fake.add(f"{number}", under=top, at=START + timedelta(seconds=number)) for number in range(25)]
    fake.clock.advance(60)
    source = source_of(fake, page_size=10)
    batch = source.fetch(None)
    del fake.things[names[15]]  # the last one of the first page

    found, _, gaps = drained(source, batch.cursor)

    assert {mention.external_id for mention in found} == set(names[:15])
    assert gaps == []


def test_what_a_listing_no_longer_holds_is_a_gap(fake: FakeReddit) -> None:
    top = fake.add("top")
    fake.add("before", under=top)
    source = source_of(fake)
    _, batch, _ = drained(source)
    fake.clock.advance(86_400)
    for number in range(1_200):
        fake.add(f"{number}", under=top, at=START + timedelta(seconds=60 * number))

    found, _, gaps = drained(source, batch.cursor)

    assert len(found) == 1_000
    assert len(gaps) == 1
    assert "thousand" in gaps[0]


@pytest.mark.parametrize(
    "facts",
    [
        {"author": "[deleted]", "text": "[deleted]"},
        {"author": "[deleted]"},
        {"text": "[removed]"},
        None,
    ],
    ids=["deleted", "author deleted", "removed", "unknown"],
)
def test_what_is_deleted_there_is_deleted_here(fake: FakeReddit, facts: dict[str, str] | None) -> None:
    top = fake.add("top")
    gone, kept = fake.add("one", under=top), fake.add("two", under=top)
    held, _, _ = drained(source_of(fake))
    if facts is None:
        del fake.things[gone]
    for name, value in (facts or {}).items():
        setattr(fake.things[gone], name, value)
    (check,) = fake.connected(fake.clock).checkers

    looked = check.look(held)

    assert list(looked.deleted) == [f"reddit:{gone}"]
    assert kept not in str((looked.edited, looked.undecided))
    # Nor does it come again as a mention.
    assert gone not in {mention.external_id for mention in drained(source_of(fake))[0]}


def test_reddits_words_train_no_model() -> None:
    assert not platform_of("reddit").trainable


def test_requests_say_who_asks(fake: FakeReddit) -> None:
    source_of(fake).fetch(None)

    assert fake.agents == {"python:answerback:1 (by /u/fernway)"}


def test_without_an_account_of_its_own_an_app_reads_but_has_no_inbox(fake: FakeReddit) -> None:
    fake.add("comment", under=fake.add("top"))
    connected = fake.connected(fake.clock, without=("REFRESH_TOKEN",))

    names = [each.source.name for each in connected.feeds]
    assert names == ["reddit:own", "reddit:new:fernway", "reddit:comments:fernway"]
    assert connected.senders == {}
    assert len(drained(connected.feeds[2].source)[0]) == 1


def test_a_query_searches_everywhere_and_narrows_the_subreddits(fake: FakeReddit) -> None:
    fake.add("my fernway cable")
    fake.add("my fernway cable is a scam")
    fake.add("lunch")

    feeds = fake.connected(fake.clock, listen="fernway -scam").feeds

    searching = {each.source.name: drained(each.source)[0] for each in feeds}
    assert [m.text for m in searching["reddit:search:fernway"]] == ["A title\n\nmy fernway cable"]
    assert [m.text for m in searching["reddit:new:fernway"]] == ["A title\n\nmy fernway cable"]


def test_a_locked_thread_cannot_be_answered(fake: FakeReddit) -> None:
    fake.add("closed", under=fake.add("top"), locked=True)

    (mention,), _, _ = drained(source_of(fake))

    assert not mention.replyable.allowed
    assert "locked" in mention.replyable.reason


def test_an_answer_stands_under_the_comment(fake: FakeReddit) -> None:
    question = fake.add("help", under=fake.add("top"))

    sent = sender_of(fake).send(outgoing(question))

    (public,) = fake.by(ACCOUNT)
    assert (public.name, public.parent, public.text) == (sent.external_id, question, "We are on it.")


def test_reddits_own_pace_is_waited_for(fake: FakeReddit) -> None:
    name = fake.add("help")
    fake.refuses = {"errors": [["RATELIMIT", "try again in 9 minutes.", "ratelimit"]], "ratelimit": 540.0}

    with pytest.raises(SendLaterError) as caught:
        sender_of(fake).send(outgoing(name))
    assert caught.value.retry_after_seconds == 540


def test_a_refusal_inside_a_success_is_a_refusal(fake: FakeReddit) -> None:
    with pytest.raises(SendRefusedError, match="has been deleted"):
        sender_of(fake).send(outgoing("t1_zzz"))
    with pytest.raises(SendRefusedError, match="no post or comment"):
        sender_of(fake).send(outgoing("t4_1"))


def test_secrets_are_in_no_error_and_in_no_log(fake: FakeReddit, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    said = {"message": f"no {SECRETS['CLIENT_SECRET']}", "error": SECRETS["REFRESH_TOKEN"]}
    fake.fail("/api/v1", *[Answer(400, said)] * 2)

    with pytest.raises(SourceError) as caught:
        source_of(fake).fetch(None)

    assert caught.value.permanent
    assert not any(
        SECRETS[name] in caplog.text + str(caught.value) for name in ("CLIENT_SECRET", "REFRESH_TOKEN")
    )


def test_doctor_says_that_reddit_must_approve() -> None:
    assert "approval" in load("reddit").asks
