"""`answerback train` from its options to weights that serve, on a micro base and a handful of rows."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import pytest

from answerback.commands import train as command
from classifier.artifact import Manifest, read_manifest, verify_files
from classifier.data import split_of
from classifier.progress import Progress
from desk import casework
from desk.model.case import CaseId
from desk.model.correction import Label
from tests.classifier.runs import tiny_plan
from tests.classifier.tiny import write_tiny_base
from tests.e2e.conftest import Answerback
from tests.fakes.replay_file import write
from tests.kernel import NOON, Desk, post

FROM_BASE = ("train", "--data", "data", "--base", "base", "--out", "ours")


@pytest.fixture
def data(home: Path) -> None:
    """The folder data/ with a set of complaints."""
    (home / "data").mkdir()
    said = ("i love my phone {}", "my phone {} is broken")
    rows = [{"text": said[n % 2].format(n), "complaint": n % 2, "lang": "en"} for n in range(160)]
    write(home / "data" / "complaints_en.jsonl.gz", rows, packed=True)


@pytest.fixture
def base(home: Path, data: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder base/, and two short runs over data/ in place of what an operator waits hours for."""
    write_tiny_base(home / "base")
    plan = tiny_plan("complaints_en")
    # The command leaves these to their defaults.
    defaults = import_module("classifier.training").train.__kwdefaults__
    for name, small in {"plan": plan, "runs": 1, "passes": [plan]}.items():
        monkeypatch.setitem(defaults, name, small)


def written_line(made: Manifest) -> str:
    return (
        f"Wrote {made.version} to ours: a complaint from {made.complaint_threshold:.3f}, "
        f"worth a look from {made.look_threshold:.3f}.\n"
    )


def test_training_from_a_base_writes_weights_that_serve(
    home: Path, base: None, answerback: Answerback
) -> None:
    done = answerback(*FROM_BASE)
    made = read_manifest(home / "ours")
    assert (done.code, done.out) == (0, written_line(made))
    assert "run 2  runs 2  kind step" in done.err
    verify_files(home / "ours", made)
    (home / "config.toml").write_text('[classifier]\nweights = "ours"\n')
    told = answerback("classify", "--json", stdin=b'{"text": "my phone is broken"}\n')
    assert (told.code, told.lines[0]["model"]) == (0, made.version)


def test_an_interrupted_training_goes_on(
    home: Path, base: None, answerback: Answerback, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = answerback(*FROM_BASE)
    expected = (home / "ours" / "encoder.onnx").read_bytes()
    with monkeypatch.context() as power_cut:
        power_cut.setattr(command, "training_progress", interrupted_in_the_second_run)
        cut = answerback(*FROM_BASE)
    cut.complains("run it again to go on", code=130)
    first = home / "ours" / "run" / "1" / "checkpoint.pt"
    done_at = first.stat().st_mtime_ns
    resumed = answerback(*FROM_BASE, "--resume")
    assert (resumed.code, resumed.out) == (0, whole.out)
    assert "run 1  runs 2  kind step" not in resumed.err
    assert first.stat().st_mtime_ns == done_at
    assert (home / "ours" / "encoder.onnx").read_bytes() == expected


@contextlib.contextmanager
def interrupted_in_the_second_run() -> Iterator[Progress]:
    def stop(record: dict[str, object]) -> None:
        if (record.get("run"), record["kind"]) == (2, "step"):
            raise KeyboardInterrupt

    yield stop


def test_resuming_with_another_seed_says_what_to_do(home: Path, base: None, answerback: Answerback) -> None:
    answerback(*FROM_BASE)
    done = answerback(*FROM_BASE, "--resume", "--seed", "2")
    done.complains("checkpoint.pt belongs to another seed", "Train without --resume")


TEXTS = [
    f"{colour} {what} {number} is {'broken' if number % 2 else 'great'}"
    for colour in ("red", "blue", "old")
    for what in ("bank", "phone", "shop")
    for number in range(9)
]
HELD = [text for text in TEXTS if split_of(text) != "train"]


@pytest.fixture
def lessons(data: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rates at which a random encoder learns something in a few steps, and no posts but those of data/."""
    feedback = import_module("classifier.feedback")
    small = tiny_plan("complaints_en")
    plan = replace(feedback.PLAN, rate=small.rate, head_rate=small.head_rate, frozen_layers=0, batch_size=16)
    monkeypatch.setitem(feedback.learn.__kwdefaults__, "plan", replace(plan, threads=1))
    monkeypatch.setattr(feedback, "SOURCES", small.sources)


def correct_posts(db: Path, *, wrong: bool) -> None:
    """What is broken is a complaint, what is great is none; `wrong` turns what is held back round."""
    desk = Desk(db)
    desk.take(*(post(str(number), text) for number, text in enumerate(TEXTS)))
    for number, text in enumerate(TEXTS):
        label = Label(complaint=("broken" in text) is not (wrong and text in HELD))
        seen = desk.mention(f"bluesky:{number}")
        casework.correct(desk.store, CaseId(1), agent="mia", post=seen, label=label, now=NOON)
    desk.store.close()


def test_learning_from_agents_writes_what_is_better(
    home: Path, lessons: None, answerback: Answerback
) -> None:
    correct_posts(home / "answerback.db", wrong=False)
    done = answerback("train", "--feedback", "--data", "data", "--out", "ours")
    assert done.code == 0
    counted, before, after, *rest = done.out.splitlines()
    assert (
        counted == f"Learned {len(TEXTS) - len(HELD)} corrections; {len(HELD)} were held back to measure on."
    )
    assert before.startswith("Before: ")
    assert after.startswith("After: ")
    assert rest == [
        "Wrote tiny-2l+1 to ours. To use it, say in config.toml:",
        "[classifier]",
        'weights = "ours"',
    ]
    (home / "config.toml").write_text("\n".join(rest[1:]))
    broken, great = answerback(
        "classify", "--json", stdin=b'{"text": "my bank is broken"}\n{"text": "my bank is great"}\n'
    ).lines
    assert broken["complaint"] > great["complaint"]
    assert broken["model"] == "tiny-2l+1"


def test_learning_from_agents_leaves_what_is_no_better(
    home: Path, lessons: None, answerback: Answerback
) -> None:
    correct_posts(home / "answerback.db", wrong=True)
    done = answerback("train", "--feedback", "--data", "data", "--out", "ours")
    assert done.code == 0
    assert "That is not better" in done.out
    assert "nothing was written" in done.out
    assert not (home / "ours").exists()
