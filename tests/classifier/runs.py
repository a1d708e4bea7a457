"""Small trainings, what interrupts them, and what they leave."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch

from classifier.fitting import Plan
from classifier.progress import Progress
from classifier.sources import SOURCES


def tiny_plan(*names: str) -> Plan:
    """A plan for a handful of rows of these sources, each shown once."""
    return Plan(
        sources=tuple(replace(one, repeat=1) for one in SOURCES if one.name in names),
        batch_size=16,
        rate=2e-3,
        head_rate=2e-2,
        frozen_layers=1,
        early_layer=1,
        checkpoint_steps=4,
        log_steps=1,
        threads=1,
    )


def learned(run: Path) -> dict[str, torch.Tensor]:
    """The weights at a run's last checkpoint, by name; the frozen embeddings are not among them."""
    return {**torch.load(run / "checkpoint.pt")["network"]}


def mean_of(run: Path, *numbers: int) -> dict[str, torch.Tensor]:
    """The mean of the weights of these runs, whose folders are numbered."""
    parts = [learned(run / str(number)) for number in numbers]
    return {name: torch.stack([part[name] for part in parts]).mean(0) for name in parts[0]}


class Interrupted(Exception):
    """Stands for the power cut."""


def interrupted_at(step: int) -> Progress:
    """Cut the power when that step is told."""

    def stop(record: dict[str, object]) -> None:
        if record.get("step") == step:
            raise Interrupted

    return stop
