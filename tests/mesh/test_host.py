"""Host names: wildcards stand for suffixes; the most specific name is found without a scan, and by the rule."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshgate.mesh import HostIndex, full_name, host_specificity, intersection, is_address, is_within, matches

LABELS = st.sampled_from(["a", "b", "shop"])
EXACT = st.lists(LABELS, min_size=1, max_size=3).map(".".join)
HOSTS = st.one_of(EXACT, EXACT.map(lambda host: f"*.{host}"), EXACT.map(lambda host: f"*{host}"), st.just("*"))


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        pytest.param("a.com", "a.com", True, id="equal"),
        pytest.param("a.com", "b.com", False, id="different"),
        pytest.param("*.com", "a.com", True, id="wildcard"),
        pytest.param("*.com", "com", False, id="wildcard needs something before the dot"),
        pytest.param("*.a.com", "*.com", True, id="wildcard below wildcard"),
        pytest.param("*.com", "*.org", False, id="wildcards apart"),
        pytest.param("*", "anything", True, id="all"),
    ],
)
def test_matches_is_symmetric(one: str, other: str, *, expected: bool) -> None:
    assert matches(one, other) is expected
    assert matches(other, one) is expected


@pytest.mark.slow
@given(HOSTS, HOSTS)
def test_what_is_within_matches(one: str, other: str) -> None:
    if is_within(one, other):
        assert matches(one, other)


@pytest.mark.slow
@given(st.lists(HOSTS), st.lists(HOSTS))
def test_an_intersection_is_within_both(ones: list[str], others: list[str]) -> None:
    for host in intersection(ones, others):
        assert any(is_within(host, one) for one in ones)
        assert any(is_within(host, other) for other in others)


@pytest.mark.slow
@given(HOSTS, st.lists(HOSTS, unique=True))
def test_an_index_finds_what_a_scan_finds(host: str, known: list[str]) -> None:
    index: HostIndex[str] = HostIndex()
    for name in known:
        index.add(name, name)
    covering = [name for name in known if is_within(host, name)]
    assert index.most_specific(host) == min(covering, key=host_specificity, default=None)


def test_the_first_value_of_a_host_counts() -> None:
    index: HostIndex[int] = HostIndex()
    for number, host in enumerate(["a.com", "*.com", "a.com", "*.com"]):
        index.add(host, number)
    assert (index.exact("a.com"), index.exact("*.com"), index.exact("b.com")) == (0, 1, None)


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("web", "web.shop.svc.cluster.local"),
        ("web.other", "web.other"),
        ("10.0.0.1", "10.0.0.1"),
        ("*", "*"),
        ("", ""),
    ],
)
def test_short_names_are_of_the_objects_namespace(host: str, expected: str) -> None:
    assert full_name(host, "shop", "cluster.local") == expected


def test_ranges_are_no_addresses() -> None:
    assert [is_address(text) for text in ("10.0.0.1", "fd00::1", "10.0.0.0/8", "web", "")] == [True, True, *[False] * 3]
