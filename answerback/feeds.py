"""From the [[sources]] of a config to what reads and answers on each platform."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from answerback import clock, secrets
from answerback.config import ConfigError
from desk.ports import DeletionCheck, ReplySender
from listener import platforms
from listener.platform import Connected, Feed, NamedSettings


def make_feeds(sources: Sequence[NamedSettings]) -> Connected:
    """All feeds, and the senders that answer on them. Raises ConfigError, and InputError for settings that
    no server would take."""
    for source in sources:
        if lacking := secrets.lacking_to_read(source):
            raise ConfigError(
                f"The environment variable {lacking[0]} is not set; it is needed for reading the "
                f"{platforms.load(source.type).title} source {source.name}."
            )
    feeds: list[Feed] = []
    senders: dict[str, ReplySender] = {}
    checkers: list[DeletionCheck] = []
    for kind, group in groupby(sorted(sources, key=lambda source: source.type), lambda source: source.type):
        made = platforms.load(kind).connect(list(group), secrets.of_source, clock.now)
        feeds += made.feeds
        senders |= made.senders
        checkers += made.checkers
    return Connected(feeds, senders, checkers)
