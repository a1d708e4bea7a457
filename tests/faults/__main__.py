"""Measures the whole matrix and prints it: `make faults`, or `python -m tests.faults [PLATFORM …]`.

The cells are those of test_matrix.py, and the other feeds of each platform besides.
"""

from __future__ import annotations

import logging
import os
import sys
import tempfile
import textwrap
import time
import warnings
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from itertools import product
from pathlib import Path

import click

from tests.contracts import platforms
from tests.faults.kinds import Kind
from tests.faults.matrix import Cell, measure

WIDTH = 110
LEGEND = (
    "✓   0 mentions lost, 0 doubled, 0 replies doubled; otherwise these numbers",
    "✓*  the same; posts that came unreadable were set aside with their raw payload, and are listed",
    "✓°  the same; the platform cannot be asked if the reply is out: it was left to the agent, who is told",
)


def cell_of(parameter: str, kind: Kind) -> Cell:
    # In a process of its own: every fault is logged, thousands of times, by us and by the mail libraries.
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory(prefix="answerback-faults-") as folder:
        return measure(parameter, kind, Path(folder))


def main() -> None:
    wanted = sys.argv[1:] or platforms.names()
    feeds = [feed for feed in platforms.every_feed() if feed.partition("-")[0] in wanted]
    began = time.monotonic()
    pairs = list(product(Kind, feeds))
    with ProcessPoolExecutor(max_workers=os.cpu_count()) as pool:
        cells = list(pool.map(cell_of, *zip(*((feed, kind) for kind, feed in pairs), strict=True)))
    _table(cells, wanted)
    for cell in cells:
        if cell.broken_promises:
            click.echo(f"✗   {cell.parameter}, {cell.kind}: {cell.broken_promises}")
    _reasons(cells)
    _totals(cells, time.monotonic() - began)
    sys.exit(any(cell.broken_promises for cell in cells))


def _table(cells: list[Cell], names: Sequence[str]) -> None:
    """A column for each platform; a cell holds all its feeds."""
    of: dict[tuple[Kind, str], list[Cell]] = defaultdict(list)
    for cell in cells:
        of[cell.kind, cell.parameter.partition("-")[0]].append(cell)
    columns = {name: {kind: _figures(of[kind, name]) for kind in Kind} for name in names}
    widths = {name: 2 + max(len(name), *map(len, column.values())) for name, column in columns.items()}
    click.echo(f"{'':<29}" + "".join(f"{name:<{width}}" for name, width in widths.items()))
    for kind in Kind:
        row = "".join(f"{columns[name][kind]:<{width}}" for name, width in widths.items())
        click.echo(f"{kind:<29}{row}")
    click.echo()


def _figures(feeds: list[Cell]) -> str:
    if all(cell.no_meaning for cell in feeds):
        return "–"
    if not any(cell.broken_promises for cell in feeds):
        return "✓" + "*" * any(cell.aside for cell in feeds) + "°" * any(cell.left_open for cell in feeds)
    lost, doubled, again = (
        sum(getattr(cell, name) for cell in feeds) for name in ("lost", "doubled", "replies_doubled")
    )
    return f"{lost}/{doubled}/{again}"


def _reasons(cells: list[Cell]) -> None:
    reasons: dict[tuple[str, str], list[str]] = defaultdict(list)
    for cell in cells:
        if cell.no_meaning:
            reasons[cell.parameter.partition("-")[0], cell.no_meaning].append(cell.kind)
    for line in LEGEND:
        click.echo(line)
    for (platform, reason), kinds in reasons.items():
        names = list(dict.fromkeys(kinds))
        text = f"–   {platform}: {reason} ({'all' if len(names) == len(Kind) else '; '.join(names)})"
        click.echo(textwrap.fill(text, WIDTH, subsequent_indent="    "))


def _totals(cells: list[Cell], seconds: float) -> None:
    real = [cell for cell in cells if not cell.no_meaning]
    most = max(real, key=lambda cell: cell.fetches)
    bare = max((cell.fetches for cell in real if cell.kind is Kind.LIMIT_BARE), default=0)
    click.echo(
        f"\n{len(real)} cells, {sum(cell.posts for cell in real):,} posts: "
        f"lost {sum(cell.lost for cell in real)}, doubled {sum(cell.doubled for cell in real)}, "
        f"set aside {sum(cell.aside for cell in real)}; {sum(cell.replies for cell in real)} replies: "
        f"lost {sum(cell.replies_lost for cell in real)}, "
        f"doubled {sum(cell.replies_doubled for cell in real)}"
    )
    click.echo(
        f"most fetches in the ten minutes of a fault: {most.fetches} ({most.parameter}, {most.kind}); "
        f"under 429 without a header: {bare}; fetches before the announced time: "
        f"{sum(cell.hasty for cell in real)}; {seconds:.0f} s"
    )


if __name__ == "__main__":
    main()
