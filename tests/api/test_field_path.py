"""Paths of fields."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshgate.api import is_within, parts_of, path_of, without_indices

KEYS = st.text(st.characters(exclude_characters="[]"), min_size=1).filter(lambda key: not key.isdecimal())


@given(st.lists(KEYS | st.integers(0, 99), min_size=1))
def test_parts_come_back(parts: list[str | int]) -> None:
    assert list(parts_of(path_of(parts))) == parts


def test_form() -> None:
    assert path_of(["spec", "http", 2, "headers", "x-user", "exact"]) == "spec.http[2].headers[x-user].exact"
    assert path_of(["metadata", "labels", "a.b/c"]) == "metadata.labels[a.b/c]"
    assert without_indices("spec.http[2].match[10].uri") == "spec.http.match.uri"


@pytest.mark.parametrize(
    ("path", "other", "expected"),
    [
        ("spec.http[0].name", "spec.http", True),
        ("spec.http[0]", "spec.http[0]", True),
        ("spec.httpx", "spec.http", False),
        ("spec", "spec.http", False),
        ("spec", "", True),
    ],
)
def test_within(path: str, other: str, expected: bool) -> None:
    assert is_within(path, other) == expected
