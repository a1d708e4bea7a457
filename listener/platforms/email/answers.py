"""What is learnt of a mailbox, and how a question to it fails. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

UNKNOWN_SIZE = 2**62
"""Of a mail whose size cannot be read: it is fetched on its own."""


class MailboxError(Exception):
    """A question that brought no answer. Never leaves the e-mail modules, where it becomes a DeskError."""

    def __init__(
        self, message: str, *, permanent: bool = False, refused: bool = False, senseless: bool = False
    ) -> None:
        super().__init__(message)
        self.permanent = permanent
        """Asking again will not help before a person changes something."""
        self.refused = refused
        """The server answered, with a no."""
        self.senseless = senseless
        """The server answered something that cannot be read."""


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder as it was when it was opened."""

    validity: int
    next_uid: int
    count: int


@dataclass(frozen=True, slots=True)
class Found:
    uids: tuple[int, ...]
    """In order; where there are very many, the first of them."""
    up_to: int
    """The highest UID that was looked at."""


@dataclass(frozen=True, slots=True)
class Envelope:
    size: int
    """Bytes."""
    arrived_at: datetime | None
    """When it came into the mailbox, by the server's clock, aware UTC; None where that cannot be read."""


def batches(sizes: Iterable[tuple[int, int]], limit: int) -> list[list[int]]:
    """Numbers put together so that each group's sizes come to at most `limit`, but at least one a group."""
    groups: list[list[int]] = []
    room = 0
    for number, size in sizes:
        if not groups or size > room:
            groups.append([])
            room = limit
        groups[-1].append(number)
        room -= size
    return groups
