"""A whole training run on a micro base, and a resumed one that ends where an uninterrupted one does."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from tokenizers import Tokenizer
from transformers import AutoModel, BertConfig, BertModel

from classifier.anchors import Anchors
from classifier.artifact import read_manifest, verify_files
from classifier.calibration import Platt
from classifier.data import DataError, Example, load_examples
from classifier.fitting import TrainingError, collate, fit, schedule
from classifier.predictor import load_predictor
from classifier.sources import SOURCES
from classifier.training import calibrate, train
from tests.classifier.runs import Interrupted, interrupted_at, tiny_plan

Write = Callable[[str, list[dict[str, object]]], Path]
PLAN = tiny_plan("complaints_en", "sentiment_xlmt", "sentiment_tr")
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
        data,
        tiny_base,
        out,
        seed=1,
        plan=LONGER,
        runs=1,
        passes=[PLAN],
        version="micro-2l",
        progress=told.append,
    )
    assert read_manifest(out) == manifest
    verify_files(out, manifest)
    assert 0.0 < manifest.look_threshold <= manifest.complaint_threshold < 1.0
    angry, happy = load_predictor(out).predict(["my bank phone 7000 is broken", "i love my bank phone 7000"])
    assert angry.complaint > 0.5 > happy.complaint
    assert angry.model == "micro-2l"
    runs = {number: logged(out / "run" / str(number)) for number in (1, 2)}
    assert 0 < len(runs[2]) < len(runs[1])
    expected = [
        {"run": number, "runs": 2, **record} for number, records in runs.items() for record in records
    ]
    assert [record for record in told if record["kind"] == "step"] == expected
    for records in runs.values():
        assert [record["step"] for record in records] == list(range(1, records[-1]["steps"] + 1))
    assert [record["kind"] for record in told[-3:]] == ["stage", "stage", "calibrated"]


def logged(run: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]


def steps_of(told: list[dict[str, object]]) -> list[object]:
    return [record["step"] for record in told if record["kind"] == "step"]


def test_a_resumed_run_ends_where_an_uninterrupted_one_does(
    data: Path, tiny_base: Path, tmp_path: Path
) -> None:
    whole = fit(data, tiny_base, tmp_path / "whole", resume=False, seed=5, plan=PLAN)
    with pytest.raises(Interrupted):
        fit(
            data,
            tiny_base,
            tmp_path / "parts",
            resume=False,
            seed=5,
            plan=PLAN,
            progress=interrupted_at(step=7),
        )
    told: list[dict[str, object]] = []
    resumed = fit(data, tiny_base, tmp_path / "parts", resume=True, seed=5, plan=PLAN, progress=told.append)
    assert steps_of(told)[0] == 5  # the last checkpoint was after step 4
    steps = [record["step"] for record in logged(tmp_path / "parts")]
    assert steps == list(range(1, len(steps) + 1))  # what was learned twice is told once
    assert not any(record["kind"] == "vectors" for record in told)  # the base is not asked again
    for name, value in whole.state_dict().items():
        torch.testing.assert_close(resumed.state_dict()[name], value, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize(("seed", "number"), [(2, 1), (1, 2)])
def test_another_seed_or_number_is_another_run(
    data: Path, tiny_base: Path, tmp_path: Path, seed: int, number: int
) -> None:
    fit(data, tiny_base, tmp_path / "run", resume=False, seed=1, plan=PLAN)
    with pytest.raises(TrainingError, match="another seed, base, plan, teacher or data"):
        fit(data, tiny_base, tmp_path / "run", resume=True, seed=seed, number=number, plan=PLAN)


def test_a_new_run_takes_nothing_from_an_older_one(data: Path, tiny_base: Path, tmp_path: Path) -> None:
    """However soon it is interrupted: here before its first checkpoint."""
    run = tmp_path / "run"
    fit(data, tiny_base, run, resume=False, seed=1, plan=PLAN)
    with pytest.raises(Interrupted):
        fit(data, tiny_base, run, resume=False, seed=1, plan=PLAN, progress=interrupted_at(step=1))
    told: list[dict[str, object]] = []
    fit(data, tiny_base, run, resume=True, seed=1, plan=PLAN, progress=told.append)
    assert steps_of(told)[0] == 1


def test_another_base_is_another_run(data: Path, tiny_base: Path, tmp_path: Path) -> None:
    other = Path(shutil.copytree(tiny_base, tmp_path / "other"))
    config = json.loads((other / "config.json").read_text())
    BertModel(BertConfig(**config)).save_pretrained(other)
    fit(data, tiny_base, tmp_path / "run", resume=False, seed=1, plan=PLAN)
    with pytest.raises(TrainingError, match="another seed, base, plan, teacher or data"):
        fit(data, other, tmp_path / "run", resume=True, seed=1, plan=PLAN)


def said_by(base: Path, texts: Sequence[str]) -> torch.Tensor:
    """Means of the top layer's states of an encoder that nobody trained, [texts, width]."""
    encoder = AutoModel.from_pretrained(base, dtype=torch.float32, add_pooling_layer=False).eval()
    tokenizer = Tokenizer.from_file(str(base / "tokenizer.json"))
    with torch.inference_mode():
        ids = [torch.tensor([tokenizer.encode(text).ids]) for text in texts]
        return torch.cat([encoder(input_ids=one).last_hidden_state.mean(1) for one in ids])


