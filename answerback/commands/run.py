"""answerback run"""

from __future__ import annotations

import logging
import signal
import sys
import threading
from pathlib import Path
from types import FrameType

import click

from answerback import bootstrap, pipeline
from answerback.commands.options import config_option, db_option, example
from answerback.config import ConfigError, load_config


@click.command()
@config_option
@db_option
@example("answerback run", "answerback run --config staging.toml")
def run(*, config_path: Path | None, db_path: Path | None) -> None:
    """Listen, classify, triage, send approved replies and alert, until it is stopped."""
    config = load_config(config_path)
    if not config.sources:
        raise ConfigError("No [[sources]] are configured: nothing to listen to. See `answerback doctor`.")
    logging.basicConfig(
        stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", force=True
    )
    for chatty in ("httpx", "tweepy", "urllib3", "apprise"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    store = bootstrap.open_store(config, db_path, create=True)
    feeds, senders = bootstrap.make_feeds(config.sources)
    made = bootstrap.make_pipeline(config, store, senders)
    stop = threading.Event()

    def ask_to_stop(_signal: int, _frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, ask_to_stop)
    signal.signal(signal.SIGINT, ask_to_stop)
    logging.getLogger("answerback").info("listening to %s", ", ".join(feed.name for feed in feeds))
    pipeline.run(made, feeds, stop)
    store.close()
