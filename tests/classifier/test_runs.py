"""Trainings of several runs: the mean of the first, and the passes that go on from it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from classifier.data import Example
from classifier.fitting import Plan, fit, schedule
from classifier.network import Network
from classifier.progress import Progress, silent
from classifier.runs import fit_runs
from tests.classifier.runs import Interrupted, interrupted_at, learned, mean_of, tiny_plan

Write = Callable[[str, list[dict[str, object]]], Path]
PLAN = tiny_plan("complaints_en")
STILL = replace(PLAN, rate=0.0, head_rate=0.0, vector_rate=0.0)


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
    network = fit_runs(data, tiny_base, run, runs=3, resume=False, seed=1, plan=PLAN)

    assert_equals(network, mean_of(run, 1, 2, 3))
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
    still = replace(STILL, sources=some)
    fit_runs(data, tiny_base, tmp_path / "run", runs=2, resume=False, seed=1, plan=still)

    first, second = (learned(tmp_path / "run" / name) for name in ("1", "2"))
    # The map to the vector begins at the centre of its own sample.
    assert {name for name in first if not torch.equal(first[name], second[name])} == {"embedding.bias"}
    assert len(drawn[0]) == len(drawn[1])
    assert drawn[0] != drawn[1]


def test_a_run_that_is_done_is_not_learned_again(data: Path, tiny_base: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    told: list[tuple[object, object]] = []
    fit(data, tiny_base, run / "1", resume=False, seed=1, plan=PLAN)

    network = fit_runs(
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
    assert_equals(network, mean_of(run, 1, 2))


@pytest.mark.parametrize(("runs", "passes"), [(2, []), (1, [PLAN])], ids=["run", "pass"])
def test_a_new_training_takes_nothing_from_an_older_one(
    data: Path, tiny_base: Path, tmp_path: Path, runs: int, passes: list[Plan]
) -> None:
    """Neither the weights nor the log of a training that it had not come to when it was interrupted."""

    def trained(seed: int, *, resume: bool = False, progress: Progress = silent) -> None:
        fit_runs(
            data,
            tiny_base,
            tmp_path / "run",
            runs=runs,
            passes=passes,
            resume=resume,
            seed=seed,
            plan=PLAN,
            progress=progress,
        )

    trained(1)
    with pytest.raises(Interrupted):
        trained(2, progress=interrupted_at(step=5))
    told: list[dict[str, object]] = []
    trained(2, resume=True, progress=told.append)

    steps = told_by_run(told, 2)
    assert steps == list(range(1, len(steps) + 1))
    assert steps


def told_by_run(told: list[dict[str, object]], run: int) -> list[object]:
    return [record["step"] for record in told if record["kind"] == "step" and record["run"] == run]


def test_the_first_pass_begins_with_the_mean_of_the_runs(data: Path, tiny_base: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    network = fit_runs(
        data, tiny_base, run, runs=2, passes=[STILL], resume=False, seed=1, plan=replace(PLAN, early_layer=0)
    )

    mean = mean_of(run, 1, 2)
    # What is not served begins anew.
    assert_equals(network, {name: mean[name] for name in mean if not name.startswith("top.reason.")})


def test_a_pass_begins_where_the_one_before_it_ended(data: Path, tiny_base: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    passes = [PLAN, STILL, PLAN]
    network = fit_runs(data, tiny_base, run, runs=1, passes=passes, resume=False, seed=1, plan=PLAN)

    begun, kept, ended = (learned(run / str(number)) for number in (2, 3, 4))
    some = [name for name in begun if name.startswith("encoder.")]
    assert some
    for name in some:
        assert torch.equal(begun[name], kept[name])
    assert not all(torch.equal(kept[name], ended[name]) for name in some)
    assert_equals(network, ended)


def test_a_training_cut_off_in_a_pass_goes_on_there(data: Path, tiny_base: Path, tmp_path: Path) -> None:
    def cut_off(record: dict[str, object]) -> None:
        if record["run"] == 3:
            interrupted_at(step=5)(record)

    def trained(name: str, *, resume: bool = False, progress: Progress = silent) -> Network:
        return fit_runs(
            data,
            tiny_base,
            tmp_path / name,
            runs=1,
            passes=[PLAN, PLAN],
            resume=resume,
            seed=1,
            plan=PLAN,
            progress=progress,
        )

    whole = trained("whole")
    with pytest.raises(Interrupted):
        trained("parts", progress=cut_off)
    told: list[dict[str, object]] = []
    resumed = trained("parts", resume=True, progress=told.append)

    assert [told_by_run(told, run) for run in (1, 2)] == [[], []]
    assert told_by_run(told, 3)[0] == 5  # the last checkpoint was after step 4
    assert not any(record["kind"] == "vectors" for record in told)
    for name, value in whole.state_dict().items():
        torch.testing.assert_close(resumed.state_dict()[name], value, atol=1e-6, rtol=1e-5)
