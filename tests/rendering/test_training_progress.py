"""A training shown to a person who waits, and to a file."""

from __future__ import annotations

import io
import itertools
import re
import time
from collections.abc import Callable

import pytest
from rich.console import Console

from answerback.rendering.training_progress import training_progress

STEP = {"kind": "step", "step": 20, "steps": 80, "complaint": 0.5, "anger": 0.25, "posts_per_second": 23.4}


_CONTROL = re.compile(r"\x1b\[[\d;?]*[A-Za-z]|\r")


def shown(
    *records: dict[str, object], terminal: bool = True, clock: Callable[[], float] = time.monotonic
) -> list[str]:
    """The rows that were written, the last picture of the bars last."""
    file = io.StringIO()
    console = Console(file=file, force_terminal=terminal, width=120, color_system=None, get_time=clock)
    with training_progress(console) as progress:
        for record in records:
            progress(record)
    return [row for row in _CONTROL.sub("\n", file.getvalue()).splitlines() if row.strip()]


def test_a_bar_says_how_far_the_run_is() -> None:
    last = shown({"run": 1, "runs": 2, **STEP}, {"run": 1, "runs": 2, **STEP, "step": 60})[-1]
    assert "Learning, run 1 of 2" in last
    assert "60/80" in last
    assert "loss 0.75, 23 posts/s" in last


def test_each_part_has_its_bar_and_stages_stand_above() -> None:
    vectors = {"run": 2, "runs": 2, "kind": "vectors", "texts": 4000, "of": 9000}
    answers = {"kind": "answers", "texts": 4000, "of": 9000}
    reading = {"run": 2, "runs": 2, "kind": "stage", "stage": "Reading"}
    seen = shown(reading, vectors, answers, STEP, {"kind": "stage", "stage": "Writing"})
    named = [re.split(" {2}| [━╸╺]", row)[0].strip() for row in seen]
    assert named[-3:] == ["Asking the encoder, run 2 of 2", "Asking the teacher", "Learning"]
    assert {"Reading, run 2 of 2", "Writing"} <= set(named[:-3])


def test_a_slow_training_says_how_long_it_still_takes() -> None:
    now = itertools.count(step=40)  # seconds between two looks at the clock, of which a record takes some
    records = [{**STEP, "step": done} for done in (20, 30, 40, 50)]
    last = shown(*records, clock=lambda: float(next(now)))[-1]
    assert re.search(r"50/80 +\d:\d\d:\d\d", last)


def test_a_file_gets_a_line_a_record(capsys: pytest.CaptureFixture[str]) -> None:
    assert shown(STEP, terminal=False) == []
    assert capsys.readouterr().err == (
        "kind step  step 20  steps 80  complaint 0.5  anger 0.25  posts_per_second 23.4\n"
    )
