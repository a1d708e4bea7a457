"""The loop of a source's thread, with a clock and a stop that a test moves."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from threading import Event, Thread

import pytest

from desk.errors import SourceError, StoreError
from desk.ports import Batch
from listener.runner import KNOWN_BATCHES, Running, SourceState, run_source
from tests.fakes.clock import START, Clock

Step = Batch | Exception


class Scripted:
    """A source that does what it is told, then nothing new."""

    name = "scripted"
    interval_seconds = 30.0

    def __init__(self, steps: Sequence[Step]) -> None:
        self.steps = list(steps)
        self.asked: list[str | None] = []

    def fetch(self, cursor: str | None) -> Batch:
        self.asked.append(cursor)
        step = self.steps.pop(0) if self.steps else Batch(cursor=cursor)
        if isinstance(step, Exception):
            raise step
        return step


class Stopper:
    """Stops after a number of waits; moves the clock instead of sleeping."""

    def __init__(self, clock: Clock, waits: int) -> None:
        self.clock, self.left = clock, waits
        self.waited: list[float] = []

    def is_set(self) -> bool:
        return self.left <= 0

    def wait(self, timeout: float | None = None) -> bool:
        assert timeout is not None, "a wait without an end cannot be told from a hang"
        self.waited.append(timeout)
        self.clock.advance(timeout)
        self.left -= 1
        return self.is_set()


class Run:
    def __init__(
        self,
        clock: Clock,
        steps: Sequence[Step],
        waits: int,
        record: Callable[[Batch], None] | None = None,
        jitter: float = 0.0,
    ) -> None:
        self.source = Scripted(steps)
        self.stop = Stopper(clock, waits)
        self.states: list[SourceState] = []
        self.stored: str | None = None
        self.batches: list[Batch] = []

        def keep(batch: Batch) -> None:
            if record is not None:
                record(batch)
            self.batches.append(batch)
            self.stored = batch.cursor or self.stored

        self.start = lambda: run_source(
            self.source,
            keep,
            lambda: self.stored,
            self.stop,
            self.states.append,
            now=clock,
            random=lambda: jitter,
        )


def test_pages_follow_each_other_at_once_and_then_the_interval_passes(clock: Clock) -> None:
    run = Run(clock, [Batch(cursor="1", more=True), Batch(cursor="2", more=True), Batch(cursor="3")], waits=1)
    run.start()

    assert run.source.asked == [None, "1", "2"]
    assert run.stop.waited == [30.0]
    assert [state.state for state in run.states] == [Running.OK] * 3 + [Running.STOPPED]
    assert run.states[-1].last_success_at == START
    assert run.states[-1].last_error == ""


def test_a_failure_backs_off_further_and_further_and_asks_the_same_cursor(clock: Clock) -> None:
    run = Run(clock, [Batch(cursor="1"), *[SourceError("no luck")] * 12], waits=13, jitter=1.0)
    run.start()

    assert run.source.asked == [None, *["1"] * 12]
    assert run.stop.waited == [30.0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]
    failed = run.states[-2]
    assert (failed.state, failed.consecutive_failures, failed.last_error) == (
        Running.BACKING_OFF,
        12,
        "no luck",
    )
    assert failed.last_success_at == START
    assert failed.retry_at is not None


def test_the_wait_is_spread_over_its_upper_half(clock: Clock) -> None:
    assert [waited for jitter in (0.0, 0.5) for waited in _waited(clock, jitter)] == [0.5, 0.75]


def _waited(clock: Clock, jitter: float) -> list[float]:
    run = Run(clock, [SourceError("no")], waits=1, jitter=jitter)
    run.start()
    return run.stop.waited


def test_what_the_platform_asks_is_honoured(clock: Clock) -> None:
    run = Run(clock, [SourceError("slow down", retry_after_seconds=900)], waits=1, jitter=0.5)
    run.start()

    assert run.stop.waited == [900.5]


def test_a_platform_that_asks_for_no_wait_is_still_given_one(clock: Clock) -> None:
    run = Run(clock, [SourceError("no", retry_after_seconds=0)] * 4, waits=4, jitter=1.0)
    run.start()

    assert run.stop.waited == [1, 2, 4, 8]


def test_a_success_forgets_the_failures(clock: Clock) -> None:
    run = Run(clock, [SourceError("no"), SourceError("no"), Batch(cursor="1"), SourceError("no")], waits=4)
    run.start()

    assert [state.consecutive_failures for state in run.states] == [1, 2, 0, 1, 1]
    assert run.states[2] == SourceState("scripted", last_success_at=run.states[2].last_success_at)


def test_what_a_person_must_change_is_loud_and_tried_slowly(
    clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    run = Run(
        clock, [SourceError("the token is wrong", permanent=True), Batch(cursor="1")], waits=2, jitter=1.0
    )
    run.start()

    assert run.stop.waited == [900.0, 30.0]
    assert run.states[0].permanent
    assert [(r.levelno, "the token is wrong" in r.message) for r in caplog.records] == [(logging.ERROR, True)]
    assert run.states[1].state is Running.OK


def test_a_store_that_fails_loses_no_batch(clock: Clock) -> None:
    troubles = [StoreError("disk full")]

    def record(batch: Batch) -> None:
        if troubles:
            raise troubles.pop()

    run = Run(clock, [Batch(cursor="1"), Batch(cursor="1")], waits=2, record=record)
    run.start()

    assert run.source.asked == [None, None]
    assert len(run.batches) == 1
    assert run.states[0].last_error == "disk full"


def test_a_state_that_cannot_be_noted_does_not_end_the_loop(
    clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    run = Run(clock, [SourceError("no"), Batch(cursor="1")], waits=2)

    def full(state: SourceState) -> None:
        raise StoreError("disk full")

    run_source(run.source, run.batches.append, lambda: None, run.stop, full, now=clock, random=lambda: 0.0)

    assert len(run.batches) == 1
    assert "could not be noted: disk full" in caplog.text


def test_a_source_that_promises_more_but_stands_still_does_not_spin(clock: Clock) -> None:
    run = Run(clock, [Batch(cursor="1", more=True), Batch(cursor="1", more=True), Batch(more=True)], waits=2)
    run.start()

    assert run.source.asked == [None, "1", "1"]
    assert run.stop.waited == [30.0, 30.0]


def test_pages_without_an_end_that_bring_nothing_new_are_read_at_the_pace_of_the_interval(
    clock: Clock,
) -> None:
    source = Scripted([Batch(cursor=str(number), more=True) for number in range(100)])
    stop = Stopper(clock, waits=3)

    run_source(source, lambda _: False, lambda: None, stop, lambda _: None, now=clock, random=lambda: 0.0)

    assert len(source.asked) == KNOWN_BATCHES + 2
    assert stop.waited == [30.0] * 3


def test_a_defect_is_reported_before_it_ends_the_thread(clock: Clock) -> None:
    run = Run(clock, [ZeroDivisionError("a bug")], waits=1)

    with pytest.raises(ZeroDivisionError):
        run.start()
    assert run.states[-1].state is Running.STOPPED
    assert "defect" in run.states[-1].last_error


def test_a_stop_ends_a_long_wait_at_once(clock: Clock) -> None:
    source = Scripted([SourceError("down", retry_after_seconds=3600)])
    stop, failed, states = Event(), Event(), []

    def on_state(state: SourceState) -> None:
        states.append(state.state)
        failed.set()

    thread = Thread(
        target=run_source,
        args=(source, lambda _: None, lambda: None, stop, on_state),
        kwargs={"now": clock, "random": lambda: 0.0},
        daemon=True,
    )
    thread.start()
    assert failed.wait(5)
    stop.set()
    thread.join(5)

    assert not thread.is_alive()
    assert states == [Running.BACKING_OFF, Running.STOPPED]
