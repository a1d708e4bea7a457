"""How many mentions a second come from a source into committed rows, without classification.

    python -m benchmarks.bench_intake [--mentions 20000] [--runs 5]

The source is a replayed file of JSON lines, whose reader trusts nothing in it, and once more the same posts
ready-made in memory: what is left then is the loop and the store. Both go through the loop that all sources
run in: fetch, record, cursor, a transaction for each batch of a hundred. Beside them, by turns in the same
run, the same rows by bare `executemany`, into the same tables with the same indexes and search triggers.

The best of several runs counts, because a shared machine disturbs now and then; where it disturbs all the
time, the ratio is the figure to go by, and the processor's own time.
"""

from __future__ import annotations

import argparse
import json
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

from desk import intake
from desk.model.mention import Mention
from desk.ports import Batch, Source
from desk.store import Store, sources
from listener.platforms.replay.source import ReplaySource
from listener.runner import run_source

NOW = datetime(2026, 11, 17, 12, tzinfo=UTC)
BATCH = 100
LIMIT_PER_SECOND = 5_000
LIMIT_RATIO = 0.4
_WORDS = ("parcel", "refund", "invoice", "locker", "driver", "app", "login", "late", "wrong", "twice", "box")
_TABLES = ("customers", "accounts", "mentions")


@dataclass(frozen=True)
class Took:
    """Of one run."""

    wall: float
    processor: float

    def faster(self, other: Took | None) -> Took:
        return self if other is None or self.wall < other.wall else other


class InMemory:
    """Posts that need neither reading nor parsing."""

    name, interval_seconds = "in-memory", 60.0

    def __init__(self, posts: Sequence[Mention]) -> None:
        self._posts = posts

    def fetch(self, cursor: str | None) -> Batch:
        at = int(cursor or 0)
        end = at + BATCH
        return Batch(self._posts[at:end], cursor=str(end), more=end < len(self._posts))


class UntilTheEnd:
    """A stop that is set when the loop wants to wait: then the source has nothing more."""

    def __init__(self) -> None:
        self._set = False

    def is_set(self) -> bool:
        return self._set

    def wait(self, timeout: float | None = None) -> bool:  # noqa: ARG002
        self._set = True
        return True


def through_the_loop(make: Callable[[], Source], path: Path) -> Took:
    """From the first fetch to the last commit, into a fresh store."""
    store, source = Store(path), make()

    def record(batch: Batch) -> bool:
        return intake.record(store, source.name, batch, NOW).brought_something

    def load_cursor() -> str | None:
        with store.read() as db:
            return sources.cursor(db, source.name)

    def run() -> None:
        run_source(
            source, record, load_cursor, UntilTheEnd(), lambda _: None, now=lambda: NOW, random=lambda: 0.0
        )

    took = _timed(run)
    store.close()
    return took


def bare(rows: dict[str, list[tuple[object, ...]]], path: Path) -> Took:
    """The same rows by `executemany`, with a commit wherever the loop has one."""
    Store(path).close()
    connection = sqlite3.connect(path)
    for pragma in ("foreign_keys = ON", "synchronous = NORMAL", "temp_store = MEMORY"):
        connection.execute(f"PRAGMA {pragma}")
    batches = list(_batches(connection, rows))

    def run() -> None:
        for batch in batches:
            for statement, values in batch:
                connection.executemany(statement, values)
            connection.commit()

    took = _timed(run)
    connection.close()
    return took


def _batches(
    connection: sqlite3.Connection, rows: dict[str, list[tuple[object, ...]]]
) -> Iterator[list[tuple[str, list[tuple[object, ...]]]]]:
    """Each a hundred mentions, and before them the customers that write there for the first time."""
    insert, columns = {}, {}
    for table in _TABLES:
        columns[table] = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
        insert[table] = f"INSERT INTO {table} VALUES ({','.join('?' * len(columns[table]))})"  # noqa: S608
    written_by = columns["mentions"].index("customer_id")
    known = 0
    for begin in range(0, len(rows["mentions"]), BATCH):
        part = rows["mentions"][begin : begin + BATCH]
        # Customers are numbered in the order of their first posts.
        last = max(known, *(int(str(row[written_by])) for row in part))
        yield [(insert[table], rows[table][known:last]) for table in ("customers", "accounts")] + [
            (insert["mentions"], part)
        ]
        known = last


