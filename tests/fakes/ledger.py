"""A ledger in a file of a test's own, and one that cannot write."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from desk.errors import StoreError
from desk.model.spending import Budget, Charge, Spent
from desk.store import Store
from desk.store.spending import StoreLedger


def open_ledger(folder: Path) -> StoreLedger:
    return StoreLedger(Store(folder / "spent.db"))


class FullDisk:
    """Takes so many writes, and then none."""

    def __init__(self, inner: StoreLedger, writes: int) -> None:
        self._inner, self._left = inner, writes

    def reserve(self, budget: Budget, charge: Charge, at: datetime) -> bool:
        self._write()
        return self._inner.reserve(budget, charge, at)

    def add(self, account: str, charges: Iterable[Charge], at: datetime) -> None:
        self._write()
        self._inner.add(account, charges, at)

    def stop(self, budget: Budget, at: datetime) -> None:
        self._write()
        self._inner.stop(budget, at)

    def spent(self, account: str, at: datetime) -> Spent:
        return self._inner.spent(account, at)

    def _write(self) -> None:
        self._left -= 1
        if self._left < 0:
            raise StoreError("The disk is full.")
