"""The terminal as the desk has it: one that may vanish while the desk is open."""

from __future__ import annotations

import io
import os
import signal
import sys
from typing import Any

from textual.app import App
from textual.drivers.linux_driver import LinuxDriver

from tui.messages import TerminalGone

LOOK_SECONDS = 0.5


class DeskDriver(LinuxDriver):
    """Textual's, which takes it that the terminal stays: without one it reads nothing, again and again.

    Posts TerminalGone to the app, once: on a hang-up, or when one end of it is no terminal any more.
    """

    def __init__(self, app: App[Any], **options: Any) -> None:
        super().__init__(app, **options)
        self._told = False
        stderr = sys.__stderr__
        assert stderr is not None  # noqa: S101 -- else there were no terminal
        self._screen = stderr.fileno()
        self._file = io.TextIOWrapper(
            io.BufferedWriter(_UntilItIsGone(self._screen, "wb", closefd=False)),
            encoding=stderr.encoding,
            errors=stderr.errors,
        )
        # Also where the parent ignores it; and its default would lose the draft.
        signal.signal(signal.SIGHUP, self._gone)
        # Not every terminal says that it goes: a process that does not belong to it is not told.
        self._loop.call_soon(self._look)

    def run_input_thread(self) -> None:
        try:
            super().run_input_thread()
        except OSError:
            self._gone()

    def _look(self) -> None:
        if os.isatty(self.fileno) and os.isatty(self._screen):
            self._loop.call_later(LOOK_SECONDS, self._look)
        else:
            self.exit_event.set()  # stops the reading now: to save a draft may take a while
            self._gone()

    def _gone(self, *_: object) -> None:
        """Tell the app. A signal may still come when it has ended."""
        if not self._told and not self._loop.is_closed():
            self._told = True
            self.send_message(TerminalGone())


class _UntilItIsGone(io.FileIO):
    """A terminal to write to; when it takes nothing any more, its descriptor leads nowhere.

    An error would end Textual's writing thread, and the app would wait for it for ever as soon as its queue
    is full. What others still write there, the interpreter at its end among them, must not fail either.
    """

    def write(self, data: Any, /) -> int:
        try:
            return super().write(data)
        except OSError:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.fileno())
            os.close(nowhere)
            return len(data)
