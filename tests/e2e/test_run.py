"""`answerback run` as the process that it is: posts in, an answer out, an alert told, and a prompt end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from desk import outbox
from desk.model.case import Case, CaseId
from desk.model.mention import MentionId
from desk.model.reply import ReplyState
from desk.model.sla import Clock
from desk.model.timeline import spans
from desk.store import Store, cases, events, mentions, replies
from tests.e2e.conftest import Answerback
from tests.e2e.support import assert_harmless, command, count, until
from tests.fakes.clock import Clock as FakeClock
from tests.fakes.loopback import Answer, Hang, Reset
from tests.fakes.replay_file import post, write
from tests.fakes.webhook_receiver import WebhookReceiver
from tests.fakes.x_api import FakeX

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
"""The example of the Standard Webhooks specification."""
X_TOKENS = {
    "ANSWERBACK_X_BEARER_TOKEN": FakeX.token,
    "ANSWERBACK_X_CONSUMER_KEY": "consumer-key-of-tests",
    "ANSWERBACK_X_CONSUMER_SECRET": "consumer-secret-of-tests",
    "ANSWERBACK_X_ACCESS_TOKEN": "access-token-of-tests",
    "ANSWERBACK_X_ACCESS_TOKEN_SECRET": "access-token-secret-of-tests",
}
PROMPT_SECONDS = 2.0
"""From the signal to the end of the process, whatever it waits for."""
STOP_SECONDS = 15
"""More than the grace, and than a busy machine needs; a run that waits for anything takes longer."""

CONFIG = """
[triage]
open_every_thread = true
urgent_terms = ["fraud"]

[classifier]
weights = "{weights}"
complaint_threshold = 0.0
look_threshold = 0.0

[[sla.policies]]
name = "standard"
first_response = "1h"
next_response = "2h"

