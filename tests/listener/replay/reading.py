"""Reads a replay to its end; shared by the tests of the source."""

from __future__ import annotations

from collections.abc import Sequence

from desk.ports import Batch
from listener.platforms.replay.source import ReplaySource


def drain(source: ReplaySource, cursor: str | None = None) -> list[Batch]:
    batches = [source.fetch(cursor)]
    while batches[-1].more:
        batches.append(source.fetch(batches[-1].cursor))
    return batches


def ids(batches: Sequence[Batch]) -> list[str]:
    return [mention.external_id for batch in batches for mention in batch.mentions]


def reasons(batches: Sequence[Batch]) -> dict[str, str]:
    return {bad.position: bad.reason for batch in batches for bad in batch.bad}
