"""Annotations become specs, specs become rules, and the rules do with real connections what Istio's do."""

from __future__ import annotations

import asyncio
import socket
from ipaddress import IPv4Network
from typing import Any

import pytest

from meshgate.api import Ref
from meshgate.host.network import SIDECAR_GID, CaptureSpec, NetworkNamespace, PodIdentity, parse_capture
from meshgate.host.network.capture import capture_batch
from tests.host_network.machine import connect, listen, original_destination, set_thread_gid
from tests.host_network.running import inside, running_network

POD = Ref("Pod", "shop", "web")
PREFIX = "traffic.sidecar.istio.io/"


def parsed(**annotations: str) -> CaptureSpec:
    spec, problems = parse_capture({PREFIX + name: value for name, value in annotations.items()}, POD)
    assert problems == ()
    assert spec is not None
    return spec


@pytest.mark.parametrize(
    ("annotations", "expected"),
    [
        pytest.param({}, {}, id="nothing is Istio's default"),
        pytest.param({"includeOutboundIPRanges": "*"}, {}, id="star is all"),
        pytest.param({"includeOutboundIPRanges": ""}, {"include_outbound_ranges": ()}, id="empty is none"),
        pytest.param(
            {"includeOutboundIPRanges": "10.0.0.0/8, 192.168.1.7/32,fd00::/8"},
            {"include_outbound_ranges": (IPv4Network("10.0.0.0/8"), IPv4Network("192.168.1.7/32"))},
            id="a list of networks, those of IPv6 without effect",
        ),
        pytest.param(
            {"excludeOutboundIPRanges": "10.1.2.3/8"},
            {"exclude_outbound_ranges": (IPv4Network("10.0.0.0/8"),)},
            id="bits of the host are cut off, as Go's parser does",
        ),
        pytest.param({"excludeOutboundPorts": "3306,27017"}, {"exclude_outbound_ports": (3306, 27017)}, id="ports"),
        pytest.param({"includeOutboundPorts": " 80 , 80"}, {"include_outbound_ports": (80,)}, id="blanks, twice"),
        pytest.param({"includeInboundPorts": "8080"}, {"include_inbound_ports": (8080,)}, id="inbound list"),
        pytest.param({"includeInboundPorts": ""}, {"include_inbound_ports": ()}, id="nothing inbound"),
        pytest.param({"excludeInboundPorts": "22"}, {"exclude_inbound_ports": (22,)}, id="inbound but one"),
    ],
)
def test_annotations_are_read(annotations: dict[str, str], expected: dict[str, Any]) -> None:
    assert parsed(**annotations) == CaptureSpec(**expected)


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("excludeOutboundPorts", "http", '"http" is not a port in "http"'),
        ("excludeInboundPorts", "80,70000", '"70000" is not a port in "80,70000"'),
        ("includeInboundPorts", "80,", '"" is not a port in "80,"'),
        ("includeOutboundIPRanges", "10.0.0.1", '"10.0.0.1" is not a network in CIDR notation in "10.0.0.1"'),
        ("excludeOutboundIPRanges", "10.0.0.0/33", '"10.0.0.0/33" is not a network in CIDR notation in "10.0.0.0/33"'),
        ("excludeOutboundIPRanges", "*", '"*" is not a network in CIDR notation in "*"'),
    ],
)
def test_a_wrong_annotation_is_named(name: str, value: str, text: str) -> None:
    spec, problems = parse_capture({PREFIX + name: value}, POD)

    assert spec is None
    (problem,) = problems
    assert problem.is_error
    assert (problem.ref, problem.path, problem.text) == (POD, f'metadata.annotations["{PREFIX}{name}"]', text)
    assert "is expected, such as" in problem.hint


def test_all_faults_are_told_at_once() -> None:
    _, problems = parse_capture({PREFIX + "excludeInboundPorts": "x", PREFIX + "includeOutboundPorts": "y"}, POD)

    assert len(problems) == 2


def test_equal_specs_give_equal_bytes() -> None:
    assert capture_batch(CaptureSpec()).encode() == capture_batch(CaptureSpec()).encode()


class Pods:
    """A client and a server, each listening where a sidecar would."""

    def __init__(self, client: NetworkNamespace, server: NetworkNamespace, server_address: str) -> None:
        self.client = client
        self.server = server
        self.address = server_address
        self.outbound = listen(client, 15001)
        self.inbound = listen(server, 15006)

    def reach(self, port: int, listener: socket.socket, *, gid: int | None = None) -> tuple[str, int]:
        """Connect from client to server; the connection must arrive at the listener: its original destination."""
        with connect(self.client, self.address, port, gid=gid):
            connection, _ = listener.accept()
            with connection:
                return original_destination(connection)

    def close(self) -> None:
        self.outbound.close()
        self.inbound.close()
        self.client.close()
        self.server.close()


async def with_pods(spec: CaptureSpec | None, check: Any) -> None:
    async with running_network() as running:
        client = await running.network.attach(PodIdentity("uid-client", "shop", "client"), spec)
        server = await running.network.attach(PodIdentity("uid-server", "shop", "server"), spec)
        pods = Pods(inside(client), inside(server), server.address)
        try:
            await asyncio.to_thread(check, pods)
        finally:
            pods.close()


@pytest.mark.e2e
def test_application_traffic_goes_to_the_sidecar() -> None:
    def check(pods: Pods) -> None:
        assert pods.reach(8080, pods.outbound) == (pods.address, 8080)

    asyncio.run(with_pods(CaptureSpec(), check))


