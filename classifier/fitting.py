"""Fits the network: batches, optimiser, checkpoints.

A run is a fixed list of batches that follows from data, plan, seed and the run's number. A checkpoint says
how many of them are done and holds the random state, so a resumed run ends where an uninterrupted one would.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor

from classifier.anchors import Anchors, base_anchors, own_anchors
from classifier.data import Example, Source, load_examples
from classifier.labels import BINARY_HEADS, CLASS_HEADS, TRAINED_HEADS
from classifier.network import Batch, Network, loss_of, padded
from classifier.progress import Progress, silent
from classifier.quantise import Floats
from classifier.sources import SOURCES
from classifier.tokens import tokenizer_of
from desk.errors import DeskError

Item = TypeVar("Item")

_CHUNK_BATCHES = 16
_CHECKPOINT = "checkpoint.pt"
_LOG = "log.jsonl"
_VECTORS = "vectors.npz"


class TrainingError(DeskError):
    """Training cannot start or go on; the message says what to change."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything but data and seed that decides how a run goes."""

    sources: tuple[Source, ...] = SOURCES
    batch_size: int = 32
    max_tokens: int = 96
    rate: float = 8e-5
    """Learning rate of the top layer; each layer below learns `decay` times as fast as the one above."""
    head_rate: float = 5e-4
    decay: float = 0.9
    weight_decay: float = 0.01
    warmup_share: float = 0.06
    frozen_layers: int = 2
    """Lowest layers left as they are: that saves time, and languages without complaint labels keep
    what they share with English."""
    early_layer: int = 4
    """Layers below the early heads, which help in training; 0 for none."""
    merges: tuple[int, ...] = ()
    """As in `EncoderShape`."""
    embedding_layers: tuple[int, ...] = ()
    """As in `EncoderShape`; none for a third and two thirds of the way up, and the top."""
    doubt: float = 0.0
    """How often a complaint label is taken to be wrong: none is learned as surer than that."""
    complaints_kept: tuple[str, ...] = ()
    """Sources of whose texts it goes on saying what it said before, whether they are complaints, labels or
    not. Only for a training that goes on from another."""
    held: float = 0.0
    """How far a training goes back, when it is done, to the weights that it went on from; 1 for wholly."""
    vector_share: float = 1.0
    """What the sentence vector weighs in the loss, beside the heads."""
    vector_rate: float = 2e-4
    """Learning rate of the map to it: low, since it begins as the one that the untrained encoder needs."""
    checkpoint_steps: int = 200
    log_steps: int = 20
    threads: int = 2


@dataclass(frozen=True, slots=True)
class Encoded:
    """An example with its token ids."""

    ids: tuple[int, ...]
    example: Example


def fit(
    data: Path,
    base: Path,
    run: Path,
    *,
    resume: bool,
    seed: int,
    plan: Plan,
    progress: Progress = silent,
    start: Mapping[str, Floats] | None = None,
    number: int = 1,
) -> Network:
    """Train the network and return it in evaluation mode; `run` gets log, checkpoint and what it is held to.

    `start` holds weights that were trained before, the whole network's or those of heads that belong to
    `base`; the vectors then stay near what they were, and not near a base's. Runs of one seed start alike but
    for the centre of their vectors; each `number` has its own samples in its own order, run 2 of seed 1 those
    of run 1 of seed 2. Raises `TrainingError` when `base` is no encoder, or when `resume` is set and the
    checkpoint is of another seed, number, base, start, plan or data.
    """
    if not resume:
        forget(run)
    torch.set_num_threads(plan.threads)
    torch.manual_seed(seed)
    progress({"kind": "stage", "stage": "Reading the data"})
    examples = load_examples(data, plan.sources, "train", seed + number - 1)
    network = _network(base, plan)
    plan = replace(plan, max_tokens=min(plan.max_tokens, network.most_tokens))
    batches = schedule(examples, base, plan, seed + number - 1)
    lessons = {item.example.text: item.ids for batch in batches for item in batch}
    if start is None:
        anchors = base_anchors(network, lessons, run / _VECTORS, progress)
    else:
        network.take_over(start)
        anchors = own_anchors(network, lessons, run / _VECTORS, progress)
    groups = network.parameter_groups(plan.rate, plan.decay, plan.head_rate, plan.vector_rate)
    run_batches(
        network,
        torch.optim.AdamW(groups, weight_decay=plan.weight_decay),
        batches,
        lambda batch: loss_of(network, collate(batch, anchors, plan), plan.vector_share),
        run,
        plan,
        identity=_identity(batches, plan, seed, anchors),
        resume=resume,
        progress=progress,
    )
    return network


