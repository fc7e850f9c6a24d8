"""Domain precedence: exact, longest suffix wildcard, longest prefix wildcard, all."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshgate.explain.simulate.virtual_hosts import choose_virtual_host
from meshgate.proto import from_json, v3
from tests.explain.simulate.domain_table import DOMAINS
from tests.explain.simulate.made import named


def _chosen(domains: list[str], host: str, *, ignore_port: bool = False) -> str | None:
    routes = {
        "virtual_hosts": [named({"domains": [one]}) for one in domains],
        "ignore_port_in_host_matching": ignore_port,
    }
    found = choose_virtual_host(from_json(routes, v3.RouteConfiguration), host)
    return found.name if found else None


@pytest.mark.parametrize(("domains", "host", "expected"), [row[1:] for row in DOMAINS], ids=[row[0] for row in DOMAINS])
def test_most_specific_domain_wins(domains: list[str], host: str, expected: str | None) -> None:
    assert _chosen(domains, host) == expected
    assert _chosen(domains[::-1], host) == expected


@pytest.mark.parametrize(
    ("host", "expected"),
    [("a.test:80", "a.test"), ("a.test", "a.test"), ("[::1]", "[::1]"), ("[::1]:80", "[::1]"), ("a.test:", "a.test")],
)
def test_port_can_be_ignored(host: str, expected: str) -> None:
    assert _chosen(["a.test", "[::1]", "*"], host, ignore_port=True) == expected


TEXT = st.text(alphabet="ab.", min_size=1, max_size=5)


@pytest.mark.slow
@given(st.sets(st.one_of(TEXT, TEXT.map("*{}".format), TEXT.map("{}*".format), st.just("*"))), TEXT)
def test_precedence_is_envoys_lookup(domains: set[str], host: str) -> None:
    """Envoy's own way: a map of exact names, then by length of wildcard, longest first."""
    lengths = range(len(host) - 1, 0, -1)
    candidates = [host, *(f"*{host[-n:]}" for n in lengths), *(f"{host[:n]}*" for n in lengths), "*"]
    expected = next((one for one in candidates if one in domains), None)
    assert _chosen(sorted(domains), host) == expected
