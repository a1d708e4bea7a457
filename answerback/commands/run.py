"""answerback run"""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from pathlib import Path
from types import FrameType
from typing import NoReturn

import click

from answerback import bootstrap, feeds, pipeline
from answerback.commands.options import config_option, db_option, example
from answerback.config import ConfigError, load_config
from answerback.exits import Exit
from answerback.terminal import PlainFormatter
from desk.store.spending import StoreLedger, save_budgets


@click.command()
@config_option
@db_option
@example("answerback run", "answerback run --config staging.toml")
def run(*, config_path: Path | None, db_path: Path | None) -> int:
    """Listen, triage, send approved replies and alert.

    Runs until it is stopped (Ctrl-C or SIGTERM). Diagnostics go to stderr, one line each.
    """
    config = load_config(config_path)
    if not config.sources:
        raise ConfigError("No [[sources]] are configured: nothing to listen to. See `answerback doctor`.")
    _log_to_stderr()
    stop = threading.Event()

    def ask_to_stop(_signal: int, _frame: FrameType | None) -> None:
        stop.set()

    # Before anything slow: whoever stops a run that is still starting means the same.
    signal.signal(signal.SIGTERM, ask_to_stop)
    signal.signal(signal.SIGINT, ask_to_stop)
    store = bootstrap.open_store(config, db_path, create=True)
    connected = feeds.make_feeds(config.sources, StoreLedger(store))
    with store.write() as db:
        save_budgets(db, feeds.budgets_of(config.sources))
    channels = bootstrap.make_channels(config.alerts)
    made = bootstrap.make_pipeline(config, store, senders=connected.senders, channels=channels)
    log = logging.getLogger("answerback")
    log.info("listening to %s", ", ".join(feed.source.name for feed in connected.feeds))
    sound = pipeline.run(made, connected.feeds, stop, checkers=connected.checkers)
    log.info("stopped")
    code = Exit.OK if sound else Exit.FAILED
    if threading.active_count() > 1:
        _leave(code)
    return code


def _leave(code: Exit) -> NoReturn:
    """End at once: a step that was left may be inside a library, to which an interpreter must not end.

    What the store has committed is safe, and the rest is done at the next start.
    """
    logging.shutdown()
    sys.stdout.flush()
    os._exit(code)


def _log_to_stderr() -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(PlainFormatter("%(asctime)s %(levelname)s %(message)s"))
    logging.basicConfig(handlers=[handler], level=logging.INFO, force=True)
    for chatty in ("httpx", "tweepy", "urllib3", "apprise"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