def forget(run: Path) -> None:
    """Remove the checkpoint of an older run, which whoever resumes the new one would take for its own."""
    (run / _CHECKPOINT).unlink(missing_ok=True)


def run_batches(
    network: Network,
    optimiser: torch.optim.Optimizer,
    batches: Sequence[Sequence[Item]],
    loss_of_batch: Callable[[Sequence[Item]], tuple[Tensor, dict[str, float]]],
    run: Path,
    plan: Plan,
    *,
    identity: dict[str, object],
    resume: bool,
    progress: Progress,
) -> None:
    """Take one step a batch and leave the network in evaluation mode; `run` gets log and checkpoints.

    The rate rises over the plan's warm-up and falls to zero. `identity` is what a resumed run must share with
    the one that it goes on from. Raises `TrainingError` when a checkpoint is of another one.
    """
    run.mkdir(parents=True, exist_ok=True)
    warmup = max(1, int(len(batches) * plan.warmup_share))
    pace = torch.optim.lr_scheduler.LambdaLR(
        optimiser,
        lambda step: min((step + 1) / warmup, max(0.0, (len(batches) - step) / (len(batches) - warmup + 1))),
    )
    checkpoint = _Checkpoint(run / _CHECKPOINT, identity=identity)
    first = checkpoint.restore(network, optimiser, pace) if resume else 0
    network.train()
    _cut(run / _LOG, first)
    with (run / _LOG).open("a", encoding="utf-8") as log:
        started = time.monotonic()
        for step, batch in enumerate(batches[first:], start=first + 1):
            loss, parts = loss_of_batch(batch)
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimiser.step()
            pace.step()
            if step % plan.checkpoint_steps == 0 or step == len(batches):
                checkpoint.save(step, network, optimiser, pace)
            if step % plan.log_steps == 0 or step == len(batches):
                rate = (step - first) * plan.batch_size / (time.monotonic() - started)
                record: dict[str, object] = {
                    "kind": "step",
                    "step": step,
                    "steps": len(batches),
                    **{name: round(value, 4) for name, value in parts.items()},
                    "posts_per_second": round(rate, 1),
                }
                log.write(json.dumps(record) + "\n")
                log.flush()
                progress(record)
    network.eval()


def _cut(log: Path, step: int) -> None:
    """Leave in a log what it told up to a step: what came after its checkpoint is learned and told again."""
    told = log.read_text(encoding="utf-8").splitlines(keepends=True) if step and log.is_file() else []
    # A power cut may have left half a line.
    whole = [line for line in told if line.endswith("}\n") and json.loads(line)["step"] <= step]
    log.write_text("".join(whole), encoding="utf-8")


def _network(base: Path, plan: Plan) -> Network:
    for name in ("config.json", "tokenizer.json"):
        if not (base / name).is_file():
            raise TrainingError(f"{base} is no encoder to start from: it has no {name}.")
    try:
        return Network(
            base,
            plan.frozen_layers,
            plan.early_layer,
            merges=plan.merges,
            embedding_layers=plan.embedding_layers,
        )
    except (OSError, ValueError) as error:
        raise TrainingError(f"{base} is no encoder to start from ({str(error).splitlines()[0]}).") from error


def schedule(examples: Sequence[Example], base: Path, plan: Plan, seed: int) -> list[list[Encoded]]:
    """Return the run's batches: sources repeated as planned, shuffled, texts of like length together."""
    if not examples:
        raise TrainingError(
            "No training examples: the data sets are empty or hold no row of the training split."
        )
    tokenizer = tokenizer_of((base / "tokenizer.json").read_bytes(), plan.max_tokens)
    encodings = tokenizer.encode_batch([example.text for example in examples])
    encoded = [Encoded(tuple(found.ids), example) for found, example in zip(encodings, examples, strict=True)]
    repeats = {source.name: source.repeat for source in plan.sources}
    order = [item for item in encoded for _ in range(repeats[item.example.source])]
    chance = random.Random(seed)  # noqa: S311 -- batches, not secrets
    chance.shuffle(order)
    return batches_of_like_length(order, lambda item: len(item.ids), plan, chance)


