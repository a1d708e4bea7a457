"""Opening SQLite files, good and bad, and what is said when something is wrong with one."""

from __future__ import annotations

import os
import sqlite3
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from desk.errors import StoreError, StoreTooNewError
from desk.store import Store, marks
from desk.store.migrations import MIGRATIONS
from desk.store.queue_view import QueueFilter, page
from tests.kernel import NOON, Desk, post

NAMES = [migration.name for migration in MIGRATIONS._migrations]


def applied(path: Path) -> list[str]:
    with sqlite3.connect(path) as connection:
        return [row[0] for row in connection.execute("SELECT name FROM _sqlite_migrations ORDER BY id")]


def schema(path: Path) -> list[tuple[str, str]]:
    with sqlite3.connect(path) as connection:
        return connection.execute("SELECT name, sql FROM sqlite_master ORDER BY name").fetchall()


def test_an_empty_file_becomes_a_store_with_every_step(tmp_path: Path) -> None:
    path = tmp_path / "desk.db"
    path.touch()
    Store(path).close()
    assert applied(path) == NAMES
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_opening_again_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "desk.db"
    Store(path).close()
    before = schema(path)
    Store(path).close()
    assert (applied(path), schema(path)) == (NAMES, before)


def test_foreign_keys_hold(desk: Desk) -> None:
    with pytest.raises(StoreError, match="FOREIGN KEY"), desk.store.write() as db:
        db.execute("INSERT INTO drafts VALUES (99, 'mia', 'text', 0)")


def test_many_open_a_new_store_at_once(tmp_path: Path) -> None:
    path = tmp_path / "desk.db"
    start = threading.Barrier(6)
    failures: list[BaseException] = []

    def work() -> None:
        start.wait()
        try:
            Store(path).close()
        except BaseException as failure:  # noqa: BLE001 - told by the assertion below
            failures.append(failure)

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert applied(path) == NAMES


def test_a_store_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "desk.db"
    Store(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute(
            "INSERT INTO _sqlite_migrations (migration_set, name, applied_at) "
            "VALUES ('answerback', 'm999_z', '')"
        )
    before = schema(path)
    with pytest.raises(StoreTooNewError, match=r"newer Answerback \(it has m999_z\).*update this one"):
        Store(path)
    assert schema(path) == before


def test_a_step_that_fails_leaves_nothing_of_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "desk.db"
    Store(path).close()
    before = schema(path)

    def m998_breaks(db: object) -> None:
        db.conn.execute("CREATE TABLE half (id INTEGER)")  # type: ignore[attr-defined]
        db.conn.execute("SELECT nonsense")  # type: ignore[attr-defined]

    broken = [*MIGRATIONS._migrations, MIGRATIONS._Migration("m998_breaks", m998_breaks)]
    monkeypatch.setattr(MIGRATIONS, "_migrations", broken)
    with pytest.raises(StoreError, match="nonsense"):
        Store(path)
    assert (applied(path), schema(path)) == (NAMES, before)


def test_something_else_than_a_database(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("Dear diary, " * 200)
    with pytest.raises(StoreError, match=r"notes\.txt is not an Answerback store, or is damaged"):
        Store(path)
    assert path.read_text().startswith("Dear diary")


def test_another_programs_database_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "shop.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE orders (id INTEGER)")
    before = schema(path)
    with pytest.raises(StoreError, match=r"shop\.db is not an Answerback store"):
        Store(path)
    assert schema(path) == before


def test_a_folder_in_its_place(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"Cannot open .*it is a folder itself"):
        Store(tmp_path)


def test_a_folder_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"Cannot open .*its folder is missing"):
        Store(tmp_path / "none" / "desk.db")


def test_a_store_that_must_be_there_already(tmp_path: Path) -> None:
    path = tmp_path / "desk.db"
    with pytest.raises(StoreError, match=r"There is no store at .*desk\.db"):
        Store(path, create=False)
    assert not path.exists()
    Store(path).close()
    Store(path, create=False).close()


