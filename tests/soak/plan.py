"""What happens in a soak and when: decided by the seed alone, before it begins."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from random import Random

from tests.faults.kinds import Kind


class Deed(StrEnum):
    WRITE = "write"
    EDIT = "edit"
    DELETE = "delete"
    ANSWER = "answer"
    BREAK = "break"
    KILL = "kill"


@dataclass(frozen=True, slots=True)
class Step:
    at: float
    """Real seconds after the beginning."""
    deed: Deed
    place: str = ""
    chance: float = 0.0
    """In [0, 1): which of the posts or cases there are."""
    kind: Kind | None = None
    seconds: float = 0.0
    """How long it stays broken, in real seconds."""
    words: str = ""


POSTS_A_SECOND = 8
EDITS_A_SECOND = 1
DELETIONS_A_SECOND = 0.7
ANSWERS_A_SECOND = 3
FAULTS_A_SECOND = 1.5
SECONDS_BETWEEN_KILLS = (2.0, 7.0)
FAULT_SECONDS = (0.3, 2.5)

_NOT_HERE = frozenset(
    {
        Kind.TOO_SLOW,  # real time-outs are half a minute; the matrix has them
        Kind.WRONG_FIELDS,  # such posts are set aside for a person, so the store is not the whole truth
        Kind.AHEAD,  # one clock for all
        Kind.BEHIND,
        Kind.UNKNOWN_NAME,  # the resolver of another process
    }
)
FAULTS = tuple(kind for kind in Kind if kind not in _NOT_HERE)


def make(seed: int, seconds: float, places: Sequence[str], deleting: Sequence[str]) -> list[Step]:
    """In the order in which it happens. The same seed makes the same plan."""
    chance = Random(seed)  # noqa: S311
    steps: list[Step] = []

    def often(a_second: float, deed: Deed, among: Sequence[str]) -> None:
        for _ in range(round(a_second * seconds)):
            at, place = chance.uniform(0, seconds), chance.choice(among)
            steps.append(Step(at, deed, place, chance.random(), words=_words(chance)))

    often(POSTS_A_SECOND, Deed.WRITE, places)
    often(EDITS_A_SECOND, Deed.EDIT, places)
    often(DELETIONS_A_SECOND, Deed.DELETE, deleting)
    often(ANSWERS_A_SECOND, Deed.ANSWER, places)
    for _ in range(round(FAULTS_A_SECOND * seconds)):
        at, lasting = chance.uniform(0, seconds), chance.uniform(*FAULT_SECONDS)
        place, kind = chance.choice(places), chance.choice(FAULTS)
        steps.append(Step(at, Deed.BREAK, place, kind=kind, seconds=lasting))
    at = chance.uniform(*SECONDS_BETWEEN_KILLS)
    while at < seconds:
        steps.append(Step(at, Deed.KILL))
        at += chance.uniform(*SECONDS_BETWEEN_KILLS)
    return sorted(steps, key=lambda step: step.at)


def digest(steps: Sequence[Step]) -> str:
    """Names a plan: two with the same digest are the same."""
    return hashlib.sha256(repr(steps).encode()).hexdigest()[:12]


def _words(chance: Random) -> str:
    """Unlike any other post, or copies would be folded into one case."""
    letters = ("bcdfghklmnprstvz", "aeiou")
    return " ".join(
        "".join(chance.choice(letters[place % 2]) for place in range(chance.randint(4, 8))) for _ in range(12)
    )
