"""Distilling: what the student keeps of its teacher, what it learns and what both share."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from classifier.artifact import SCALES, ArtifactError, read_manifest, sha256_of, write_manifest
from classifier.data import Example
from classifier.distilling import Course, distil, lessons, slimmed
from classifier.fitting import Plan, TrainingError
from classifier.predictor import load_predictor
from classifier.reload import reload
from classifier.sources import SOURCES
from tests.classifier.tiny import INNER

Write = Callable[[str, list[dict[str, object]]], Path]
TEXTS = [
    f"my {what} number {number} is {how}"
    for number in range(40)
    for what in ("bank", "phone")
    for how in ("great", "broken")
]
SOME = tuple(one for one in SOURCES if one.name == "complaints_en")
_PLAN = replace(Course().plan, sources=SOME, rate=3e-3, head_rate=3e-3, batch_size=16, threads=1, merges=(1,))
COURSE = Course(layers=1, inner=INNER // 2, passes=20, plan=_PLAN)


@pytest.fixture(scope="module")
def quick(tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A one-layer student in the folder of its teacher, which has two."""
    scratch = tmp_path_factory.mktemp("distilling")
    teacher = Path(shutil.copytree(tiny_folder, scratch / "weights"))
    write_complaints(scratch)
    distil(teacher, scratch, teacher / "quick", course=COURSE)
    return teacher / "quick"


def write_complaints(folder: Path) -> None:
    import gzip
    import json

    rows = [{"text": text, "complaint": int("broken" in text), "lang": "en"} for text in TEXTS]
    with gzip.open(folder / "complaints_en.jsonl.gz", "wt", encoding="utf-8") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)


