"""`answerback desk` in a terminal of its own, which goes away under it: the desk goes, too."""

from __future__ import annotations

import errno
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from desk.model.case import CaseId
from desk.store import case_view
from tests.kernel import Desk, post

SECONDS = 60
"""More than a busy machine needs; a desk that misses the end of its terminal goes on for ever."""
FULL_SCREEN = b"\x1b[?1049h"
WINDOW = b"\x1b[?1049l"
_COLOURS = re.compile(rb"\x1b\[[\d;]*m")
_AS_A_SHELL_STARTS_IT = """
import fcntl, os, signal, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
signal.signal(signal.SIGHUP, signal.Handlers(int(sys.argv[1])))
os.execv(sys.executable, [sys.executable, *sys.argv[2:]])
"""


class Terminal:
    """A pseudo-terminal, seen from the side of the window."""

    def __init__(self) -> None:
        self.window, self.end = pty.openpty()
        fcntl.ioctl(self.end, termios.TIOCSWINSZ, struct.pack("4H", 24, 140, 0, 0))
        self.shown = b""
        self._open = {self.window, self.end}

    def close(self, *ends: int) -> None:
        for end in self._open & set(ends):
            os.close(end)
            self._open.remove(end)

    def hang_up(self) -> None:
        self.close(self.window)

    def type(self, keys: str) -> None:
        os.write(self.window, keys.encode())

    def wait_for(self, words: bytes) -> None:
        """Read until the words are on the screen; colours do not count."""
        self._read(lambda: words in _COLOURS.sub(b"", self.shown))

    def read_all(self) -> bytes:
        """What is shown until nobody has the other end open any more."""
        self._read(lambda: False)
        return self.shown

    def _read(self, done: Callable[[], bool]) -> None:
        deadline = time.monotonic() + SECONDS
        while not done():
            left = max(0.0, deadline - time.monotonic())
            assert select.select([self.window], [], [], left)[0], (
                f"waited in vain after {self.shown[-400:]!r}"
            )
            try:
                self.shown += os.read(self.window, 65_536)
            except OSError as error:  # Linux says so, others give nothing
                assert error.errno == errno.EIO
                return


class Sitting:
    """The desk's process and its terminals: keys come from one, the other, mostly the same, shows it."""

    def __init__(self, db: Path, hang_up: signal.Handlers, screen: Terminal | None = None) -> None:
        self.keys = Terminal()
        self.screen = screen or self.keys
        desk = ["-m", "answerback", "desk", "--agent", "mia", "--db", str(db)]
        self.process = subprocess.Popen(
            [sys.executable, "-c", _AS_A_SHELL_STARTS_IT, str(int(hang_up)), *desk],
            cwd=db.parent,
            env=os.environ | {"TERM": "xterm-256color"},
            stdin=self.keys.end,
            stdout=self.screen.end,
            stderr=self.screen.end,
            start_new_session=True,
        )
        for terminal in (self.keys, self.screen):
            terminal.close(terminal.end)

    def end(self) -> None:
        self.process.kill()
        self.process.wait(timeout=SECONDS)
        for terminal in (self.keys, self.screen):
            terminal.close(terminal.window)


Sit = Callable[..., Sitting]


@pytest.fixture
def sit(desk: Desk) -> Iterator[Sit]:
    """Opens the desk on one case."""
    desk.take(post("1", "My parcel never came"))
    with ExitStack() as sittings:

        def sit(hang_up: signal.Handlers, screen: Terminal | None = None) -> Sitting:
            sitting = Sitting(desk.store.path, hang_up, screen)
            sittings.callback(sitting.end)
            return sitting

        yield sit


@pytest.mark.parametrize("hang_up", [signal.SIG_DFL, signal.SIG_IGN])
def test_the_desk_ends_with_its_terminal_and_keeps_the_draft(
    desk: Desk, sit: Sit, hang_up: signal.Handlers
) -> None:
    sitting = sit(hang_up)
    sitting.screen.wait_for(b"My parcel never came")
    sitting.keys.type("r")
    sitting.screen.wait_for(b"0/300")
    sitting.keys.type("\x1b[200~So sorry\x1b[201~")  # pasted: it comes at once
    sitting.screen.wait_for(b"8/300")
    sitting.keys.hang_up()
    assert sitting.process.wait(timeout=SECONDS) == 0
    assert case_view.load(desk.store, CaseId(1), "mia").draft == "So sorry"


def test_it_ends_without_a_word_when_only_the_keys_are_gone(sit: Sit) -> None:
    sitting = sit(signal.SIG_IGN, screen=Terminal())
    sitting.screen.wait_for(FULL_SCREEN)  # and before there is anything on it
    sitting.keys.hang_up()
    shown = sitting.screen.read_all()
    assert sitting.process.wait(timeout=SECONDS) == 0
    assert WINDOW in shown
    assert b"Traceback" not in shown


def test_a_hang_up_that_somebody_sends_leaves_the_terminal_in_order(sit: Sit) -> None:
    sitting = sit(signal.SIG_DFL)
    sitting.screen.wait_for(b"My parcel never came")
    sitting.process.send_signal(signal.SIGHUP)
    shown = sitting.screen.read_all()
    assert sitting.process.wait(timeout=SECONDS) == 0
    assert WINDOW in shown
    assert b"Traceback" not in shown