def test_a_full_disk_is_said_and_what_was_there_stays(desk: Desk) -> None:
    desk.take(post("1"))
    with desk.store.write() as db:
        pages = db.execute("PRAGMA page_count").fetchone()[0]
        db.execute(f"PRAGMA max_page_count = {pages + 1}")
    with pytest.raises(StoreError, match=r"The disk of .*desk\.db is full \(\d+ MB free\)"):
        desk.record(*(post(f"big{n}", "x" * 20_000) for n in range(20)), cursor="lost")
    with desk.store.read() as db:
        assert db.execute("SELECT count(*) FROM mentions").fetchone() == (1,)
        assert db.execute("SELECT cursor FROM sources").fetchone() == (None,)
    with desk.store.write() as db:
        db.execute("PRAGMA max_page_count = 100000")
    assert len(desk.record(*(post(f"big{n}", "x" * 20_000) for n in range(20))).new) == 20


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that another user may look into, unlike pytest's own."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o777)
        yield folder
        folder.chmod(0o777)


@pytest.fixture
def as_nobody() -> Iterator[None]:
    """File rights do not bind root: step down for a test."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65_534)
    try:
        yield
    finally:
        os.seteuid(0)


def test_a_read_only_file_is_said_when_it_is_written_to(
    open_folder: Path, request: pytest.FixtureRequest
) -> None:
    path = open_folder / "desk.db"
    Store(path).close()
    path.chmod(0o444)
    request.getfixturevalue("as_nobody")
    store = Store(path)
    with pytest.raises(StoreError, match=r"desk\.db is read-only; nothing was changed"), store.write() as db:
        marks.put(db, "a", 1)
    store.close()


def test_a_read_only_folder_is_said_at_once(open_folder: Path, request: pytest.FixtureRequest) -> None:
    """Even readers of a database with a write-ahead log keep a file beside it."""
    path = open_folder / "desk.db"
    Store(path).close()
    path.chmod(0o444)
    open_folder.chmod(0o555)
    request.getfixturevalue("as_nobody")
    with pytest.raises(StoreError, match=r"read-only; nothing was changed.*and to its folder"):
        Store(path)


def test_a_store_that_is_closed_to_us_is_said(open_folder: Path, request: pytest.FixtureRequest) -> None:
    path = open_folder / "desk.db"
    Store(path).close()
    path.chmod(0o000)
    request.getfixturevalue("as_nobody")
    with pytest.raises(StoreError, match=r"Cannot open .*closed to you"):
        Store(path)


def test_a_damaged_file_is_said(tmp_path: Path) -> None:
    path = tmp_path / "desk.db"
    desk = Desk(path)
    desk.take(*(post(str(n), "x" * 500, thread=f"t{n}") for n in range(50)))
    with desk.store.write():
        pass
    desk.store.close()
    raw = bytearray(path.read_bytes())
    raw[4096:] = b"\xff" * (len(raw) - 4096)
    path.write_bytes(raw)
    with pytest.raises(StoreError, match="is damaged"):
        store = Store(path)
        page(store, QueueFilter())


def test_another_programs_lock_is_said(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("desk.store.connection.BUSY_TIMEOUT_SECONDS", 0.0)
    path = desk.store.path
    impatient = Store(path)
    with desk.store.write() as db:
        marks.put(db, "a", 1)
        with pytest.raises(StoreError, match=r"was held by another program for too long"), impatient.write():
            pass
    with impatient.write() as db:
        marks.put(db, "a", 2)
    impatient.close()


def test_the_log_is_append_only(desk: Desk) -> None:
    desk.take(post("1"))
    for statement in ("UPDATE events SET actor = 'eve'", "DELETE FROM events"):
        with pytest.raises(StoreError, match="events are append-only"), desk.store.write() as db:
            db.execute(statement)
    assert [event.kind for event in desk.log()] == ["opened", "policy_chosen", "customer_wrote"]


def test_a_time_without_a_zone_is_a_defect_not_a_guess(desk: Desk) -> None:
    with pytest.raises(TypeError):
        desk.record(post("1", at=NOON.replace(tzinfo=None), seen=NOON))


def test_closing_waits_for_whoever_reads(tmp_path: Path) -> None:
    """A screen is left while its reader is at work: a connection closed in a query would kill the process."""
    store = Store(tmp_path / "a.db")
    reading, closed = threading.Event(), threading.Event()

    def read() -> int:
        with store.read() as db, store.read():
            reading.set()
            assert closed.wait(10)
            return int(db.execute("SELECT count(*) FROM mentions").fetchone()[0])

    with ThreadPoolExecutor() as pool:
        found = pool.submit(read)
        assert reading.wait(10)
        store.close()
        closed.set()
        assert found.result(10) == 0
    # SQLite takes its log away with the last connection.
    assert not (tmp_path / "a.db-wal").exists()
