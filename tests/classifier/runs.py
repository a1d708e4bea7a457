"""Small trainings, and what interrupts them."""

from __future__ import annotations

from dataclasses import replace

from classifier.data import SOURCES
from classifier.fitting import Plan
from classifier.progress import Progress


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


class Interrupted(Exception):
    """Stands for the power cut."""


def interrupted_at(step: int) -> Progress:
    """Cut the power when that step is told."""

    def stop(record: dict[str, object]) -> None:
        if record.get("step") == step:
            raise Interrupted

    return stop
