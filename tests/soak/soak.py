"""Runs a plan against a process that is killed again and again, and compares its store to the truth."""

from __future__ import annotations

import json
import multiprocessing
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from multiprocessing.process import BaseProcess
from pathlib import Path

from desk import outbox
from desk.errors import ConflictError, NotAllowedError
from desk.model.case import CaseId
from desk.model.reply import LIVE, Reply, ReplyState
from desk.store import Store, replies, sources
from tests.soak import worker
from tests.soak.pace import FACTOR, FastClock
from tests.soak.places import Place, all_places
from tests.soak.plan import Deed, Step

YOUNG = 25
"""Edits and deletions are of a place's latest posts: those that sources look at again."""
PATIENCE_SECONDS = 90.0
"""How long the store may take to come to the truth when all is well again."""
STOP_SECONDS = 2.0
REQUESTS_OF_A_LIFE = 60
"""So many requests a process makes before it is killed: it must have got to work."""


@dataclass
class Result:
    """What was counted; `broken` are promises, and 0 where they were kept."""

    sources: int = 0
    posts: int = 0
    edits: int = 0
    deletions: int = 0
    faults: int = 0
    requests: int = 0
    requests_hit: int = 0
    kills: int = 0
    replies: int = 0
    replies_given_back: int = 0
    """Refused, and approved once more by the agent."""
    replies_left_open: int = 0
    """Telegram's: a bot cannot look whether a message is out. The agent is told, and nothing sent again."""
    drained_seconds: float = 0.0

    lost: int = field(default=0, metadata={"broken": True})
    doubled: int = field(default=0, metadata={"broken": True})
    edits_missed: int = field(default=0, metadata={"broken": True})
    deletions_missed: int = field(default=0, metadata={"broken": True})
    replies_lost: int = field(default=0, metadata={"broken": True})
    replies_doubled: int = field(default=0, metadata={"broken": True})
    sources_stuck: int = field(default=0, metadata={"broken": True})
    """Sources without a cursor, or not well again at the end."""
    quarantined: int = field(default=0, metadata={"broken": True})
    defects: int = field(default=0, metadata={"broken": True})
    """Ends of the process that nobody asked for, and tracebacks in its log."""
    slow_stops: int = field(default=0, metadata={"broken": True})
    """Stops that took longer than two seconds."""

    @property
    def broken(self) -> dict[str, int]:
        return {
            each.name: getattr(self, each.name)
            for each in fields(self)
            if each.metadata.get("broken") and getattr(self, each.name)
        }


class Worker:
    """The process that listens and answers."""

    def __init__(self, folder: Path, config: dict[str, object]) -> None:
        self._config, self.log = folder / "worker.json", folder / "worker.log"
        self._config.write_text(json.dumps(config), encoding="utf-8")
        self._processes = multiprocessing.get_context("forkserver")
        self._processes.set_forkserver_preload(["tests.soak.worker"])
        self._process: BaseProcess | None = None
        self.defects = 0

    def start(self) -> None:
        self._process = self._processes.Process(target=worker.main, args=(self._config, self.log))
        self._process.start()

    def kill(self) -> None:
        """As kill -9 does, or the power."""
        assert self._process is not None
        self.defects += not self._process.is_alive()
        self._process.kill()
        self._process.join()

    def stop(self) -> float:
        """As an operator does; the seconds that it took."""
        assert self._process is not None
        self.defects += not self._process.is_alive()
        began = time.monotonic()
        self._process.terminate()
        self._process.join(60)
        self.defects += self._process.exitcode != 0
        return time.monotonic() - began


