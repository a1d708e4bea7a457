"""answerback demo"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from importlib.resources import as_file, files
from pathlib import Path

import click

from answerback import clock
from answerback.commands.desk import need_terminal, open_desk
from answerback.commands.options import example
from desk.errors import DeskError
from desk.identity import import_customers
from desk.store import Store

_PATIENCE_SECONDS = 10.0

_CONFIG = """
store = "demo.db"

[[sources]]
type = "replay"
name = "fernway"
path = {path}
speed = {speed}
live_from = 2026-03-10T13:00:00Z

[triage]
urgent_terms = [
    "fraud", "fraudulent", "hacked", "fire", "caught fire", "burned", "smoke", "journalist", "lawyer",
    "legal action", "court", "hearing aid", "Anwalt", "avocat", "мошенничество", "взломали",
]

[[sla.policies]]
name = "urgent"
first_response = "30m"
next_response = "30m"
resolution = "8h"

[[sla.policies]]
name = "standard"
first_response = "90m"
next_response = "60m"
resolution = "24h"

[[sla.policies]]
name = "relaxed"
first_response = "8h"
next_response = "4h"

[[sla.rules]]
policy = "urgent"
severity = "urgent"

[[sla.rules]]
policy = "relaxed"
severity = "low"

[[sla.rules]]
policy = "standard"
"""


@click.command()
@click.option("--speed", type=click.FloatRange(min=1), default=60, show_default=True, help="Pace of the day.")
@click.option("--agent", default="you", show_default=True, help="Your name in the demo.")
@example("answerback demo")
def demo(*, speed: float, agent: str) -> None:
    """Open the desk on a replayed day, with mentions arriving live.

    A fictional brand, no account, no network. Some of its customers answer back. Everything is thrown
    away at the end.
    """
    from classifier.artifact import SHIPPED, read_manifest  # noqa: PLC0415

    need_terminal()
    read_manifest(SHIPPED)  # else the desk would stay empty, and say why only when it is left
    with tempfile.TemporaryDirectory(prefix="answerback-demo-") as folder, as_file(_data()) as data:
        config = Path(folder) / "config.toml"
        # A TOML basic string has JSON's escapes: any path can be quoted so.
        config.write_text(_CONFIG.format(path=_quoted(data / "day.jsonl.gz"), speed=speed), encoding="utf-8")
        store = Store(Path(folder) / "demo.db")
        import_customers(store, data / "customers.csv", clock.now())
        log_path = Path(folder) / "run.log"
        with log_path.open("wb") as log:
            listening = subprocess.Popen(  # noqa: S603  (our own interpreter and module)
                [sys.executable, "-m", "answerback", "run", "--config", str(config)],
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
            )
        try:
            open_desk(store, agent, None)
        finally:
            failed = listening.poll()
            _end(listening)
        if failed:
            lines = log_path.read_text(encoding="utf-8", errors="replace").strip().splitlines()
            said = lines[-1].removeprefix("answerback: ") if lines else "it said nothing"
            raise DeskError(f"The demo's listener stopped early: {said}")


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(timeout=_PATIENCE_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()  # the store is thrown away: nothing can be lost
        process.wait()


def _data() -> Path:
    return files("answerback").joinpath("demo")  # type: ignore[return-value]


def _quoted(path: Path) -> str:
    import json  # noqa: PLC0415

    return json.dumps(str(path))
