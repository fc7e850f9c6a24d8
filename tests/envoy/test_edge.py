"""The edge Envoy: host ports to gateways' sockets, with the client's address in a PROXY header."""

from __future__ import annotations

import functools
import json
import socket
from pathlib import Path

import pytest

from meshgate.envoy import EDGE_NODE, EdgeInput, EdgePort, edge_bootstrap, edge_resources
from meshgate.proto import from_json, v3
from tests.live_envoy import free_ports, running_envoy

PROXY_V2 = b"\r\n\r\n\x00\r\nQUIT\n"


def test_bootstrap_has_no_port_of_its_own() -> None:
    given = EdgeInput(xds_socket="/run/edge/xds", admin_socket="/run/edge/admin")
    message = from_json(json.loads(edge_bootstrap(given)), v3.Bootstrap)
    assert message.node.id == EDGE_NODE
    assert not message.static_resources.listeners
    assert message.admin.address.pipe.path == "/run/edge/admin"
    assert [cluster.name for cluster in message.static_resources.clusters] == ["xds-grpc"]


def edge_port(port: int, *sockets: str) -> EdgePort:
    return EdgePort(address="127.0.0.1", port=port, target=8080, sockets=sockets)


def test_two_ports_of_one_target_share_its_cluster() -> None:
    ports = [edge_port(port, "/run/gw.8080") for port in (8080, 80)]
    resources = edge_resources(ports)
    assert [item.name for item in resources.listeners] == ["127.0.0.1_80", "127.0.0.1_8080"]
    assert [item.name for item in resources.clusters] == ["gateway_8080"]
    assert edge_resources(reversed(ports)) == resources


def test_pods_that_come_and_go_change_only_endpoints() -> None:
    one, two = (edge_resources([edge_port(80, *sockets)]) for sockets in (("/run/a",), ("/run/a", "/run/b")))
    assert (one.listeners, one.clusters) == (two.listeners, two.clusters)
    assert one.endpoints != two.endpoints


@pytest.mark.envoy
@pytest.mark.slow
def test_a_connection_arrives_with_the_clients_address() -> None:
    (port,) = free_ports(1)
    start = functools.partial(running_envoy, isolated=False, bootstrap_of=_edge_bootstrap)
    with start() as edge, socket.socket(socket.AF_UNIX) as gateway:
        path = edge.directory / "gateway.8080"
        gateway.bind(str(path))
        gateway.listen()
        gateway.settimeout(10)
        edge.apply(edge_resources([edge_port(port, str(path))]))
        with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
            client.sendall(b"hello")
            received = _received(gateway, 28 + len(b"hello"))
            source_port = client.getsockname()[1]
    assert received.startswith(PROXY_V2)
    assert received[16:20] == socket.inet_aton("127.0.0.1")
    assert int.from_bytes(received[24:26], "big") == source_port
    assert received.endswith(b"hello")


@pytest.mark.envoy
@pytest.mark.slow
def test_a_pod_that_was_killed_is_passed_over() -> None:
    (port,) = free_ports(1)
    start = functools.partial(running_envoy, isolated=False, bootstrap_of=_edge_bootstrap)
    with start() as edge, socket.socket(socket.AF_UNIX) as dead, socket.socket(socket.AF_UNIX) as gateway:
        paths = [str(edge.directory / name) for name in ("dead", "gateway")]
        dead.bind(paths[0])  # nobody listens
        gateway.bind(paths[1])
        gateway.listen()
        gateway.settimeout(10)
        edge.apply(edge_resources([edge_port(port, *paths)]))
        for _ in range(4):
            with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
                client.sendall(b"hello")
                assert _received(gateway, 28 + len(b"hello")).endswith(b"hello")


def _edge_bootstrap(xds_socket: Path, admin_socket: Path) -> bytes:
    return edge_bootstrap(EdgeInput(xds_socket=str(xds_socket), admin_socket=str(admin_socket)))


def _received(gateway: socket.socket, size: int) -> bytes:
    connection, _ = gateway.accept()
    with connection:
        connection.settimeout(10)
        received = b""
        while len(received) < size:
            received += connection.recv(1024)
        return received
