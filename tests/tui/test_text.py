"""Words from outside: nothing of them may act on the terminal or change the layout."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from rich.cells import cell_len
from textual.content import Content

from tui import text

FORBIDDEN = set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c\u200d\ufe0f\ufeff")
anything = st.text(st.characters(codec=None), max_size=400)


@given(anything)
@example("\x1b]0;owned\x07\x9b31m\x00\x7f")
@example("\ud800 lone surrogate")
def test_nothing_that_acts_on_a_terminal_is_left(value: str) -> None:
    safe = text.block(value)
    assert not FORBIDDEN & set(safe)
    controls = [c for c in safe if unicodedata.category(c) in ("Cc", "Cs") and c != "\n"]
    assert controls == []
    safe.encode()


@given(anything)
def test_a_line_has_no_breaks_and_no_double_blanks(value: str) -> None:
    line = text.line(value)
    assert len(line.splitlines()) <= 1
    assert "  " not in line
    assert line == line.strip()


@given(anything, st.integers(0, 60))
@example("👨‍👩‍👧 漢字かな ❤️", 7)
@example("e" + "\u0301" * 80, 1)
def test_a_fitted_line_has_exactly_its_width(value: str, width: int) -> None:
    assert cell_len(text.fit(text.line(value), width)) == width


@given(anything)
def test_the_width_of_a_line_is_the_sum_of_its_parts(value: str) -> None:
    """No glue is left by which one terminal draws fewer cells than another."""
    line = text.line(value)
    assert cell_len(line) == sum(cell_len(c) for c in line)


@given(anything)
def test_cleaning_twice_changes_nothing(value: str) -> None:
    once = text.block(value)
    assert text.block(once) == once


@pytest.mark.parametrize(
    ("value", "seen"),
    [
        ("[/nope] [red]x[/red]", "[/nope] [red]x[/red]"),
        ("\x1b[31mred", "␛[31mred"),
        ("pay\u202eexe.gpj", "payexe.gpj"),
        ("a\tb", "a    b"),
        ("a\r\nb\u2028c\x85d\x0be", "a\nb\nc\nd\ne"),
        ("z" + "\u0301" * 50, "ź" + "\u0301" * 4),
        ("مرحبا نمی‌شود", "مرحبا نمی‌شود"),
        ("👩‍🚒 👍🏽 ❤️", "👩🚒 👍 ❤"),
        ("tag\U000e0041\U000e0042", "tag"),
        ("漢字", "漢字"),
    ],
)
def test_examples(value: str, seen: str) -> None:
    assert text.block(value) == seen


def test_marks_are_never_read() -> None:
    assert text.content("[/nope][b]x[/b]").plain == "[/nope][b]x[/b]"
    assert isinstance(text.content("[@click=app.quit]x[/]"), Content)
    assert text.content("[@click=app.quit]x[/]").spans == []


def test_long_texts_are_cut_with_a_mark() -> None:
    assert text.block("x" * 20_000, limit=10) == "x" * 10 + "…"


@pytest.mark.parametrize(
    ("source", "value", "seen"),
    [
        ("x", "anna", "@anna"),
        ("x", "", "@?"),
        ("x", "\u202e", "@?"),
        ("x", "\u202eanna\n@boris", "@anna @boris"),
        ("email", "anna@mail.example", "anna@mail.example"),
        ("email", "anna\x1b[31m@mail.example", "anna␛[31m@mail.example"),
    ],
)
def test_handles_as_their_platform_writes_them_and_nothing_else(source: str, value: str, seen: str) -> None:
    assert text.handle(source, value) == seen
