"""Driving the command line as an operator does, and looking at what it left in the store."""

from __future__ import annotations

import json
import os
import re
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from importlib.resources import files
from pathlib import Path
from random import Random
from typing import Any

from tests.fakes.replay_file import DAY, post

DEMO_DAY = Path(str(files("answerback").joinpath("demo", "day.jsonl.gz")))
_VOLATILE = {"received_at", "seen_at", "last_success_at", "next_attempt_at", "applied_at", "found_at"}
"""Columns that say when this machine did something, not what happened."""
_CONTROL = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


@dataclass(frozen=True, slots=True)
class Result:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one object that was printed."""
        return json.loads(self.out)

    @property
    def lines(self) -> list[Any]:
        return [json.loads(line) for line in self.out.splitlines()]

    def complains(self, *words: str, code: int = 2) -> None:
        """It ended with the code and a readable message that has all the words."""
        assert self.code == code, (self.code, self.err)
        assert "Traceback" not in self.err
        assert_harmless(self.err)
        for word in words:
            assert word in self.err, (word, self.err)


def assert_harmless(text: str) -> None:
    """Nothing in it would move a cursor, colour a line or turn a sentence round."""
    assert not _CONTROL.search(text), _CONTROL.findall(text)


def command(*args: object) -> list[str]:
    return [sys.executable, "-m", "answerback", *map(str, args)]


def run_process(
    *args: object, cwd: Path, stdin: bytes = b"", env: dict[str, str] | None = None, **popen: Any
) -> Result:
    """A process of its own, as a shell starts it."""
    done = subprocess.run(
        command(*args),
        input=stdin,
        capture_output=True,
        cwd=cwd,
        env=os.environ | (env or {}),
        timeout=60,
        check=False,
        **popen,
    )
    return Result(done.returncode, done.stdout.decode(), done.stderr.decode())


def until(process: subprocess.Popen[bytes], condition: Callable[[], Any], *, seconds: float = 60) -> Any:
    """Look again and again while the process lives; what the condition gave at last."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, f"waited {seconds} s in vain"
        try:
            process.wait(timeout=0.02)
        except subprocess.TimeoutExpired:
            continue
        raise AssertionError(f"the process ended early with {process.returncode}")
    return found


def count(db: Path, table: str) -> int:
    """Rows of a table, also while the store is only being made."""
    if not db.exists():
        return 0
    connection = sqlite3.connect(f"file:{db}?mode=ro", uri=True, timeout=5)
    try:
        return int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])
    except sqlite3.OperationalError:
        return 0
    finally:
        connection.close()


def contents(db: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table, less what depends on the time of the day."""
    connection = sqlite3.connect(db)
    try:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        connection.execute("INSERT INTO mentions_fts(mentions_fts) VALUES ('integrity-check')")
        connection.rollback()
        names = [
            name
            for (name,) in connection.execute(
                "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '%fts%' ORDER BY name"
            )
        ]
        found = {}
        for name in names:
            columns = [row[1] for row in connection.execute(f"PRAGMA table_info({name})")]
            kept = ", ".join(f'"{column}"' for column in columns if column not in _VOLATILE)
            if name == "sources":  # the cursor knows when the first fetch was; how far it came is the point
                kept = kept.replace('"cursor"', "json_extract(cursor, '$.line')")
            rows = connection.execute(f"SELECT {kept} FROM {name}").fetchall()
            found[name] = sorted(rows, key=repr)
        return found
    finally:
        connection.close()


def a_busy_day(posts: int = 260, seed: int = 5) -> list[dict[str, Any]]:
    """Threads with a question each, most answered by the brand, some with a second question; by time."""
    chance = Random(seed)  # noqa: S311 -- a file, not a secret
    made: list[dict[str, Any]] = []
    thread = 0
    while len(made) < posts:
        thread += 1
        start = DAY + timedelta(seconds=chance.randrange(0, 36_000))
        source = chance.choice(["x", "bluesky", "mastodon"])
        base = {"source": source, "conversation_id": f"c{thread}"}
        customer = {"id": f"u{thread % 60}", "handle": f"user{thread % 60}", "name": "Üser"}
        turns = chance.choice([1, 2, 2, 3, 4])
        for turn in range(turns):
            start += timedelta(seconds=chance.randrange(60, 5_000))
            by_brand = turn % 2 == 1
            words = chance.choice(["is late", "broke", "is lovely", "¿dónde está?", "never came, fraud!"])
            made.append(
                post(
                    len(made),
                    **base,
                    id=f"p{thread}-{turn}",
                    in_reply_to=f"p{thread}-{turn - 1}" if turn else None,
                    from_brand=by_brand,
                    author={"id": "b", "handle": "FernwayHelp"} if by_brand else customer,
                    created_at=start.isoformat(),
                    text=f"@user{thread % 60} sorry about that"
                    if by_brand
                    else f"my parcel {words} {thread}",
                    lang=chance.choice(["en", "de", "und"]),
                )
            )
    return sorted(made[:posts], key=lambda p: (p["created_at"], p["id"]))


def first_responses(posts: Sequence[dict[str, Any]]) -> list[float]:
    """By hand: seconds from a thread's first post by a customer to the brand's first post after it."""
    from datetime import datetime

    threads: dict[str, list[dict[str, Any]]] = {}
    for one in posts:
        threads.setdefault(one["conversation_id"], []).append(one)
    waits = []
    for thread in threads.values():
        asked = [datetime.fromisoformat(p["created_at"]) for p in thread if not p["from_brand"]]
        if not asked:
            continue
        answers = [datetime.fromisoformat(p["created_at"]) for p in thread if p["from_brand"]]
        later = [at for at in answers if at >= min(asked)]
        if later:
            waits.append((min(later) - min(asked)).total_seconds())
    return waits
