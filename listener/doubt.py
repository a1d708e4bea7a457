"""Replies of which nobody knows whether they are out: how long "not there" proves nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from desk.errors import SendLaterError, SendUnknownError
from desk.model.reply import Outgoing, ReplyId
from desk.ports import Now


class Doubts:
    """Remembers, for one sender in one process, when a doubtful reply may have left at the latest."""

    def __init__(self, settle_seconds: float, now: Now) -> None:
        """`settle_seconds`: how long what was accepted may take to show where it is looked for."""
        self._settle, self._now = timedelta(seconds=settle_seconds), now
        self._since: dict[ReplyId, datetime] = {}

    @contextmanager
    def sending(self, outgoing: Outgoing) -> Iterator[None]:
        """Around one attempt: an unknown outcome begins a doubt, a known one ends it."""
        try:
            yield
        except SendUnknownError:
            self._since[outgoing.reply_id] = self._now()
            raise
        self.end(outgoing)

    def end(self, outgoing: Outgoing) -> None:
        self._since.pop(outgoing.reply_id, None)

    def not_there(self, outgoing: Outgoing, where: str) -> None:
        """A look found nothing in `where`. Ends the doubt, or raises SendLaterError while it is too early.

        After a restart nobody knows when the reply left: it counts from the first look.
        """
        since = self._since.setdefault(outgoing.reply_id, self._now())
        left = (since + self._settle - self._now()).total_seconds()
        if left > 0:
            raise SendLaterError(
                f"Reply {outgoing.reply_id} is not in {where} yet; a post can take a while to show, so it is "
                f"looked for again in {left:.0f} s.",
                retry_after_seconds=left,
            )
        self.end(outgoing)
