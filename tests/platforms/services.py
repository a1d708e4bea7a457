"""What Bluesky's view of the network stores in: PostgreSQL and Redis, thrown away after the run."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

_DEBIAN = "lib/postgresql/*/bin"
"""Where Debian keeps what it does not put on the path."""


def lacking(*programs: str) -> str | None:
    """The first of these programs that is not there; None where all are."""
    return next((program for program in programs if _found(program) is None), None)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def postgres() -> Iterator[str]:
    """An empty cluster; yields its address."""
    # Not below a folder of pytest's, which is closed to all but its owner.
    with TemporaryDirectory(prefix="answerback-postgres-") as folder, _cluster(Path(folder)) as address:
        yield address


@contextmanager
def _cluster(folder: Path) -> Iterator[str]:
    port, data = free_port(), folder / "data"
    # PostgreSQL refuses to run as root.
    as_owner = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    if as_owner:
        shutil.chown(folder, "postgres")
    options = f"-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories= -c fsync=off"
    _run([*as_owner, _path("initdb"), "-D", str(data), "-U", "postgres", "-A", "trust", "-E", "UTF8", "-N"])
    log = ["-l", str(data / "log")]
    _run([*as_owner, _path("pg_ctl"), "-D", str(data), "-w", "-s", *log, "-o", options, "start"])
    try:
        yield f"postgresql://postgres@127.0.0.1:{port}/postgres"
    finally:
        _run([*as_owner, _path("pg_ctl"), "-D", str(data), "-w", "-s", "-m", "immediate", "stop"])


@contextmanager
def redis() -> Iterator[str]:
    """A server in memory; yields host and port."""
    port = free_port()
    command = [_path("redis-server"), "--bind", "127.0.0.1", "--port", str(port)]
    server = subprocess.Popen(
        [*command, "--save", "", "--appendonly", "no"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        _await_port(port)
        yield f"127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(10)


def _await_port(port: int) -> None:
    until = time.monotonic() + 10
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)


def _found(program: str) -> str | None:
    places = sorted(Path("/usr").glob(_DEBIAN), reverse=True)
    on_path = shutil.which(program)
    return on_path or next((str(at / program) for at in places if (at / program).exists()), None)


def _path(program: str) -> str:
    found = _found(program)
    assert found is not None, f"{program} was looked for before"
    return found


def _run(command: Sequence[str]) -> None:
    # Output goes to nowhere rather than to a pipe, which a server that stays would hold open.
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, timeout=120, cwd="/")
