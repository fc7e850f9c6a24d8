"""Addresses by name."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network

from hypothesis import given
from hypothesis import strategies as st

from meshgate.host.controllers.address_pool import AddressPool

NETWORK = IPv4Network("10.9.0.0/24")


def test_the_same_name_gets_the_same_address() -> None:
    assert AddressPool(NETWORK, ()).take("a") == AddressPool(NETWORK, ()).take("a")


def test_a_taken_address_goes_to_nobody_else() -> None:
    first = AddressPool(NETWORK, ()).take("a")
    assert first is not None
    second = AddressPool(NETWORK, [first]).take("a")
    assert second is not None
    assert second != first


def test_a_wish_is_granted_if_it_is_free_and_in_the_range() -> None:
    pool = AddressPool(NETWORK, ["10.9.0.7"])
    assert pool.take("a", "10.9.0.5") == "10.9.0.5"
    assert pool.take("b", "10.9.0.5") != "10.9.0.5"
    assert pool.take("c", "10.9.0.7") != "10.9.0.7"
    assert pool.take("d", "10.8.0.1") != "10.8.0.1"
    assert pool.take("e", "nonsense") is not None


@given(st.sets(st.text(max_size=8), max_size=60))
def test_addresses_are_distinct_and_in_the_range_until_it_is_used_up(names: set[str]) -> None:
    network = IPv4Network("10.9.0.0/27")
    pool = AddressPool(network, ())
    found = [pool.take(name) for name in sorted(names)]
    given = [address for address in found if address is not None]
    assert len(set(given)) == len(given)
    assert all(IPv4Address(address) in network for address in given)
    assert all(address not in ("10.9.0.0", "10.9.0.31") for address in given)
    assert (None in found) == (len(names) > 23)
