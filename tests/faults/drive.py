"""A desk that listens to one rig and answers on it by the real parts, with a clock that every wait moves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path
from random import Random

from desk import intake, outbox, threads
from desk.classification import classify_pending
from desk.model.case import CaseId
from desk.model.mention import MentionId
from desk.model.reply import Reply, ReplyState
from desk.model.sla import PolicyRule
from desk.ports import Batch, ReplySender
from desk.store import Store, replies, sources
from desk.triage import Rules, TriagePolicy
from listener.runner import SourceState, run_source
from tests.contracts.rig import Rig
from tests.fakes.clock import Clock
from tests.kernel import HOUR, WordPredictor

TICK_SECONDS = 1.0
"""How often a run looks for replies that are due."""


@dataclass
class Moves:
    """The part of an event that the loop uses: a wait takes no time, and moves the clock."""

    clock: Clock
    stopped: Callable[[], bool]
    waits: int = 0

    def is_set(self) -> bool:
        return self.stopped()

    def wait(self, timeout: float | None = None) -> bool:
        self.waits += 1
        self.clock.advance(timeout or 0.0)
        return self.stopped()


@dataclass
class Desk:
    """A store and what fills it, for one rig."""

    rig: Rig
    store: Store
    news: Counter[str] = field(default_factory=Counter)
    """How often each mention was reported as new."""
    states: list[SourceState] = field(default_factory=list)
    fetches: int = 0

    @classmethod
    def opened(cls, rig: Rig, folder: Path) -> Desk:
        return cls(rig, Store(folder / "desk.db"))

    def listen(self, stop: Callable[[Batch | None], bool], fetches: int = 2_000) -> None:
        """Run the source's loop, in a process of its own, until `stop` says so.

        It is given the batch after each one was stored, and None after each failure.
        """
        source = self.rig.open_source()
        done = False
        end = self.fetches + fetches

        def record(batch: Batch) -> bool:
            nonlocal done
            taken = intake.record(self.store, source.name, batch, self.rig.clock())
            self.news.update(taken.new)
            done = stop(batch)
            return taken.brought_something

        def load_cursor() -> str | None:
            self.fetches += 1
            assert self.fetches < end, "the loop spins"
            with self.store.read() as db:
                return sources.cursor(db, source.name)

        def note(state: SourceState) -> None:
            nonlocal done
            self.states.append(state)
            if state.last_error:
                done = done or stop(None)

        moves = Moves(self.rig.clock, lambda: done)
        run_source(source, record, load_cursor, moves, note, now=self.rig.clock, random=Random(11).random)  # noqa: S311

    @cached_property
    def sender(self) -> ReplySender:
        assert self.rig.open_sender is not None
        return self.rig.open_sender()

    def think(self) -> None:
        """Classify and triage what has come, so that there are cases to answer."""
        rules = Rules(TriagePolicy(), [PolicyRule(HOUR)])
        while classify_pending(self.store, WordPredictor()):
            pass
        while threads.triage_pending(self.store, rules, self.rig.clock()):
            pass

    def case_to_answer(self) -> CaseId:
        """The case of a post that can be answered: the rig's own first, and cases without a reply first."""
        wanted = f"{self.rig.platform}:{self.rig.post}"
        with self.store.read() as db:
            row = db.execute(
                "SELECT m.case_id, (SELECT count(*) FROM replies r WHERE r.case_id = m.case_id) AS answered "
                "FROM mentions m WHERE m.case_id IS NOT NULL AND m.replyable = 1 AND m.from_brand = 0 "
                "ORDER BY answered, m.id <> ?, m.seq LIMIT 1",
                (wanted,),
            ).fetchone()
        assert row is not None, "no post has opened a case"
        return CaseId(row[0])

    def approve(self, case_id: CaseId, text: str) -> None:
        outbox.approve(self.store, case_id, agent="mia", text=text, now=self.rig.clock(), undo_seconds=0)

    def send(self, until: datetime) -> Reply:
        """Let the outbox work until its last reply is settled, or the time is over."""
        sender = self.sender
        while True:
            outbox.send_due(self.store, {sender.source: sender}, self.rig.clock())
            last = self.last_reply()
            if not last.is_live or self.rig.clock() >= until:
                return last
            # The outbox ticks on; nothing can happen before the reply is due.
            left = (last.send_after - self.rig.clock()).total_seconds()
            self.rig.clock.advance(max(left, TICK_SECONDS))

    def last_reply(self) -> Reply:
        with self.store.read() as db:
            rows = db.query("SELECT * FROM replies ORDER BY id DESC LIMIT 1")
            return next(replies.reply_of(row) for row in rows)

    def draft_of(self, case_id: CaseId) -> str:
        with self.store.read() as db:
            return replies.draft(db, case_id, "mia")

    def stored(self) -> dict[MentionId, str]:
        """Texts of all posts."""
        with self.store.read() as db:
            rows = db.execute("SELECT id, text FROM mentions").fetchall()
        return {MentionId(key): text for key, text in rows}

    def own(self) -> int:
        """How many of the brand's own posts are stored."""
        with self.store.read() as db:
            return int(db.execute("SELECT count(*) FROM mentions WHERE from_brand = 1").fetchone()[0])

    def quarantined(self) -> list[str]:
        with self.store.read() as db:
            return [found.raw for found in sources.quarantined(db)]

    def sent(self) -> int:
        with self.store.read() as db:
            row = db.execute("SELECT count(*) FROM replies WHERE state = ?", (ReplyState.SENT,)).fetchone()
        return int(row[0])
