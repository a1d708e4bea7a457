"""Headers that say when to come back, as platforms really spell them."""

from __future__ import annotations

import math
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from listener.http import LONGEST_WAIT_SECONDS, reset_seconds, retry_after_seconds
from tests.fakes.clock import START

EPOCH = int(START.timestamp())


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("", None),
        ("  ", None),
        ("0", 0.0),
        ("30", 30.0),
        ("1.5", 1.5),
        ("-5", 0.0),
        ("nan", None),
        ("inf", None),
        ("soon", None),
        ("Tue, 10 Mar 2026 09:00:20 GMT", 20.0),
        ("Tue, 10 Mar 2026 08:00:00 GMT", 0.0),
        ("2026-03-10T09:00:30Z", 30.0),
        ("2026-03-10T09:00:30.5", 30.5),
        ("99999999999", LONGEST_WAIT_SECONDS),
    ],
)
def test_retry_after(value: str | None, seconds: float | None) -> None:
    assert retry_after_seconds(value, START) == seconds


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        (str(EPOCH + 300), 300.0),
        (str(EPOCH - 300), 0.0),
        (f"{EPOCH + 30}.5", 30.5),
        ("45", 45.0),
        ((START + timedelta(seconds=90)).isoformat(), 90.0),
        ("later", None),
        (str(EPOCH * 1000), LONGEST_WAIT_SECONDS),
    ],
)
def test_reset(value: str | None, seconds: float | None) -> None:
    assert reset_seconds(value, START) == seconds


@given(value=st.text(max_size=40) | st.floats().map(str) | st.datetimes().map(str))
def test_no_header_breaks_or_stops_a_source_for_good(value: str) -> None:
    for read in (retry_after_seconds, reset_seconds):
        seconds = read(value, START)
        assert seconds is None or (math.isfinite(seconds) and 0 <= seconds <= LONGEST_WAIT_SECONDS)
