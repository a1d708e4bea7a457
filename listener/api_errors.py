"""What became of a request to a platform, and what that means for a source and for a sender.

Nothing of the network is imported here, so that a platform's module costs next to nothing to import.
"""

from __future__ import annotations

from typing import Any

from desk.errors import SendError, SendLaterError, SendRefusedError, SendUnknownError, SourceError
from desk.model.reply import Outgoing

NO_RESET_SECONDS = 60.0
"""Wait after a 429 that does not say when its window ends."""
_SOONEST_SECONDS = 5.0
"""A rate limit whose end lies in the past by our clock is still one."""


class ApiError(Exception):
    """A request that brought nothing. Never leaves a platform's modules, where it becomes a DeskError."""

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        retry_after: float | None = None,
        left: bool = True,
        data: Any = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        """None where no answer came; 200 where the answer was no page, or was cut off."""
        self.retry_after = retry_after
        """Seconds."""
        self.left = left
        """The request may have reached the server."""
        self.data = data
        """The error's body where it was JSON: for codes that a platform's module understands."""


def source_error(name: str, error: ApiError, *, rights: str, address: str) -> SourceError:
    """What a failed read means: `rights` and `address` say what a person has to check."""
    where = f"Source {name}: {error}"
    match error.status:
        case 429:
            wait = NO_RESET_SECONDS if error.retry_after is None else error.retry_after
            return SourceError(f"{where}; the rate limit is used up.", retry_after_seconds=wait)
        case 401 | 403:
            return SourceError(f"{where}. {rights}", permanent=True, retry_after_seconds=error.retry_after)
        case int(status) if 300 <= status < 500 and status != 408:
            return SourceError(f"{where}. {address}", permanent=True)
    return SourceError(f"{where}; asked again later.", retry_after_seconds=error.retry_after)


def after_sending(outgoing: Outgoing, error: ApiError, *, rights: str) -> SendError:
    """What a failure of the request that publishes means."""
    status = error.status
    if not error.left or status == 429:
        return not_sent(error, rights=rights)
    if status is None or status >= 500 or status == 408 or 200 <= status < 300:
        return SendUnknownError(f"Reply {outgoing.reply_id} left, but {error}. It is looked for there first.")
    return not_sent(error, rights=rights)


def not_sent(error: ApiError, *, rights: str) -> SendError:
    """What a failure of a request that published nothing means."""
    status = error.status
    if status is None or status >= 500 or status in {408, 429} or 200 <= status < 300:
        return SendLaterError(f"{error}; nothing was sent.", retry_after_seconds=wait_of(error))
    if status in {401, 403}:
        return SendRefusedError(f"{error}. Nothing was published; {rights}")
    return SendRefusedError(f"{error}. Nothing was published.")


def cannot_look(outgoing: Outgoing, error: ApiError) -> SendLaterError:
    """The reply could not be looked for, which says nothing about whether it is there."""
    return SendLaterError(
        f"Reply {outgoing.reply_id} could not be looked for: {error}.", retry_after_seconds=wait_of(error)
    )


def wait_of(error: ApiError) -> float:
    """Seconds to wait after an error."""
    return NO_RESET_SECONDS if error.retry_after is None else max(error.retry_after, _SOONEST_SECONDS)
