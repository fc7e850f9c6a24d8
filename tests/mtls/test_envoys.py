"""A sample of the law by two real Envoys over loopback: the client's plan on one side, the server's on the other.

Nothing is captured here, so the listeners are bound to ports of their own, and clusters lead to where those are; all
else is as planned. Each Envoy has a certificate of one authority, given by SDS.
"""

from __future__ import annotations

import json
import socket
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime

import msgspec
import pytest

from meshgate.ca.issue import Order, issue, new_authority
from meshgate.ca.pki import certificate_pem
from meshgate.envoy import ProxyPorts, Resource, emit, emit_load_assignment
from meshgate.envoy.secret import certificate_secret, validation_secret
from meshgate.plan import Part, names
from meshgate.plan.secret_names import part_secret_names
from meshgate.plan.values import (
    ClusterPlan,
    EndpointPlan,
    FilterChainPlan,
    LoadAssignmentPlan,
    LocalityEndpoints,
    OriginalDstFilter,
    SocketAddress,
)
from tests.live_envoy import LiveEnvoy, free_ports, running_envoy
from tests.mesh.objects import istio
from tests.mtls.backend import running_backend
from tests.mtls.ends import HOST, TARGET, VIRTUAL, Ends, ends
from tests.plan.planned import cluster, listener

pytestmark = pytest.mark.envoy

LOOPBACK = "127.0.0.1"
CLIENT = "spiffe://cluster.local/ns/default/sa/client"
SERVER = "spiffe://cluster.local/ns/default/sa/default"
STRICT, PERMISSIVE, DISABLE = (
    istio("PeerAuthentication", "all", f"{{mtls: {{mode: {mode}}}}}") for mode in ("STRICT", "PERMISSIVE", "DISABLE")
)


class Pair:
    """Two Envoys, the workload behind the second, and where they listen."""

    def __init__(self, client: LiveEnvoy, server: LiveEnvoy, backend: int) -> None:
        self._client, self._server, self._backend = client, server, backend
        self._client_port, self._server_port = free_ports(2)
        authority = new_authority("cluster.local", datetime.now(UTC))
        issued = issue(authority, [Order(identity=CLIENT), Order(identity=SERVER)], datetime.now(UTC))
        self._secrets = tuple(
            (
                certificate_secret(names.WORKLOAD_CERTIFICATE, one.chain_pem, one.key_pem),
                validation_secret(names.WORKLOAD_ROOTS, b"".join(map(certificate_pem, authority.roots))),
            )
            for one in issued
        )

    def connect(self, both: Ends) -> None:
        """From now on the two do as these plans say."""
        self._server.apply(tuple(self._of_server(both)))
        self._client.apply(tuple(self._of_client(both)))

    def request(self, *arguments: str) -> tuple[int, dict[str, str]]:
        """Status of a request through both, and the headers that reached the workload."""
        command = ["curl", "-s", "-m", "10", "-w", "\n%{http_code}", "-H", "Host: web", *arguments]
        url = f"http://{LOOPBACK}:{self._client_port}/"
        done = subprocess.run([*command, url], capture_output=True, text=True, check=False)
        body, _, status = done.stdout.rpartition("\n")
        return int(status), json.loads(body) if body.startswith("{") else {}

    def say(self, line: str) -> str:
        """What comes back for a line of text; empty if the connection is closed."""
        with socket.create_connection((LOOPBACK, self._client_port), 10) as connection:
            connection.sendall(f"{line}\n".encode())
            return connection.makefile().readline().strip()

    def _of_server(self, both: Ends) -> Iterator[Resource]:
        planned = both.inbound
        chains = tuple(_without_port(one) for one in planned.filter_chains if _is_for_target(one))
        bound = msgspec.structs.replace(
            planned,
            address=SocketAddress(address=LOOPBACK, port=self._server_port),
            filter_chains=chains,
            listener_filters=tuple(
                msgspec.structs.replace(one, disabled=None)
                for one in planned.listener_filters
                if not isinstance(one, OriginalDstFilter)
            ),
        )
        inbound = _to(cluster(both.server, names.inbound_cluster(TARGET)), self._backend)
        yield from _emitted(Part(listeners=(bound,), clusters=(inbound,)), self._secrets[1])

    def _of_client(self, both: Ends) -> Iterator[Resource]:
        at = f"{VIRTUAL}_80"
        at = at if any(one.name == at for one in both.client.listeners) else "0.0.0.0_80"
        bound = msgspec.structs.replace(
            listener(both.client, at),
            name="outbound",
            address=SocketAddress(address=LOOPBACK, port=self._client_port),
            bind_to_port=True,
        )
        routes = (one for one in both.client.route_configurations if one.name in ("80", f"{HOST}:80"))
        part = Part(
            listeners=(bound,),
            route_configurations=tuple(routes),
            clusters=(both.cluster, cluster(both.client, names.PASSTHROUGH)),
        )
        yield from _emitted(part, self._secrets[0])
        mode = "istio" if both.sent is not None and both.cluster.tls_choices else ""
        yield emit_load_assignment(_at(both.cluster.name, self._server_port, mode))


