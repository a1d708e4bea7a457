"""Customers, their accounts, and the operator's records of them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime

from sqlite_utils import Database

from desk.model.customer import Account, Customer, CustomerField, CustomerId
from desk.model.mention import Author
from desk.store.columns import to_json, to_ms

PUBLIC_ACCOUNT = "public account"
"""Legal basis of the one link that needs no other data: a post and the account that wrote it."""


def of_author(db: Database, source: str, author: Author) -> CustomerId:
    """The customer behind an account, made at their first post. A changed handle is taken over."""
    row = db.execute(
        "SELECT customer_id, handle FROM accounts WHERE source = ? AND external_id = ?",
        (source, author.external_id),
    ).fetchone()
    if row is not None:
        if row[1] != author.handle:
            db.execute(
                "UPDATE accounts SET handle = ? WHERE source = ? AND external_id = ?",
                (author.handle, source, author.external_id),
            )
        return CustomerId(row[0])
    made = db.execute("INSERT INTO customers (name) VALUES (?) RETURNING id", (author.name or author.handle,))
    customer_id = CustomerId(made.fetchone()[0])
    db.execute(
        "INSERT INTO accounts VALUES (?, ?, ?, ?, ?)",
        (source, author.external_id, author.handle, customer_id, PUBLIC_ACCOUNT),
    )
    return customer_id


def get(db: Database, customer_id: CustomerId) -> Customer | None:
    row = db.execute("SELECT name FROM customers WHERE id = ?", (customer_id,)).fetchone()
    if row is None:
        return None
    accounts = db.query(
        "SELECT source, external_id, handle, legal_basis FROM accounts WHERE customer_id = ? ORDER BY source",
        (customer_id,),
    )
    return Customer(customer_id, row[0], tuple(Account(**account) for account in accounts))


def save_record(
    db: Database, *, source: str, handle: str, origin: str, fields: Mapping[str, str], at: datetime
) -> None:
    """Keep one row of an operator's records; a later import of the same origin replaces it."""
    db.execute(
        "INSERT INTO customer_records VALUES (?, ?, ?, ?, ?) ON CONFLICT (source, handle, origin) "
        "DO UPDATE SET fields = excluded.fields, imported_at = excluded.imported_at",
        (source, _handle_key(handle), origin, to_json(fields), to_ms(at)),
    )


def fields_of(db: Database, accounts: Iterable[Account]) -> list[CustomerField]:
    """What the operator's records say about the holder of these accounts."""
    fields = []
    for account in accounts:
        rows = db.query(
            "SELECT origin, fields FROM customer_records WHERE source = ? AND handle = ? ORDER BY origin",
            (account.source, _handle_key(account.handle)),
        )
        for row in rows:
            fields += [
                CustomerField(name, value, row["origin"]) for name, value in json.loads(row["fields"]).items()
            ]
    return fields


def unmatched_records(db: Database) -> list[tuple[str, str]]:
    """(source, handle) of records whose holder has not written yet."""
    written = {
        (source, _handle_key(handle))
        for source, handle in db.execute("SELECT source, handle FROM accounts").fetchall()
    }
    records = db.execute("SELECT DISTINCT source, handle FROM customer_records ORDER BY 1, 2").fetchall()
    return [(source, handle) for source, handle in records if (source, handle) not in written]


def _handle_key(handle: str) -> str:
    return handle.strip().removeprefix("@").lower()
