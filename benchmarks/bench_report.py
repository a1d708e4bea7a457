"""How long a report on 50,000 cases takes, and how much memory, beside reading the same events as JSON.

    python -m benchmarks.bench_report

The yardstick and the report are a process each, so that each has its own peak of memory, on the same store
in the same run. Building the report is nearly all of it, so it is built once and told in every format.
"""

from __future__ import annotations

import json
import multiprocessing
import random
import resource
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from multiprocessing.connection import Connection
from pathlib import Path

from answerback.rendering import ReportFormat, render
from desk import reporting
from desk.model.report import GroupBy
from desk.model.sla import SlaPolicy
from desk.store import Store, events
from desk.store.columns import to_json, to_ms

CASES = 50_000
BUDGET_SECONDS = 60.0
"""What has not ended by then is stopped, and the table says so."""
_START = datetime(2025, 3, 1, tzinfo=UTC)
_END = _START + timedelta(days=365)
_POLICY = SlaPolicy(
    "standard", first_response_seconds=3_600, next_response_seconds=7_200, resolution_seconds=172_800
)
_POLICY_ID = _POLICY.id
_BRANDS = ("Fernway", "Oakline", "Pinecrest", "Larkfield")


@dataclass(frozen=True, slots=True)
class _Measured:
    """What one way of telling took."""

    name: str
    read_seconds: float
    write_seconds: float
    peak_kib: int
    size: int


def main() -> None:
    """Print the table; at most a minute."""
    begin = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "desk.db"
        count = _fill(path)
        filled = time.perf_counter() - begin
        print(f"Report by brand on {CASES:,} cases, {count:,} events (store filled in {filled:.1f} s)")
        print(
            f"{'':<16}{'build s':>10}{'render s':>10}{'total s':>10}{'times':>8}{'peak MB':>10}{'out MB':>9}"
        )
        base: float | None = None
        for measured in _in_turn(path, begin + BUDGET_SECONDS):
            total = measured.read_seconds + measured.write_seconds
            base = base or total
            print(
                f"{measured.name:<16}{measured.read_seconds:>10.2f}{measured.write_seconds:>10.3f}{total:>10.2f}"
                f"{total / base:>8.1f}{measured.peak_kib * 1024 / 1e6:>10.0f}{measured.size / 1e6:>9.3f}"
            )


def _in_turn(path: Path, deadline: float) -> Iterator[_Measured]:
    """The yardstick's process, then the report's; the report is built once and told in every format."""
    context = multiprocessing.get_context("spawn")
    for work in (_select_and_json, _report):
        ours, theirs = context.Pipe(duplex=False)
        process = context.Process(target=work, args=(path, theirs))
        process.start()
        theirs.close()
        try:
            while ours.poll(max(0.0, deadline - time.perf_counter())):
                yield ours.recv()
            print(f"(not ended within {BUDGET_SECONDS:.0f} s)")
        except EOFError:  # it has said all
            pass
        finally:
            process.terminate()
            process.join()


def _select_and_json(path: Path, answer: Connection) -> None:
    begin = time.perf_counter()
    db = sqlite3.connect(path)
    rows = [
        (*row[:-1], json.loads(row[-1])) for row in db.execute("SELECT * FROM events ORDER BY case_id, seq")
    ]
    read = time.perf_counter()
    size = len(json.dumps(rows))
    written = time.perf_counter()
    answer.send(_Measured("SELECT + json", read - begin, written - read, _peak_kib(), size))


def _report(path: Path, answer: Connection) -> None:
    store = Store(path, create=False)
    begin = time.perf_counter()
    report = reporting.build(store, opened_from=_START, opened_to=_END, now=_END, by=GroupBy.BRAND)
    build_seconds = time.perf_counter() - begin
    assert report.total.cases == CASES
    for format in ReportFormat:
        begin = time.perf_counter()
        text = render(report, format)
        seconds = time.perf_counter() - begin
        answer.send(_Measured(format.value, build_seconds, seconds, _peak_kib(), len(text.encode())))