def _emitted(part: Part, secrets: tuple[Resource, ...]) -> Iterator[Resource]:
    """All of the part, and those of the secrets that it names."""
    made, wanted = emit(part), part_secret_names(part)
    yield from (secret for secret in secrets if secret.name in wanted)
    yield from (*made.clusters, *made.listeners, *made.route_configurations)


def _is_for_target(chain: FilterChainPlan) -> bool:
    return chain.match is not None and chain.match.destination_port == TARGET


def _without_port(chain: FilterChainPlan) -> FilterChainPlan:
    assert chain.match is not None
    return msgspec.structs.replace(chain, match=msgspec.structs.replace(chain.match, destination_port=None))


def _at(name: str, port: int, tls_mode: str = "") -> LoadAssignmentPlan:
    endpoint = EndpointPlan(address=SocketAddress(address=LOOPBACK, port=port), tls_mode=tls_mode)
    return LoadAssignmentPlan(cluster=name, localities=(LocalityEndpoints(endpoints=(endpoint,)),))


def _to(planned: ClusterPlan, port: int) -> ClusterPlan:
    """The cluster of the workload, which is reached here by HTTP/1.1 only."""
    return msgspec.structs.replace(
        planned,
        type="STATIC",
        lb_policy="ROUND_ROBIN",
        bind_address="",
        extra_bind_addresses=(),
        cleanup_interval=None,
        http=None,
        load_assignment=_at(planned.name, port),
    )


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    static = free_ports(8)
    ports = [
        ProxyPorts(admin=given[0], status=given[1], readiness=given[2], prometheus=given[3], wildcard=LOOPBACK)
        for given in (static[:4], static[4:])
    ]
    with (
        running_backend() as backend,
        running_envoy(isolated=False, ports=ports[0]) as client,
        running_envoy(isolated=False, ports=ports[1]) as server,
    ):
        yield Pair(client, server, backend)


@pytest.mark.parametrize("policy", [PERMISSIVE, STRICT], ids=["permissive", "strict"])
@pytest.mark.parametrize(
    ("port", "arguments"),
    [
        pytest.param("http", (), id="http"),
        pytest.param("http2", (), id="http2"),
        pytest.param("http", ("--http2-prior-knowledge",), id="http-from-http2"),
        pytest.param("auto", (), id="sniffed"),
        pytest.param("auto", ("--http2-prior-knowledge",), id="sniffed-http2"),
    ],
)
def test_http_arrives_with_the_client_s_identity(
    pair: Pair, port: str, arguments: tuple[str, ...], policy: str
) -> None:
    pair.connect(ends(port, policy))
    status, headers = pair.request(*arguments)
    assert status == 200
    assert f"URI={CLIENT}" in headers["x-forwarded-client-cert"]


@pytest.mark.parametrize("policy", [PERMISSIVE, STRICT], ids=["permissive", "strict"])
@pytest.mark.parametrize("port", ["tcp", "auto"])
def test_bytes_arrive_as_they_are(pair: Pair, port: str, policy: str) -> None:
    pair.connect(ends(port, policy))
    assert pair.say("hello") == "bytes hello"
    assert pair.say("GET-like but no request") == "bytes GET-like but no request"


@pytest.mark.parametrize("policy", [PERMISSIVE, DISABLE], ids=["permissive", "disable"])
def test_what_is_not_labelled_gets_plaintext(pair: Pair, policy: str) -> None:
    pair.connect(ends("http", policy, label=""))
    status, headers = pair.request()
    assert (status, headers.get("x-forwarded-client-cert")) == (200, None)


def rule(tls: str) -> str:
    return istio("DestinationRule", "web", f"{{host: web, trafficPolicy: {{tls: {tls}}}}}")


@pytest.mark.parametrize(
    ("rules", "port"),
    [
        pytest.param(STRICT + rule("{mode: DISABLE}"), "http", id="plaintext-to-strict"),
        pytest.param(DISABLE + rule("{mode: ISTIO_MUTUAL}"), "http", id="mutual-to-plaintext"),
        pytest.param(rule("{mode: ISTIO_MUTUAL, subjectAltNames: ['spiffe://other']}"), "http", id="another-identity"),
    ],
)
def test_what_does_not_fit_is_refused(pair: Pair, rules: str, port: str) -> None:
    pair.connect(ends(port, rules))
    assert pair.request()[0] == 503
