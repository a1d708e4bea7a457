"""A replay that is killed anywhere and started again ends where an undisturbed one does."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.conftest import Answerback
from tests.e2e.support import a_busy_day, command, contents, count, until
from tests.fakes.replay_file import write

ROOT = Path(__file__).parents[2]


def replay(db: str) -> list[str]:
    return ["replay", "day.jsonl", "--db", db, "--every-thread", "--json"]


@pytest.fixture
def day(home: Path) -> Path:
    """Three batches, one of them with lines that cannot be read."""
    lines: list[object] = list(a_busy_day(230))
    lines[150:150] = [b"not JSON", b'{"source": "x"}']
    write(home / "day.jsonl", lines)
    return home


def assert_same_as_undisturbed(day: Path, answerback: Answerback) -> None:
    again = answerback(*replay("killed.db"))
    whole = answerback(*replay("whole.db"))
    assert again.code in {0, 1}  # 1 where the lines that cannot be read come after the kill
    assert whole.code == 1
    assert contents(day / "killed.db") == contents(day / "whole.db")
    same = ("mentions", "complaints", "cases", "replies_seen", "alerts", "quarantined")
    assert {k: again.json[k] for k in same} == {k: whole.json[k] for k in same}


def killed_at(number: int, moment: str, db: str, home: Path) -> bool:
    """Whether it was killed: a later transaction than the last kills nobody."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.e2e.killed", str(number), moment, *replay(db)],
        cwd=home,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode in {-signal.SIGKILL, 0, 1}, done.stderr.decode()
    return done.returncode == -signal.SIGKILL


@pytest.mark.parametrize(
    ("number", "moment"), [(1, "within"), (2, "within"), (3, "after"), (5, "within"), (9, "before")]
)
def test_killed_once_and_run_again(day: Path, answerback: Answerback, number: int, moment: str) -> None:
    assert killed_at(number, moment, "killed.db", day)
    assert_same_as_undisturbed(day, answerback)


def test_killed_again_and_again(day: Path, answerback: Answerback) -> None:
    """Every run gets a few transactions further, whatever the ones before it have left."""
    runs = 0
    while killed_at(6, "within", "killed.db", day):
        runs += 1
        assert runs < 12, "no run gets any further"
    assert runs > 2
    assert_same_as_undisturbed(day, answerback)


@pytest.mark.parametrize(("table", "rows"), [("mentions", 1), ("events", 250)])
def test_killed_from_outside_as_soon_as_the_store_holds_so_much(
    day: Path, answerback: Answerback, table: str, rows: int
) -> None:
    process = subprocess.Popen(
        command(*replay("killed.db")), cwd=day, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    with process:
        until(process, lambda: count(day / "killed.db", table) >= rows)
        process.kill()
        assert process.wait(timeout=10) == -signal.SIGKILL
    assert_same_as_undisturbed(day, answerback)


def test_ctrl_c_ends_a_replay_with_one_sentence_and_loses_nothing(day: Path, answerback: Answerback) -> None:
    # At its own pace the day would take hours: the interrupt meets it waiting.
    process = subprocess.Popen(
        command(*replay("stopped.db"), "--speed", "1"),
        cwd=day,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    with process:
        until(process, lambda: count(day / "stopped.db", "sources") > 0)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
    assert (process.returncode, out) == (130, b"")
    assert err.decode().strip() == "Interrupted. What was finished is stored; run it again to go on."
    rest = answerback(*replay("stopped.db")).json
    # Line 1 was there before, the rest comes now; two lines cannot be read.
    assert (rest["posts_read"], rest["mentions"], rest["quarantined"]) == (231, 230, 2)
