"""A mention's whole way, step after step: once through for a replay, or in threads for as long as it runs."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial

from desk import deliveries, explaining, intake, outbox, threads, watch
from desk.classification import classify_pending, retry_unread
from desk.errors import DeskError
from desk.model.thresholds import ALIKE, Thresholds
from desk.ports import AlertChannel, Batch, DeletionCheck, Explain, Now, Predictor, ReplySender, Source
from desk.recheck import Recheck
from desk.store import Store, health_view, sources
from desk.store.sources import SourceStatus
from desk.store.totals_view import latest_post_at
from desk.triage import Rules
from desk.watch import AlertRules
from listener.platform import Feed
from listener.runner import SourceState, Stop, run_source

log = logging.getLogger("answerback")

RUN, REPLAY = "run", "replay"
"""Who watches the clocks: each remembers by itself how far it came."""

TICK_SECONDS = 1.0
"""How long a loop waits when there was nothing to do."""
AFTER_ERROR_SECONDS = 10.0
GRACE_SECONDS = 1.0
"""How long a run that was asked to stop waits for a step that is under way; it is gone within two seconds."""
_POSTS_A_STEP = 128
"""Posts classified before a step looks up: a backlog must hold up neither a stop nor what is decided."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _warn_of_unread(count: int) -> None:
    log.warning("the classifier failed on %d posts, which are kept: answerback quarantine", count)


@dataclass(frozen=True, slots=True)
class Pipeline:
    """The steps with everything that they need; made by `bootstrap`."""

    store: Store
    predictor: Predictor
    rules: Rules
    alert_rules: AlertRules
    senders: Mapping[str, ReplySender]
    channels: Mapping[str, AlertChannel]
    now: Now
    thresholds: Thresholds = ALIKE
    explain: Explain | None = None
    """None answers no questions."""
    listening: Sequence[Source] = ()
    """The sources that are read here."""
    on_unread: Callable[[int], object] = _warn_of_unread
    """Hears how many posts the classifier has just failed on."""

    def think(self, now: datetime) -> int:
        """Explain what agents ask about, classify the oldest posts that wait, and triage what can be.

        0 when nothing is left to do.
        """
        worked = explaining.answer(self.store, self.explain) if self.explain else 0
        worked += classify_pending(self.store, self.predictor, _POSTS_A_STEP, self.thresholds, self.on_unread)
        while decided := threads.triage_pending(self.store, self.rules, now):
            worked += decided
        return worked

    def send(self, now: datetime) -> None:
        """Send approved replies, and read back those of which the outcome is unknown."""
        outbox.send_due(self.store, self.senders, now)

    def watch(self, now: datetime, *, sweeper: str = RUN) -> None:
        """Say that this process lives, wake snoozed cases, and raise the alerts that have become true."""
        if sweeper == RUN:
            # Asked each time: a source that has to save waits longer, and is not silent for it.
            intervals = {each.name: each.interval_seconds for each in self.listening}
            health_view.beat(self.store, now, intervals, self.alert_rules.silent_after)
            watch.raise_silences(self.store, self.alert_rules, tuple(self.channels), now)
        watch.wake_due(self.store, now)
        watch.raise_alerts(self.store, self.alert_rules, tuple(self.channels), now, sweeper=sweeper)

    def deliver(self, now: datetime) -> None:
        """Hand alerts to their channels."""
        deliveries.deliver_due(self.store, self.channels, now)


@dataclass(frozen=True, slots=True)
class ReplayResult:
    posts_read: int
    """Records read by this run, readable or not."""
    mentions_new: int
    quarantined: int
    """Unreadable records that were not known yet, and posts that the classifier failed on."""


def replay(
    pipeline: Pipeline,
    source: Source,
    *,
    finished: Callable[[], bool],
    wait: Callable[[float], object],
    progress: Callable[[int], None] = lambda _read: None,
) -> ReplayResult:
    """Take a source through store, classify, triage and watch, batch by batch, until it is `finished`.

    Nothing leaves the machine: a past day's alerts are recorded and not sent, and replies that wait in the
    same store are left to `run`, which knows the platforms that they belong on.

    The clock is the posts' own: it stands at the latest one stored. Each batch is worked off before the
    next is fetched, so a run that is killed anywhere and started again passes the same states. Raises
    SourceError and StoreError.
    """
    posts_read = mentions_new = quarantined = 0

    def count_unread(count: int) -> None:
        nonlocal quarantined
        quarantined += count

    pipeline = replace(pipeline, on_unread=count_unread)
    retry_unread(pipeline.store)
    while True:
        _work_off(pipeline)  # first: what a run before this one had left
        with pipeline.store.read() as db:
            cursor = sources.cursor(db, source.name)
        batch = source.fetch(cursor)
        taken = intake.record(pipeline.store, source.name, batch, pipeline.now())
        posts_read += taken.read
        mentions_new += len(taken.new)
        quarantined += taken.quarantined
        progress(posts_read)
        if not batch.more:
            _work_off(pipeline)
            if finished():
                return ReplayResult(posts_read, mentions_new, quarantined)
            wait(source.interval_seconds)


