"""IMAP IDLE (RFC 2177): it only shortens the wait, polling remains the truth."""

from __future__ import annotations

import logging
from collections.abc import Callable

from desk.errors import InputError
from listener.news import News
from listener.platforms.email.account import EmailAccount
from listener.platforms.email.answers import MailboxError
from listener.platforms.email.imap import Mailbox
from listener.runner import Stop

log = logging.getLogger(__name__)

FIRST_RETRY_SECONDS = 1.0
LONGEST_RETRY_SECONDS = 300.0
REFUSED_RETRY_SECONDS = 3_600.0
"""A server that tells of nothing by itself, or a wrong password: polling goes on, so there is no hurry."""
RENEW_SECONDS = 540.0
_LOOK_SECONDS = 1.0
"""How often a wait looks whether it is time to stop."""


class EmailStream:
    """What the server tells of one folder. `run` in a thread of its own; the rest from any."""

    def __init__(
        self,
        account: EmailAccount,
        *,
        random: Callable[[], float],
        timeout_seconds: float = 30,
        renew_seconds: float = RENEW_SECONDS,
    ) -> None:
        """`random` gives numbers in [0, 1), for the jitter. Raises InputError, see Mailbox."""
        if renew_seconds <= 0:
            raise InputError(f"renew_seconds must be above 0, not {renew_seconds:g}.")
        self._folder, self._random = account.folder, random
        self._mailbox = Mailbox(account, timeout_seconds=timeout_seconds)
        self._renew_seconds = renew_seconds
        self._news = News()

    def waits(self, stop: Stop, interval_seconds: float) -> Stop:
        """A stop whose waits up to `interval_seconds` also end with the next mail."""
        return self._news.waits(stop, interval_seconds)

    def run(self, stop: Stop) -> None:
        """Listen until `stop` is set, connecting again after every break, ever more slowly."""
        failures = 0
        while not stop.is_set():
            try:
                idle = self._mailbox.listen(self._folder, self._renew_seconds)
                # Nobody knows what came before the folder was open.
                self._news.wake()
                failures = 0
                while not stop.is_set():
                    if idle.wait(_LOOK_SECONDS):
                        self._news.wake()
            except MailboxError as error:
                failures += 1
                longest = REFUSED_RETRY_SECONDS if error.refused or error.permanent else LONGEST_RETRY_SECONDS
                wait = longest if error.refused else FIRST_RETRY_SECONDS * 2 ** min(failures - 1, 10)
                wait = min(wait, longest) * (1 + self._random()) / 2
                log.info(
                    "E-mail, news of %s: %s. Polling goes on; next try in %.0f s.", self._folder, error, wait
                )
                self._mailbox.close()
                stop.wait(wait)
        self._mailbox.close()
