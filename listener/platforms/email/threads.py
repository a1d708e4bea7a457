"""Which conversation a mail belongs to: what it refers to, never what its subject says."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from threading import Lock

from listener.platforms.email.letter import Letter

CACHE_LIMIT = 5_000
"""Mails remembered for one mailbox; about 2 MB."""


@dataclass(frozen=True, slots=True)
class Known:
    id: str
    """External id."""
    root: str
    """External id of the conversation."""


class Threads:
    """What is known of a mailbox's mails by Message-ID. Shared by its feeds, each in a thread of its own."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._known: OrderedDict[str, Known] = OrderedDict()

    def learn(self, message_id: str, known: Known) -> None:
        """The first mail of an id is the one that answers refer to."""
        with self._lock:
            self._known.setdefault(message_id, known)
            while len(self._known) > CACHE_LIMIT:
                self._known.popitem(last=False)

    def get(self, message_id: str | None) -> Known | None:
        with self._lock:
            return None if message_id is None else self._known.get(message_id)

    def root_of(self, letter: Letter) -> str | None:
        """Root of the nearest mail above that is known; None where none is."""
        chain = [letter.parent, *reversed(letter.references)]
        return next((known.root for ref in chain if (known := self.get(ref)) is not None), None)