@pytest.mark.e2e
def test_what_the_sidecar_sends_goes_out_and_into_the_other_sidecar() -> None:
    def check(pods: Pods) -> None:
        assert pods.reach(8080, pods.inbound, gid=SIDECAR_GID) == (pods.address, 8080)

    asyncio.run(with_pods(CaptureSpec(), check))


@pytest.mark.e2e
@pytest.mark.parametrize("port", [15008, 15020, 15021, 15090])
def test_the_sidecars_own_ports_are_reached_directly(port: int) -> None:
    def check(pods: Pods) -> None:
        with listen(pods.server, port) as own:
            pods.reach(port, own, gid=SIDECAR_GID)

    asyncio.run(with_pods(CaptureSpec(), check))


@pytest.mark.e2e
def test_without_capture_connections_are_left_alone() -> None:
    def check(pods: Pods) -> None:
        with listen(pods.server, 8080) as application:
            pods.reach(8080, application)

    asyncio.run(with_pods(None, check))


@pytest.mark.e2e
def test_annotations_take_ports_and_networks_out() -> None:
    def check(pods: Pods) -> None:
        with listen(pods.server, 3306) as database, listen(pods.server, 9999) as metrics:
            pods.reach(3306, database)
            pods.reach(9999, pods.inbound, gid=SIDECAR_GID)
            assert pods.reach(9999, pods.outbound) == (pods.address, 9999)
            assert metrics.fileno() >= 0

    spec = parsed(excludeOutboundPorts="3306", excludeInboundPorts="3306")
    asyncio.run(with_pods(spec, check))

    def check_networks(pods: Pods) -> None:
        assert pods.reach(8080, pods.inbound) == (pods.address, 8080)

    asyncio.run(with_pods(parsed(excludeOutboundIPRanges="10.244.0.0/16"), check_networks))
    asyncio.run(with_pods(parsed(includeOutboundIPRanges="192.0.2.0/24"), check_networks))
    asyncio.run(with_pods(parsed(includeOutboundIPRanges=""), check_networks))


@pytest.mark.e2e
def test_ports_that_are_included_are_captured_where_their_network_is_not() -> None:
    def check(pods: Pods) -> None:
        assert pods.reach(8080, pods.outbound) == (pods.address, 8080)
        assert pods.reach(8081, pods.inbound) == (pods.address, 8081)

    asyncio.run(with_pods(parsed(includeOutboundIPRanges="", includeOutboundPorts="8080"), check))


@pytest.mark.e2e
def test_only_the_inbound_ports_that_are_named_are_captured() -> None:
    def check(pods: Pods) -> None:
        pods.reach(8080, pods.inbound, gid=SIDECAR_GID)
        with listen(pods.server, 9090) as other:
            pods.reach(9090, other, gid=SIDECAR_GID)

    asyncio.run(with_pods(parsed(includeInboundPorts="8080"), check))


@pytest.mark.e2e
def test_a_pod_that_calls_itself() -> None:
    """Loopback and its own address stay as they are; its own Service, through the sidecar, comes in as inbound."""

    def check(pods: Pods) -> None:
        with listen(pods.server, 8080) as application:
            for target in ("127.0.0.1", pods.address):
                with connect(pods.server, target, 8080), application.accept()[0]:
                    pass
            with connect(pods.server, pods.address, 8080, gid=SIDECAR_GID), pods.inbound.accept()[0] as connection:
                assert original_destination(connection) == (pods.address, 8080)
            with connect(pods.server, "127.0.0.1", 8080, gid=SIDECAR_GID), application.accept()[0]:
                pass

    asyncio.run(with_pods(CaptureSpec(), check))


@pytest.mark.e2e
def test_the_inbound_passthrough_address_reaches_the_application() -> None:
    """Envoy's inbound passthrough cluster binds to 127.0.0.6, so that its connection isn't captured again."""

    def check(pods: Pods) -> None:
        def from_passthrough_address() -> socket.socket:
            set_thread_gid(SIDECAR_GID)
            return socket.create_connection((pods.address, 8080), timeout=5, source_address=("127.0.0.6", 0))

        with listen(pods.server, 8080) as application, pods.server.run(from_passthrough_address):
            connection, peer = application.accept()
            connection.close()
            assert peer[0] == "127.0.0.6"

    asyncio.run(with_pods(CaptureSpec(), check))


@pytest.mark.e2e
def test_a_virtual_address_that_nothing_routes_reaches_the_sidecar() -> None:
    def check(pods: Pods) -> None:
        with connect(pods.client, "240.240.0.1", 443), pods.outbound.accept()[0] as connection:
            assert original_destination(connection) == ("240.240.0.1", 443)

    asyncio.run(with_pods(CaptureSpec(), check))


@pytest.mark.e2e
def test_without_root_the_sidecar_is_known_by_its_mark() -> None:
    def check(pods: Pods) -> None:
        def marked() -> socket.socket:
            sock = socket.socket()
            sock.settimeout(5)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, 1337)
            sock.connect((pods.address, 8080))
            return sock

        assert pods.reach(8080, pods.outbound, gid=SIDECAR_GID) == (pods.address, 8080)
        with pods.client.run(marked), pods.inbound.accept()[0] as connection:
            assert original_destination(connection) == (pods.address, 8080)

    asyncio.run(with_pods(CaptureSpec(sidecar_known_by="mark"), check))
