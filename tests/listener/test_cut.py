"""A stop ends a read, whether it comes while the connection is open or while it opens."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from listener.cut import Cut


@contextmanager
def connection() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    ours.settimeout(10)
    with ours, theirs:
        yield ours, theirs


def stop_noticed_by(cut: Cut, stop: threading.Event) -> None:
    """Return when the stop has been noticed, which is when a read ends."""
    stop.set()
    with connection() as (ours, _theirs), cut.reading(ours):
        assert ours.recv(1) == b""


def test_a_stop_ends_a_read_of_a_silent_connection() -> None:
    stop = threading.Event()
    with connection() as (ours, _theirs), Cut(stop).reading(ours):
        threading.Thread(target=stop.set).start()

        assert ours.recv(1) == b""


def test_a_connection_that_opens_after_the_stop_is_ended_at_once() -> None:
    stop = threading.Event()
    cut = Cut(stop)
    stop_noticed_by(cut, stop)

    with connection() as (ours, theirs), cut.reading(ours):
        assert ours.recv(1) == b""
        assert theirs.recv(1) == b""


def test_a_connection_that_is_not_read_any_more_is_left_alone() -> None:
    stop = threading.Event()
    cut = Cut(stop)
    with connection() as (ours, theirs):
        with cut.reading(ours):
            pass
        stop_noticed_by(cut, stop)

        theirs.sendall(b"x")
        assert ours.recv(1) == b"x"
