"""The faults of the matrix that a file of recorded posts can have."""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

from tests.fakes.clock import Clock
from tests.faults.kinds import Kind

_ENDS = frozenset({Kind.STATUS_404, Kind.CUT, Kind.WRONG_FIELDS})
_STAYS = frozenset({Kind.TWICE, Kind.OUT_OF_ORDER, Kind.AHEAD, Kind.BEHIND})


class FileFaults:
    """Rewrites the lines that were not read yet, a while long or for good."""

    def __init__(self, path: Path, lines: Sequence[bytes], read: int, clock: Clock) -> None:
        """`read`: how many lines a first fetch reads."""
        self._path, self._lines, self._read, self._clock = path, list(lines), read, clock

    @property
    def requests(self) -> int:
        return 0

    def meaningless(self, kind: Kind) -> str:
        return "" if kind in _ENDS | _STAYS else "a file has no server, no limits and no pages"

    def begin(self, kind: Kind, seconds: float, *, with_a_write: bool = False) -> datetime:
        done, rest = self._lines[: self._read], self._lines[self._read :]
        match kind:
            case Kind.STATUS_404:
                self._path.unlink()
            case Kind.CUT:
                self._path.write_bytes(_packed(self._lines)[:-200])
            case Kind.WRONG_FIELDS:
                self._path.write_bytes(_packed([*done, *map(_wrong, rest)]))
            case Kind.TWICE:
                self._keep([*done, *(line for line in rest for _ in range(2))])
            case Kind.OUT_OF_ORDER:
                chance = Random(5)  # noqa: S311
                self._keep([*done, *chance.sample(rest, len(rest))])
            case Kind.AHEAD | Kind.BEHIND:
                hours = 5 if kind is Kind.AHEAD else -5
                self._keep([*done, *(_moved(line, timedelta(hours=hours)) for line in rest)])
        return self._clock() + timedelta(seconds=seconds)

    def end(self) -> None:
        self._path.write_bytes(_packed(self._lines))

    def _keep(self, lines: list[bytes]) -> None:
        # Only once: a reply changes nothing in a file.
        self._lines, self._read = lines, len(lines)
        self._path.write_bytes(_packed(lines))


def _packed(lines: Sequence[bytes]) -> bytes:
    return gzip.compress(b"".join(line + b"\n" for line in lines))


def _post(line: bytes) -> dict[str, Any] | None:
    try:
        post = json.loads(line)
    except ValueError:
        return None
    return post if isinstance(post, dict) else None


def _wrong(line: bytes) -> bytes:
    post = _post(line)
    return line if post is None else json.dumps({name: [value] for name, value in post.items()}).encode()


def _moved(line: bytes, by: timedelta) -> bytes:
    post = _post(line)
    if post is None:
        return line
    at = datetime.fromisoformat(post["created_at"]) + by
    return json.dumps(post | {"created_at": at.isoformat()}).encode()
