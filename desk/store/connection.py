"""Opening a store, and its two kinds of transaction."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

from sqlite_utils import Database

from desk.errors import StoreError, StoreTooNewError
from desk.store.migrations import MIGRATIONS

BUSY_TIMEOUT_SECONDS = 10.0


class Store:
    """One SQLite file, used by any number of threads and processes.

    Each thread has a connection of its own. Writers take a process-wide lock and begin IMMEDIATE, because a
    read that turns into a write inside a deferred transaction fails at once when another writer was faster.
    """

    def __init__(self, path: Path, *, create: bool = True) -> None:
        """Opens and migrates. Raises StoreError (unreadable, not a store, missing) or StoreTooNewError."""
        self.path = path
        self._write_lock = threading.RLock()
        self._local = threading.local()
        self._connections: list[sqlite3.Connection] = []
        self._gate = threading.Lock()
        self._users = 0
        self._closed = False
        if not create and not path.exists():
            raise StoreError(
                f"There is no store at {path}. Check --db, or fill one with `answerback replay`."
            )
        with self._said():
            self._migrate()

    @contextlib.contextmanager
    def write(self) -> Iterator[Database]:
        """A transaction that is committed at the end, or rolled back on any error. Nests as a savepoint."""
        with self._in_use() as db:
            if db.conn.in_transaction:
                if getattr(self._local, "reading", False):
                    raise RuntimeError("write() inside read(): the snapshot's end would roll it back")
                with db.atomic():
                    yield db
                return
            with self._write_lock, self._said():
                db.conn.execute("BEGIN IMMEDIATE")
                try:
                    yield db
                    db.conn.execute("COMMIT")
                except BaseException:
                    db.rollback()
                    raise

    @contextlib.contextmanager
    def read(self) -> Iterator[Database]:
        """One consistent snapshot for any number of queries."""
        with self._in_use() as db:
            if db.conn.in_transaction:
                yield db
                return
            with self._said():
                db.conn.execute("BEGIN")
                self._local.reading = True
                try:
                    yield db
                finally:
                    self._local.reading = False
                    db.rollback()

    def data_version(self) -> int:
        """Changes whenever another connection has committed: what a screen polls instead of the data."""
        with self._in_use() as db, self._said():
            row = db.conn.execute("PRAGMA data_version").fetchone()
        return int(row[0])

    def close(self) -> None:
        """Close every thread's connection, as soon as none is in use; the store is not used afterwards."""
        with self._gate:
            self._closed = True
            self._close_unused()

    @contextlib.contextmanager
    def _in_use(self) -> Iterator[Database]:
        """This thread's connection, which nobody closes meanwhile.

        One that is closed while another thread is in the middle of a query takes the whole process down, and
        a screen that is left still has its reader at work.
        """
        with self._gate:
            self._users += 1
        try:
            yield self._database()
        finally:
            with self._gate:
                self._users -= 1
                if self._closed:
                    self._close_unused()

    def _close_unused(self) -> None:
        if self._users:
            return
        for connection in self._connections:
            connection.close()
        self._connections.clear()
        self._local = threading.local()

    def _database(self) -> Database:
        database: Database | None = getattr(self._local, "database", None)
        if database is None:
            with self._said():
                database = self._connect()
            self._local.database = database
        return database

    def _connect(self) -> Database:
        connection = sqlite3.connect(self.path, timeout=BUSY_TIMEOUT_SECONDS, check_same_thread=False)
        self._connections.append(connection)
        database = Database(connection)
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA temp_store = MEMORY")
        # What an author took back is overwritten in the file, too, however SQLite was built.
        connection.execute("PRAGMA secure_delete = ON")
        return database

    def _migrate(self) -> None:
        db = self._database()
        unknown = {m.name for m in MIGRATIONS.applied(db)} - {m.name for m in MIGRATIONS._migrations}
        if unknown:
            raise StoreTooNewError(
                f"{self.path} was written by a newer Answerback (it has {max(unknown)}); "
                "update this one, or choose another file with --db."
            )
        if MIGRATIONS.pending(db):
            if not db.conn.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone():
                db.conn.execute("PRAGMA journal_mode = WAL")
            elif not MIGRATIONS.applied(db):
                raise StoreError(
                    f"{self.path} is not an Answerback store but another program's database, and was left "
                    "as it is; choose another file with --db."
                )
            with self.write() as writing:  # two processes at a first start: the second one waits
                MIGRATIONS.apply(writing)

    @contextlib.contextmanager
    def _said(self) -> Iterator[None]:
        """Turn SQLite's errors into sentences."""
        try:
            yield
        except sqlite3.DatabaseError as error:
            raise StoreError(self._sentence(error)) from error

    def _sentence(self, error: sqlite3.DatabaseError) -> str:
        text = str(error)
        for part, sentence in _SENTENCES.items():
            if part in text:
                return sentence.format(path=self.path, text=text, free=_free_megabytes(self.path))
        return f"{self.path}: {text}."


_DISK_FULL = "The disk of {path} is full ({free} MB free); free some space and run this again."
_DAMAGED = "{path} is not an Answerback store, or is damaged ({text}). Restore it from a backup."
_SENTENCES = {
    "unable to open": "Cannot open {path}: its folder is missing or closed to you, or it is a folder itself. "
    "Create the folder, or choose another path with --db.",
    "readonly": "{path} is read-only; nothing was changed. Allow writing to it and to its folder.",
    "disk is full": _DISK_FULL,
    "disk I/O": _DISK_FULL,
    "locked": "{path} was held by another program for too long; run this again.",
    "not a database": _DAMAGED,
    "malformed": _DAMAGED,
}


def _free_megabytes(path: Path) -> int:
    with contextlib.suppress(OSError):
        stat = os.statvfs(path.parent)
        return stat.f_bavail * stat.f_frsize // 1_000_000
    return 0
