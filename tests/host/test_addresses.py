"""Addresses are kept by their owners, and not given again soon."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshgate.errors import EnvironmentFault
from meshgate.host.addresses import AddressPool, parse_address

SMALL = IPv4Network("10.1.0.0/29")  # .1 to .6 can be given
LARGE = IPv4Network("10.9.0.0/24")


def test_an_owner_keeps_its_address() -> None:
    pool = AddressPool(SMALL)

    assert pool.assign("a") == pool.assign("a") == IPv4Address("10.1.0.1")
    assert pool.assign("b") == IPv4Address("10.1.0.2")
    assert pool.owner_of(IPv4Address("10.1.0.2")) == "b"
    assert pool.address_of("c") is None


def test_reserved_addresses_are_left_out() -> None:
    pool = AddressPool(SMALL, reserved=(SMALL[1], SMALL[2]))

    assert pool.assign("a") == SMALL[3]
    assert not pool.claim("b", SMALL[1])


def test_a_freed_address_comes_last() -> None:
    pool = AddressPool(SMALL)
    pool.assign("a")
    pool.release("a")

    assert [pool.assign(owner) for owner in "bcdefg"] == [SMALL[n] for n in (2, 3, 4, 5, 6, 1)]


def test_a_full_network_is_an_error_that_says_so() -> None:
    pool = AddressPool(IPv4Network("10.1.0.0/30"))
    pool.assign("a")
    pool.assign("b")

    with pytest.raises(EnvironmentFault, match=r"no address is left in 10\.1\.0\.0/30"):
        pool.assign("c")


def test_what_runs_is_claimed_first() -> None:
    pool = AddressPool(SMALL)

    assert pool.claim("old", SMALL[4])
    assert pool.assign("old") == SMALL[4]
    assert pool.assign("new") == SMALL[5]  # not one that was perhaps freed just before the restart
    assert not pool.claim("other", SMALL[4])
    assert not pool.claim("other", IPv4Address("10.2.0.1"))


def test_a_claim_replaces_the_address_that_the_owner_had() -> None:
    pool = AddressPool(SMALL)
    pool.assign("a")

    assert pool.claim("a", SMALL[6])
    assert pool.owner_of(SMALL[1]) is None


@given(st.lists(st.tuples(st.sampled_from(["assign", "release", "claim"]), st.integers(0, 6)), max_size=60))
def test_no_address_ever_has_two_owners(steps: list[tuple[str, int]]) -> None:
    pool = AddressPool(SMALL)
    for step, number in steps:
        owner = f"owner-{number}"
        match step:
            case "assign" if len({o for o in range(7) if pool.address_of(f"owner-{o}")}) < 6:
                pool.assign(owner)
            case "claim":
                pool.claim(owner, SMALL[number])
            case _:
                pool.release(owner)
        held = [pool.address_of(f"owner-{n}") for n in range(7)]
        known = [address for address in held if address is not None]
        assert len(known) == len(set(known))
        assert all(pool.is_assignable(address) for address in known)
        assert all(pool.owner_of(address) == f"owner-{n}" for n, address in enumerate(held) if address)


def test_the_same_name_gets_the_same_address() -> None:
    assert AddressPool(LARGE).assign_by_name("a") == AddressPool(LARGE).assign_by_name("a")


def test_a_name_goes_on_to_the_next_free_address() -> None:
    first = AddressPool(LARGE).assign_by_name("a")
    pool = AddressPool(LARGE)
    pool.claim("other", first)

    assert pool.assign_by_name("a") == first + 1
    assert pool.assign_by_name("other") == first


def test_what_was_claimed_stays_by_name_too() -> None:
    pool = AddressPool(LARGE)

    assert pool.claim("a", LARGE[5])
    assert pool.assign_by_name("a") == LARGE[5]


@given(st.sets(st.text(max_size=8), max_size=60))
def test_named_addresses_are_distinct_until_the_range_is_used_up(names: set[str]) -> None:
    network = IPv4Network("10.9.0.0/27")
    pool = AddressPool(network)
    room = 23  # less the network's own, the broadcast address and the first few, which are for users
    found = [pool.assign_by_name(name) for name in sorted(names)[:room]]
    assert len(set(found)) == len(found)
    assert all(network[8] <= address <= network[30] for address in found)
    if len(names) > room:
        with pytest.raises(EnvironmentFault):
            pool.assign_by_name(sorted(names)[room])


def test_what_is_no_address_is_none() -> None:
    assert parse_address("10.0.0.1") == IPv4Address("10.0.0.1")
    assert parse_address("None") is None
