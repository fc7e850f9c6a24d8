"""Addresses of ServiceEntries that have none."""

from __future__ import annotations

from ipaddress import IPv4Address

import pytest

from tests.controllers.world import World, status


def entry(hosts: str = "[a.example.com]", more: str = "resolution: DNS", labels: str = "{}") -> str:
    return f"""
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {{name: e, labels: {labels}}}
spec:
  hosts: {hosts}
  ports: [{{number: 443, name: tls, protocol: TLS}}]
  {more}
"""


def test_each_plain_host_gets_an_address_in_order_that_stays() -> None:
    world = World(entry("[b.example.com, a.example.com]"))
    addresses = status(world.get("ServiceEntry", "e"))["addresses"]
    assert [each["host"] for each in addresses] == ["b.example.com", "a.example.com"]
    assert all(IPv4Address(each["value"]) in world.settings.auto_cidr for each in addresses)
    world.apply(entry("[c.example.com, a.example.com]"))
    after = status(world.get("ServiceEntry", "e"))["addresses"]
    assert after[1] == addresses[1]
    assert world.reconcile() == frozenset()


@pytest.mark.parametrize(
    "text",
    [
        entry(more="resolution: NONE"),
        entry(more="location: MESH_EXTERNAL"),
        entry(more="resolution: STATIC\n  addresses: [10.1.2.3]"),
        entry(hosts='["*.example.com"]', more="resolution: STATIC"),
        entry(labels='{networking.istio.io/enable-autoallocate-ip: "false"}'),
    ],
    ids=["resolution NONE", "no resolution", "own addresses", "wildcard", "label"],
)
def test_no_address_where_istio_gives_none(text: str) -> None:
    assert "addresses" not in status(World(text).get("ServiceEntry", "e"))


def test_what_may_have_none_any_more_loses_it() -> None:
    world = World(entry())
    assert status(world.get("ServiceEntry", "e"))["addresses"]
    world.apply(entry(more="resolution: NONE"))
    assert "addresses" not in status(world.get("ServiceEntry", "e"))
