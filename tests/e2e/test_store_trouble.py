"""A store that cannot be opened, read or written: one sentence, and nothing of it is changed."""

from __future__ import annotations

import ctypes
import os
import resource
import shutil
import sqlite3
import subprocess
from pathlib import Path

import pytest

from tests.e2e.conftest import Answerback
from tests.e2e.support import a_busy_day, command, contents, run_process
from tests.fakes.replay_file import post, write

READERS = (("report",), ("export",), ("quarantine",), ("alerts", "dead"), ("alerts", "retry"), ("desk",))


@pytest.mark.parametrize("args", READERS, ids="-".join)
def test_a_missing_store_is_not_made_by_reading(
    home: Path, answerback: Answerback, args: tuple[str, ...]
) -> None:
    answerback(*args, "--db", "gone.db").complains("There is no store at gone.db", "answerback replay")
    assert not (home / "gone.db").exists()


def test_a_missing_folder(home: Path, answerback: Answerback) -> None:
    write(home / "day.jsonl", [post(1)])
    answerback("replay", "day.jsonl", "--db", "no/such/a.db").complains("no/such/a.db", "--db")
    assert not (home / "no").exists()


def test_a_folder_in_place_of_a_store(home: Path, answerback: Answerback) -> None:
    answerback("report", "--db", ".").complains("--db", "is a directory")


@pytest.mark.parametrize("content", [b"#!/bin/sh\necho no\n" * 100, b"SQLite format 3\0" + b"\xff" * 4_096])
def test_a_file_that_is_no_store_is_left_alone(home: Path, answerback: Answerback, content: bytes) -> None:
    write(home / "day.jsonl", [post(1)])
    (home / "a.db").write_bytes(content)
    for args in (("report",), ("replay", "day.jsonl")):
        answerback(*args, "--db", "a.db").complains("a.db", "not an Answerback store, or is damaged")
        assert (home / "a.db").read_bytes() == content


def test_another_programs_database_is_left_alone(home: Path, answerback: Answerback) -> None:
    write(home / "day.jsonl", [post(1)])
    with sqlite3.connect(home / "a.db") as other:
        other.execute("CREATE TABLE bookmarks (url TEXT)")
    for args in (("report",), ("replay", "day.jsonl")):
        answerback(*args, "--db", "a.db").complains("a.db", "not an Answerback store")
    with sqlite3.connect(home / "a.db") as other:
        assert other.execute("SELECT name FROM sqlite_master").fetchall() == [("bookmarks",)]


def test_a_store_of_a_newer_version(home: Path, answerback: Answerback) -> None:
    write(home / "day.jsonl", a_busy_day(20))
    answerback("replay", "day.jsonl", "--db", "a.db")
    with sqlite3.connect(home / "a.db") as db:
        db.execute(
            "INSERT INTO _sqlite_migrations (migration_set, name, applied_at) "
            "VALUES ('answerback', 'm999_from_the_future', '2031-01-01')"
        )
    before = contents(home / "a.db")
    for args in (("report",), ("replay", "day.jsonl"), ("export",)):
        answerback(*args, "--db", "a.db").complains("newer Answerback", "m999_from_the_future", "update")
    assert contents(home / "a.db") == before


def heed_permissions() -> None:
    """Root may write anything; without these two capabilities it is held by a file's mode like anybody."""
    if os.getuid() == 0:
        libc = ctypes.CDLL(None, use_errno=True)
        for capability in (1, 2):  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH; 24 is PR_CAPBSET_DROP
            if libc.prctl(24, capability, 0, 0, 0) != 0:
                raise OSError(ctypes.get_errno(), "prctl")


def test_a_store_that_may_only_be_read(home: Path, answerback: Answerback) -> None:
    posts = a_busy_day(40)
    write(home / "day.jsonl", posts[:20])
    answerback("replay", "day.jsonl", "--db", "a.db")
    write(home / "day.jsonl", posts)
    before = contents(home / "a.db")
    (home / "a.db").chmod(0o444)
    home.chmod(0o555)
    try:
        done = run_process("replay", "day.jsonl", "--db", "a.db", cwd=home, preexec_fn=heed_permissions)
    finally:
        home.chmod(0o755)
    done.complains("a.db", "Allow writing")
    assert len(done.err.splitlines()) == 1
    assert contents(home / "a.db") == before


def test_a_store_that_may_not_even_be_read(home: Path, answerback: Answerback) -> None:
    write(home / "day.jsonl", a_busy_day(20))
    answerback("replay", "day.jsonl", "--db", "a.db")
    (home / "a.db").chmod(0o000)
    try:
        done = run_process("report", "--db", "a.db", cwd=home, preexec_fn=heed_permissions)
    finally:
        (home / "a.db").chmod(0o644)
    done.complains("a.db", "not readable")


def test_a_disk_that_fills_up(home: Path, answerback: Answerback) -> None:
    """The kernel refuses writes past a limit, as a full disk does; afterwards the rest comes in."""
    write(home / "day.jsonl", a_busy_day(300))

    def little_room() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000))

    done = run_process("replay", "day.jsonl", "--db", "a.db", "--json", cwd=home, preexec_fn=little_room)
    done.complains("a.db", "free some space")
    assert len(done.err.splitlines()) == 1
    again = answerback("replay", "day.jsonl", "--db", "a.db", "--json")
    assert (again.code, again.json["mentions"]) == (0, 300)
    answerback("replay", "day.jsonl", "--db", "whole.db")
    assert contents(home / "a.db") == contents(home / "whole.db")


def test_a_disk_that_is_full_from_the_start(home: Path) -> None:
    tmpfs = home / "small"
    tmpfs.mkdir()
    mounted = subprocess.run(
        ["/bin/mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(tmpfs)], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip("mounting is not allowed here; RLIMIT_FSIZE stands for it in the test above")
    try:
        write(home / "day.jsonl", a_busy_day(50))
        done = run_process("replay", "day.jsonl", "--db", "small/a.db", cwd=home)
    finally:
        subprocess.run(["/bin/umount", str(tmpfs)], check=True)
    done.complains("small/a.db is full", "free some space")


def test_a_store_that_is_held_by_another(
    home: Path, answerback: Answerback, monkeypatch: pytest.MonkeyPatch
) -> None:
    from desk.store import connection

    write(home / "day.jsonl", a_busy_day(20))
    answerback("replay", "day.jsonl", "--db", "a.db")
    monkeypatch.setattr(connection, "BUSY_TIMEOUT_SECONDS", 0.05)
    holder = sqlite3.connect(home / "a.db")
    holder.execute("BEGIN IMMEDIATE")
    try:
        answerback("alerts", "retry", "--db", "a.db").complains("a.db was held by another program", "again")
    finally:
        holder.close()


def test_a_damaged_page(home: Path, answerback: Answerback) -> None:
    write(home / "day.jsonl", a_busy_day(100))
    answerback("replay", "day.jsonl", "--db", "a.db")
    with sqlite3.connect(home / "a.db") as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    shutil.copy(home / "a.db", home / "b.db")
    with (home / "b.db").open("r+b") as file:
        file.seek(4_096)
        file.write(b"\xa5" * 40_000)
    answerback("export", "--what", "events", "--db", "b.db").complains("b.db", "damaged", "backup")


def test_commands_print_nothing_where_they_fail(home: Path) -> None:
    done = subprocess.run(
        command("report", "--db", "gone.db", "--format", "json"),
        cwd=home,
        capture_output=True,
        timeout=30,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, b"")