def _work_off(pipeline: Pipeline) -> None:
    clock = latest_post_at(pipeline.store) or _EPOCH
    while pipeline.think(clock):
        pass
    pipeline.watch(clock, sweeper=REPLAY)


def run(
    pipeline: Pipeline,
    feeds: Sequence[Feed],
    stop: threading.Event,
    *,
    checkers: Sequence[DeletionCheck] = (),
) -> bool:
    """Listen until `stop` is set: a thread for each source, each stream and each kind of work.

    A slow chat must not hold up a reply, nor a long backfill the watch over the clocks.

    Posts that the classifier failed on before have one more try. A step that fails is logged and tried
    again; nothing that failed is lost, because every step reads what waits from the store. For the same
    reason a step that outlasts the grace is left alone. False when a defect ended the run.
    """
    died = threading.Event()
    retry_unread(pipeline.store)
    rechecks = [Recheck(pipeline.store, checker, pipeline.now) for checker in checkers]
    sources_read = (*(feed.source for feed in feeds), *rechecks)
    pipeline = replace(pipeline, listening=sources_read)
    work = [(feed.source.name, partial(_listen, pipeline, feed, stop)) for feed in feeds]
    work += [(each.name, partial(_read, pipeline, each, each.record, stop)) for each in rechecks]
    streams = {id(feed.stream): feed.stream for feed in feeds if feed.stream is not None}
    work += [("stream", partial(stream.run, stop)) for stream in streams.values()]
    work += [
        (step.__name__, partial(_loop, step, pipeline.now, stop))
        for step in (pipeline.think, pipeline.send, pipeline.watch, pipeline.deliver)
    ]
    workers = [
        threading.Thread(target=_told_if_it_dies, args=(task, stop, died), name=name, daemon=True)
        for name, task in work
    ]
    for worker in workers:
        worker.start()
    stop.wait()
    deadline = time.monotonic() + GRACE_SECONDS
    for worker in workers:
        worker.join(max(0.0, deadline - time.monotonic()))
        if worker.is_alive():
            log.warning(
                "%s is still busy and is left; what it did not finish is done at the next start", worker.name
            )
    return not died.is_set()


def _listen(pipeline: Pipeline, feed: Feed, stop: threading.Event) -> None:
    source = feed.source

    def record(batch: Batch) -> bool:
        taken = intake.record(pipeline.store, source.name, batch, pipeline.now())
        if taken.quarantined:
            log.warning("%s: %d records could not be read and are kept", source.name, taken.quarantined)
        return taken.brought_something

    waits: Stop = stop
    if feed.stream is not None:
        waits = feed.stream.waits(stop, source.interval_seconds)
    _read(pipeline, source, record, waits)


def _read(pipeline: Pipeline, source: Source, record: Callable[[Batch], object], stop: Stop) -> None:
    """Fetch until `stop` is set, and keep what the source says of itself."""

    def load_cursor() -> str | None:
        with pipeline.store.read() as db:
            return sources.cursor(db, source.name)

    def note(state: SourceState) -> None:
        if not state.last_error:
            return  # a good fetch has said so itself, in the transaction that stored it
        status = SourceStatus(
            source.name,
            state.state,
            state.last_success_at,
            state.last_error,
            permanent_since=pipeline.now() if state.permanent else None,
        )
        try:
            with pipeline.store.write() as db:
                sources.save_failure(db, status)
        except DeskError as error:  # a full disk: the fetch failed for it, and is tried again
            log.error("%s: %s", source.name, error)

    run_source(source, record, load_cursor, stop, note, now=pipeline.now, random=random.random)


def _loop(step: Callable[[datetime], object], now: Now, stop: threading.Event) -> None:
    name = threading.current_thread().name
    while not stop.is_set():
        try:
            if step(now()):
                continue
        except DeskError as error:
            log.error("%s: %s", name, error)
            stop.wait(AFTER_ERROR_SECONDS)
        stop.wait(TICK_SECONDS)


def _told_if_it_dies(task: Callable[[], object], stop: threading.Event, died: threading.Event) -> None:
    """A defect in one thread must not leave the others listening into the void: it ends the whole run."""
    finished = False
    try:
        task()
        finished = True
    finally:
        if not finished:
            log.critical("%s failed; stopping", threading.current_thread().name)
            died.set()
            stop.set()