def batches_of_like_length(
    order: Sequence[Item], length: Callable[[Item], int], plan: Plan, chance: random.Random
) -> list[list[Item]]:
    """Return batches in which texts of like length stand together, so that little is padding."""
    size = plan.batch_size
    batches = []
    for start in range(0, len(order), size * _CHUNK_BATCHES):
        chunk = sorted(order[start : start + size * _CHUNK_BATCHES], key=length)
        group = [chunk[at : at + size] for at in range(0, len(chunk), size)]
        chance.shuffle(group)
        batches += group
    return batches


def collate(items: Sequence[Encoded], anchors: Anchors, plan: Plan) -> Batch:
    """Pad a batch and mark which targets count, with the plan's word on complaints."""
    ids, mask = padded([item.ids for item in items])
    examples = [item.example for item in items]
    targets = {head: [example.target(head) for example in examples] for head in TRAINED_HEADS}
    weights = {head: torch.tensor([target.weight for target in found]) for head, found in targets.items()}
    shares = {head: torch.tensor([target.shares for target in found]) for head, found in targets.items()}
    shares["complaint"] = shares["complaint"].clamp(plan.doubt, 1 - plan.doubt)
    kept = [row for row, example in enumerate(examples) if example.source in plan.complaints_kept]
    if kept:
        shares["complaint"][kept, 0] = anchors.complaints([examples[row].text for row in kept])
        weights["complaint"][kept] = 1.0
    return Batch(
        ids=ids,
        mask=mask,
        binary={head: shares[head].squeeze(-1) for head in BINARY_HEADS},
        binary_weight={head: weights[head] for head in BINARY_HEADS},
        classes={head: shares[head] for head in CLASS_HEADS},
        class_weight={head: weights[head] for head in CLASS_HEADS},
        polar=torch.tensor([example.polar for example in examples]),
        vectors=anchors.of([example.text for example in examples]),
    )


def _identity(
    batches: Sequence[Sequence[Encoded]], plan: Plan, seed: int, anchors: Anchors
) -> dict[str, object]:
    """What a resumed run must share with the one that it goes on from."""
    return {
        "seed": seed,
        "heads": list(TRAINED_HEADS),
        "anchors": anchors.digest,
        "steps": len(batches),
        "tokens": sum(len(i.ids) for b in batches for i in b),
        **settings_of(plan),
    }


def settings_of(plan: Plan) -> dict[str, object]:
    """Those of the plan that a resumed run must share; how it is watched is free."""
    free = {"sources", "checkpoint_steps", "log_steps", "threads"}
    return {name: value for name, value in asdict(plan).items() if name not in free}


@dataclass(frozen=True, slots=True)
class _Checkpoint:
    path: Path
    identity: dict[str, object]

    def save(self, step: int, network: Network, optimiser: torch.optim.Optimizer, pace: object) -> None:
        state = {
            "identity": self.identity,
            "step": step,
            # The frozen table is most of the network and comes from the base.
            "network": {
                name: value for name, value in network.state_dict().items() if ".embeddings." not in name
            },
            "optimiser": optimiser.state_dict(),
            "pace": pace.state_dict(),  # type: ignore[attr-defined]
            "random": torch.get_rng_state(),
        }
        partial = self.path.with_suffix(".partial")
        torch.save(state, partial)
        # An atomic swap, so a crash leaves the old one whole.
        partial.replace(self.path)

    def restore(self, network: Network, optimiser: torch.optim.Optimizer, pace: object) -> int:
        if not self.path.is_file():
            return 0
        state = torch.load(self.path, weights_only=True)
        if state["identity"] != self.identity:
            raise TrainingError(
                f"{self.path} belongs to another seed, base, plan, teacher or data. Train without --resume."
            )
        network.load_state_dict(state["network"], strict=False)
        optimiser.load_state_dict(state["optimiser"])
        pace.load_state_dict(state["pace"])  # type: ignore[attr-defined]
        torch.set_rng_state(state["random"])
        return int(state["step"])
