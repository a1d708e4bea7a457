"""The process of a soak: `answerback run` without a model, on a fast clock.

It is forked from one that has loaded everything, because a process that is killed while it loads its modules
has nothing to lose yet.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
from importlib import import_module
from itertools import groupby
from pathlib import Path

from pydantic import SecretStr

from answerback import pipeline
from desk.model.sla import PolicyRule
from desk.store import Store
from desk.triage import Rules, TriagePolicy
from desk.watch import AlertRules
from listener import platforms
from listener.platform import Connected, NamedSettings
from tests.kernel import HOUR, WordPredictor
from tests.soak.pace import FastClock, FastEvent

for _name in ("bluesky", "mastodon", "telegram", "x"):
    import_module(f"listener.platforms.{_name}.source")


def connected(config: dict[str, object], clock: FastClock) -> Connected:
    secrets: dict[str, dict[str, str]] = config["secrets"]  # type: ignore[assignment]
    rows: list[dict[str, object]] = config["sources"]  # type: ignore[assignment]

    def secret(source: NamedSettings, name: str) -> SecretStr | None:
        value = secrets.get(source.name, {}).get(name)
        return None if value is None else SecretStr(value)

    whole = Connected()
    for kind, group in groupby(rows, lambda row: str(row["type"])):
        platform = platforms.load(kind)
        made = platform.connect([platform.settings.model_validate(row) for row in group], secret, clock)
        whole = Connected(
            [*whole.feeds, *made.feeds],
            {**whole.senders, **made.senders},
            [*whole.checkers, *made.checkers],
        )
    return whole


def main(path: Path, log: Path) -> None:
    """Listen and answer until SIGTERM. `path` is a JSON file: when the clock began, the store, the
    [[sources]] as dictionaries, and their secrets."""
    with log.open("ab") as written:
        for stream in (sys.stdout, sys.stderr):
            os.dup2(written.fileno(), stream.fileno())
    config = json.loads(path.read_text(encoding="utf-8"))
    clock, stop = FastClock(config["began"]), FastEvent()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(levelname)s %(message)s")
    made = connected(config, clock)
    steps = pipeline.Pipeline(
        store=Store(Path(config["store"])),
        predictor=WordPredictor(),
        rules=Rules(TriagePolicy(), [PolicyRule(HOUR)]),
        alert_rules=AlertRules(),
        senders=made.senders,
        channels={},
        now=clock,
    )
    sound = pipeline.run(steps, made.feeds, stop, checkers=made.checkers)
    # As the command does: a step that was left may be inside a library.
    os._exit(0 if sound else 1)