def test_the_vector_stays_near_what_the_untrained_encoder_says(
    data: Path, tiny_base: Path, tmp_path: Path
) -> None:
    texts = [example.text for example in load_examples(data, PLAN.sources, "train", 1)]
    others = [example.text for example in load_examples(data, PLAN.sources, "validation", 1)]
    theirs = said_by(tiny_base, others) - said_by(tiny_base, texts).mean(0)

    def cosine(share: float, rate: float) -> float:
        out = tmp_path / str(share)
        plan = replace(LONGER, vector_share=share, vector_rate=rate)
        again = replace(plan, sources=PLAN.sources)
        train(data, tiny_base, out, seed=1, plan=plan, runs=1, passes=[again])
        ours = torch.from_numpy(load_predictor(out).outputs(others).embedding)
        return float(torch.cosine_similarity(ours, theirs).mean())

    assert cosine(share=1.0, rate=2e-3) > 0.85
    assert cosine(share=1e-6, rate=0.0) < 0.7  # where nothing holds it, training for the heads turns it away


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
    vectors = torch.nn.functional.normalize(torch.rand(3, 8), dim=1)
    anchors = Anchors({"kötü": 0, "gut": 1, "bad": 2}, vectors, digest="")
    tensors = collate(sorted(batch, key=lambda item: item.example.text), anchors, PLAN)
    assert tensors.binary_weight["complaint"].tolist() == [1.0, 0.0, 0.5]
    assert tensors.binary_weight["abuse"].tolist() == [0.0, 0.0, 0.0]
    assert tensors.class_weight["sentiment"].tolist() == [0.0, 1.0, 1.0]
    assert tensors.classes["sentiment"][2].tolist() == [1.0, 0.0, 0.0]
    assert tensors.class_weight["reason"].tolist() == [0.0, 0.0, 0.0]
    assert tensors.polar.tolist() == [False, False, True]
    assert torch.equal(tensors.vectors, vectors[[2, 1, 0]])


def test_no_complaint_is_learned_as_surer_than_its_labels_are(tiny_base: Path) -> None:
    labels = {"calm": 0.0, "perhaps": 0.8, "wrong": 1.0}
    examples = [
        Example(text, "en", "complaints_en", complaint=label, anger=label) for text, label in labels.items()
    ]
    (batch,) = schedule(examples, tiny_base, PLAN, seed=1)
    batch.sort(key=lambda item: item.example.text)
    anchors = Anchors({text: row for row, text in enumerate(labels)}, torch.ones(3, 8), digest="")
    doubting = replace(PLAN, doubt=0.05)
    assert collate(batch, anchors, doubting).binary["complaint"].tolist() == pytest.approx([0.05, 0.8, 0.95])
    assert collate(batch, anchors, doubting).binary["anger"].tolist() == pytest.approx([0.0, 0.8, 1.0])
    assert collate(batch, anchors, PLAN).binary["complaint"].tolist() == pytest.approx([0.0, 0.8, 1.0])


def test_of_kept_sources_complaints_stay_what_they_were_said_to_be(tiny_base: Path) -> None:
    examples = [
        Example("calm", "en", "complaints_en", complaint=0.0),
        Example("unlabelled", "de", "sentiment_xlmt", sentiment=2),
        Example("wrong", "tr", "sentiment_tr", complaint=1.0, complaint_weight=0.5),
    ]
    (batch,) = schedule(examples, tiny_base, PLAN, seed=1)
    batch.sort(key=lambda item: item.example.text)
    rows = {example.text: row for row, example in enumerate(examples)}
    anchors = Anchors(rows, torch.ones(3, 8), digest="", chances=torch.tensor([0.3, 0.4, 0.5]))

    kept = collate(batch, anchors, replace(PLAN, complaints_kept=("complaints_en", "sentiment_xlmt")))

    assert kept.binary["complaint"].tolist() == pytest.approx([0.3, 0.4, 1.0])
    assert kept.binary_weight["complaint"].tolist() == [1.0, 1.0, 0.5]
    assert kept.classes["sentiment"][1].tolist() == [0.0, 0.0, 1.0]


def test_a_base_has_no_word_on_complaints_to_keep(data: Path, tiny_base: Path, tmp_path: Path) -> None:
    plan = replace(PLAN, complaints_kept=("complaints_en",))
    with pytest.raises(ValueError, match="no word on complaints"):
        fit(data, tiny_base, tmp_path / "run", resume=False, seed=1, plan=plan)


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


def test_anger_is_calibrated_where_it_is_labelled(tiny_folder: Path, tmp_path: Path) -> None:
    """As often as it is said, it is so; what nobody labelled stays as it is."""
    folder = Path(shutil.copytree(tiny_folder, tmp_path / "weights"))
    examples = [
        Example(f"my phone {n}", "en", "complaints_en", complaint=float(n % 2), anger=float(n % 10 < 3))
        for n in range(200)
    ]
    before = load_predictor(folder).predict([example.text for example in examples])
    calibration = calibrate(folder, examples).calibration
    after = load_predictor(folder).predict([example.text for example in examples])
    assert abs(sum(one.anger for one in before) / 200 - 0.3) > 0.1
    assert sum(one.anger for one in after) / 200 == pytest.approx(0.3, abs=0.02)
    assert calibration.abuse == Platt(scale=1.0, bias=0.0)
    assert [one.abuse for one in after] == [one.abuse for one in before]