def test_the_student_has_fewer_layers_half_the_units_and_reads_half_the_tokens(quick: Path) -> None:
    found = reload(quick)
    inner = [value for name, value in found.encoder.items() if name.endswith("intermediate.dense.bias")]
    assert [len(bias) for bias in inner] == [INNER // 2]
    assert found.merges == (1,)
    assert found.embedding_layers == (1,)
    assert read_manifest(quick).version == "tiny-2l-quick"


def test_the_student_says_what_its_teacher_says(quick: Path) -> None:
    ours, theirs = load_predictor(quick).outputs(TEXTS), load_predictor(quick.parent).outputs(TEXTS)
    for head in ("complaint", "anger", "abuse"):
        said, taught = getattr(ours, head), getattr(theirs, head)
        assert np.corrcoef(said, taught)[0, 1] > 0.8
    assert (ours.embedding * theirs.embedding).sum(axis=1).mean() > 0.9
    assert (ours.language == theirs.language).all()


def test_the_table_lies_in_the_teachers_folder_alone(quick: Path, tmp_path: Path) -> None:
    assert read_manifest(quick).shared == ".."
    assert not (quick / "embeddings.npy").exists()
    assert not (quick / "tokenizer.json").exists()
    assert (
        load_predictor(quick).reason_vectors().keys() == load_predictor(quick.parent).reason_vectors().keys()
    )
    both = Path(shutil.copytree(quick.parent, tmp_path / "both"))
    (both / "embeddings.npy").write_bytes(b"damaged")
    with pytest.raises(ArtifactError, match=r"embeddings\.npy is damaged.*--distil"):
        load_predictor(both / "quick").predict(["hi"])


def test_a_resumed_run_asks_the_teacher_nothing_again(
    tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_complaints(tmp_path)
    course = replace(COURSE, passes=1)
    made = distil(tiny_folder, tmp_path, tmp_path / "out", course=course)
    assert made.shared == ""  # a folder of its own holds all it needs
    assert len(load_predictor(tmp_path / "out").predict(["my bank"])) == 1
    first = (tmp_path / "out" / "encoder.onnx").read_bytes()

    def nobody(_: Path) -> None:
        raise AssertionError("the answers are kept")

    monkeypatch.setattr("classifier.distilling.load_predictor", nobody)
    distil(tiny_folder, tmp_path, tmp_path / "out", course=course, resume=True)
    assert (tmp_path / "out" / "encoder.onnx").read_bytes() == first
    with pytest.raises(TrainingError, match="another seed, base, plan, teacher or data"):
        distil(tiny_folder, tmp_path, tmp_path / "out", course=replace(course, passes=2), resume=True)


def test_a_student_goes_on_from_an_older_one(quick: Path, tmp_path: Path) -> None:
    """Where it hardly learns, or goes wholly back, it says what that one says; a new one does not."""
    write_complaints(tmp_path)
    still = replace(_PLAN, rate=1e-9, head_rate=1e-9, vector_rate=1e-9)

    def cosine(name: str, plan: Plan, start: Path | None) -> float:
        course = replace(COURSE, passes=1, plan=plan)
        distil(quick.parent, tmp_path, tmp_path / name, start=start, course=course)
        ours, older = (load_predictor(folder).outputs(TEXTS) for folder in (tmp_path / name, quick))
        return float((ours.embedding * older.embedding).sum(axis=1).mean())

    assert cosine("still", still, quick) > 0.99
    assert cosine("held", replace(_PLAN, vector_share=0.0, rate=1e-2, held=1.0), quick) > 0.99
    assert cosine("moved", replace(_PLAN, vector_share=0.0, rate=1e-2), quick) < 0.99
    assert cosine("new", still, None) < 0.9


def test_a_student_goes_on_from_no_other_than_a_quick_one_of_like_weights(
    quick: Path, tmp_path: Path
) -> None:
    write_complaints(tmp_path)
    teacher = quick.parent
    with pytest.raises(TrainingError, match="holds no quick model"):
        distil(teacher, tmp_path, tmp_path / "out", start=teacher, course=COURSE)
    other = Path(shutil.copytree(teacher, tmp_path / "other"))
    np.save(other / SCALES, np.load(other / SCALES) * 2)
    known = read_manifest(other)
    write_manifest(other, replace(known, files={**known.files, SCALES: sha256_of(other / SCALES)}))
    with pytest.raises(TrainingError, match="another token table"):
        distil(other, tmp_path, tmp_path / "out", start=quick, course=COURSE)


def test_the_teacher_is_not_written_over(tiny_folder: Path, tmp_path: Path) -> None:
    teacher = Path(shutil.copytree(tiny_folder, tmp_path / "weights"))
    write_complaints(tmp_path)
    with pytest.raises(TrainingError, match="holds the weights that teach"):
        distil(teacher, tmp_path, tmp_path / "other" / ".." / "weights", course=COURSE)
    assert len(load_predictor(teacher).predict(["my bank"])) == 1


def test_without_texts_there_is_nothing_to_teach(
    tiny_folder: Path, tmp_path: Path, write_rows: Write
) -> None:
    write_rows("complaints_en", [])
    with pytest.raises(TrainingError, match="No texts to teach with"):
        distil(tiny_folder, tmp_path, tmp_path / "out", course=COURSE)


def test_parts_of_texts_are_taught_where_a_source_is_shown_repeatedly() -> None:
    whole = "my bank has lost my card and nobody answers the phone since monday"
    once, often = (replace(SOME[0], repeat=repeat) for repeat in (1, 5))
    example = Example(whole, "en", SOME[0].name)
    assert lessons([example], [once], seed=1) == [whole]
    taught = lessons([example], [often], seed=1)
    assert taught == lessons([example], [often], seed=1)
    assert 2 <= len(taught) <= 5
    assert all(f" {part} " in f" {whole} " for part in taught)


def test_the_busiest_units_stay(tiny_folder: Path) -> None:
    """With all but one unit of a layer silenced, that one is kept."""
    found = reload(tiny_folder)
    name = "encoder.layer.0.output.dense.weight"
    silent = np.zeros_like(found.encoder[name])
    silent[:, 77] = found.encoder[name][:, 77]
    one = replace(found, encoder={**found.encoder, name: silent})
    kept = slimmed(one, replace(COURSE, inner=1), TEXTS)
    np.testing.assert_array_equal(kept.encoder[name][:, 0], silent[:, 77])
