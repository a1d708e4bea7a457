"""What the kernel asks of the outside: sources, a predictor, reply senders, alert channels."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from desk.model.alert import Notice
from desk.model.explanation import Explanation
from desk.model.mention import Mention, MentionId
from desk.model.reply import Outgoing, SentPost
from desk.model.spending import Budget, Charge, Spent
from desk.model.verdict import Verdict

Now = Callable[[], datetime]
"""Tells the time, aware UTC. Only the root owns a real one."""


@dataclass(frozen=True, slots=True)
class BadRecord:
    """Something from outside that could not be read; it is kept and listed, never dropped."""

    position: str
    """Where it stood ("line 17", a page and index, an id): unique within its source."""
    raw: str
    reason: str
    """What is wrong, in words for the operator."""


@dataclass(frozen=True, slots=True)
class Gap:
    """A stretch of time from which posts may be missing for good; kept in a ledger that people are shown."""

    since: datetime
    until: datetime
    reason: str
    """Why the platform could not give them, in words for the operator."""


@dataclass(frozen=True, slots=True)
class Headroom:
    """What a platform's rate limit still allows."""

    remaining: int
    limit: int
    resets_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """What one fetch brought. Stored in one transaction together with `cursor`."""

    mentions: Sequence[Mention] = ()
    """New or edited posts, in any order; an id already stored with other text is an edit."""
    deleted: Sequence[MentionId] = ()
    bad: Sequence[BadRecord] = ()
    gaps: Sequence[Gap] = ()
    headroom: Headroom | None = None
    cursor: str | None = None
    """Opaque to the kernel: what the next fetch continues from. None keeps the old one."""
    more: bool = False
    """There is more to fetch at once; otherwise wait for the next interval."""
    aside: Sequence[Mention] = ()
    """Posts that nobody asked for: kept only where they go on with what is stored, see `intake.record`."""


class Source(Protocol):
    """Where mentions come from."""

    @property
    def name(self) -> str:
        """Unique and stable: the cursor is stored under it."""
        ...

    @property
    def interval_seconds(self) -> float:
        """How long to wait after a fetch that brought everything."""
        ...

    def fetch(self, cursor: str | None) -> Batch:
        """What came after `cursor`. Network only. Raises SourceError: the same cursor is then asked again."""
        ...


class Predictor(Protocol):
    """Classifies texts."""

    @property
    def version(self) -> str: ...

    def predict(self, texts: Sequence[str], langs: Sequence[str | None] | None = None) -> list[Verdict]:
        """One verdict a text, in order. `langs` is what the platform says (ISO 639-1), where it says."""
        ...


Explain = Callable[[str, str | None], Explanation]
"""Says which words of a text moved its verdict; takes the text and what the platform says of its language."""


class ReplySender(Protocol):
    """Publishes replies on one platform."""

    @property
    def source(self) -> str: ...

    def send(self, outgoing: Outgoing) -> SentPost:
        """Publish once, never retry. Raises SendRefusedError, SendLaterError or SendUnknownError."""
        ...

    def find(self, outgoing: Outgoing) -> SentPost | None:
        """Read back whether the reply is public, after an unknown outcome.

        None means that it is certainly not there. Raises SendLaterError when that cannot be told now.
        """
        ...


@dataclass(frozen=True, slots=True)
class Looked:
    """What a second look at posts that are held has found."""

    deleted: Sequence[MentionId] = ()
    """Gone on the platform, or shown to nobody any more: their text is erased here."""
    edited: Sequence[Mention] = ()
    """The posts as they are now, where that is not how they were handed over."""
    undecided: Sequence[MentionId] = ()
    """The platform did not tell (an error for one post, a limit on the way): they are looked at again."""
    headroom: Headroom | None = None


class DeletionCheck(Protocol):
    """Looks again at posts that are held, where a platform's feeds do not tell that a post is gone."""

    @property
    def name(self) -> str:
        """Unique among sources and checks; its state is shown under it."""
        ...

    @property
    def source(self) -> str:
        """Key of the platform whose posts it looks at (`Mention.source`)."""
        ...

    @property
    def batch_size(self) -> int:
        """The most posts that one look takes."""
        ...

    @property
    def posts_per_day(self) -> int | None:
        """The most posts to look at in 24 hours, where looks cost; None where they do not."""
        ...

    def look(self, held: Sequence[Mention]) -> Looked:
        """How these posts are now; one that is named nowhere in the answer is as it was. Network only.

        Raises SourceError: the same posts are then looked at again.
        """
        ...


class Ledger(Protocol):
    """Counts what platforms charge, so that it outlasts the process. May be used by several threads."""

    def reserve(self, budget: Budget, charge: Charge, at: datetime) -> bool:
        """Count `charge`, unless that would go beyond the budget; False where it would. Raises StoreError."""
        ...

    def add(self, account: str, charges: Iterable[Charge], at: datetime) -> None:
        """Count these, whatever the budget, all or none. Raises StoreError."""
        ...

    def stop(self, budget: Budget, at: datetime) -> None:
        """Note that the account reads nothing more in this month. Raises StoreError."""
        ...

    def spent(self, account: str, at: datetime) -> Spent:
        """What the account has used in the month of `at`, without what is reserved. Raises StoreError."""
        ...


class AlertChannel(Protocol):
    """Where alerts go."""

    @property
    def name(self) -> str: ...

    def deliver(self, notice: Notice) -> None:
        """Hand over one alert. Raises DeliveryError."""
        ...
