"""How a training goes: bars for a person who waits, a line a record for a file or a pipe."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from answerback.terminal import tell

if TYPE_CHECKING:
    from classifier import progress

_SPEED_SECONDS = 600
"""The time left is reckoned from so much; records come half a minute apart, or later on a slow machine."""
_NO_LOSS = frozenset({"kind", "run", "runs", "step", "steps", "posts_per_second"})


@contextmanager
def training_progress(console: Console | None = None) -> Iterator[progress.Progress]:
    """Yield what shows a training's records until the block ends: bars on the console, or lines on stderr."""
    console = console or Console(stderr=True)
    if not console.is_terminal or console.is_dumb_terminal:
        yield _line
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[beside]}", style="dim"),
    )
    with Progress(*columns, console=console, speed_estimate_period=_SPEED_SECONDS) as bars:
        yield _Bars(bars).show


def _line(record: dict[str, object]) -> None:
    tell("  ".join(f"{name} {value}" for name, value in record.items()))


class _Bars:
    def __init__(self, bars: Progress) -> None:
        self._bars = bars
        self._tasks: dict[str, TaskID] = {}

    def show(self, record: dict[str, object]) -> None:
        run = f", run {record['run']} of {record['runs']}" if "run" in record else ""
        match record:
            case {"kind": "step", "step": int(done), "steps": int(of), "posts_per_second": speed}:
                loss = sum(v for k, v in record.items() if k not in _NO_LOSS and isinstance(v, float))
                self._move(f"Learning{run}", done, of, f"loss {loss:.2f}, {speed:.0f} posts/s")
            case {"kind": "answers", "texts": int(done), "of": int(of)}:
                self._move("Asking the teacher", done, of)
            case {"kind": "vectors", "texts": int(done), "of": int(of)}:
                self._move(f"Asking the encoder{run}", done, of)
            case {"kind": "stage", "stage": str(stage)}:
                self._bars.print(f"{stage}{run}")

    def _move(self, title: str, done: int, of: int, beside: str = "") -> None:
        """A resumed run begins where it was, so that the time left is that of what is left."""
        if title not in self._tasks:
            self._tasks[title] = self._bars.add_task(title, total=of, completed=done, beside=beside)
        self._bars.update(self._tasks[title], completed=done, beside=beside)
