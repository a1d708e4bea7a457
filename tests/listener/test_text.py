"""Outside values made safe to store and to quote."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from listener.text import language_of, mend, moment_of, one_line, web_address


@given(text=st.text())
def test_mended_text_can_be_stored_and_whole_text_is_untouched(text: str) -> None:
    mended = mend(text)

    assert mended.encode().decode() == mended
    assert len(mended) == len(text)
    if "\0" not in text and not any("\ud800" <= char <= "\udfff" for char in text):
        assert mended == text


@given(text=st.text(), limit=st.integers(1, 50))
def test_one_line_is_one_line_within_its_limit(text: str, limit: int) -> None:
    line = one_line(text, limit)

    assert len(line) <= limit
    assert len(line.splitlines()) <= 1
    assert line == line.strip()


@pytest.mark.parametrize(
    ("tag", "language"),
    [
        ("en", "en"),
        ("EN", "en"),
        ("pt-BR", "pt"),
        ("zh_Hant", "zh"),
        ("iw", "he"),
        ("und", None),
        ("", None),
        ("ññ", None),
    ],
)
def test_a_language_is_two_letters_or_none(tag: str, language: str | None) -> None:
    assert language_of(tag) == language


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ("https://x.com/a/status/1", True),
        ("http://a.example", True),
        ("javascript:alert(1)", False),
        ("https://a b", False),
        ("https://a\u202eb", False),
        ("https://[::1]/a", True),
        ("https://[x", False),
        ("https://?a", False),
        ("", False),
        ("https://" + "a" * 3_000, False),
    ],
)
def test_only_plain_web_addresses_are_kept(value: str, kept: bool) -> None:
    assert web_address(value) == (value if kept else None)


@given(value=st.text(max_size=40) | st.datetimes().map(str))
def test_a_time_is_read_or_refused_in_words(value: str) -> None:
    try:
        at = moment_of(value)
    except ValueError as error:
        assert str(error)
    else:
        assert at.utcoffset() is not None
