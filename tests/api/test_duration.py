"""Durations: Go's texts in, protobuf's texts out."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshgate.api import duration_text, parse_duration


@pytest.mark.parametrize(
    ("text", "microseconds"),
    [
        pytest.param("5s", 5_000_000, id="seconds"),
        pytest.param("1h2m3.5s", 3_723_500_000, id="several units"),
        pytest.param(".5s", 500_000, id="no digit in front"),
        pytest.param("1.s", 1_000_000, id="no digit behind"),
        pytest.param("100ms", 100_000, id="milliseconds"),
        pytest.param("7us", 7, id="microseconds"),
        pytest.param("7µs", 7, id="micro sign"),
        pytest.param("7μs", 7, id="Greek mu"),
        pytest.param("1ns", 1, id="less than a microsecond is one"),
        pytest.param("-1.5s", -1_500_000, id="negative"),
        pytest.param("+1s", 1_000_000, id="plus"),
        pytest.param("0", 0, id="zero needs no unit"),
    ],
)
def test_duration(text: str, microseconds: int) -> None:
    assert parse_duration(text) == timedelta(microseconds=microseconds)


@pytest.mark.parametrize(
    "text", ["", "5", "s", " 5s", "5s ", "5d", "1,5s", "5 s", "inf", "1e3s", "--1s", "9999999h", "٣s"]
)
def test_no_duration(text: str) -> None:
    assert parse_duration(text) is None


@given(st.timedeltas(min_value=timedelta(days=-90_000), max_value=timedelta(days=90_000)))
def test_writing_and_reading_changes_nothing(duration: timedelta) -> None:
    assert parse_duration(duration_text(duration)) == duration


@given(st.text())
def test_reading_never_raises(text: str) -> None:
    parse_duration(text)
