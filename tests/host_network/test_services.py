"""Virtual addresses lead to ready endpoints, for clients without a sidecar, and change without a gap."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from ipaddress import IPv4Address
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from meshgate.aio import Latest
from meshgate.host.network import NetworkNamespace, PodIdentity, Ranges
from meshgate.host.network.netlink import NetlinkFault
from meshgate.host.network.services import (
    TABLES,
    Endpoint,
    ServicePort,
    ServiceRules,
    ServiceTable,
    _rules,
    _udp_paths,
    change_batch,
)
from tests.host_network.machine import DEADLINE_S, connect
from tests.host_network.running import Running, inside, running_network

VIRTUAL = "10.96.0.10"


def web(*endpoints: str, addresses: tuple[str, ...] = (VIRTUAL,), port: int = 80) -> ServicePort:
    ready = tuple(Endpoint(address, 8080) for address in endpoints)
    return ServicePort(service="shop/web", addresses=addresses, port=port, endpoints=ready)


def test_equal_tables_need_no_change_whatever_their_order() -> None:
    other = ServicePort(service="shop/cart", addresses=("10.96.0.11",), port=80, endpoints=(Endpoint("10.244.0.9", 1),))
    one = _rules((web("10.244.0.3", "10.244.0.4"), other))
    two = _rules((other, web("10.244.0.4", "10.244.0.3")))

    assert not change_batch(TABLES[0], one, two)
    assert change_batch(TABLES[0], _rules(()), one).encode() == change_batch(TABLES[0], _rules(()), two).encode()


def test_one_endpoint_more_changes_one_chain() -> None:
    other = ServicePort(service="shop/cart", addresses=("10.96.0.11",), port=80, endpoints=(Endpoint("10.244.0.9", 1),))
    batch = change_batch(
        TABLES[0], _rules((web("10.244.0.3"), other)), _rules((web("10.244.0.3", "10.244.0.4"), other))
    )

    assert batch.steps() == [
        "flush chain svc-shop/web/tcp/80",
        "set __set%d",
        "elements",
        "rule of chain svc-shop/web/tcp/80",
        "rule of chain svc-shop/web/tcp/80",
        "elements",  # the pair of the new pod with itself
    ]


class Pods(NamedTuple):
    """A client, two servers of the Service, and the rules of their router."""

    running: Running
    rules: ServiceRules
    client: NetworkNamespace
    servers: list[NetworkNamespace]
    addresses: list[str]


def with_pods(check: Callable[[Pods], None]) -> None:
    async def main() -> None:
        async with running_network() as running:
            nets = [
                await running.network.attach(PodIdentity(f"uid-{name}", "shop", name), None)
                for name in ("client", "web-1", "web-2")
            ]
            client, *servers = [inside(net) for net in nets]
            rules = ServiceRules(running.network.router, Ranges().router)
            try:
                await asyncio.to_thread(check, Pods(running, rules, client, servers, [net.address for net in nets[1:]]))
            finally:
                rules.close()
                for namespace in (client, *servers):
                    namespace.close()

    asyncio.run(main())


class Echo:
    """A server that tells every client its own name and the client's address, then closes."""

    def __init__(self, namespace: NetworkNamespace, name: str, *, kind: socket.SocketKind = socket.SOCK_STREAM) -> None:
        self.name = name
        self._kind = kind
        self._sock = namespace.run(self._bind)
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def _bind(self) -> socket.socket:
        sock = socket.socket(socket.AF_INET, self._kind)
        sock.bind(("0.0.0.0", 8080))
        if self._kind == socket.SOCK_STREAM:
            sock.listen(128)
        return sock

    def __enter__(self) -> Echo:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        # UDP sockets are woken by shutdown too, though it reports that they have no peer
        try:
            self._sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            assert self._kind == socket.SOCK_DGRAM
        self._thread.join(DEADLINE_S)
        self._sock.close()

    def _serve(self) -> None:
        while True:
            try:
                if self._kind == socket.SOCK_DGRAM:
                    data, peer = self._sock.recvfrom(64)
                    if not data:
                        return
                    self._sock.sendto(f"{self.name} {peer[0]}".encode(), peer)
                else:
                    connection, peer = self._sock.accept()
                    with connection:
                        connection.sendall(f"{self.name} {peer[0]}".encode())
            except OSError:
                return


def call(namespace: NetworkNamespace, address: str = VIRTUAL, port: int = 80) -> str:
    with connect(namespace, address, port) as connection, connection.makefile() as stream:
        return stream.read()


def names(answers: Sequence[str]) -> Counter[str]:
    return Counter(answer.split()[0] for answer in answers)


