"""The stream only shortens waits: it may break, fall silent or talk nonsense, and costs nothing but time."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from listener.platforms.mastodon.source import MastodonFeed, MastodonSource, MastodonStream
from tests.fakes.clock import Clock
from tests.fakes.loopback import Answer, Hang, Reset
from tests.fakes.mastodon_api import TOKEN, FakeMastodon

USER = "/api/v1/streaming/user"


@dataclass
class Stop:
    """Lets so many waits pass, notes how long they would have been, and then stops."""

    passes: int
    waited: list[float] = field(default_factory=list)
    event: threading.Event = field(default_factory=threading.Event)

    def is_set(self) -> bool:
        return self.event.is_set()

    def wait(self, timeout: float | None = None) -> bool:
        if timeout is None:
            return self.event.wait(30)
        self.waited.append(timeout)
        if len(self.waited) >= self.passes:
            self.event.set()
        return self.event.is_set()


@pytest.fixture
def server(clock: Clock) -> Iterator[FakeMastodon]:
    with FakeMastodon(clock) as fake:
        fake.add_account("10", "fernway", me=True)
        fake.add_account("20", "ana@far.example")
        yield fake


def stream_of(fake: FakeMastodon, **settings: Any) -> MastodonStream:
    defaults: dict[str, Any] = {"now": fake.clock, "random": lambda: 0.999, "timeout_seconds": 5}
    return MastodonStream(fake.account(), **(defaults | settings))


def events(*texts: str) -> Answer:
    return Answer(
        200, "".join(f"{text}\n\n" for text in texts).encode(), {"Content-Type": "text/event-stream"}
    )


@pytest.mark.parametrize(
    "event",
    [
        "event: notification\ndata: {}",
        "event: update\ndata: {}",
        "event: status.update\ndata: {}",
        "event: delete\ndata: 12",
        "event:conversation\r\ndata:{}\r",
    ],
)
def test_an_event_ends_the_wait_of_every_source(server: FakeMastodon, event: str) -> None:
    stream = stream_of(server)
    server.fail(USER, events(":connected", event))
    stops = [Stop(5), Stop(5)]
    waits = [stream.waits(stop, 60) for stop in stops]
    stream.run(Stop(1))

    assert [wait.wait(60) for wait in waits] == [False, False]
    # A burst asks for one poll: a short pause gathers it.
    assert [stop.waited for stop in stops] == [[2.0], [2.0]]


def test_without_events_the_whole_interval_is_waited(server: FakeMastodon) -> None:
    stop = Stop(1_000)

    assert stream_of(server).waits(stop, 60).wait(60) is False
    assert sum(stop.waited) == pytest.approx(60)


def test_a_wait_that_the_platform_asked_for_is_not_shortened(server: FakeMastodon) -> None:
    stream, stop = stream_of(server), Stop(5)
    waits = stream.waits(stop, 60)
    server.fail(USER, events("event: update\ndata: {}"))
    stream.run(Stop(1))

    assert waits.wait(61) is False
    assert stop.waited == [61]


def test_a_stop_ends_any_wait(server: FakeMastodon) -> None:
    stop = Stop(2)
    waits = stream_of(server).waits(stop, 60)

    assert waits.wait(30) is True
    assert waits.is_set()


def test_deletions_are_told_until_they_must_have_been_stored(server: FakeMastodon) -> None:
    stream = stream_of(server)
    deletions = ('event: delete\ndata: "01HZX"', "event: delete\ndata: 12", "event: delete\ndata: ../../x")
    server.fail(USER, events(*deletions, 'event: delete\ndata: "cut', "event: delete"))
    stream.run(Stop(1))
    source = MastodonSource(server.account(), feed=MastodonFeed.MENTIONS, now=server.clock, stream=stream)
    server.add("20", "@fernway help")
    cursor = source.fetch(source.fetch(None).cursor).cursor

    told = [sorted(source.fetch(cursor).deleted) for _ in range(3)]

    wanted = sorted(f"mastodon:{status_id}@127.0.0.1:{server.port}" for status_id in ("01HZX", "12"))
    assert told == [wanted, wanted, []]


def test_a_deletion_is_kept_when_the_poll_that_would_tell_it_fails(server: FakeMastodon) -> None:
    stream = stream_of(server)
    server.fail(USER, events("event: delete\ndata: 12"))
    stream.run(Stop(1))

    assert stream.deleted() == ("12",)
    stream.told(())
    assert stream.deleted() == ("12",)
    for _ in range(3):
        stream.told(("12",))
    assert stream.deleted() == ()


def test_breaks_are_followed_by_ever_longer_waits_until_it_lives_again(server: FakeMastodon) -> None:
    server.fail(
        USER,
        Reset(),
        Answer(500, {}),
        Answer(502, b"<h1>"),
        events(":thump"),
        Reset(),
        events(),
        Answer(503, {}),
    )
    stop = Stop(7)

    stream_of(server).run(stop)

    assert [round(wait) for wait in stop.waited] == [1, 2, 4, 1, 2, 4, 8]


def test_silence_counts_as_a_break(server: FakeMastodon) -> None:
    server.fail(USER, Hang(), events(":thump"))
    stop = Stop(2)

    stream_of(server, silence_seconds=0.2).run(stop)

    assert len(stop.waited) == 2


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_server_without_streaming_is_asked_rarely(server: FakeMastodon, status: int) -> None:
    server.fail(USER, *[Answer(status, {"error": "no"})] * 4)
    stop = Stop(4)

    stream_of(server).run(stop)

    assert stop.waited[0] < 2
    assert max(stop.waited) > 800


def test_a_line_without_end_is_a_break(server: FakeMastodon) -> None:
    server.fail(USER, Answer(200, b"data: " + b"x" * 3_000_000))
    stop = Stop(1)

    stream_of(server).run(stop)

    assert len(stop.waited) == 1


def test_the_address_that_the_server_names_is_tried_first_and_its_own_after_that(
    server: FakeMastodon, clock: Clock
) -> None:
    with FakeMastodon(clock) as other:
        server.instance["configuration"]["urls"] = {"streaming": other.url.replace("http", "ws")}
        other.fail(USER, Reset())
        server.fail(USER, events(":thump"))
        stream_of(server).run(Stop(2))

        assert [path for _, path in other.requests] == [USER]
        assert USER in [path for _, path in server.requests]


@pytest.mark.parametrize("address", ["ws://elsewhere.example", "nonsense://x", "wss://"])
def test_a_streaming_address_that_would_endanger_the_token_is_passed_over(
    server: FakeMastodon, address: str
) -> None:
    server.instance["configuration"]["urls"] = {"streaming": address}
    server.fail(USER, events(":thump"))

    stream_of(server).run(Stop(1))

    assert USER in [path for _, path in server.requests]


def test_a_hashtag_has_a_stream_of_its_own(server: FakeMastodon) -> None:
    stream_of(server, hashtag="#fern").run(Stop(1))

    assert "/api/v1/streaming/hashtag?tag=fern" in [path for _, path in server.requests]


def test_stopping_does_not_wait_for_a_silent_server(server: FakeMastodon) -> None:
    stream, stop = stream_of(server, silence_seconds=30), threading.Event()
    waits = stream.waits(stop, 60)
    server.slow_stream = True
    listening = threading.Thread(target=stream.run, args=(stop,), daemon=True)
    listening.start()
    assert waits.wait(30) is False

    stop.set()
    listening.join(10)

    assert not listening.is_alive()


def test_nothing_shows_the_token(server: FakeMastodon, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    server.fail(USER, Answer(401, {"error": f"bad token {TOKEN}"}))

    stream_of(server).run(Stop(1))

    assert "next try in" in caplog.text
    assert TOKEN not in caplog.text