[[sla.rules]]
policy = "standard"
"""
REPLAY = """
[[sources]]
type = "replay"
name = "day"
path = "day.jsonl"
"""
WEBHOOK = """
[[alerts.channels]]
type = "webhook"
name = "ops"
url = "{url}/hook"
secret_env = "ANSWERBACK_OPS_SECRET"
allow_private_addresses = true
"""


class Running:
    """The process, and the store that it fills."""

    def __init__(self, home: Path, env: dict[str, str]) -> None:
        self.db = home / "answerback.db"
        self.log = home / "run.log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                command("run"), cwd=home, env=os.environ | env, stdout=log, stderr=log
            )
        self.store: Store | None = None

    def wait_for(self, condition: Callable[[], Any]) -> Any:
        try:
            return until(self.process, condition)
        except AssertionError as error:
            raise AssertionError(f"{error}; it said:\n{self.log.read_text()}") from None

    def open(self) -> Store:
        self.wait_for(lambda: count(self.db, "cases") > 0)
        self.store = Store(self.db)
        return self.store

    def stop(self, number: int = signal.SIGTERM) -> tuple[int, str]:
        self.process.send_signal(number)
        return self.process.wait(timeout=STOP_SECONDS), self.log.read_text()


@contextmanager
def running(home: Path, env: dict[str, str] | None = None) -> Iterator[Running]:
    run = Running(home, env or {})
    try:
        yield run
    finally:
        run.process.kill()
        run.process.wait(timeout=10)
        if run.store is not None:
            run.store.close()


def now() -> datetime:
    return datetime.now(UTC)


def case_of(store: Store) -> Case:
    with store.read() as db:
        found = cases.get(db, CaseId(1))
    assert found is not None
    return found


def approve(store: Store, text: str) -> int:
    return outbox.approve(store, CaseId(1), agent="mia", text=text, now=now(), undo_seconds=0).id


def sent(store: Store, reply_id: int) -> bool:
    with store.read() as db:
        return any(r.id == reply_id and r.state is ReplyState.SENT for r in replies.of_case(db, CaseId(1)))


def test_a_complaint_is_answered_and_the_customer_writes_back(home: Path, tiny_weights: Path) -> None:
    question = post(
        1,
        text="my card was charged twice, is this fraud?",
        answers=[{"after_seconds": 0, "text": "still nothing"}],
    )
    write(home / "day.jsonl", [question])
    with WebhookReceiver() as receiver:
        text = CONFIG.format(weights=tiny_weights) + REPLAY + WEBHOOK.format(url=receiver.url)
        (home / "config.toml").write_text(text, encoding="utf-8")
        started = now()
        with running(home, {"ANSWERBACK_OPS_SECRET": SECRET}) as run:
            store = run.open()
            opened = case_of(store)
            assert started <= opened.opened_at <= now()
            assert (opened.severity.word, opened.due_clock) == ("urgent", Clock.FIRST_RESPONSE)

            (alert, *_) = run.wait_for(lambda: receiver.received)
            assert alert.signed_by(SECRET)
            assert not alert.signed_by("whsec_" + "A" * 32)
            assert alert.json["type"] == "case.urgent"
            assert alert.json["data"]["case_id"] == 1

            reply_id = approve(store, "We are sorry, and look into it.")
            run.wait_for(lambda: sent(store, reply_id))
            answer = MentionId("x:reply-1-answer-1")
            run.wait_for(lambda: case_of(store).last_mention_id == answer)
            with store.read() as db:
                log = events.of_case(db, CaseId(1))
                clocks = spans(log, events.policies(db))
                assert mentions.get(db, answer).text == "still nothing"  # type: ignore[union-attr]
            (first,) = [span for span in clocks if span.clock is Clock.FIRST_RESPONSE]
            (following,) = [span for span in clocks if span.clock is Clock.NEXT_RESPONSE]
            assert first.answered_by == "mia"
            assert following.stopped_at is None
            assert case_of(store).due_at == following.due_at() == following.started_at + timedelta(hours=2)

            code, said = run.stop()
        assert code == 0, said
        assert said.rstrip().endswith("stopped")
        assert_harmless(said)
        assert "WARNING" not in said
        assert "ERROR" not in said
        assert SECRET not in said
        assert SECRET.encode() not in (home / "answerback.db").read_bytes()
        urgent = [r for r in receiver.received if r.json["type"] == "case.urgent"]
        assert len(urgent) == 1


def test_stopped_and_started_again_it_goes_on_and_repeats_nothing(home: Path, tiny_weights: Path) -> None:
    write(home / "day.jsonl", [post(n, author={"id": f"u{n}", "handle": f"u{n}"}) for n in range(1, 4)])
    source = REPLAY + "live_from = 2030-01-01T00:00:00Z\n"  # all of it lies before the start
    (home / "config.toml").write_text(CONFIG.format(weights=tiny_weights) + source, encoding="utf-8")
    for number in (signal.SIGINT, signal.SIGTERM):
        with running(home) as run:
            run.wait_for(lambda: count(run.db, "cases") == 3 and "listening to day" in run.log.read_text())
            assert run.stop(number)[0] == 0
    assert (count(run.db, "mentions"), count(run.db, "cases")) == (3, 3)


def test_a_channel_that_refuses_does_not_stop_the_rest(
    home: Path, tiny_weights: Path, answerback: Answerback
) -> None:
    write(home / "day.jsonl", [post(1, text="fraud!")])
    with WebhookReceiver() as receiver:
        receiver.fail("/hook", Answer(410))
        text = CONFIG.format(weights=tiny_weights) + REPLAY + WEBHOOK.format(url=receiver.url)
        (home / "config.toml").write_text(text, encoding="utf-8")
        with running(home, {"ANSWERBACK_OPS_SECRET": SECRET}) as run:
            store = run.open()
            run.wait_for(lambda: "dead" in states(store))
            reply_id = approve(store, "We are sorry.")
            run.wait_for(lambda: sent(store, reply_id))
            assert run.stop()[0] == 0
    listed = answerback("alerts", "dead")
    assert "410 Gone" in listed.out
    assert "dead letters" in listed.err


def states(store: Store) -> list[str]:
    with store.read() as db:
        return [row[0] for row in db.execute("SELECT state FROM deliveries").fetchall()]


X_SOURCE = """
[[sources]]
type = "x"
brand = "Fernway"
handle = "Fernway"
interval = "1s"
base_url = "{url}"
"""


def test_a_mention_on_x_is_answered_there_and_no_token_is_left_anywhere(
    home: Path, tiny_weights: Path
) -> None:
    with FakeX(FakeClock(now())) as x:
        x.add_user("10", "Fernway", me=True)
        x.add_user("20", "ana")
        asked = x.add_post("20", "@Fernway my parcel never came", at=now() - timedelta(minutes=5))
        text = CONFIG.format(weights=tiny_weights) + X_SOURCE.format(url=x.url)
        (home / "config.toml").write_text(text, encoding="utf-8")
        with running(home, X_TOKENS) as run:
            store = run.open()
            assert case_of(store).last_mention_id == f"x:{asked}"
            x.clock.at = now()
            reply_id = approve(store, "We are sorry, ana.")
            run.wait_for(lambda: sent(store, reply_id))
            (published,) = [p for p in x.posts.values() if p.author_id == "10"]
            assert published.replied_to == asked
            # Its own timeline brings the reply back: still one reply, one answer.
            run.wait_for(lambda: sum("/users/10/tweets" in path for _, path in list(x.requests)) >= 3)
            with store.read() as db:
                own = db.execute("SELECT count(*) FROM mentions WHERE from_brand = 1").fetchone()[0]
            assert own == 1
            code, said = run.stop()
        assert code == 0, said
        stored = b"".join(file.read_bytes() for file in home.glob("answerback.db*"))
        for token in X_TOKENS.values():
            assert token not in said
            assert token.encode() not in stored


def test_x_keys_that_x_refuses(home: Path, tiny_weights: Path) -> None:
    with FakeX(FakeClock(now())) as x:
        x.add_user("10", "Fernway", me=True)
        text = CONFIG.format(weights=tiny_weights) + X_SOURCE.format(url=x.url)
        (home / "config.toml").write_text(text, encoding="utf-8")
        with running(home, {"ANSWERBACK_X_BEARER_TOKEN": "a-wrong-token-of-tests"}) as run:
            run.wait_for(lambda: "Check the X keys" in run.log.read_text())
            code, said = run.stop()
    assert code == 0
    assert "a-wrong-token-of-tests" not in said
    assert_harmless(said)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_platform_that_hangs_does_not_hold_up_the_end(
    home: Path, tiny_weights: Path, number: signal.Signals
) -> None:
    """The request's own time-out is far longer than anybody waits who has asked a program to stop."""
    with FakeX(FakeClock(now())) as x:
        x.add_user("10", "Fernway", me=True)
        x.fail("/2/users/10/mentions", *[Hang()] * 9)
        text = CONFIG.format(weights=tiny_weights) + X_SOURCE.format(url=x.url)
        (home / "config.toml").write_text(text, encoding="utf-8")
        with running(home, X_TOKENS) as run:
            run.wait_for(lambda: any("/users/10/mentions" in path for _, path in list(x.requests)))
            asked = time.monotonic()
            code, said = run.stop(number)
            took = time.monotonic() - asked
    assert code == 0
    assert took < PROMPT_SECONDS
    assert "x:mentions is still busy and is left" in said
    assert "Traceback" not in said


