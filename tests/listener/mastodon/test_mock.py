"""Source, sender and stream against a third party's Mastodon server, over real HTTP."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from desk.errors import SendLaterError, SendRefusedError, SendUnknownError, SourceError
from desk.model.reply import Outgoing, ReplyId
from listener.platforms.mastodon.source import MastodonFeed, MastodonSender, MastodonSource, MastodonStream
from tests.fakes.loopback import PATIENCE_SECONDS
from tests.fakes.mastodon_mock import MastodonMock
from tests.fakes.mastodon_reading import drain, ids, mentions

MENTIONS = MastodonFeed.MENTIONS


def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture(scope="session")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MastodonMock]:
    with MastodonMock(tmp_path_factory.mktemp("mastodon")) as mock:
        yield mock


@pytest.fixture
def mock(started: MastodonMock) -> MastodonMock:
    started.reset()
    return started


def source_of(
    mock: MastodonMock, feed: MastodonFeed = MastodonFeed.MENTIONS, **settings: Any
) -> MastodonSource:
    return MastodonSource(mock.account, feed=feed, **({"now": now, "page_size": 10} | settings))


def sender_of(mock: MastodonMock, **settings: Any) -> MastodonSender:
    return MastodonSender([mock.account], **({"now": now} | settings))


def outgoing(mock: MastodonMock, post: str, text: str = "We are on it.", handle: str = "ana") -> Outgoing:
    external = f"{post}@127.0.0.1:{mock.port}"
    return Outgoing(ReplyId(7), "fernway", external, external, handle, text, now())


def test_mentions_come_once_over_all_pages_backwards_and_forwards(mock: MastodonMock) -> None:
    posted = [mock.post("ana", f"@fernway help {n}") for n in range(5)]
    batches = drain(source_of(mock, page_size=2))
    posted += [mock.post("ben", f"@fernway more {n}") for n in range(5)]

    batches += drain(source_of(mock, page_size=2), batches[-1].cursor)

    assert sorted(ids(batches)) == sorted(posted)
    assert {m.author.handle for m in mentions(batches)} == {f"ana@localhost:{mock.port}", "ben@far.example"}


def test_mentions_that_the_server_holds_back_are_not_missed(mock: MastodonMock) -> None:
    mock.call("PATCH", "/api/v2/notifications/policy", json={"for_not_following": "filter"})
    held = mock.post("ana", "@fernway help")

    assert mock.call("GET", "/api/v1/notifications") == []
    assert ids(drain(source_of(mock))) == [held]


def test_hashtag_search_and_own_posts(mock: MastodonMock) -> None:
    tagged = mock.post("ana", "so slow #fernway")
    found = mock.post("robot", "my parcel arrived broken")
    answer = mock.post("fernway", "@ana sorry", in_reply_to_id=tagged)

    hashtag = mentions(drain(source_of(mock, MastodonFeed.HASHTAG, query="#fernway")))
    search = mentions(drain(source_of(mock, MastodonFeed.SEARCH, query="parcel")))
    own = mentions(drain(source_of(mock, MastodonFeed.OWN)))

    host = f"127.0.0.1:{mock.port}"
    assert [m.external_id for m in hashtag] == [f"{tagged}@{host}"]
    assert [(m.external_id, m.automatic) for m in search] == [(f"{found}@{host}", True)]
    assert [(m.external_id, m.from_brand, m.in_reply_to) for m in own] == [
        (f"{answer}@{host}", True, f"{tagged}@{host}")
    ]
    assert own[0].conversation_id == hashtag[0].conversation_id


def test_edits_and_deletions_are_found_by_the_next_poll(mock: MastodonMock) -> None:
    edited, deleted = mock.post("ana", "@fernway help"), mock.post("ana", "@fernway forget this")
    source = source_of(mock)
    cursor = drain(source)[-1].cursor
    mock.call("PUT", f"/api/v1/statuses/{edited}", "ana", json={"status": "@fernway never mind"})
    mock.call("DELETE", f"/api/v1/statuses/{deleted}", "ana")

    batch = source.fetch(cursor)

    assert [(m.text, m.external_id.partition("@")[0]) for m in batch.mentions] == [
        ("@fernway never mind", edited)
    ]
    assert [str(gone) for gone in batch.deleted] == [f"mastodon:{deleted}@127.0.0.1:{mock.port}"]


def test_a_deep_thread_has_one_conversation(mock: MastodonMock) -> None:
    root = last = mock.post("ana", "it broke")
    for number in range(5):
        last = mock.post("ben" if number % 2 else "ana", f"@fernway {number}", in_reply_to_id=last)

    conversations = {m.conversation_id for m in mentions(drain(source_of(mock)))}

    assert conversations == {f"{root}@127.0.0.1:{mock.port}"}


@pytest.mark.parametrize(
    ("effect", "says", "wait"),
    [
        ({"type": "ratelimit"}, "Too many requests", 300),
        ({"type": "status", "status": 503}, "temporarily unavailable", None),
        ({"type": "malformed", "truncate": True}, "no JSON", None),
        ({"type": "latency", "delay_ms": 700}, "did not answer", None),
    ],
)
def test_a_server_that_fails_loses_nothing(
    mock: MastodonMock, effect: dict[str, Any], says: str, wait: float | None
) -> None:
    post = mock.post("ana", "@fernway help")
    source = source_of(mock, timeout_seconds=0.4 if "delay_ms" in effect else 10)
    mock.fault(effect, "/api/v1/notifications")

    with pytest.raises(SourceError, match=says) as caught:
        source.fetch(None)

    assert caught.value.retry_after_seconds == wait
    assert ids(drain(source_of(mock))) == [post]


def test_a_reply_is_out_once_however_often_it_is_sent(mock: MastodonMock) -> None:
    reply = outgoing(mock, mock.post("ana", "@fernway help", visibility="private", spoiler_text="rant"))

    first, again = sender_of(mock).send(reply), sender_of(mock).send(reply)
    found = sender_of(mock).find(reply)

    assert first == again == found
    [status] = mock.statuses_of("fernway")
    assert (status["visibility"], status["spoiler_text"]) == ("private", "rant")
    assert [mention["acct"] for mention in status["mentions"]] == ["ana"]


def test_a_reply_that_the_server_finds_too_long_is_refused_in_its_words(mock: MastodonMock) -> None:
    # It counts links in full, unlike its own announcement.
    text = "x" * 200 + " https://fernway.example/" + "y" * 300

    with pytest.raises(SendRefusedError, match=r"422: .*Text is too long \(maximum is 500 characters\)"):
        sender_of(mock).send(outgoing(mock, mock.post("ana", "@fernway help"), text))
    assert not mock.statuses_of("fernway")


@pytest.mark.parametrize("length", [495, 496])
def test_a_reply_may_be_500_characters_with_the_name(mock: MastodonMock, length: int) -> None:
    reply = outgoing(mock, mock.post("ana", "@fernway help"), "x" * length)

    if length + len("@ana ") <= 500:
        assert sender_of(mock).send(reply)
    else:
        with pytest.raises(SendRefusedError, match="has 501 characters"):
            sender_of(mock).send(reply)


def test_a_reply_whose_answer_never_came_is_looked_for_and_sent_again(mock: MastodonMock) -> None:
    reply = outgoing(mock, mock.post("ana", "@fernway help"))
    sender = sender_of(mock, timeout_seconds=PATIENCE_SECONDS, settle_seconds=0)
    mock.fault({"type": "latency", "delay_ms": 1_500 * PATIENCE_SECONDS}, "/api/v1/statuses", "POST")

    with pytest.raises(SendUnknownError):
        sender.send(reply)

    # This server drops a request whose sender has hung up; under the same key it would be the same post.
    assert sender.find(reply) is None
    assert sender_of(mock).send(reply) == sender.find(reply)
    assert len(mock.statuses_of("fernway")) == 1


@pytest.mark.parametrize("effect", [{"type": "ratelimit"}, {"type": "status", "status": 503}])
def test_a_reply_waits_while_the_server_asks_for_it(mock: MastodonMock, effect: dict[str, Any]) -> None:
    reply = outgoing(mock, mock.post("ana", "@fernway help"))
    mock.fault(effect, "/api/v1/statuses", "POST")

    with pytest.raises(SendLaterError) as caught:
        sender_of(mock).send(reply)

    assert caught.value.retry_after_seconds == (300 if effect["type"] == "ratelimit" else 60)
    assert not mock.statuses_of("fernway")


def test_a_reply_to_a_deleted_post_is_refused(mock: MastodonMock) -> None:
    post = mock.post("ana", "@fernway help")
    mock.call("DELETE", f"/api/v1/statuses/{post}", "ana")

    with pytest.raises(SendRefusedError, match="Record not found"):
        sender_of(mock).send(outgoing(mock, post))


def test_events_end_the_wait_and_tell_of_deletions(mock: MastodonMock) -> None:
    ana = mock.call("GET", "/api/v1/accounts/verify_credentials", "ana")["id"]
    mock.call("POST", f"/api/v1/accounts/{ana}/follow")
    stop = threading.Event()
    stream = MastodonStream(mock.account, now=now, random=lambda: 0.0)
    waits = stream.waits(stop, 60)
    listening = threading.Thread(target=stream.run, args=(stop,), daemon=True)
    listening.start()
    assert waits.wait(60) is False, "a new connection asks for a poll"
    source = source_of(mock, stream=stream, lookback=0)
    cursor = drain(source)[-1].cursor

    post = mock.post("ana", "@fernway help")
    begun = time.monotonic()
    assert waits.wait(60) is False
    batches = drain(source, cursor)
    mock.call("DELETE", f"/api/v1/statuses/{post}", "ana")
    while not stream.deleted() and time.monotonic() < begun + 30:
        waits.wait(1)
    last = source.fetch(batches[-1].cursor)
    stop.set()
    listening.join(10)

    assert time.monotonic() - begun < 30
    assert ids(batches) == [post]
    # Nothing was remembered to look at again: only the event can have told.
    assert [str(gone) for gone in last.deleted] == [f"mastodon:{post}@127.0.0.1:{mock.port}"]
    assert not listening.is_alive()