def _peak_kib() -> int:
    """Most memory that this process has held so far (Linux counts it in KiB)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _fill(path: Path) -> int:
    """Cases with one to three posts, of which seven in ten are answered and three in ten resolved.

    In bulk and past the use cases, as the event rows that they would have written; the posts themselves,
    which a report never reads, are one for all. Returns the number of events.
    """
    store = Store(path)
    chance = random.Random(1)  # noqa: S311 - the same store every time, nothing secret
    cases = [_Case.made(number, chance) for number in range(1, CASES + 1)]
    with store.write() as db:
        events.save_policy(db, _POLICY)
        db.execute("INSERT INTO customers VALUES (1, 'Everybody')")
        db.execute(
            "INSERT INTO mentions (id, source, external_id, conversation, brand, author_id, handle, "
            "author_name, customer_id, from_brand, automatic, private, created_at, received_at, text, "
            "replyable, replyable_reason, awaits_verdict) VALUES ('x:1', 'x', '1', 'x:1', 'Fernway', 'a', "
            "'a', '', 1, 0, 0, 0, 0, 0, 'Where is it?', 1, '', 0)"
        )
        db.conn.executemany(
            "INSERT INTO cases (id, conversation, source, brand, customer_id, opening, language, state, "
            "severity, policy_id, opened_at, last_mention_id, last_customer_at, unanswered, version) "
            "VALUES (?, ?, 'x', ?, 1, 'complaint', 'en', 'new', 1, ?, ?, 'x:1', ?, 0, 1)",
            (case.row() for case in cases),
        )
        db.conn.executemany(
            "INSERT INTO events (case_id, kind, at, recorded_at, actor, data) VALUES (?, ?, ?, ?, ?, ?)",
            (event for case in cases for event in case.events()),
        )
        count = int(db.execute("SELECT count(*) FROM events").fetchone()[0])
    store.close()
    return count


@dataclass(frozen=True, slots=True)
class _Case:
    """One case; times in milliseconds."""

    number: int
    brand: str
    opened_at: int
    posts: list[int]
    answered_at: int | None
    resolved_at: int | None

    @classmethod
    def made(cls, number: int, chance: random.Random) -> _Case:
        opened_at = to_ms(_START) + chance.randrange(int((_END - _START).total_seconds())) * 1_000
        posts = [opened_at + 600_000 * n for n in range(chance.choice((1, 1, 1, 2, 3)))]
        wait = int(chance.lognormvariate(7.5, 1.2) * 1_000)
        answered_at = posts[-1] + wait if chance.random() < 0.7 else None
        resolved_at = answered_at + 3_600_000 if answered_at and chance.random() < 0.43 else None
        return cls(number, chance.choice(_BRANDS), opened_at, posts, answered_at, resolved_at)

    def row(self) -> tuple[object, ...]:
        return self.number, f"x:{self.number}", self.brand, _POLICY_ID, self.opened_at, self.posts[-1]

    def events(self) -> Iterator[tuple[object, ...]]:
        opened = {
            "conversation": f"x:{self.number}",
            "source": "x",
            "brand": self.brand,
            "customer": 1,
            "opening": "complaint",
            "severity": "normal",
            "language": "en",
            "reasons": ["A complaint with 90%."],
            "linked_case": None,
        }
        yield self._event("opened", self.opened_at, opened)
        yield self._event("policy_chosen", self.opened_at, {"policy": _POLICY_ID})
        for at in self.posts:
            yield self._event("customer_wrote", at, {"awaits_answer": True})
        if self.answered_at is not None:
            yield self._event("brand_replied", self.answered_at, {"automatic": False, "reply": None})
        if self.resolved_at is not None:
            yield self._event("resolved", self.resolved_at, {})

    def _event(self, kind: str, at: int, data: dict[str, object]) -> tuple[object, ...]:
        return self.number, kind, at, at, "mia", to_json(data)


if __name__ == "__main__":
    main()
