"""Host names of a Sidecar's listener, as services and VirtualServices are compared with them."""

from __future__ import annotations

import pytest

from meshgate.mesh.imports import Hosts, Imports, with_port
from meshgate.mesh.sidecars import EgressListener, EgressPlace
from tests.mesh.objects import service, snapshot


@pytest.mark.parametrize(
    ("host", "covered", "met"),
    [
        ("a.com", True, True),
        ("b.com", False, False),
        ("x.org", True, True),
        ("*.x.org", True, True),
        ("*.com", False, True),
        ("*", False, True),
        ("*.net", False, False),
    ],
)
def test_hosts(host: str, covered: bool, met: bool) -> None:
    hosts = Hosts(["a.com", "*.org"])
    assert (hosts.cover(host), hosts.meet(host)) == (covered, met)


def test_names_of_a_namespace_go_before_those_of_all() -> None:
    listener = EgressListener(place=EgressPlace(), hosts=(("*", "a.com"), (".", "b.com")), excluded=(("shop", "*"),))
    imports = Imports(listener, "default")
    assert imports.namespaces is None
    assert [hosts.cover("b.com") for hosts in imports.of("default")] == [True, False]
    assert [hosts.cover("b.com") for hosts in imports.of("edge")] == [False]
    assert (imports.excludes("shop", "a.com"), imports.excludes("edge", "a.com")) == (True, False)
    narrow = EgressListener(place=EgressPlace(), hosts=(("shop", "*"), (".", "*")))
    assert Imports(narrow, "default").namespaces == frozenset({"shop", "default"})


def test_ports_of_a_service() -> None:
    (given,) = snapshot(service("web", "http:80", "admin:81")).world.services
    assert with_port(given) is given
    assert with_port(given, 0, 80) is given
    assert with_port(given, 80, 81) is given
    assert with_port(given, 82) is None
    cut = with_port(given, 81)
    assert cut is not None
    assert [port.name for port in cut.ports] == ["admin"]
