"""Ranges are refused where they are wrong or taken, and what to do instead is said."""

from __future__ import annotations

from ipaddress import IPv4Network

import pytest

from meshgate.errors import EnvironmentFault, UsageError
from meshgate.host.network import Ranges, check_ranges, free_ranges, parse_ranges
from meshgate.host.network.ranges import Taken


def taken(*networks: str) -> list[Taken]:
    return [Taken(IPv4Network(network), f"route {network} dev tun0") for network in networks]


def test_the_defaults_are_istios_usual_ones_and_dont_overlap() -> None:
    assert parse_ranges() == Ranges()
    assert [str(network) for network in Ranges()] == ["10.244.0.0/16", "10.96.0.0/16", "10.245.0.0/24"]
    assert (str(Ranges().router), str(Ranges().host)) == ("10.244.0.1", "10.244.0.2")


def test_kubernetes_own_default_for_services_fits_beside_the_other_defaults() -> None:
    assert parse_ranges(services="10.96.0.0/12").services == IPv4Network("10.96.0.0/12")


@pytest.mark.parametrize(
    ("pods", "services", "text"),
    [
        ("10.244.0.0", "10.244.0.0/24", "--pod-cidr 10.244.0.0/32: too small"),
        ("10.1.2.3/16", "", '--pod-cidr "10.1.2.3/16": 10.1.2.3/16 has host bits set'),
        ("pods", "", '--pod-cidr "pods": '),
        ("fd00::/64", "", '--pod-cidr "fd00::/64": '),
        ("", "0.0.0.0/0", "--service-cidr 0.0.0.0/0: too large"),
        ("", "10.1.0.0/31", "--service-cidr 10.1.0.0/31: too small"),
        ("127.0.0.0/16", "", "--pod-cidr 127.0.0.0/16: not a network for hosts"),
        ("224.1.0.0/16", "", "--pod-cidr 224.1.0.0/16: not a network for hosts"),
        ("10.0.0.0/8", "10.96.0.0/16", "--pod-cidr 10.0.0.0/8 and --service-cidr 10.96.0.0/16 overlap"),
    ],
)
def test_wrong_flags_are_named(pods: str, services: str, text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_ranges(pods, services)

    assert caught.value.text.startswith(text)
    assert caught.value.hint


def test_a_route_of_the_host_that_overlaps_is_named_and_free_ranges_are_proposed() -> None:
    routes = taken("192.0.2.0/24", "10.0.0.0/8")
    with pytest.raises(EnvironmentFault) as caught:
        check_ranges(Ranges(), routes)

    assert caught.value.text == ("--pod-cidr 10.244.0.0/16 overlaps a network of this host: route 10.0.0.0/8 dev tun0")
    assert caught.value.hint == "try --pod-cidr 172.31.0.0/16 --service-cidr 172.30.0.0/16 --lb-cidr 172.29.255.0/24"
    check_ranges(free_ranges(routes), routes)


def test_the_narrower_one_of_two_may_be_the_hosts() -> None:
    with pytest.raises(EnvironmentFault, match=r"--service-cidr 10\.96\.0\.0/16 overlaps .* 10\.96\.3\.0/24"):
        check_ranges(Ranges(), taken("10.96.3.0/24"))


def test_free_ranges_are_smaller_where_there_is_little_room() -> None:
    routes = taken("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/17")
    ranges = free_ranges(routes)

    check_ranges(ranges, routes)
    assert {network.prefixlen for network in ranges} == {24}


def test_a_host_that_uses_everything() -> None:
    with pytest.raises(EnvironmentFault, match="no private network is free"):
        free_ranges(taken("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"))


def test_two_meshes_get_different_free_ranges() -> None:
    first = free_ranges([])
    second = free_ranges([Taken(network, "the other mesh") for network in first])

    assert not any(one.overlaps(other) for one in first for other in second)