def test_a_platform_that_fails_is_told_and_tried_again(home: Path, tiny_weights: Path) -> None:
    with FakeX(FakeClock(now())) as x:
        x.add_user("10", "Fernway", me=True)
        x.add_user("20", "ana")
        x.add_post("20", "@Fernway my parcel never came", at=now() - timedelta(minutes=5))
        x.fail("/2/users/10/mentions", Answer(503, "\x1b[31mbusy"), Reset())
        text = CONFIG.format(weights=tiny_weights) + X_SOURCE.format(url=x.url)
        (home / "config.toml").write_text(text, encoding="utf-8")
        with running(home, X_TOKENS) as run:
            run.wait_for(lambda: count(run.db, "cases") == 1)
            code, said = run.stop()
    assert code == 0
    assert said.count("x:mentions failed") == 2
    assert "Traceback" not in said
    assert_harmless(said)


def test_a_defect_ends_the_run_with_a_code_that_says_so(home: Path, tiny_weights: Path) -> None:
    """Something that nobody foresaw must not leave the rest listening into the void."""
    write(home / "day.jsonl", [post(1)])
    (home / "config.toml").write_text(CONFIG.format(weights=tiny_weights) + REPLAY, encoding="utf-8")
    broken = (
        "import desk.watch, answerback.cli\n"
        "def raise_alerts(*_): raise ZeroDivisionError\n"
        "desk.watch.raise_alerts = raise_alerts\n"
        "answerback.cli.main(['run'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", broken], cwd=home, capture_output=True, timeout=60, check=False
    )
    assert done.returncode == 2
    assert b"CRITICAL watch failed; stopping" in done.stderr
