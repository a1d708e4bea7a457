"""From the [[sources]] of a config to what reads and answers on each platform."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from answerback import clock, secrets
from answerback.config import ConfigError
from desk.model.spending import Budget
from desk.ports import DeletionCheck, Ledger, ReplySender
from listener import platforms
from listener.platform import Connected, Feed, NamedSettings


def make_feeds(sources: Sequence[NamedSettings], ledger: Ledger | None = None) -> Connected:
    """All feeds, and the senders that answer on them. What platforms charge is counted in `ledger`.

    Raises ConfigError, and InputError for settings that no server would take, or a budget without a ledger.
    """
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
        platform = platforms.load(kind)
        if ledger is not None and platform.metered is not None:
            made = platform.metered(list(group), secrets.of_source, clock.now, ledger)
        else:
            made = platform.connect(list(group), secrets.of_source, clock.now)
        feeds += made.feeds
        senders |= made.senders
        checkers += made.checkers
    return Connected(feeds, senders, checkers)


def budgets_of(sources: Sequence[NamedSettings]) -> list[Budget]:
    """What the sources of platforms that charge may spend, in the order of the config."""
    found = [platforms.load(source.type).budget(source) for source in sources]
    return [budget for budget in found if budget is not None]
