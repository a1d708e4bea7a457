"""Trainings of several runs: the mean of the first, and the passes that go on from it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

from classifier.data import Example
from classifier.fitting import Plan, fit, schedule
from classifier.network import Network
from classifier.runs import fit_runs
from tests.classifier.runs import Interrupted, interrupted_at, learned, mean_of, tiny_plan

Write = Callable[[str, list[dict[str, object]]], Path]
Trained = Callable[..., Network]
PLAN = tiny_plan("complaints_en")
STILL = replace(PLAN, rate=0.0, head_rate=0.0, vector_rate=0.0)


@pytest.fixture
def data(tmp_path: Path, write_rows: Write) -> Path:
    rows = [{"text": f"my bank phone {n}", "complaint": n % 2, "lang": "en"} for n in range(120)]
    write_rows("complaints_en", rows)
    return tmp_path


@pytest.fixture
def trained(data: Path, tiny_base: Path, tmp_path: Path) -> Trained:
    """Runs and passes in the folder `run`; what a test says goes before what stands here."""
    return partial(fit_runs, data, tiny_base, tmp_path / "run", resume=False, seed=1, plan=PLAN)


def assert_equals(network: Network, expected: dict[str, torch.Tensor]) -> None:
    found = network.state_dict()
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value)


def test_runs_are_averaged(trained: Trained, tmp_path: Path) -> None:
    run = tmp_path / "run"
    network = trained(runs=3)

    assert_equals(network, mean_of(run, 1, 2, 3))
    first, second = learned(run / "1"), learned(run / "2")
    for name in ("top.complaint.weight", "embedding.weight"):
        assert not torch.equal(first[name], second[name])


def test_runs_start_alike_and_draw_their_own_samples(
    trained: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[set[str]] = []

    def watched(examples: Sequence[Example], *rest: Any) -> Any:
        drawn.append({example.text for example in examples})
        return schedule(examples, *rest)

    monkeypatch.setattr("classifier.fitting.schedule", watched)
    some = tuple(replace(source, limit=20) for source in PLAN.sources)
    still = replace(STILL, sources=some)
    trained(runs=2, plan=still)

    first, second = (learned(tmp_path / "run" / name) for name in ("1", "2"))
    # The map to the vector begins at the centre of its own sample.
    assert {name for name in first if not torch.equal(first[name], second[name])} == {"embedding.bias"}
    assert len(drawn[0]) == len(drawn[1])
    assert drawn[0] != drawn[1]


def test_a_run_that_is_done_is_not_learned_again(
    trained: Trained, data: Path, tiny_base: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    told: list[tuple[object, object]] = []
    fit(data, tiny_base, run / "1", resume=False, seed=1, plan=PLAN)

    network = trained(
        runs=2, resume=True, progress=lambda record: told.append((record["kind"], record["run"]))
    )

    assert {number for kind, number in told if kind == "step"} == {2}
    assert ("vectors", 1) not in told
    assert_equals(network, mean_of(run, 1, 2))


@pytest.mark.parametrize(("runs", "passes"), [(2, []), (1, [PLAN])], ids=["run", "pass"])
def test_a_new_training_takes_nothing_from_an_older_one(
    trained: Trained, runs: int, passes: list[Plan]
) -> None:
    """Neither the weights nor the log of a training that it had not come to when it was interrupted."""
    trained(runs=runs, passes=passes)
    another = partial(trained, runs=runs, passes=passes, seed=2)
    with pytest.raises(Interrupted):
        another(progress=interrupted_at(step=5))
    told: list[dict[str, object]] = []
    another(resume=True, progress=told.append)

    steps = told_by_run(told, 2)
    assert steps == list(range(1, len(steps) + 1))
    assert steps


def told_by_run(told: list[dict[str, object]], run: int) -> list[object]:
    return [record["step"] for record in told if record["kind"] == "step" and record["run"] == run]


def test_the_first_pass_begins_with_the_mean_of_the_runs(trained: Trained, tmp_path: Path) -> None:
    run = tmp_path / "run"
    network = trained(runs=2, passes=[STILL], plan=replace(PLAN, early_layer=0))

    mean = mean_of(run, 1, 2)
    # What is not served begins anew.
    assert_equals(network, {name: mean[name] for name in mean if not name.startswith("top.reason.")})


def test_a_pass_begins_where_the_one_before_it_ended(trained: Trained, tmp_path: Path) -> None:
    run = tmp_path / "run"
    network = trained(runs=1, passes=[PLAN, STILL, PLAN])

    begun, kept, ended = (learned(run / str(number)) for number in (2, 3, 4))
    some = [name for name in begun if name.startswith("encoder.")]
    assert some
    for name in some:
        assert torch.equal(begun[name], kept[name])
    assert not all(torch.equal(kept[name], ended[name]) for name in some)
    assert_equals(network, ended)


def test_a_pass_goes_back_as_far_as_it_is_held(trained: Trained, tmp_path: Path) -> None:
    run = tmp_path / "run"
    some = trained(runs=1, passes=[STILL, replace(PLAN, held=0.25)]).state_dict()

    begun, ended = (learned(run / name) for name in ("2", "3"))
    # What is not served begins anew in each pass.
    names = [name for name in ended if not name.startswith(("early.", "top.reason."))]
    for name in names:
        torch.testing.assert_close(some[name], 0.75 * ended[name] + 0.25 * begun[name])
    assert not all(torch.equal(some[name], ended[name]) for name in names)


def test_a_training_cut_off_in_a_pass_goes_on_there(trained: Trained) -> None:
    def cut_off(record: dict[str, object]) -> None:
        if record["run"] == 3:
            interrupted_at(step=5)(record)

    thrice = partial(trained, runs=1, passes=[PLAN, PLAN])
    with pytest.raises(Interrupted):
        thrice(progress=cut_off)
    told: list[dict[str, object]] = []
    resumed = thrice(resume=True, progress=told.append)
    whole = thrice()

    assert [told_by_run(told, run) for run in (1, 2)] == [[], []]
    assert told_by_run(told, 3)[0] == 5  # the last checkpoint was after step 4
    assert not any(record["kind"] == "vectors" for record in told)
    for name, value in whole.state_dict().items():
        torch.testing.assert_close(resumed.state_dict()[name], value, atol=1e-6, rtol=1e-5)
