"""Trains a servable folder of weights from the data sets and a base encoder."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from classifier.artifact import TOKENIZER, Manifest, read_manifest, write_manifest
from classifier.calibration import (
    Calibration,
    Platt,
    best_f1_threshold,
    fit_platt,
    fit_temperature,
    recall_threshold,
)
from classifier.data import LABELLED, Example, load_examples
from classifier.export import write_folder
from classifier.fitting import Plan, TrainingError
from classifier.graph import EncoderShape
from classifier.labels import UNDETERMINED
from classifier.language_head import LanguageHead, bag_of_tokens, fit_language_head, glimpse
from classifier.network import Network
from classifier.predictor import OnnxPredictor
from classifier.progress import Progress, silent
from classifier.quantise import quantise_rows
from classifier.reason_vectors import write_reason_vectors
from classifier.reasons import general_reasons
from classifier.runs import fit_runs
from classifier.sources import FURTHER_SOURCES, PUBLIC, UNREAD, in_full
from classifier.tokens import tokenizer_of

VERSION = "answerback-12l-2026.11.13"
RUNS = 2
"""Networks that are learned in turn and averaged."""
_FURTHER = Plan(rate=6e-5, head_rate=2e-4, vector_rate=1e-4, warmup_share=0.04, early_layer=0)
_AGAIN, _ONCE_MORE, _WEIGHED, _PLAIN, _GRADED, _WRITTEN, _NEAR = (
    replace(_FURTHER, sources=sources) for sources in FURTHER_SOURCES
)
PASSES = (
    _AGAIN,
    _ONCE_MORE,
    replace(_WEIGHED, doubt=0.05, held=0.4),
    replace(_PLAIN, complaints_kept=PUBLIC),
    replace(_GRADED, doubt=0.05, complaints_kept=UNREAD),
    replace(_WRITTEN, doubt=0.05, complaints_kept=UNREAD),
    replace(_NEAR, doubt=0.05, complaints_kept=UNREAD),
)
"""How their mean goes over the data again and again: at lower rates, since it knows much already. The third
pass takes complaint labels to be as sure as readers make them: to 9 % they gave another
(annotations/README.md), and both sides err. The fourth learns complaints of our own posts alone, and says of
the others what it said before, for it would else forget what those who wrote them had in common. The last
three learn what readers graded, and tweets that were written in the manner of the sets and beside them."""
WRITING = "Writing the weights with the reasons' vectors, and calibrating"
MAX_TOKENS = 128
"""Tokens served; training cuts earlier, since hardly a post is longer and the rest costs time."""
LOOK_RECALL = 0.97
"""Share of the complaints to be expected that a person is shown: as one, or for a second look."""
TEMPERATURE_ROWS = 2_000
"""About so many rows, evenly taken, are plenty for the one number of the sentiment head."""
CALIBRATED_ON = (LABELLED, "posts")
"""The sources of real posts with complaint labels of every kind, found as an operator's feed finds them."""


def train(
    data: Path,
    base: Path,
    out: Path,
    *,
    resume: bool = False,
    seed: int = 1,
    plan: Plan = Plan(),  # noqa: B008 -- frozen
    runs: int = RUNS,
    passes: Sequence[Plan] = PASSES,
    version: str = VERSION,
    progress: Progress = silent,
) -> Manifest:
    """Train on the data sets in `data` from the encoder in `base`; write a servable folder to `out`.

    The mean of `runs` networks, learned by `plan`, goes over the data again by each of the `passes` in turn.
    `out/run` gets a numbered folder for each of these trainings, with its log and the checkpoint from which
    `resume` goes on. Thresholds and calibration are fitted on the validation split, with the quantised
    weights that are served. Raises `TrainingError`, `DataError`.
    """
    network = fit_runs(
        data,
        base,
        out / "run",
        runs=runs,
        passes=passes,
        resume=resume,
        seed=seed,
        plan=plan,
        progress=progress,
    )
    progress({"kind": "stage", "stage": "Fitting the head for language"})
    known = load_examples(data, in_full(plan.sources), "train", seed)
    language = _language_head(network, known, base, plan, seed)
    progress({"kind": "stage", "stage": WRITING})
    write_weights(network, language, base, out, version)
    manifest = calibrate(out, load_examples(data, plan.sources, "validation", seed))
    progress(
        {"kind": "calibrated", "threshold": manifest.complaint_threshold, "look": manifest.look_threshold}
    )
    return manifest


