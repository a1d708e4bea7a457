"""Distils a quick model from a full one: few and slim layers, taught to say what the full one says.

The student reads all texts there are for training, and parts of some, and learns what the teacher
says of each instead of labels (Hinton et al. 2015). It begins with the teacher's lowest layers (Sajjad et al.
2023), of each the inner units that do most, and with its heads. On the way up every two neighbouring tokens
become one, twice (`EncoderShape`). In the teacher's folder it needs no token table of its own.
"""

from __future__ import annotations

import hashlib
import os
import random
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from classifier.artifact import (
    ENCODER,
    FILES,
    QUICK,
    SHAREABLE,
    TABLE,
    Manifest,
    read_manifest,
    write_manifest,
)
from classifier.data import Example, Source, load_examples
from classifier.fitting import (
    Plan,
    TrainingError,
    batches_of_like_length,
    forget,
    run_batches,
    settings_of,
)
from classifier.kept import Arrays, kept_arrays
from classifier.labels import BINARY_HEADS, HEADS
from classifier.language_head import LanguageHead
from classifier.network import SHARES, Network, cosine_loss, padded
from classifier.predictor import OnnxPredictor, load_predictor
from classifier.progress import Progress, silent
from classifier.quantise import Floats
from classifier.reload import Reloaded, reload, write_base
from classifier.sources import FURTHER_SOURCES, SOURCES, in_full
from classifier.tokens import tokenizer_of
from classifier.training import WRITING, calibrate, write_weights

Lesson = tuple[int, tuple[int, ...]]
"""Which of the teacher's answers belongs to it, and its token ids."""

_ANSWERS = "answers.npz"
_VECTOR = "embedding"
_ASKED_AT_ONCE = 4_000
_WATCHED = 256
"""About so many texts tell which inner units do most."""
_MEASURED = 400
"""About so many texts tell the ranges of what is multiplied as bytes."""


_PLAN = Plan(
    # No label is needed: the teacher has a word on any text.
    sources=in_full(SOURCES),
    rate=3e-4,
    head_rate=3e-4,
    decay=1.0,
    frozen_layers=0,
    early_layer=0,
    merges=(3, 5),
    vector_share=2.0,
    vector_rate=1e-3,
)


@dataclass(frozen=True, slots=True)
class Course:
    """What of the teacher the student keeps, and how it learns."""

    layers: int = 6
    inner: int = 768
    """Units between a layer's last two products; the full model has 1,536."""
    passes: int = 3
    """Times that each text is read."""
    plan: Plan = _PLAN


FURTHER = Course(
    passes=1,
    plan=replace(
        _PLAN, sources=FURTHER_SOURCES[-1], rate=1.5e-4, head_rate=1.5e-4, vector_rate=5e-4, held=0.5
    ),
)
"""How a student goes on that was taught before: it knows most of what a teacher like its own one says. It
reads what the teacher learned last."""