def _timed(task: Callable[[], object]) -> Took:
    wall, processor = time.perf_counter(), time.process_time()
    task()
    return Took(time.perf_counter() - wall, time.process_time() - processor)


def _rows_of(path: Path) -> dict[str, list[tuple[object, ...]]]:
    with sqlite3.connect(path) as connection:
        keys = {"customers": "id", "accounts": "customer_id", "mentions": "seq"}
        return {
            table: connection.execute(f"SELECT * FROM {table} ORDER BY {key}").fetchall()  # noqa: S608
            for table, key in keys.items()
        }


def _write(path: Path, mentions: int) -> Path:
    """Posts of 17 words, a third of them by somebody who has not written before."""
    with path.open("w", encoding="utf-8") as out:
        for number in range(mentions):
            thread = number // 3
            words = " ".join(_WORDS[(number * step) % len(_WORDS)] for step in range(1, 18))
            post = {
                "source": "bluesky",
                "id": str(number),
                "conversation_id": f"t{thread}",
                "brand": "Fernway",
                "author": {"id": f"p{thread}", "handle": f"person_{thread}", "name": f"Person {thread}"},
                "created_at": (NOW - timedelta(seconds=mentions - number)).isoformat(),
                "text": f"@FernwayHelp {words} FW-{number}",
                "lang": "en",
            }
            out.write(json.dumps(post) + "\n")
    return path


def main() -> None:
    """Print the table; about a quarter of a minute on a quiet machine."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--mentions", type=int, default=20_000)
    parser.add_argument("--runs", type=int, default=5)
    arguments, _ = parser.parse_known_args()
    best: dict[str, Took] = {}
    with tempfile.TemporaryDirectory(prefix="answerback-bench-") as name:
        folder = Path(name)
        stores = (folder / f"{number}.db" for number in count())
        file = _write(folder / "posts.jsonl", arguments.mentions)

        def replayed() -> Source:
            return ReplaySource(file, now=lambda: NOW, batch_size=BATCH)

        whole = ReplaySource(file, now=lambda: NOW, batch_size=arguments.mentions).fetch(None)
        through_the_loop(replayed, folder / "first.db")
        rows = _rows_of(folder / "first.db")
        assert len(rows["mentions"]) == arguments.mentions
        for _ in range(arguments.runs):
            for label, run in (
                ("replayed file", lambda: through_the_loop(replayed, next(stores))),
                ("in memory", lambda: through_the_loop(lambda: InMemory(whole.mentions), next(stores))),
                ("executemany", lambda: bare(rows, next(stores))),
            ):
                best[label] = run().faster(best.get(label))
    _print(best, arguments.mentions)


def _print(best: dict[str, Took], mentions: int) -> None:
    floor = best["executemany"]
    print(f"{mentions:,} mentions from fetch to committed row, without classification")
    print(
        f"{'':<18}{'a second':>10}{'limit':>8}{'ratio':>8}{'limit':>8}{'a processor second':>22}{'ratio':>8}"
    )
    for label, took in best.items():
        limits = label != "executemany"
        print(
            f"{label:<18}{mentions / took.wall:>10,.0f}{f'{LIMIT_PER_SECOND:,}' if limits else '':>8}"
            f"{floor.wall / took.wall:>8.2f}{LIMIT_RATIO if limits else '':>8}"
            f"{mentions / took.processor:>22,.0f}{floor.processor / took.processor:>8.2f}"
        )


if __name__ == "__main__":
    main()
