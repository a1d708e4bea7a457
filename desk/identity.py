"""Who a customer is, beyond one account: the operator's own records."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from desk.errors import InputError
from desk.ports import BadRecord
from desk.store import Store, customers, sources

_REQUIRED = ("platform", "handle")


@dataclass(frozen=True, slots=True)
class CustomerImport:
    read: int
    kept: int
    unmatched: tuple[str, ...]
    """`platform:handle` of records whose holder has not written yet; they wait for them."""
    bad: tuple[BadRecord, ...]
    """Rows that could not be used; they are in quarantine."""


def import_customers(store: Store, path: Path, now: datetime) -> CustomerImport:
    """Keep the rows of a CSV file beside the accounts that they name by `platform` and `handle`.

    Every other column is shown to agents as it is. The same file may be imported again after a change.
    Raises InputError when the file cannot be read or lacks a required column.
    """
    kept = 0
    bad: list[BadRecord] = []
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.DictReader(file)
            _check_header(path, rows.fieldnames or ())
            with store.write() as db:
                for row in rows:
                    source, handle = (row.get("platform") or "").strip(), (row.get("handle") or "").strip()
                    if not source or not handle or None in row:
                        reason = "too many columns" if None in row else "platform or handle is empty"
                        bad.append(BadRecord(f"line {rows.line_num}", str(row), reason))
                        continue
                    fields = {k: v.strip() for k, v in row.items() if k not in _REQUIRED and v and v.strip()}
                    customers.save_record(
                        db, source=source.lower(), handle=handle, origin=path.name, fields=fields, at=now
                    )
                    kept += 1
                sources.quarantine(db, path.name, bad, now)
                unmatched = customers.unmatched_records(db)
    except OSError as error:
        raise InputError(f"Cannot read customers from {path}: {error.strerror}.") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"Cannot read customers from {path}: {error}.") from error
    return CustomerImport(kept + len(bad), kept, tuple(f"{s}:{h}" for s, h in unmatched), tuple(bad))


def _check_header(path: Path, names: Iterable[str]) -> None:
    missing = [name for name in _REQUIRED if name not in names]
    if missing:
        raise InputError(
            f"{path}, line 1: the column {' and '.join(missing)} is missing; "
            "the first line must name the columns, among them platform and handle."
        )