@pytest.mark.e2e
def test_connections_are_spread_over_the_endpoints() -> None:
    def check(pods: Pods) -> None:
        with Echo(pods.servers[0], "one"), Echo(pods.servers[1], "two"):
            pods.rules.apply((web(*pods.addresses, addresses=(VIRTUAL, "10.245.0.1")),))
            answers = pods.client.run(lambda: [_call_here() for _ in range(200)])
            assert all(count > 40 for count in names(answers).values()), answers
            assert {answer.split()[1] for answer in answers} == {"10.244.0.3"}, "the client's own address is seen"
            assert call(pods.client, "10.245.0.1")

    with_pods(check)


def _call_here(address: str = VIRTUAL, port: int = 80) -> str:
    with socket.create_connection((address, port), timeout=DEADLINE_S) as connection, connection.makefile() as stream:
        return stream.read()


@pytest.mark.e2e
def test_without_endpoints_and_on_other_ports_connections_are_refused() -> None:
    def check(pods: Pods) -> None:
        pods.rules.apply((web(), web(*pods.addresses, addresses=("10.96.0.11",))))
        for address, port in ((VIRTUAL, 80), ("10.96.0.11", 81)):
            with pytest.raises(ConnectionRefusedError):
                connect(pods.client, address, port)
        with pytest.raises(OSError, match="No route to host"):
            connect(pods.client, "10.96.0.12", 80)

    with_pods(check)


@pytest.mark.e2e
def test_a_pod_reaches_itself_through_its_service() -> None:
    def check(pods: Pods) -> None:
        with Echo(pods.servers[0], "one"):
            pods.rules.apply((web(pods.addresses[0]),))
            assert call(pods.servers[0]) == "one 10.244.0.1", "the router's address, so that the replies come back"

    with_pods(check)


@pytest.mark.e2e
def test_endpoints_come_and_go_and_no_connection_notices() -> None:
    def check(pods: Pods) -> None:
        one, two = pods.addresses
        answers: list[str] = []
        stop = threading.Event()

        def client() -> None:
            def calls() -> None:
                while not stop.is_set():
                    answers.append(_call_here())

            pods.client.run(calls)

        with Echo(pods.servers[0], "one"), Echo(pods.servers[1], "two"):
            pods.rules.apply((web(one),))
            thread = threading.Thread(target=client)
            thread.start()
            turn = 0
            while len(answers) < 300 and thread.is_alive():
                endpoints = ((one,), (two,), (one, two))[turn % 3]
                other = web(*endpoints, addresses=(f"10.96.1.{turn % 250 + 1}",), port=81)
                pods.rules.apply((web(*endpoints), other))
                if turn % 5 == 0:
                    pods.rules._present = None  # as after a restart: another table takes over
                turn += 1
            stop.set()
            thread.join(DEADLINE_S)
        assert len(answers) >= 300, "every connection was answered"
        assert set(names(answers)) == {"one", "two"}
        assert turn > 20

    with_pods(check)


@pytest.mark.e2e
def test_a_running_connection_outlives_a_change_and_a_restart() -> None:
    def check(pods: Pods) -> None:
        def listen_here() -> socket.socket:
            return socket.create_server(("0.0.0.0", 8080))

        with pods.servers[0].run(listen_here) as listener:
            pods.rules.apply((web(pods.addresses[0]),))
            with connect(pods.client, VIRTUAL, 80) as client, listener.accept()[0] as server:
                for _ in range(3):
                    again = ServiceRules(pods.running.network.router, Ranges().router)
                    again.apply((web(pods.addresses[1]),))
                    assert again._nftables.tables() == [again._name], "one takes over from the other"
                    again.close()
                client.sendall(b"still here")
                server.settimeout(DEADLINE_S)
                assert server.recv(64) == b"still here"

    with_pods(check)


@pytest.mark.e2e
def test_udp_clients_move_on_when_their_endpoint_is_gone() -> None:
    def udp(*endpoints: str) -> ServicePort:
        ready = tuple(Endpoint(address, 8080) for address in endpoints)
        return ServicePort(service="shop/dns", addresses=(VIRTUAL,), protocol="udp", port=53, endpoints=ready)

    def check(pods: Pods) -> None:
        def open_here() -> socket.socket:
            sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            sock.settimeout(DEADLINE_S)
            sock.connect((VIRTUAL, 53))
            return sock

        one, two = (Echo(server, name, kind=socket.SOCK_DGRAM) for server, name in zip(pods.servers, "12", strict=True))
        with one, two, pods.client.run(open_here) as sock:
            pods.rules.apply((udp(pods.addresses[0]),))
            sock.send(b"?")
            assert sock.recv(64) == b"1 10.244.0.3"
            pods.rules.apply((udp(pods.addresses[1]),))
            sock.send(b"?")
            assert sock.recv(64) == b"2 10.244.0.3"
            pods.rules.apply((udp(),))
            sock.send(b"?")
            with pytest.raises(ConnectionRefusedError):
                sock.recv(64)

    with_pods(check)


