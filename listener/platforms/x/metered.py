"""How a feed of X keeps to its budget, and what a failed request is to the loop that runs it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from desk.errors import SourceError
from desk.model.spending import Spent
from listener.platforms.x.api import XClient, XError
from listener.platforms.x.meter import BudgetError, Meter

_NO_RESET_SECONDS = 60.0
"""Wait after a 429 that does not say when its window ends."""
_OTHERS_SECONDS = 5.0
"""Wait until other requests under way have given back what they reserved."""

T = TypeVar("T")


class Metering:
    """One feed's dealings with its account's meter; without a meter everything is free."""

    def __init__(self, client: XClient, meter: Meter | None, name: str, interval_seconds: float) -> None:
        self._client, self._meter, self._name = client, meter, name
        self._interval_seconds = interval_seconds
        self.pause_seconds = interval_seconds
        """How long to wait after the last fetch."""
        self.spares = False
        """The budget has to last: read little, and one page at a time."""

    @contextmanager
    def fetching(self) -> Iterator[None]:
        """Around one fetch. Raises SourceError where the budget does not allow it, and StoreError."""
        if self._meter is None:
            yield
            return
        self._client.cost = Spent()
        self.spares = self._meter.spares
        try:
            yield
        except BudgetError as error:
            said = f"Source {self._name}: {error}."
            if not error.final:
                raise SourceError(said, retry_after_seconds=_OTHERS_SECONDS) from error
            raise SourceError(said, permanent=True, retry_after_seconds=self._meter.stop()) from error
        self.pause_seconds = self._meter.pause_seconds(self._interval_seconds, self._client.cost)

    def affordable(self, most: int, least: int, ask: Callable[[int], T]) -> T:
        """A page as large as the budget allows. Raises BudgetError where it allows none."""
        if self.spares:
            return ask(least)
        if self._meter is not None:
            most = max(least, self._meter.page_size(most))
        try:
            return ask(most)
        except BudgetError:
            return ask(least)


def failure(name: str, error: XError, check: str) -> SourceError:
    """What a request that brought nothing is to the loop; `check` is what a person may have set wrong."""
    where = f"Source {name}: {error}"
    match error.status:
        case None:
            return SourceError(f"{where}; asked again later.")
        case 429:
            wait = _NO_RESET_SECONDS if error.retry_after is None else error.retry_after
            return SourceError(f"{where}; the rate limit is used up.", retry_after_seconds=wait)
        case 402:
            return SourceError(f"{where}. Buy credit for the app in X's developer console.", permanent=True)
        case 401 | 403:
            return SourceError(f"{where}. Check the X keys and what their app may do.", permanent=True)
        case status if 400 <= status < 500 and status != 408:
            return SourceError(f"{where}. Check {check}.", permanent=True)
    return SourceError(f"{where}; asked again later.", retry_after_seconds=error.retry_after)
