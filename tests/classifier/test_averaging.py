"""Trainings of several runs, and the mean that comes of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from classifier.averaging import fit_averaged
from classifier.data import Example
from classifier.fitting import fit, schedule
from classifier.network import Network
from tests.classifier.runs import Interrupted, interrupted_at, learned, mean_of, tiny_plan

Write = Callable[[str, list[dict[str, object]]], Path]
PLAN = tiny_plan("complaints_en")


@pytest.fixture
def data(tmp_path: Path, write_rows: Write) -> Path:
    rows = [{"text": f"my bank phone {n}", "complaint": n % 2, "lang": "en"} for n in range(120)]
    write_rows("complaints_en", rows)
    return tmp_path


def assert_equals(network: Network, expected: dict[str, torch.Tensor]) -> None:
    found = network.state_dict()
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value)


def test_runs_are_averaged(data: Path, tiny_base: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    network = fit_averaged(data, tiny_base, run, runs=3, resume=False, seed=1, plan=PLAN)

    assert_equals(network, mean_of(run, 3))
    first, second = learned(run / "1"), learned(run / "2")
    for name in ("top.complaint.weight", "embedding.weight"):
        assert not torch.equal(first[name], second[name])


def test_runs_start_alike_and_draw_their_own_samples(
    data: Path, tiny_base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[set[str]] = []

    def watched(examples: Sequence[Example], *rest: Any) -> Any:
        drawn.append({example.text for example in examples})
        return schedule(examples, *rest)

    monkeypatch.setattr("classifier.fitting.schedule", watched)
    some = tuple(replace(source, limit=20) for source in PLAN.sources)
    still = replace(PLAN, rate=0.0, head_rate=0.0, vector_rate=0.0, sources=some)
    fit_averaged(data, tiny_base, tmp_path / "run", runs=2, resume=False, seed=1, plan=still)

    first, second = (learned(tmp_path / "run" / name) for name in ("1", "2"))
    # The map to the vector begins at the centre of its own sample.
    assert {name for name in first if not torch.equal(first[name], second[name])} == {"embedding.bias"}
    assert len(drawn[0]) == len(drawn[1])
    assert drawn[0] != drawn[1]


def test_a_run_that_is_done_is_not_learned_again(data: Path, tiny_base: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    told: list[tuple[object, object]] = []
    fit(data, tiny_base, run / "1", resume=False, seed=1, plan=PLAN)

    network = fit_averaged(
        data,
        tiny_base,
        run,
        runs=2,
        resume=True,
        seed=1,
        plan=PLAN,
        progress=lambda record: told.append((record["kind"], record["run"])),
    )

    assert {number for kind, number in told if kind == "step"} == {2}
    assert ("vectors", 1) not in told
    assert_equals(network, mean_of(run, 2))


def test_a_new_training_takes_nothing_from_an_older_one(data: Path, tiny_base: Path, tmp_path: Path) -> None:
    """Neither the weights nor the log of a run that it had not come to when it was interrupted."""
    run = tmp_path / "run"
    fit(data, tiny_base, run / "2", resume=False, seed=1, plan=PLAN, number=2)
    with pytest.raises(Interrupted):
        fit_averaged(
            data,
            tiny_base,
            run,
            runs=2,
            resume=False,
            seed=1,
            plan=PLAN,
            progress=interrupted_at(step=5),
        )

    told: list[dict[str, object]] = []
    fit_averaged(data, tiny_base, run, runs=2, resume=True, seed=1, plan=PLAN, progress=told.append)

    steps = [record["step"] for record in told if record["kind"] == "step" and record["run"] == 2]
    assert steps == list(range(1, len(steps) + 1))
    assert steps
