"""The host's ports follow the ingress gateway's Service and what its pods listen on."""

from __future__ import annotations

import pytest

from meshgate.errors import UsageError
from meshgate.host.edge_ports import EdgeFacts, EdgeGateway, EdgeOptions, check_options, edge_ports, listening_ports

SERVICE = ((15021, 15021), (80, 8080), (443, 8443), (27017, 27017))


def ports(facts: EdgeFacts, options: EdgeOptions | None = None) -> list[tuple[str, int, *tuple[str, ...]]]:
    found = edge_ports(facts, options or EdgeOptions(), "/edge", "gw")
    return [(port.address, port.port, *port.sockets) for port in found]


def gateway(*listens: int, uid: str = "uid-1") -> EdgeGateway:
    return EdgeGateway(uid=uid, ports=frozenset(listens))


def test_one_port_for_each_that_a_server_listens_on() -> None:
    facts = EdgeFacts(service_ports=SERVICE, gateways=(gateway(8080, 27017, 9999),))

    assert ports(facts) == [
        ("127.0.0.1", 80, "/edge/uid-1/gw.8080"),
        ("127.0.0.1", 27017, "/edge/uid-1/gw.27017"),
    ]


def test_the_options_move_http_and_https() -> None:
    facts = EdgeFacts(service_ports=SERVICE, gateways=(gateway(8080, 8443),))
    options = EdgeOptions(host_address="0.0.0.0", http_port=8080, https_port=8443)

    assert [(address, port) for address, port, *_ in ports(facts, options)] == [("0.0.0.0", 8080), ("0.0.0.0", 8443)]


def test_a_port_of_zero_is_none() -> None:
    facts = EdgeFacts(service_ports=SERVICE, gateways=(gateway(8080, 8443),))

    assert [port for _, port, *_ in ports(facts, EdgeOptions(https_port=0))] == [80]


def test_without_a_gateway_or_a_server_there_is_none() -> None:
    assert ports(EdgeFacts(service_ports=SERVICE)) == []
    assert ports(EdgeFacts(service_ports=SERVICE, gateways=(gateway(),))) == []
    assert ports(EdgeFacts(gateways=(gateway(8080),))) == []


def test_all_pods_that_listen_take_connections() -> None:
    facts = EdgeFacts(
        service_ports=SERVICE, gateways=(gateway(8080, uid="c"), gateway(8080, 8443, uid="b"), gateway(uid="a"))
    )

    assert ports(facts) == [
        ("127.0.0.1", 80, "/edge/b/gw.8080", "/edge/c/gw.8080"),
        ("127.0.0.1", 443, "/edge/b/gw.8443"),
    ]


def test_two_ports_of_the_service_that_become_one_of_the_host() -> None:
    facts = EdgeFacts(service_ports=((80, 8080), (8080, 9090)), gateways=(gateway(8080, 9090),))

    assert ports(facts, EdgeOptions(http_port=8080)) == [("127.0.0.1", 8080, "/edge/uid-1/gw.8080")]


def test_listeners_for_the_edge_are_known_by_their_names() -> None:
    assert listening_ports(["0.0.0.0_8080", "edge_8080", "edge_x", "virtualInbound"]) == {8080}


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (EdgeOptions(host_address="localhost"), '--host-address "localhost" is not an address'),
        (EdgeOptions(http_port=70000), "--http-port 70000 is not a port"),
        (EdgeOptions(https_port=-1), "--https-port -1 is not a port"),
        (EdgeOptions(http_port=8080, https_port=8080), "--http-port and --https-port are both 8080"),
    ],
)
def test_options_that_cant_be_are_named(options: EdgeOptions, text: str) -> None:
    with pytest.raises(UsageError) as caught:
        check_options(options)
    assert caught.value.text == text


def test_both_ports_may_be_none() -> None:
    check_options(EdgeOptions(http_port=0, https_port=0))