def distil(
    teacher: Path,
    data: Path,
    out: Path,
    *,
    resume: bool = False,
    seed: int = 1,
    start: Path | None = None,
    course: Course | None = None,
    progress: Progress = silent,
) -> Manifest:
    """Teach a quick model what the weights in `teacher` say of the texts in `data`; write a folder to `out`.

    It begins with the teacher's lowest layers; with `start`, where that quick model ended, and then needs one
    pass over the texts instead of three. Where `out` lies in the teacher's folder, it shares the teacher's
    table. `out/run` gets the log, the checkpoint and the teacher's answers. Raises `TrainingError`,
    `DataError`, `ArtifactError`.
    """
    if out.resolve() == teacher.resolve():
        raise TrainingError(
            f"{out} holds the weights that teach; write to another folder, such as {out / QUICK}."
        )
    found = reload(teacher)
    before = None if start is None else _taught_before(start, found)
    course = course or (Course() if before is None else FURTHER)
    most_tokens = min(course.plan.max_tokens, found.manifest.max_tokens)
    plan = replace(course.plan, max_tokens=most_tokens)
    course = replace(course, plan=plan)
    torch.set_num_threads(plan.threads)
    torch.manual_seed(seed)
    run = out / "run"
    if not resume:
        forget(run)
    texts = lessons(load_examples(data, plan.sources, "train", seed), plan.sources, seed)
    if not texts:
        raise TrainingError("No texts to teach with: the data sets hold no row of the training split.")
    answers = _answers(teacher, found.manifest, texts, run / _ANSWERS, progress)
    with tempfile.TemporaryDirectory(prefix="answerback-distil-") as scratch:
        base = Path(scratch)
        slim = before or slimmed(found, course, texts)
        write_base(base, slim)
        student = _student(base, slim, plan, fresh=before is None)
        begun = {name: value.copy() for name, value in student.served().items()}
        groups = student.parameter_groups(plan.rate, plan.decay, plan.head_rate, plan.vector_rate)
        run_batches(
            student,
            torch.optim.AdamW(groups, weight_decay=plan.weight_decay),
            _schedule(found, texts, course, seed),
            lambda batch: _loss(student, answers, batch, plan.vector_share),
            run,
            plan,
            identity=_identity(found, before, course, texts, seed),
            resume=resume,
            progress=progress,
        )
        student.go_back(begun, plan.held)
        progress({"kind": "stage", "stage": WRITING})
        language = LanguageHead(found.heads["language.weight"], found.heads["language.bias"])
        version = f"{found.manifest.version}-quick"
        some = texts[:: max(1, len(texts) // _MEASURED)]
        write_weights(student, language, base, out, version, some)
    manifest = calibrate(out, load_examples(data, plan.sources, "validation", seed))
    return share(out, teacher) if out.resolve().is_relative_to(teacher.resolve()) else manifest


def lessons(examples: Sequence[Example], sources: Sequence[Source], seed: int) -> list[str]:
    """The texts to teach with, each once: all, and of a source that is shown repeatedly some parts as well.

    A part is a run of at least three tenths of the words: it says something else than the whole, and the
    teacher knows what.
    """
    chance = random.Random(seed)  # noqa: S311 -- samples, not secrets
    repeats = {source.name: source.repeat for source in sources}
    texts = dict.fromkeys(example.text for example in examples)
    for example in examples:
        for _ in range(repeats[example.source] - 1):
            texts.setdefault(_part(example.text, chance))
    return list(texts)


def _part(text: str, chance: random.Random) -> str:
    words = text.split(" ")
    count = max(1, round(len(words) * chance.uniform(0.3, 1.0)))
    first = chance.randrange(len(words) - count + 1)
    return " ".join(words[first : first + count])


@dataclass(frozen=True, slots=True)
class _Answers:
    """What the teacher says of each text: logits by head, unit vectors."""

    heads: dict[str, Tensor]
    vectors: Tensor


def _answers(
    teacher: Path, manifest: Manifest, texts: Sequence[str], kept: Path, progress: Progress
) -> _Answers:
    """Ask the teacher, or read what it said before: of tens of thousands of texts that takes minutes."""
    key = _digest([*texts, *_model_of(manifest).values()])
    said = kept_arrays(kept, key, lambda: _asked(load_predictor(teacher), texts, progress))
    return _Answers({head: torch.from_numpy(said[head]) for head in HEADS}, torch.from_numpy(said[_VECTOR]))


def _asked(teacher: OnnxPredictor, texts: Sequence[str], progress: Progress) -> Arrays:
    parts = []
    for start in range(0, len(texts), _ASKED_AT_ONCE):
        parts.append(teacher.outputs(texts[start : start + _ASKED_AT_ONCE]))
        done = min(start + _ASKED_AT_ONCE, len(texts))
        progress({"kind": "answers", "texts": done, "of": len(texts)})
    return {name: np.concatenate([getattr(part, name) for part in parts]) for name in (*HEADS, _VECTOR)}


def _model_of(manifest: Manifest) -> dict[str, str]:
    """The files on which the teacher's answers depend, with their SHA-256."""
    return {name: manifest.files[name] for name in FILES}


def _identity(
    found: Reloaded, before: Reloaded | None, course: Course, texts: Sequence[str], seed: int
) -> dict[str, object]:
    """What a resumed run must share with the one that it goes on from."""
    start = {} if before is None else {"start": before.manifest.files[ENCODER]}
    size = {"layers": course.layers, "inner": course.inner, "passes": course.passes}
    taught = {"seed": seed, "texts": _digest(texts), **_model_of(found.manifest)}
    return {**taught, **start, **size, **settings_of(course.plan)}


def _digest(texts: Sequence[str]) -> str:
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()


def _schedule(found: Reloaded, texts: Sequence[str], course: Course, seed: int) -> list[list[Lesson]]:
    tokenizer = tokenizer_of(found.tokenizer, course.plan.max_tokens)
    taught = [(row, tuple(one.ids)) for row, one in enumerate(tokenizer.encode_batch(list(texts)))]
    chance = random.Random(seed)  # noqa: S311 -- batches, not secrets
    batches: list[list[Lesson]] = []
    for _ in range(course.passes):
        chance.shuffle(taught)
        batches += batches_of_like_length(taught, lambda lesson: len(lesson[1]), course.plan, chance)
    return batches


def _taught_before(start: Path, teacher: Reloaded) -> Reloaded:
    """Read the quick model to go on from. Raises `TrainingError` where its teacher was not alike."""
    before = reload(start)
    if not before.merges:
        raise TrainingError(f"{start} holds no quick model to go on from.")
    table = "embeddings.word_embeddings.weight"
    if not np.array_equal(before.encoder[table], teacher.encoder[table]):
        raise TrainingError(
            f"{start} was taught by weights with another token table. Teach a new one, without an older one."
        )
    return before


def _student(base: Path, slim: Reloaded, plan: Plan, *, fresh: bool) -> Network:
    """A slim network with heads; a fresh one's are its teacher's, but for a new map to the sentence vector.

    That is from all of its layers.
    """
    network = Network(
        base,
        plan.frozen_layers,
        plan.early_layer,
        dropout=0.0,
        merges=plan.merges if fresh else slim.merges,
        embedding_layers=tuple(range(1, slim.layers + 1)) if fresh else slim.embedding_layers,
    )
    new = f"{_VECTOR}."
    network.take_over(
        {name: value for name, value in slim.heads.items() if not (fresh and name.startswith(new))}
    )
    return network


def _loss(
    student: Network, answers: _Answers, batch: Sequence[Lesson], vector_share: float
) -> tuple[Tensor, dict[str, float]]:
    """How far the student is from its teacher: cross-entropy by head, and one minus the vectors' cosine."""
    rows = torch.tensor([row for row, _ in batch])
    logits = student(*padded([ids for _, ids in batch]))
    parts = {}
    for head in HEADS:
        said, heard = answers.heads[head][rows], logits.top[head]
        if head in BINARY_HEADS:
            parts[head] = functional.binary_cross_entropy_with_logits(heard, said.sigmoid())
        else:
            parts[head] = functional.cross_entropy(heard, said.softmax(-1))
        parts[head] = SHARES.get(head, 1.0) * parts[head]
    parts["vector"] = vector_share * cosine_loss(logits.vectors, answers.vectors[rows])
    return torch.stack(list(parts.values())).sum(), {name: part.item() for name, part in parts.items()}


def slimmed(found: Reloaded, course: Course, texts: Sequence[str]) -> Reloaded:
    """Keep the lowest layers, and of each the inner units that weigh most on some of the texts.

    What a unit weighs is its magnitude, summed over tokens, times the length of what it adds to the states.
    All heads stay, the map to the sentence vector among them, although it is from the teacher's layers.
    """
    best = []
    for layer, busy in enumerate(_activity(found, texts)[: course.layers]):
        added = np.linalg.norm(found.encoder[f"encoder.layer.{layer}.output.dense.weight"], axis=0)
        best.append(np.sort(np.argsort(-busy * added)[: course.inner]))
    kept: dict[str, Floats] = {}
    for name, value in found.encoder.items():
        if not name.startswith("encoder.layer."):
            kept[name] = value
            continue
        layer = int(name.split(".")[2])
        if layer >= course.layers:
            continue
        if ".intermediate." in name:
            kept[name] = value[best[layer]]
        else:
            kept[name] = value[:, best[layer]] if name.endswith(f"{layer}.output.dense.weight") else value
    return replace(found, encoder=kept)


def _activity(found: Reloaded, texts: Sequence[str]) -> list[Floats]:
    """The magnitude of each layer's inner units, summed over the tokens of some of the texts."""
    with tempfile.TemporaryDirectory(prefix="answerback-distil-") as scratch:
        write_base(Path(scratch), found)
        network = Network(Path(scratch), merges=found.merges).eval()
    tokenizer = tokenizer_of(found.tokenizer, network.most_tokens)
    sums: dict[int, Floats] = {}
    for number, layer in enumerate(network.encoder.encoder.layer):

        def add(_module: nn.Module, _given: object, out: Tensor, number: int = number) -> None:
            sums[number] = sums.get(number, 0) + out.abs().sum((0, 1)).numpy()

        layer.intermediate.register_forward_hook(add)
    with torch.inference_mode():
        for text in texts[:: max(1, len(texts) // _WATCHED)]:
            network.means(*padded([tuple(tokenizer.encode(text).ids)]))
    return [sums[number] for number in sorted(sums)]


def share(directory: Path, whole: Path) -> Manifest:
    """Remove from a folder the token table that `whole` has in the same bytes, and name that one.

    The reasons' vectors go as well: the student learned to give its teacher's, and finds the reasons by those
    as well as by its own.
    """
    manifest, other = read_manifest(directory), read_manifest(whole)
    if any(manifest.files[name] != other.files[name] for name in TABLE):
        return manifest
    common = {name: digest for name, digest in other.files.items() if name in SHAREABLE}
    files = {ENCODER: manifest.files[ENCODER], **common}
    home = (whole / other.shared).resolve()
    manifest = replace(manifest, shared=os.path.relpath(home, directory.resolve()), files=files)
    write_manifest(directory, manifest)
    for name in SHAREABLE:
        (directory / name).unlink(missing_ok=True)
    return manifest
