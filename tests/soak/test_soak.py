"""Four seconds of `make soak`: twenty sources, faults and kills, and a store that equals the truth."""

from __future__ import annotations

from pathlib import Path

from tests.soak.plan import Deed, Step, digest, make
from tests.soak.soak import run

PLACES = ("x", "masto0", "masto1", "masto2", "masto3", "bsky", "bot0", "bot1")
DELETING = ("masto0", "masto1", "masto2", "masto3", "bsky")


def plan_of(seed: int, seconds: float) -> list[Step]:
    return make(seed, seconds, PLACES, DELETING)


def test_the_same_seed_makes_the_same_plan() -> None:
    assert digest(plan_of(1, 5)) == digest(plan_of(1, 5)) != digest(plan_of(2, 5))


def test_after_faults_and_kills_the_store_equals_the_truth(tmp_path: Path) -> None:
    plan = plan_of(8, 4)
    assert any(step.deed is Deed.KILL for step in plan)

    result = run(plan, tmp_path)

    assert (result.sources, result.posts) == (20, 32)
    assert result.broken == {}
