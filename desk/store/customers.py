"""Customers, their accounts, and the operator's records of them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime

from sqlite_utils import Database

from desk.model.customer import Account, Customer, CustomerField, CustomerId
from desk.model.mention import Author
from desk.store.columns import in_parts, placeholders, to_json, to_ms

PUBLIC_ACCOUNT = "public account"
"""Legal basis of the one link that needs no other data: a post and the account that wrote it."""


def of_author(db: Database, source: str, author: Author) -> CustomerId:
    """The customer behind an account, made at their first post. A changed handle is taken over."""
    return of_authors(db, source, [author])[author.external_id]


def of_authors(db: Database, source: str, authors: Iterable[Author]) -> dict[str, CustomerId]:
    """The customers behind accounts of one platform, by the account's id; see `of_author`.

    An author may be named more than once: the last handle counts.
    """
    latest: dict[str, Author] = {}
    first: dict[str, Author] = {}
    for author in authors:
        latest[author.external_id] = author
        first.setdefault(author.external_id, author)
    found: dict[str, CustomerId] = {}
    renamed: list[tuple[str, str, str]] = []
    for part in in_parts(latest):
        rows = db.execute(
            "SELECT external_id, customer_id, handle FROM accounts "
            f"WHERE source = ? AND external_id IN ({placeholders(part)})",
            (source, *part),
        )
        for external_id, customer_id, handle in rows:
            found[external_id] = CustomerId(customer_id)
            if handle != latest[external_id].handle:
                renamed.append((latest[external_id].handle, source, external_id))
    db.conn.executemany("UPDATE accounts SET handle = ? WHERE source = ? AND external_id = ?", renamed)
    made: list[tuple[str, str, str, CustomerId, str]] = []
    for external_id, author in latest.items():
        if external_id not in found:
            name = first[external_id].name or first[external_id].handle
            row = db.execute("INSERT INTO customers (name) VALUES (?) RETURNING id", (name,)).fetchone()
            found[external_id] = CustomerId(row[0])
            made.append((source, external_id, author.handle, found[external_id], PUBLIC_ACCOUNT))
    db.conn.executemany("INSERT INTO accounts VALUES (?, ?, ?, ?, ?)", made)
    return found


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
