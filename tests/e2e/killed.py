"""`python -m tests.e2e.killed N MOMENT ARGS…`: the command line, killed by itself at its N-th transaction.

MOMENT is "before" (nothing of it is written), "within" (all of it is, but not committed) or "after" (it is
committed, and nobody has been told). SIGKILL: no handler, no rollback, no flush.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from sqlite_utils import Database

from answerback.cli import main
from desk.store import Store


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def arm(number: int, moment: str) -> None:
    original = Store.write
    passed = 0

    @contextmanager
    def write(self: Store) -> Iterator[Database]:
        nonlocal passed
        passed += 1
        mine = passed == number
        if mine and moment == "before":
            die()
        with original(self) as db:
            yield db
            if mine and moment == "within":
                die()
        if mine and moment == "after":
            die()

    Store.write = write  # type: ignore[method-assign]


if __name__ == "__main__":
    arm(int(sys.argv[1]), sys.argv[2])
    main(sys.argv[3:])
