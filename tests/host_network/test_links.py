"""Interfaces, addresses and routes are what the kernel says they are."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Interface, IPv4Network

import pytest

from meshgate.host.network import NetworkNamespace
from meshgate.host.network.links import Links
from meshgate.host.network.netlink import NetlinkFault

pytestmark = pytest.mark.e2e


@pytest.fixture
def links() -> Iterator[Links]:
    """Those of an empty namespace, with a veth pair `a`, `b`."""
    namespace = NetworkNamespace.create()
    opened = namespace.run(Links)
    opened.add_veth("a", "b", namespace.fileno())
    yield opened
    opened.close()
    namespace.close()


def test_a_pair_is_made_in_two_namespaces_and_goes_as_one(links: Links) -> None:
    other = NetworkNamespace.create()
    there = other.run(Links)
    links.add_veth("here", "there", other.fileno())
    assert [link.name for link in there.all()] == ["lo", "there"]

    assert there.remove("there")
    assert not there.remove("there")
    with pytest.raises(NetlinkFault, match='interface "here": no such device') as caught:
        links.index("here")
    assert caught.value.code == errno.ENODEV
    there.close()
    other.close()


def test_a_name_that_is_taken_is_refused(links: Links) -> None:
    here = NetworkNamespace.current()
    with pytest.raises(NetlinkFault, match='new veth pair "a": file exists'):
        links.add_veth("a", "c", here.fileno())
    here.close()


def test_a_name_that_is_too_long_is_refused_in_the_kernels_words(links: Links) -> None:
    with pytest.raises(NetlinkFault, match=r"numerical result out of range .*[Aa]ttribute failed policy"):
        links.add_veth("a" * 16, "c", 0)


def test_an_alias_is_kept_and_cut(links: Links) -> None:
    links.set_alias("a", "shop/web")
    links.set_alias("b", "x" * 300)

    aliases = {link.name: link.alias for link in links.all()}
    assert aliases["a"] == "shop/web"
    assert aliases["b"] == "x" * 255


def test_addresses_and_routes_are_listed(links: Links) -> None:
    address, gateway = IPv4Address("10.1.0.1"), IPv4Address("10.1.0.2")
    links.set_up("a")
    links.set_up("b")
    links.add_address("a", address)
    links.add_route(IPv4Network(gateway), link="a")
    links.add_route(IPv4Network("10.2.0.0/16"), link="a", gateway=gateway, source=address)
    links.add_route(IPv4Network("10.3.0.0/16"), kind="unreachable")

    number = links.index("a")
    assert links.addresses() == [(number, IPv4Interface("10.1.0.1/32"))]
    routes = {str(route.destination): route for route in links.routes()}
    assert set(routes) == {"10.1.0.2/32", "10.2.0.0/16", "10.3.0.0/16"}
    assert (routes["10.2.0.0/16"].link, routes["10.2.0.0/16"].gateway) == (number, gateway)
    assert routes["10.3.0.0/16"].gateway is None

    links.remove_route(IPv4Network("10.2.0.0/16"))
    assert "10.2.0.0/16" not in {str(route.destination) for route in links.routes()}
    with pytest.raises(NetlinkFault, match=r"removal of the route to 10\.2\.0\.0/16: no such process"):
        links.remove_route(IPv4Network("10.2.0.0/16"))
    with pytest.raises(NetlinkFault, match=r"route to 10\.3\.0\.0/16: file exists"):
        links.add_route(IPv4Network("10.3.0.0/16"), link="a")


def test_many_interfaces_are_listed_whole(links: Links) -> None:
    namespace = NetworkNamespace.create()
    for number in range(50):  # more than one datagram of a dump
        links.add_veth(f"v{number}", f"p{number}", namespace.fileno())

    assert len(links.all()) == 53
    for number in range(50):
        links.remove(f"v{number}")
    namespace.close()
