"""A whole training run on a micro base, and a resumed one that ends where an uninterrupted one does."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import torch

from classifier.artifact import read_manifest, verify_files
from classifier.data import SOURCES, DataError, Example
from classifier.fitting import Plan, TrainingError, collate, fit, fit_averaged, schedule
from classifier.predictor import load_predictor
from classifier.training import train

Write = Callable[[str, list[dict[str, object]]], Path]
PLAN = Plan(
    sources=tuple(
        replace(one, repeat=1)
        for one in SOURCES
        if one.name in {"complaints_en", "sentiment_xlmt", "sentiment_tr"}
    ),
    batch_size=16,
    rate=2e-3,
    head_rate=2e-2,
    frozen_layers=1,
    early_layer=1,
    checkpoint_steps=4,
    log_steps=1,
    threads=1,
)
LONGER = replace(PLAN, sources=tuple(replace(one, repeat=6) for one in PLAN.sources))


@pytest.fixture
def data(tmp_path: Path, write_rows: Write) -> Path:
    """Complaints say broken, happy posts say love; German and Turkish rows carry sentiment only."""
    bad, good = "my bank phone {} is broken", "i love my bank phone {}"
    complaints = [
        {"text": (bad if number % 2 else good).format(number), "complaint": number % 2, "lang": "en"}
        for number in range(240)
    ]
    write_rows("complaints_en", complaints)
    for name, language in (("sentiment_xlmt", "de"), ("sentiment_tr", "tr")):
        rows = [
            {
                "text": f"{'hate' if number % 2 else 'great'} {language} {number}",
                "sentiment": 1 - number % 2 * 2,
            }
            for number in range(60)
        ]
        write_rows(name, [{**row, "lang": language} for row in rows])
    return tmp_path


def test_a_run_writes_a_folder_that_serves(data: Path, tiny_base: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    told: list[dict[str, object]] = []
    manifest = train(
        data, tiny_base, out, seed=1, plan=LONGER, runs=2, version="micro-2l", progress=told.append
    )
    assert read_manifest(out) == manifest
    verify_files(out, manifest)
    assert 0.0 < manifest.look_threshold <= manifest.complaint_threshold < 1.0
    angry, happy = load_predictor(out).predict(["my bank phone 7000 is broken", "i love my bank phone 7000"])
    assert angry.complaint > 0.5 > happy.complaint
    assert angry.model == "micro-2l"
    logged = [
        {"run": run, "runs": 2, **json.loads(line)}
        for run in (1, 2)
        for line in (out / "run" / str(run) / "log.jsonl").read_text().splitlines()
    ]
    steps = list(range(1, logged[-1]["steps"] + 1))
    assert [(record["run"], record["step"]) for record in logged] == [*product((1, 2), steps)]
    assert [record for record in told if record["kind"] == "step"] == logged
    assert [record["kind"] for record in told[-3:]] == ["stage", "stage", "calibrated"]


class Interrupted(Exception):
    """Stands for the power cut."""


def test_a_resumed_run_ends_where_an_uninterrupted_one_does(
    data: Path, tiny_base: Path, tmp_path: Path
) -> None:
    def stop(record: dict[str, object]) -> None:
        if record.get("step") == 7:
            raise Interrupted

    whole = fit(data, tiny_base, tmp_path / "whole", resume=False, seed=5, plan=PLAN)
    with pytest.raises(Interrupted):
        fit(data, tiny_base, tmp_path / "parts", resume=False, seed=5, plan=PLAN, progress=stop)
    steps: list[object] = []
    resumed = fit(
        data,
        tiny_base,
        tmp_path / "parts",
        resume=True,
        seed=5,
        plan=PLAN,
        progress=lambda record: steps.append(record.get("step")),
    )
    assert steps[:2] == [None, 5]  # the last checkpoint was after step 4
    for name, value in whole.state_dict().items():
        torch.testing.assert_close(resumed.state_dict()[name], value, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("other", [{"seed": 2}, {"number": 2}])
def test_another_seed_or_number_is_another_run(
    data: Path, tiny_base: Path, tmp_path: Path, other: dict[str, int]
) -> None:
    fit(data, tiny_base, tmp_path / "run", resume=False, seed=1, plan=PLAN)
    with pytest.raises(TrainingError, match="another seed, plan, teacher or data"):
        fit(data, tiny_base, tmp_path / "run", resume=True, plan=PLAN, **({"seed": 1} | other))


def learned(run: Path) -> dict[str, torch.Tensor]:
    return {**torch.load(run / "checkpoint.pt")["network"]}


def test_runs_are_averaged(data: Path, tiny_base: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    mean = fit_averaged(data, tiny_base, run, runs=2, resume=False, seed=1, plan=PLAN).state_dict()

    parts = [learned(run / name) for name in ("1", "2")]
    assert not torch.equal(*(part["top.complaint.weight"] for part in parts))
    for name in parts[0]:
        torch.testing.assert_close(mean[name], torch.stack([part[name] for part in parts]).mean(0))


def test_runs_start_alike_and_draw_their_own_samples(
    data: Path, tiny_base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[set[str]] = []

    def watched(examples: Sequence[Example], *rest: Any) -> Any:
        drawn.append({example.text for example in examples})
        return schedule(examples, *rest)

    monkeypatch.setattr("classifier.fitting.schedule", watched)
    still = replace(PLAN, rate=0.0, head_rate=0.0, sources=tuple(replace(s, limit=20) for s in PLAN.sources))
    fit_averaged(data, tiny_base, tmp_path / "run", runs=2, resume=False, seed=1, plan=still)

    first, second = (learned(tmp_path / "run" / name) for name in ("1", "2"))
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert len(drawn[0]) == len(drawn[1])
    assert drawn[0] != drawn[1]


def test_runs_that_are_there_are_gone_on_from(data: Path, tiny_base: Path, tmp_path: Path) -> None:
    told: list[object] = []
    fit(data, tiny_base, tmp_path / "run" / "1", resume=False, seed=1, plan=PLAN)

    fit_averaged(
        data,
        tiny_base,
        tmp_path / "run",
        runs=2,
        resume=True,
        seed=1,
        plan=PLAN,
        progress=lambda record: told.append((record["kind"], record["run"])),
    )

    assert set(told) == {("stage", 1), ("stage", 2), ("step", 2)}


def test_a_new_training_takes_nothing_from_an_older_one(data: Path, tiny_base: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    fit(data, tiny_base, run / "2", resume=False, seed=1, plan=PLAN, number=2)

    def stop(record: dict[str, object]) -> None:
        if record.get("step") == 5:
            raise Interrupted

    with pytest.raises(Interrupted):
        fit_averaged(data, tiny_base, run, runs=2, resume=False, seed=1, plan=PLAN, progress=stop)
    assert (run / "1" / "checkpoint.pt").is_file()
    assert not (run / "2" / "checkpoint.pt").exists()


def test_frozen_parts_stay_as_they_are(data: Path, tiny_base: Path, tmp_path: Path) -> None:
    network = fit(data, tiny_base, tmp_path / "run", resume=False, seed=1, plan=PLAN)
    assert not any(one.requires_grad for one in network.encoder.encoder.layer[0].parameters())
    assert all(one.requires_grad for one in network.encoder.encoder.layer[1].parameters())
    assert not network.encoder.embeddings.word_embeddings.weight.requires_grad


def test_batches_hold_every_example_as_often_as_planned(tiny_base: Path) -> None:
    plan = replace(PLAN, sources=(replace(SOURCES[0], repeat=3),))
    examples = [Example(f"text {number}", "en", "complaints_en", complaint=1.0) for number in range(37)]
    batches = schedule(examples, tiny_base, plan, seed=1)
    counts = [item.example.text for batch in batches for item in batch]
    assert sorted(counts) == sorted([example.text for example in examples] * 3)
    assert batches == schedule(examples, tiny_base, plan, seed=1)


def test_a_target_that_is_not_known_weighs_nothing(tiny_base: Path) -> None:
    examples = [
        Example("bad", "en", "complaints_en", complaint=1.0),
        Example("gut", "de", "sentiment_xlmt", sentiment=2),
        Example("kötü", "tr", "sentiment_tr", sentiment=0, polar=True, complaint=0.0, complaint_weight=0.5),
    ]
    (batch,) = schedule(examples, tiny_base, PLAN, seed=1)
    tensors = collate(sorted(batch, key=lambda item: item.example.text))
    assert tensors.binary_weight["complaint"].tolist() == [1.0, 0.0, 0.5]
    assert tensors.binary_weight["abuse"].tolist() == [0.0, 0.0, 0.0]
    assert tensors.class_weight["sentiment"].tolist() == [0.0, 1.0, 1.0]
    assert tensors.classes["sentiment"][2].tolist() == [1.0, 0.0, 0.0]
    assert tensors.class_weight["reason"].tolist() == [0.0, 0.0, 0.0]
    assert tensors.polar.tolist() == [False, False, True]


def test_no_data_is_said_plainly(tiny_base: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such data set"):
        train(tmp_path, tiny_base, tmp_path / "out", plan=PLAN)
    with pytest.raises(TrainingError, match="No training examples"):
        schedule([], tiny_base, PLAN, seed=1)


@pytest.mark.parametrize("config", [None, "{}", "not json"])
def test_a_base_that_is_no_encoder_is_said(
    data: Path, tiny_base: Path, tmp_path: Path, config: str | None
) -> None:
    base = tmp_path / "base"
    base.mkdir()
    (base / "tokenizer.json").write_bytes((tiny_base / "tokenizer.json").read_bytes())
    if config is not None:
        (base / "config.json").write_text(config)
    with pytest.raises(TrainingError, match=r"base is no encoder to start from"):
        fit(data, base, tmp_path / "run", resume=False, seed=1, plan=PLAN)
