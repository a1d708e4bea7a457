"""Serving: batching, thresholds, laziness, threads, and what is never imported."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from classifier.predictor import batches_by_length, load_predictor
from tests.classifier.tiny import WIDTH

TEXTS = [f"my bank number {number} is not great {'!' * (number % 7)}" for number in range(40)]


@given(st.lists(st.integers(1, 128), max_size=200), st.integers(1, 512))
def test_batches_hold_every_text_once_within_the_budget(lengths: list[int], budget: int) -> None:
    batches = list(batches_by_length(lengths, budget))
    assert sorted(index for batch in batches for index in batch) == list(range(len(lengths)))
    for batch in batches:
        assert len(batch) == 1 or len(batch) * max(lengths[index] for index in batch) <= budget


def test_thresholds_part_complaints_from_those_to_look_at(tiny_folder: Path) -> None:
    scores = sorted(verdict.complaint for verdict in load_predictor(tiny_folder).predict(TEXTS))
    look, sure = scores[10], scores[30]
    verdicts = load_predictor(tiny_folder, complaint_threshold=sure, look_threshold=look).predict(TEXTS)
    assert [verdict.is_complaint for verdict in verdicts] == [
        verdict.complaint >= sure for verdict in verdicts
    ]
    assert [verdict.needs_look for verdict in verdicts] == [
        look <= verdict.complaint < sure for verdict in verdicts
    ]
    assert sum(verdict.is_complaint for verdict in verdicts) == 10
    assert sum(verdict.needs_look for verdict in verdicts) == 20


def test_the_embedding_has_the_width_of_the_manifest(tiny_folder: Path) -> None:
    predictor = load_predictor(tiny_folder)
    assert len(predictor.predict(["hi"])[0].embedding) == 2 * WIDTH == 2 * predictor.manifest.width


def test_threads_share_one_predictor(tiny_folder: Path) -> None:
    predictor = load_predictor(tiny_folder)
    with ThreadPoolExecutor(4) as pool:
        answers = list(
            pool.map(lambda _: [verdict.complaint for verdict in predictor.predict(TEXTS)], range(8))
        )
    assert all(answer == pytest.approx(answers[0], abs=1e-6) for answer in answers)


def loaded_after(code: str) -> set[str]:
    """Return the top-level modules that a fresh interpreter has loaded after running `code`."""
    report = "; import sys; print(*{name.split('.')[0] for name in sys.modules})"
    done = subprocess.run([sys.executable, "-c", code + report], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_serving_loads_neither_torch_nor_transformers(tiny_folder: Path) -> None:
    code = (
        "from pathlib import Path; from classifier import load_predictor; "
        f"load_predictor(Path({str(tiny_folder)!r})).predict(['hi'])"
    )
    loaded = loaded_after(code)
    assert "onnxruntime" in loaded
    assert not loaded & {"torch", "transformers", "onnx", "sklearn"}


def test_importing_the_package_or_its_labels_loads_nothing_heavy() -> None:
    loaded = loaded_after("import classifier, classifier.labels")
    assert not loaded & {"torch", "transformers", "onnxruntime", "numpy", "tokenizers", "pydantic"}


def test_the_package_names_only_what_it_has() -> None:
    import classifier

    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = classifier.nonsense
