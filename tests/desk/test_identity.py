"""The operator's own records beside a customer's accounts."""

from __future__ import annotations

from pathlib import Path

import pytest

from desk.errors import InputError
from desk.identity import CustomerImport, import_customers
from desk.store import sources
from desk.store.case_view import load
from tests.kernel import NOON, Desk, after, post


def write(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.write_text(text, encoding=encoding)
    return path


def shown(desk: Desk) -> dict[str, tuple[str, str]]:
    view = load(desk.store, desk.case().id, "mia")
    return {field.name: (field.value, field.origin) for field in view.profile.fields}


def test_records_stand_beside_the_customer_with_their_origin(desk: Desk, tmp_path: Path) -> None:
    desk.take(post("1", by="anna"))
    file = write(tmp_path / "crm.csv", "platform,handle,tier,city\nbluesky,anna,gold,Köln\n")
    assert import_customers(desk.store, file, NOON) == CustomerImport(1, 1, (), ())
    assert shown(desk) == {"tier": ("gold", "crm.csv"), "city": ("Köln", "crm.csv")}


@pytest.mark.parametrize("written", ["anna", "@anna", " ANNA ", "@Anna"])
def test_a_handle_is_known_however_it_is_written(desk: Desk, tmp_path: Path, written: str) -> None:
    desk.take(post("1", by="Anna"))
    file = write(tmp_path / "crm.csv", f"platform,handle,tier\nBluesky,{written},gold\n")
    assert import_customers(desk.store, file, NOON).unmatched == ()
    assert shown(desk)["tier"] == ("gold", "crm.csv")


def test_a_file_from_a_spreadsheet_begins_with_a_byte_order_mark(desk: Desk, tmp_path: Path) -> None:
    desk.take(post("1", by="anna"))
    file = write(tmp_path / "crm.csv", "platform,handle,tier\r\nbluesky,anna,gold\r\n", "utf-8-sig")
    assert import_customers(desk.store, file, NOON).kept == 1
    assert "tier" in shown(desk)


def test_who_has_not_written_yet_waits_and_is_known_when_they_do(desk: Desk, tmp_path: Path) -> None:
    file = write(tmp_path / "crm.csv", "platform,handle,tier\nbluesky,anna,gold\nx,anna,silver\n")
    assert import_customers(desk.store, file, NOON).unmatched == ("bluesky:anna", "x:anna")
    desk.take(post("1", by="anna"))
    assert shown(desk) == {"tier": ("gold", "crm.csv")}, "the same handle elsewhere may be somebody else"


def test_a_second_import_replaces_the_first_and_another_file_stands_beside_it(
    desk: Desk, tmp_path: Path
) -> None:
    desk.take(post("1", by="anna"))
    import_customers(
        desk.store, write(tmp_path / "crm.csv", "platform,handle,tier,old\nbluesky,anna,gold,x\n"), NOON
    )
    import_customers(
        desk.store, write(tmp_path / "crm.csv", "platform,handle,tier\nbluesky,@anna,silver\n"), after(1)
    )
    import_customers(
        desk.store, write(tmp_path / "shop.csv", "platform,handle,orders\nbluesky,anna,3\n"), after(2)
    )
    assert shown(desk) == {"tier": ("silver", "crm.csv"), "orders": ("3", "shop.csv")}


def test_rows_that_cannot_be_used_are_kept_apart_and_the_rest_goes_in(desk: Desk, tmp_path: Path) -> None:
    file = write(
        tmp_path / "crm.csv",
        "platform,handle,tier\nbluesky,,gold\n,anna,gold\nbluesky,bob,gold,extra\nbluesky,eve,gold\nx,tom\n",
    )
    done = import_customers(desk.store, file, NOON)
    assert (done.read, done.kept) == (5, 2)
    assert [(bad.position, bad.reason) for bad in done.bad] == [
        ("line 2", "platform or handle is empty"),
        ("line 3", "platform or handle is empty"),
        ("line 4", "too many columns"),
    ]
    import_customers(desk.store, file, NOON)
    with desk.store.read() as db:
        assert len(list(sources.quarantined(db))) == 3, "the same rows are not listed twice"


@pytest.mark.parametrize(
    ("text", "missing"),
    [
        ("handle,tier\nanna,gold\n", "the column platform is missing"),
        ("name,tier\nanna,gold\n", "the column platform and handle is missing"),
        ("", "the column platform and handle is missing"),
    ],
)
def test_a_missing_column_is_named(desk: Desk, tmp_path: Path, text: str, missing: str) -> None:
    file = write(tmp_path / "crm.csv", text)
    with pytest.raises(InputError, match=rf"crm\.csv, line 1: {missing}"):
        import_customers(desk.store, file, NOON)


def test_a_file_that_cannot_be_read_changes_nothing(desk: Desk, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"Cannot read customers from .*none\.csv"):
        import_customers(desk.store, tmp_path / "none.csv", NOON)
    rows = "".join(f"bluesky,user{n},gold\n" for n in range(5000))
    file = tmp_path / "crm.csv"
    file.write_bytes(f"platform,handle,tier\n{rows}".encode() + b"bluesky,\xff\xfe,gold\n")
    with pytest.raises(InputError, match="Cannot read customers"):
        import_customers(desk.store, file, NOON)
    with desk.store.read() as db:
        assert db.execute("SELECT count(*) FROM customer_records").fetchone() == (0,)