@pytest.mark.e2e
def test_the_newest_table_is_applied() -> None:
    async def scenario() -> None:
        async with running_network() as running:
            server = await running.network.attach(PodIdentity("uid-web", "shop", "web"), None)
            namespace = inside(server)
            rules = ServiceRules(running.network.router, Ranges().router)
            tables: Latest[ServiceTable] = Latest(())
            async with asyncio.TaskGroup() as tasks:
                ready = asyncio.Event()
                task = tasks.create_task(rules.run(tables, ready=ready))
                await ready.wait()
                tables.set((web("10.244.0.99"),))
                tables.set((web(server.address),))
                with Echo(namespace, "web"):
                    assert await asyncio.to_thread(_call_until_answered, namespace) == "web 10.244.0.1"
                task.cancel()
            namespace.close()

    asyncio.run(scenario())


def _call_until_answered(namespace: NetworkNamespace) -> str:
    for _ in range(1000):
        try:
            return call(namespace)
        except OSError:
            continue
    raise AssertionError("the table was never applied")


SERVICE_TABLES = st.lists(
    st.builds(
        ServicePort,
        service=st.sampled_from(["shop/web", "shop/cart"]),
        addresses=st.lists(st.sampled_from(["10.96.0.1", "10.96.0.2", "10.245.0.1"]), unique=True).map(tuple),
        port=st.sampled_from([80, 81]),
        endpoints=st.lists(
            st.sampled_from([Endpoint("10.244.0.7", 1), Endpoint("10.244.0.8", 2), Endpoint("10.244.0.9", 3)]),
            max_size=3,
        ).map(tuple),
    ),
    max_size=4,
    unique_by=lambda port: (port.service, port.port),
).map(tuple)


@pytest.mark.e2e
@given(tables=st.lists(SERVICE_TABLES, max_size=5))
def test_any_sequence_of_changes_ends_where_the_last_table_alone_does(tables: list[ServiceTable]) -> None:
    async def scenario() -> None:
        async with running_network() as running:
            by_steps = ServiceRules(running.network.router, IPv4Address("10.244.0.1"))
            for table in tables:
                by_steps.apply(table)
            chains = {chain.name for chain in by_steps._nftables.chains() if chain.name.startswith("svc-")}
            assert chains == set(_rules(tables[-1] if tables else ()).chains)
            by_steps.apply(())  # an element that isn't there, or a chain that is still named, would be refused
            assert not [chain for chain in by_steps._nftables.chains() if chain.name.startswith("svc-")]
            by_steps.close()

    asyncio.run(scenario())


@pytest.mark.e2e
def test_a_refused_change_leaves_what_was_there() -> None:
    def check(pods: Pods) -> None:
        with Echo(pods.servers[0], "one"):
            pods.rules.apply((web(pods.addresses[0]),))
            too_long = ServicePort(
                service="x" * 300, addresses=("10.96.0.99",), port=80, endpoints=(Endpoint("10.1.1.1", 1),)
            )
            with pytest.raises(NetlinkFault, match="services: chain svc-xxx"):
                pods.rules.apply((too_long,))
            assert call(pods.client).startswith("one")

    with_pods(check)


def test_addresses_that_arent_of_ipv4_are_left_out() -> None:
    ready = (Endpoint("10.244.0.3", 1), Endpoint("2001:db8::1", 1), Endpoint("db.example.com", 1))
    port = ServicePort(service="shop/db", addresses=("10.96.0.10", "fd00::1"), protocol="udp", port=80, endpoints=ready)
    only = ServicePort(
        service="shop/db", addresses=("10.96.0.10",), protocol="udp", port=80, endpoints=(Endpoint("10.244.0.3", 1),)
    )

    assert _rules((port,)) == _rules((only,))
    assert _udp_paths((port,)) == _udp_paths((only,))


@pytest.mark.e2e
def test_a_client_stays_with_one_endpoint_where_the_service_wants_it() -> None:
    def check(pods: Pods) -> None:
        with Echo(pods.servers[0], "one"), Echo(pods.servers[1], "two"):
            pods.rules.apply((replace(web(*pods.addresses), by_client=True),))
            answers = pods.client.run(lambda: [_call_here() for _ in range(20)])
            assert len(names(answers)) == 1, answers

    with_pods(check)


def test_a_service_that_wants_it_later_has_its_chain_written_anew() -> None:
    before, after = _rules((web("10.244.0.3"),)), _rules((replace(web("10.244.0.3"), by_client=True),))

    assert change_batch(TABLES[0], before, after).steps()[0] == "flush chain svc-shop/web/tcp/80"
