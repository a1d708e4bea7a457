"""What platforms have charged, kept by account, month and kind, with the budgets that the config sets."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sqlite_utils import Database

from desk.model.spending import HELD, UNANSWERED, Budget, Charge, Spent, Standing, month_of
from desk.store.connection import Store


class StoreLedger:
    """The ledger in a store, for any number of threads and processes; each call is one transaction."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def reserve(self, budget: Budget, charge: Charge, at: datetime) -> bool:
        with self._store.write() as db:
            if not budget.allows(_spent(db, budget.account, at, but=""), charge):
                return False
            _add(db, budget.account, charge, at)
            return True

    def add(self, account: str, charges: Iterable[Charge], at: datetime) -> None:
        with self._store.write() as db:
            for charge in charges:
                _add(db, account, charge, at)

    def stop(self, budget: Budget, at: datetime) -> None:
        with self._store.write() as db:
            save_budget(db, budget)
            db.execute(
                "UPDATE budgets SET stopped_month = ? WHERE account = ?", (month_of(at), budget.account)
            )

    def spent(self, account: str, at: datetime) -> Spent:
        with self._store.read() as db:
            return spent(db, account, at)


def spent(db: Database, account: str, at: datetime) -> Spent:
    """What the account has used in the month of `at`, without what is reserved."""
    return _spent(db, account, at, but=HELD)


def _spent(db: Database, account: str, at: datetime, *, but: str) -> Spent:
    row = db.execute(
        "SELECT coalesce(sum(micro_usd), 0), coalesce(sum(reads), 0) FROM spending "
        "WHERE account = ? AND month = ? AND kind <> ?",
        (account, month_of(at), but),
    ).fetchone()
    return Spent(*row)


def by_kind(db: Database, account: str, at: datetime) -> list[Charge]:
    """The same, for each kind; the dearest first."""
    rows = db.execute(
        "SELECT kind, count, micro_usd, reads FROM spending WHERE account = ? AND month = ? "
        "ORDER BY micro_usd DESC, kind",
        (account, month_of(at)),
    )
    return [Charge(*row) for row in rows]


def save_budgets(db: Database, budgets: Iterable[Budget]) -> None:
    """A process begins with these budgets; what has been spent stays.

    What is still reserved was so by one that was killed: nobody knows what it has cost, so it is used.
    """
    held = list(db.execute("SELECT account, month, micro_usd, reads FROM spending WHERE kind = ?", (HELD,)))
    for account, month, micro_usd, reads in held:
        if micro_usd or reads:
            _add_to(db, account, month, Charge(UNANSWERED, 1, micro_usd, reads))
    db.execute("DELETE FROM spending WHERE kind = ?", (HELD,))
    db.execute("DELETE FROM budgets")
    for budget in budgets:
        save_budget(db, budget)


def save_budget(db: Database, budget: Budget) -> None:
    db.execute(
        "INSERT INTO budgets (account, micro_usd, reads) VALUES (?, ?, ?) ON CONFLICT (account) DO UPDATE "
        "SET micro_usd = excluded.micro_usd, reads = excluded.reads",
        (budget.account, budget.micro_usd, budget.reads),
    )


def standing(db: Database, budget: Budget, now: datetime) -> Standing:
    row = db.execute("SELECT stopped_month FROM budgets WHERE account = ?", (budget.account,)).fetchone()
    stopped = row is not None and row[0] == month_of(now)
    return Standing(budget, spent(db, budget.account, now), now, stopped)


def standings(db: Database, now: datetime) -> list[Standing]:
    """How each account stands whose budget a running process has saved."""
    rows = list(db.execute("SELECT account, micro_usd, reads FROM budgets ORDER BY account"))
    return [standing(db, Budget(*row), now) for row in rows]


def _add(db: Database, account: str, charge: Charge, at: datetime) -> None:
    _add_to(db, account, month_of(at), charge)


def _add_to(db: Database, account: str, month: str, charge: Charge) -> None:
    db.execute(
        "INSERT INTO spending (account, month, kind, count, micro_usd, reads) VALUES (?, ?, ?, ?, ?, ?) "
        "ON CONFLICT (account, month, kind) DO UPDATE SET count = count + excluded.count, "
        "micro_usd = micro_usd + excluded.micro_usd, reads = reads + excluded.reads",
        (account, month, charge.kind, charge.count, charge.micro_usd, charge.reads),
    )