def write_weights(
    network: Network,
    language: LanguageHead,
    base: Path,
    out: Path,
    version: str,
    sample: Sequence[str] = (),
) -> Manifest:
    """Write the trained network and the head fitted beside it as a weights folder, not calibrated yet.

    `sample` as for `write_folder`.
    """
    # The encoder's own layers are named encoder.encoder.layer.*: one prefix goes, the other stays.
    weights = {name.removeprefix("encoder."): value for name, value in network.served().items()}
    weights |= {"language.weight": language.weight, "language.bias": language.bias}
    config = network.encoder.config
    shape = EncoderShape(
        layers=config.num_hidden_layers,
        embedding_layers=network.embedding_layers,
        heads=config.num_attention_heads,
        max_tokens=min(MAX_TOKENS, config.max_position_embeddings),
        norm_epsilon=config.layer_norm_eps,
        merges=network.merges,
    )
    manifest = write_folder(out, weights, shape, (base / TOKENIZER).read_bytes(), version, sample)
    sentences = [sentence for reason in general_reasons() for sentence in reason.sentences]
    return write_reason_vectors(out, OnnxPredictor(out, manifest), sentences)


def calibrate(directory: Path, validation: list[Example]) -> Manifest:
    """Fit calibration and thresholds on validation examples and write them into the folder's manifest.

    Raises `TrainingError` when validation holds no complaint labels of both kinds.
    """
    manifest = read_manifest(directory)
    predictor = OnnxPredictor(directory, manifest)
    labelled = [example for example in validation if example.source in CALIBRATED_ON]
    truth = np.array([example.complaint for example in labelled], dtype=np.float64)
    if not 0 < truth.sum() < len(truth):
        raise TrainingError(
            f"The validation split of {' and '.join(CALIBRATED_ON)} holds one kind of label only; add data."
        )
    logits = predictor.outputs([example.text for example in labelled]).complaint.astype(np.float64)
    platt = fit_platt(logits, truth)
    probabilities = platt.probabilities(logits)
    threshold = best_f1_threshold(probabilities)
    felt = [example for example in validation if example.sentiment is not None and not example.polar]
    felt = felt[:: max(1, len(felt) // TEMPERATURE_ROWS)]
    temperature = 1.0
    if felt:
        found = predictor.outputs([example.text for example in felt]).sentiment.astype(np.float64)
        temperature = fit_temperature(
            found, np.array([example.sentiment for example in felt], dtype=np.int64)
        )
    calibrated = replace(
        manifest,
        calibration=Calibration(
            platt, _fit(predictor, validation, "anger"), _fit(predictor, validation, "abuse")
        ),
        complaint_threshold=threshold,
        look_threshold=min(threshold, recall_threshold(probabilities, LOOK_RECALL)),
        sentiment_temperature=temperature,
    )
    write_manifest(directory, calibrated)
    return calibrated


def _fit(predictor: OnnxPredictor, validation: Sequence[Example], head: str) -> Platt:
    """Calibrate a binary head on all examples that say something of it, where they say both."""
    labelled = [example for example in validation if getattr(example, head) is not None]
    truth = np.array([getattr(example, head) for example in labelled], dtype=np.float64)
    if len(set(truth)) < 2:
        return Platt(1.0, 0.0)
    logits = getattr(predictor.outputs([example.text for example in labelled]), head)
    return fit_platt(logits.astype(np.float64), truth)


def _language_head(
    network: Network, examples: Sequence[Example], base: Path, plan: Plan, seed: int
) -> LanguageHead:
    known = [example for example in examples if example.language != UNDETERMINED]
    tokenizer = tokenizer_of((base / TOKENIZER).read_bytes(), plan.max_tokens)
    chance = random.Random(seed)  # noqa: S311 -- samples, not secrets
    texts = [one.text for one in known]
    texts += [glimpse(text, chance) for text in texts]
    bags = bag_of_tokens(texts, tokenizer, *quantise_rows(network.table))
    return fit_language_head(bags, [one.language for one in known] * 2, seed)
