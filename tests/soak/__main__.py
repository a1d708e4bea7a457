"""`make soak`, or `python -m tests.soak [--seconds 60] [--seed 1]`: a soak and its table."""

from __future__ import annotations

import sys
import tempfile
from dataclasses import fields
from pathlib import Path

import click

from tests.soak.pace import FACTOR
from tests.soak.plan import FAULTS, digest
from tests.soak.soak import Result, run
from tests.soak.test_soak import plan_of


@click.command()
@click.option("--seconds", default=60.0, help="How long, in real seconds.")
@click.option("--seed", default=1, help="The same seed makes the same plan.")
def main(seconds: float, seed: int) -> None:
    plan = plan_of(seed, seconds)
    click.echo(
        f"seed {seed}, plan {digest(plan)}: {seconds:.0f} s that count as {seconds * FACTOR / 60:.0f} min, "
        f"{len(FAULTS)} kinds of faults"
    )
    with tempfile.TemporaryDirectory(prefix="answerback-soak-") as folder:
        result = run(plan, Path(folder))
    for each in fields(Result):
        value = getattr(result, each.name)
        shown = f"{value:.1f}" if isinstance(value, float) else f"{value:,}"
        promise = " ✓" if each.metadata.get("broken") and not value else ""
        click.echo(f"{each.name.replace('_', ' '):<22}{shown:>8}{promise}")
    sys.exit(bool(result.broken))


if __name__ == "__main__":
    main()
