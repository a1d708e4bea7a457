"""answerback replay"""

from __future__ import annotations

import hashlib
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace as with_changes
from pathlib import Path

import click

from answerback import bootstrap, clock, pipeline
from answerback.commands.options import config_option, db_option, example, json_option, print_json
from answerback.config import load_config
from answerback.exits import Exit
from answerback.terminal import tell
from desk.errors import SourceError
from desk.store.totals_view import totals
from desk.triage import Rules

_IDENTITY_BYTES = 65_536


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@db_option
@config_option
@click.option("--speed", type=click.FloatRange(min=0), default=0, help="1: real time; 0: as fast as it goes.")
@click.option("--every-thread", is_flag=True, help="Open a case for every thread, not only for complaints.")
@json_option
@example("answerback replay posts.jsonl.gz --db year.db --json")
def replay(
    *,
    file: Path,
    db_path: Path | None,
    config_path: Path | None,
    speed: float,
    every_thread: bool,
    as_json: bool,
) -> int:
    """Take a file of posts through the whole way, once.

    Stores, classifies, triages, and records the alerts that were due then; none is sent, and no reply is.
    FILE holds JSON lines, plain or gzipped. What an interrupted run left is finished first; a second run
    adds nothing.
    """
    from listener.platforms.replay.source import ReplaySource  # noqa: PLC0415

    began = time.monotonic()
    config = load_config(config_path)
    store = bootstrap.open_store(config, db_path, create=True)
    source = ReplaySource(file, name=_name(file), speed=speed, now=clock.now)
    made = bootstrap.make_pipeline(config, store)
    if every_thread:
        triage = with_changes(made.rules.triage, open_every_thread=True)
        made = with_changes(made, rules=Rules(triage, made.rules.sla))
    with _counter(shown=not as_json) as progress:
        result = pipeline.replay(
            made, source, finished=lambda: source.ended, wait=time.sleep, progress=progress
        )
    held = totals(store)
    figures = {
        "posts_read": result.posts_read,
        "mentions_new": result.mentions_new,
        "mentions": held.mentions,
        "complaints": held.complaints,
        "cases": held.cases,
        "replies_seen": held.brand_posts,
        "alerts": held.alerts,
        "quarantined": held.quarantined,
        "seconds": round(time.monotonic() - began, 3),
    }
    if as_json:
        print_json(figures)
    else:
        click.echo(
            f"Read {result.posts_read} posts, {result.mentions_new} of them new, in {figures['seconds']} s.\n"
            f"The store {store.path} holds {held.mentions} posts: {held.complaints} complaints, {held.cases} "
            f"cases, {held.brand_posts} answers by the brand, {held.alerts} alerts."
        )
    if result.quarantined:
        tell(f"{result.quarantined} records could not be read and are kept: answerback quarantine")
        return Exit.PARTIAL
    return Exit.OK


@contextmanager
def _counter(*, shown: bool) -> Iterator[Callable[[int], None]]:
    """A running number for a person who waits; nothing for a file, a pipe or a script."""
    if not shown or not sys.stderr.isatty():
        yield lambda _read: None
        return
    try:
        yield lambda read: click.echo(f"\r{read:,} posts", err=True, nl=False)
    finally:
        click.echo(err=True)


def _name(file: Path) -> str:
    """Tells files apart by their beginning: another file of the same name must not inherit a cursor."""
    try:
        with file.open("rb") as stream:
            digest = hashlib.sha256(stream.read(_IDENTITY_BYTES)).hexdigest()[:8]
    except OSError as error:
        raise SourceError(f"Cannot read {file}: {error.strerror}.", permanent=True) from error
    return f"replay:{file.name}:{digest}"
