"""The filtered stream only shortens waits, keeps its rules in step, and costs what it brings."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from desk.errors import InputError
from desk.model.spending import Budget, Charge, Spent
from listener.news import GAP_SECONDS
from listener.platforms.x.meter import Limit, Meter
from listener.platforms.x.stream import INDEX_SECONDS, SAVING_SECONDS, XStream
from tests.fakes.clock import START
from tests.fakes.ledger import open_ledger
from tests.fakes.loopback import Answer, Hang, Reset
from tests.fakes.x_api import KEYS, FakeX
from tests.fakes.x_stream import RULES, STREAM, event

QUERY = "fernway broken -is:retweet"


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


def stream_of(x: FakeX, rules: dict[str, str] | None = None, **settings: Any) -> XStream:
    defaults: dict[str, Any] = {
        "now": x.clock,
        "random": lambda: 0.0,
        "base_url": x.url,
        "timeout_seconds": 5,
    }
    return XStream(KEYS, {"x": QUERY} if rules is None else rules, **(defaults | settings))


def tags(x: FakeX) -> dict[str, str]:
    return {rule["value"]: rule.get("tag", "") for rule in x.rules.held.values()}


def test_a_post_ends_the_wait_once_the_search_can_know_it(x: FakeX) -> None:
    stream = stream_of(x)
    stop = Stop(5_000)
    waits = stream.waits(stop, 900)
    x.line.send(event("1", "9000"), None)
    stream.run(Stop(1))

    assert waits.wait(900) is False
    assert stop.waited == [GAP_SECONDS, INDEX_SECONDS]
    # One look for all that came before it.
    assert waits.wait(900) is False
    assert sum(stop.waited) == pytest.approx(900 + GAP_SECONDS + INDEX_SECONDS)


def test_an_opened_stream_asks_for_a_look_at_what_it_has_missed(x: FakeX) -> None:
    stream, stop = stream_of(x), Stop(100)
    waits = stream.waits(stop, 900)
    x.line.send(b"\r\n", None)
    stream.run(Stop(1))

    assert waits.wait(900) is False
    assert sum(stop.waited) < 60


def test_a_wait_that_the_platform_or_the_budget_asks_for_is_not_shortened(x: FakeX) -> None:
    stream, stop = stream_of(x), Stop(100)
    waits = stream.waits(stop, 900)
    x.line.send(event("1", "9000"), None)
    stream.run(Stop(1))

    assert waits.wait(901) is False
    assert stop.waited == [901]


def test_a_stop_ends_any_wait(x: FakeX) -> None:
    stop = Stop(2)
    waits = stream_of(x).waits(stop, 60)

    assert waits.wait(30) is True
    assert waits.is_set()


def test_missing_rules_are_added_and_stale_ones_of_ours_go(x: FakeX) -> None:
    x.rules.add("old words", "answerback:x")
    x.rules.add("renamed", "answerback:gone")
    x.rules.add("cats", "somebody's")
    x.rules.add("dogs")
    x.line.send(None)

    stream_of(x, {"x": QUERY, "y": "other words"}).run(Stop(1))

    assert tags(x) == {
        "cats": "somebody's",
        "dogs": "",
        QUERY: "answerback:x",
        "other words": "answerback:y",
    }
    posts = [body for method, body in x.requests if method == "POST"]
    assert posts == [RULES, RULES]


def test_rules_that_are_in_step_are_left_alone(x: FakeX) -> None:
    x.rules.add(QUERY, "answerback:x")
    x.line.send(None)

    stream_of(x).run(Stop(1))

    assert [method for method, _ in x.requests] == ["GET", "GET"]


def test_the_same_rule_under_anothers_tag_does_as_well(x: FakeX) -> None:
    rule = x.rules.add(QUERY, "theirs")
    stream, stop = stream_of(x), Stop(100)
    waits = stream.waits(stop, 900)
    x.line.send(event("1", rule), None)

    stream.run(Stop(1))

    assert tags(x) == {QUERY: "theirs"}
    assert waits.wait(900) is False


def test_a_rule_that_x_refuses_is_said_and_the_others_work(
    x: FakeX, caplog: pytest.LogCaptureFixture
) -> None:
    x.rules.refused.add("bad words")
    x.line.send(None)

    stream_of(x, {"x": QUERY, "y": "bad words"}).run(Stop(1))

    assert "no such operator" in caplog.text
    assert STREAM in x.requests[-1][1]


def test_breaks_are_followed_by_the_documented_waits(x: FakeX) -> None:
    reset = {"x-rate-limit-reset": str(int(START.timestamp()) + 300)}
    x.fail(
        f"{STREAM}?",
        *[Reset()] * 3,
        *[Answer(503, {})] * 3,
        *[Answer(429, {"title": "ConnectionException", "detail": "TooManyConnections"})] * 2,
        Answer(429, {}, reset),
    )
    x.line.send(b"\r\n", None, None)
    stop = Stop(11)

    stream_of(x).run(stop)

    # Network, HTTP, too many connections; then it lived, and broke off twice.
    assert stop.waited == [0.25, 0.5, 0.75, 5, 10, 20, 60, 120, 300, 0.25, 0.5]


@pytest.mark.parametrize("fault", [Answer(401, {}), Answer(503, {})])
def test_http_waits_end_at_the_documented_limit(x: FakeX, fault: Answer) -> None:
    x.fail(f"{STREAM}?", *[fault] * 9)
    stop = Stop(9)

    stream_of(x).run(stop)

    assert stop.waited[-3:] == [320, 320, 320]


def test_waits_are_jittered_and_never_shorter_than_asked(x: FakeX) -> None:
    x.fail(f"{STREAM}?", Answer(503, {}))
    stop = Stop(1)

    stream_of(x, random=lambda: 0.8).run(stop)

    assert stop.waited == [6.0]


def test_silence_counts_as_a_break(x: FakeX) -> None:
    x.line.send(b"\r\n")
    stop = Stop(1)

    stream_of(x, silence_seconds=0.2).run(stop)

    assert stop.waited == [0.25]


@pytest.mark.parametrize(
    ("said", "wait"),
    [
        ({"errors": [{"title": "operational-disconnect", "disconnect_type": "UpstreamOperational"}]}, 0.25),
        ({"errors": [{"title": "usage-capped", "type": "https://api.x.com/2/problems/usage-capped"}]}, 5),
    ],
)
def test_x_says_why_it_ends_a_stream(
    x: FakeX, caplog: pytest.LogCaptureFixture, said: object, wait: float
) -> None:
    caplog.set_level("INFO")
    x.line.send(said)
    stop = Stop(1)

    stream_of(x).run(stop)

    assert stop.waited == [wait]
    assert "X ended the stream: " in caplog.text


@pytest.mark.parametrize(
    "line", [b"{\r\n", b"[]\r\n", b"\xff\r\n", b'{"data": 7}\r\n', b'{"matching_rules": 7}\r\n']
)
def test_nonsense_costs_nothing_but_time(x: FakeX, line: bytes) -> None:
    x.line.send(line + b"\r\n", event("1", "9000"), None)
    stream, stop = stream_of(x), Stop(100)
    waits = stream.waits(stop, 900)

    stream.run(Stop(1))

    assert waits.wait(900) is False


def test_a_line_without_end_is_a_break(x: FakeX) -> None:
    x.line.send(*[b"x" * 300_000] * 4)
    stop = Stop(1)

    stream_of(x).run(stop)

    assert stop.waited == [0.25]


def test_stopping_does_not_wait_for_a_silent_platform(x: FakeX) -> None:
    stream, stop = stream_of(x), threading.Event()
    listening = threading.Thread(target=stream.run, args=(stop,), daemon=True)
    waits = stream.waits(stop, 60)
    listening.start()
    assert x.line.open.wait(10)
    ended = threading.Event()

    def wait() -> None:
        waits.wait(60)
        ended.set()

    threading.Thread(target=wait, daemon=True).start()

    stop.set()
    listening.join(10)

    assert not listening.is_alive()
    assert ended.wait(10)


@dataclass
class StopWhileOpening:
    """Comes when X has been asked for the stream and has not answered yet."""

    x: FakeX

    def is_set(self) -> bool:
        return any(path.startswith(STREAM) for _, path in self.x.requests)

    def wait(self, timeout: float | None = None) -> bool:
        return True


def test_a_stop_that_comes_while_the_stream_opens_is_not_missed(x: FakeX) -> None:
    stop = StopWhileOpening(x)
    listening = threading.Thread(target=stream_of(x).run, args=(stop,), daemon=True)

    listening.start()
    listening.join(10)

    assert stop.is_set()
    assert not listening.is_alive()


def test_posts_of_the_stream_are_counted_and_reading_them_again_is_free(x: FakeX, tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path)
    meter = Meter(Budget("x"), ledger=ledger, now=x.clock)
    x.line.send(*[event(str(number), "9000") for number in range(47)], None)

    stream_of(x, meter=meter).run(Stop(1))

    assert ledger.spent("x", START) == Spent(47 * 5_000, 47)
    meter.hold(meter.streamed(47), Limit.READING, "a search").came([str(number) for number in range(47)])
    assert ledger.spent("x", START) == Spent(47 * 5_000, 47)


def test_a_stream_is_not_opened_while_the_budget_has_to_last(x: FakeX, tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path)
    ledger.add("x", [Charge("post", 1, 9_000_000, 1)], START)
    stop = Stop(1)

    stream_of(x, meter=Meter(Budget("x", 10_000_000), ledger=ledger, now=x.clock)).run(stop)

    assert stop.waited == [SAVING_SECONDS]
    assert not x.requests


def test_a_stream_ends_when_the_budget_has_to_last(x: FakeX, tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path)
    ledger.add("x", [Charge("post", 1, 7_950_000, 1)], START)
    x.line.send(*[event(str(number), "9000") for number in range(100)])
    stop = Stop(1)

    stream_of(x, meter=Meter(Budget("x", 10_000_000), ledger=ledger, now=x.clock)).run(stop)

    assert stop.waited == [SAVING_SECONDS]
    assert ledger.spent("x", START).micro_usd == 8_050_000  # twenty posts, and then what is left must last


def test_a_stream_needs_the_apps_own_token(x: FakeX) -> None:
    keys = replace(KEYS, bearer_token=None)

    with pytest.raises(InputError, match="bearer token"):
        XStream(keys, {}, now=x.clock, random=lambda: 0.0)


def test_nothing_shows_the_token(x: FakeX, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    x.fail(RULES, Answer(401, {"detail": f"bad token {FakeX.token[:6]}"}))
    x.fail(f"{STREAM}?", Hang())

    stream_of(x, silence_seconds=0.2).run(Stop(2))

    assert "next try in" in caplog.text
    assert FakeX.token not in caplog.text