class Soak:
    def __init__(self, places: Sequence[Place], folder: Path, clock: FastClock) -> None:
        self.places = {place.name: place for place in places}
        self.clock, self.store = clock, Store(folder / "soak.db")
        self.result = Result(sources=sum(place.sources for place in places))
        self.worker = Worker(
            folder,
            {
                "began": clock.began,
                "store": str(folder / "soak.db"),
                "sources": [place.settings for place in places],
                "secrets": {place.name: place.secrets for place in places},
            },
        )
        self._truth: dict[str, str | None] = {}
        """The words of each post by the mention's id; None once its author has deleted it."""
        self._written: dict[str, list[str]] = {name: [] for name in self.places}
        self._replies: dict[str, CaseId] = {}
        """Case of each reply, by its number."""
        self._before = 0
        """Requests that came before the present process began."""
        self._doomed = False
        """The present process is to be killed as soon as it is at work."""

    def run(self, plan: Sequence[Step]) -> Result:
        self._start()
        while not self._works():
            time.sleep(0.05)
        began = time.monotonic()
        for step in plan:
            time.sleep(max(0.0, began + step.at - time.monotonic()))
            self._do(step)
            if self._doomed and self._works():
                self._kill()
        for place in self.places.values():
            place.faults.end()
            self.result.requests_hit += place.faults.hits
        # What a process remembers of its failures goes with it; what it owes is in the store.
        self._kill()
        began = time.monotonic()
        while self._differs() and time.monotonic() - began < PATIENCE_SECONDS:
            self._approve_again()
            time.sleep(0.2)
        self.result.drained_seconds = time.monotonic() - began
        time.sleep(120 / FACTOR)  # two more rounds of polls: nothing may be doubled by them
        self.result.slow_stops += self.worker.stop() > STOP_SECONDS
        self.result.defects = self.worker.defects + self.worker.log.read_text().count("Traceback")
        self.result.requests = self._requests()
        self._compare(self.result)
        self.store.close()
        return self.result

    def _do(self, step: Step) -> None:
        place = self.places.get(step.place)
        match step.deed:
            case Deed.KILL:
                self._doomed = True
            case Deed.BREAK if place is not None and step.kind is not None:
                if not place.faults.meaningless(step.kind):
                    place.faults.begin(step.kind, step.seconds * FACTOR)
                    self.result.faults += 1
            case Deed.WRITE if place is not None:
                self.result.posts += 1
                mention_id = place.write(self.result.posts, step.words)
                self._truth[mention_id] = step.words
                self._written[place.name].append(mention_id)
            case Deed.EDIT if place is not None and (chosen := self._young(step)):
                place.edit(chosen, step.words)
                self._truth[chosen] = step.words
                self.result.edits += 1
            case Deed.DELETE if place is not None and (chosen := self._young(step)):
                place.delete(chosen)
                self._truth[chosen] = None
                self.result.deletions += 1
            case Deed.ANSWER:
                self._answer(step)

    def _start(self) -> None:
        self._before, self._doomed = self._requests(), False
        self.worker.start()

    def _kill(self) -> None:
        self.worker.kill()
        self.result.kills += 1
        self._start()

    def _works(self) -> bool:
        """Killed while it loads its modules, it would never get to anything that could be interrupted."""
        return self._requests() >= self._before + REQUESTS_OF_A_LIFE

    def _requests(self) -> int:
        return sum(place.faults.requests for place in self.places.values())

    def _young(self, step: Step) -> str:
        ids = [key for key in self._written[step.place] if self._truth[key] is not None][-YOUNG:]
        return ids[int(step.chance * len(ids))] if ids else ""

    def _answer(self, step: Step) -> None:
        """An agent answers one of the cases that nobody has answered."""
        with self.store.read() as db:
            rows = db.execute(
                "SELECT id FROM cases WHERE NOT EXISTS "
                "(SELECT 1 FROM replies r WHERE r.case_id = cases.id) ORDER BY id"
            ).fetchall()
        if rows:
            number = f"R{len(self._replies):04}"
            if self._approve(CaseId(rows[int(step.chance * len(rows))][0]), number):
                self.result.replies += 1

    def _approve(self, case_id: CaseId, number: str) -> bool:
        text = f"We are sorry and look into it, {number}."
        try:
            outbox.approve(self.store, case_id, agent="mia", text=text, now=self.clock())
        except (NotAllowedError, ConflictError):
            return False  # the customer has deleted the post meanwhile
        self._replies[number] = case_id
        return True

    def _approve_again(self) -> None:
        """The agent approves anew what was given back, without looking whether it is public."""
        latest = self._latest()
        for number, reply in latest.items():
            if reply.state is ReplyState.FAILED and self._approve(reply.case_id, number):
                self.result.replies_given_back += 1

    def _latest(self) -> dict[str, Reply]:
        """What became last of each reply, by its number."""
        with self.store.read() as db:
            rows = [replies.reply_of(row) for row in db.query("SELECT * FROM replies ORDER BY id")]
        return {row.text[-6:-1]: row for row in rows}

    def _differs(self) -> bool:
        now = Result()
        self._compare(now)
        return bool(now.broken)

    def _compare(self, result: Result) -> None:
        with self.store.read() as db:
            stored = db.execute("SELECT id, text, from_brand FROM mentions").fetchall()
            result.quarantined = sum(1 for _ in sources.quarantined(db))
            well = {
                name
                for name, cursor, state, error in db.execute(
                    "SELECT name, cursor, state, last_error FROM sources"
                )
                if cursor is not None and state == "ok" and not error
            }
        texts = {key: text for key, text, ours in stored if not ours}
        result.sources_stuck = _sources_of(self.places) - sum(
            any(name == each or name.startswith(f"{each}:") for each in self.places) for name in well
        )
        result.lost = sum(words is not None and key not in texts for key, words in self._truth.items())
        result.edits_missed = sum(
            words is not None and key in texts and words not in texts[key]
            for key, words in self._truth.items()
        )
        result.deletions_missed = sum(
            words is None and bool(texts.get(key)) for key, words in self._truth.items()
        )
        result.doubled = len(texts.keys() - self._truth.keys()) + sum(
            count - 1 for text, count in Counter(texts.values()).items() if text
        )
        self._compare_replies(result, Counter(text[-6:-1] for _, text, ours in stored if ours))

    def _compare_replies(self, result: Result, own: Counter[str]) -> None:
        public: Counter[str] = Counter()
        for place in self.places.values():
            public += place.replies()
        result.replies_doubled = sum(max(0, count - 1) for count in (*public.values(), *own.values()))
        result.replies_lost = result.replies_left_open = 0
        for number, reply in self._latest().items():
            if reply.state is ReplyState.SENT:
                result.replies_lost += public[number] != 1
            elif reply.source == "telegram" and reply.state is ReplyState.UNCONFIRMED and reply.error:
                result.replies_left_open += 1
            elif reply.state in LIVE or not reply.error:
                result.replies_lost += 1


def _sources_of(places: dict[str, Place]) -> int:
    return sum(place.sources for place in places.values())


def run(plan: Sequence[Step], folder: Path) -> Result:
    clock = FastClock(time.time())
    with all_places(clock) as places:
        return Soak(places, folder, clock).run(plan)
