"""What a platform is to the rest of Answerback: its settings, its secrets, its sources and its senders.

Each module in `listener.platforms` holds one, called `PLATFORM`; its module's name is what `type` says in
config.toml. Importing such a module must cost next to nothing, because every command reads the config: a
platform's library and its clients are imported in `connect`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Protocol, Self

from pydantic import BaseModel, ConfigDict, SecretStr

from desk.model.spending import Budget
from desk.ports import DeletionCheck, Ledger, Now, ReplySender, Source
from listener.runner import Stop
from listener.values import Target


class NamedSettings(BaseModel):
    """One [[sources]] of config.toml."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: str
    name: str
    """Unique among the sources: cursors are kept under it, and secrets are looked for under it."""

    def anchored(self, folder: Path) -> Self:
        """With relative paths read from the config file's folder."""
        del folder
        return self


class SourceSettings(NamedSettings):
    """One brand's account on a platform that is polled. A platform adds its keys, and a default `name`."""

    brand: str
    interval: Target = timedelta(seconds=60)
    """How long to wait after a poll that brought everything."""


class Secrets(Protocol):
    """Gives a source's secrets, such as "ACCESS_TOKEN"; None where nobody has set it."""

    def __call__(self, source: NamedSettings, secret: str) -> SecretStr | None: ...


class Stream(Protocol):
    """Tells of news the moment it happens. It only shortens waits: what it tells of is read by a fetch."""

    def run(self, stop: Stop) -> None:
        """Listen until `stop` is set, reconnecting; in a thread of its own."""
        ...

    def waits(self, stop: Stop, interval_seconds: float) -> Stop:
        """A stop whose waits up to `interval_seconds` also end with the next event."""
        ...


@dataclass(frozen=True, slots=True)
class Feed:
    """A source, and the stream that makes it look sooner, where there is one."""

    source: Source
    stream: Stream | None = None
    """May serve several feeds; it is run once."""


@dataclass(frozen=True, slots=True)
class Connected:
    """What the configured sources of one platform come to."""

    feeds: Sequence[Feed] = ()
    senders: Mapping[str, ReplySender] = field(default_factory=dict)
    """By the source key of the mentions that they answer: one sender for all accounts of a platform."""
    checkers: Sequence[DeletionCheck] = ()
    """One for all accounts, where the feeds do not tell of every post that is deleted."""


def _no_problems(_settings: Any) -> Iterable[str]:
    return ()


def _no_budget(_settings: Any) -> Budget | None:
    return None


@dataclass(frozen=True, slots=True)
class Platform:
    title: str
    settings: type[NamedSettings]
    connect: Callable[[Sequence[Any], Secrets, Now], Connected]
    """From all sources of this platform (of type `settings`) to what runs; for each of them, the secrets of
    one set in `reads_with` are there. Opens no connection. Raises InputError for settings that no server
    would take."""
    asks: str
    """What the platform asks of a newcomer: approval, price, limits, in a sentence or two."""
    steps: Sequence[str] = ()
    """What to do next, one sentence each, before it can be configured."""
    reads_with: Sequence[Sequence[str]] = ((),)
    """Secrets to read with: any one of these sets is enough."""
    replies_with: Sequence[str] | None = None
    """Secrets to reply with, all of them; None where Answerback cannot reply there."""
    problems: Callable[[Any], Iterable[str]] = _no_problems
    """What is wrong with a source's settings on this machine, such as a file that is not there."""
    metered: Callable[[Sequence[Any], Secrets, Now, Ledger], Connected] | None = None
    """Instead of `connect` where the platform charges for requests: what it charges is counted there."""
    budget: Callable[[Any], Budget | None] = _no_budget
    """What a source's settings let it spend; None where the platform charges nothing."""
