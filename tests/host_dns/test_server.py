"""The server on real sockets in real pods: by an ordinary resolver, over UDP and TCP, local and forwarded."""

from __future__ import annotations

import asyncio
import socket
import struct
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import dns.flags
import dns.message
import dns.query
import dns.rcode
import pytest

from meshgate.host.dns import ENVOY_DNS_PORT, DnsTable, EndpointName, HostName, ServiceName, server
from meshgate.host.namespaces import CLONE_NEWNS, MS_BIND, MS_REC, MS_SLAVE, mount, unshare
from meshgate.host.network import NetworkNamespace, PodIdentity, PodNet
from tests.host_dns.upstream import NameServer
from tests.host_network.machine import DEADLINE_S
from tests.host_network.running import Running, inside, running_network

pytestmark = pytest.mark.e2e

T = TypeVar("T")
POD = PodIdentity("uid-1", "shop", "client")
TABLE = DnsTable(
    services=(
        ServiceName(namespace="shop", name="web", addresses=("10.96.0.10",)),
        ServiceName(
            namespace="shop",
            name="db",
            endpoints=tuple(EndpointName(address=f"10.244.1.{number}") for number in range(60)),
        ),
        ServiceName(namespace="bank", name="ledger", addresses=("10.96.0.11",)),
        ServiceName(namespace="shop", name="outside", external_name="api.example.com"),
    ),
    hosts=(HostName(name="edition.cnn.com", addresses=("240.240.0.1",)),),
)


class Pod:
    """A pod of namespace `shop`; questions are asked from inside."""

    def __init__(self, running: Running, net: PodNet) -> None:
        self.running = running
        self.net = net
        self.namespace = inside(net)

    async def run(self, function: Callable[[], T]) -> T:
        return await asyncio.to_thread(self.namespace.run, function)

    async def ask(self, name: str, kind: str = "A", *, tcp: bool = False, port: int = 53) -> dns.message.Message:
        query = dns.message.make_query(name, kind)
        send = dns.query.tcp if tcp else dns.query.udp
        return await self.run(lambda: send(query, "127.0.0.1", timeout=DEADLINE_S, port=port))


def with_pod(scenario: Callable[[Pod], Awaitable[None]], *upstreams: NameServer, table: DnsTable = TABLE) -> None:
    async def main() -> None:
        async with running_network(table, upstreams=tuple(each.upstream for each in upstreams)) as running:
            pod = Pod(running, await running.network.attach(POD, None))
            try:
                await scenario(pod)
            finally:
                pod.namespace.close()

    asyncio.run(main())


def texts(message: dns.message.Message) -> list[str]:
    return [record.to_text() for records in message.answer for record in records]


def run_in_view(namespace: NetworkNamespace, resolv_conf: Path, argv: list[str]) -> str:
    """A process in the pod's network that sees the pod's resolv.conf, as pods do."""

    def spawn() -> subprocess.CompletedProcess[str]:
        unshare(CLONE_NEWNS)
        mount("", "/", flags=MS_REC | MS_SLAVE)
        mount(str(resolv_conf), "/etc/resolv.conf", flags=MS_BIND)
        return subprocess.run(argv, capture_output=True, text=True, timeout=DEADLINE_S, check=False)

    done = namespace.run(spawn)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize(
    ("name", "address"),
    [
        ("web", "10.96.0.10"),
        ("ledger.bank", "10.96.0.11"),
        ("ledger.bank.svc", "10.96.0.11"),
        ("web.shop.svc.cluster.local", "10.96.0.10"),
        ("edition.cnn.com", "240.240.0.1"),
    ],
)
def test_an_ordinary_resolver_finds_names_as_in_kubernetes(name: str, address: str, tmp_path: Path) -> None:
    async def scenario(pod: Pod) -> None:
        path = tmp_path / "resolv.conf"
        path.write_text(pod.net.resolv_conf)
        code = f"import socket; print({{entry[4][0] for entry in socket.getaddrinfo({name!r}, 80)}})"
        found = await asyncio.to_thread(run_in_view, pod.namespace, path, [sys.executable, "-I", "-c", code])
        assert found == f"{{'{address}'}}"

    with_pod(scenario)


def test_a_pod_without_sidecar_is_not_told_addresses_that_only_sidecars_know() -> None:
    async def main() -> None:
        async with running_network(TABLE) as running:
            bare = POD._replace(pod_id="uid-bare", virtual_names=False)
            pod = Pod(running, await running.network.attach(bare, None))
            try:
                assert texts(await pod.ask("web.shop.svc.cluster.local")) == ["10.96.0.10"]
                assert texts(await pod.ask("edition.cnn.com")) == []
            finally:
                pod.namespace.close()

    asyncio.run(main())


@pytest.mark.parametrize("tcp", [False, True])
def test_answers_over_both_transports(tcp: bool) -> None:
    async def scenario(pod: Pod) -> None:
        assert texts(await pod.ask("web.shop.svc.cluster.local", tcp=tcp)) == ["10.96.0.10"]
        empty = await pod.ask("web.shop.svc.cluster.local", "AAAA", tcp=tcp)
        assert (empty.rcode(), empty.answer) == (dns.rcode.NOERROR, [])
        assert (await pod.ask("nosuch.shop.svc.cluster.local", tcp=tcp)).rcode() == dns.rcode.NXDOMAIN
        assert texts(await pod.ask("web.shop.svc.cluster.local", tcp=tcp)) == ["10.96.0.10"]  # from the cache

    with_pod(scenario)


def test_what_doesnt_fit_is_truncated_and_whole_over_tcp() -> None:
    async def scenario(pod: Pod) -> None:
        short = await pod.ask("db.shop.svc.cluster.local")
        assert short.flags & dns.flags.TC
        whole = await pod.ask("db.shop.svc.cluster.local", tcp=True)
        assert not whole.flags & dns.flags.TC
        assert len(texts(whole)) == 60

    with_pod(scenario)


def test_several_queries_over_one_connection() -> None:
    async def scenario(pod: Pod) -> None:
        def converse() -> list[bytes]:
            query = dns.message.make_query("web.shop.svc.cluster.local", "A").to_wire()
            with socket.create_connection(("127.0.0.1", 53), timeout=DEADLINE_S) as connection:
                connection.sendall((struct.pack(">H", len(query)) + query) * 3)
                with connection.makefile("rb") as stream:
                    return [stream.read(*struct.unpack(">H", stream.read(2))) for _ in range(3)]

        answers = await pod.run(converse)
        assert len(set(answers)) == 1
        assert texts(dns.message.from_wire(answers[0])) == ["10.96.0.10"]

    with_pod(scenario)


def test_a_silent_tcp_client_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "IDLE_S", 0.05)

    async def scenario(pod: Pod) -> None:
        def wait_for_the_end() -> bytes:
            with socket.create_connection(("127.0.0.1", 53), timeout=DEADLINE_S) as connection:
                return connection.recv(1)

        assert await pod.run(wait_for_the_end) == b""

    with_pod(scenario)


def test_tcp_clients_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "MOST_CONNECTIONS", 1)

    async def scenario(pod: Pod) -> None:
        def second_is_closed() -> bytes:
            first = socket.create_connection(("127.0.0.1", 53), timeout=DEADLINE_S)
            with first, socket.create_connection(("127.0.0.1", 53), timeout=DEADLINE_S) as second:
                return second.recv(1)

        assert await pod.run(second_is_closed) == b""

    with_pod(scenario)


@pytest.mark.parametrize("tcp", [False, True])
def test_other_names_are_asked_upstream(tcp: bool) -> None:
    async def scenario(pod: Pod) -> None:
        assert texts(await pod.ask("example.org", tcp=tcp)) == ["192.0.2.1"]
        assert texts(await pod.ask("outside.shop.svc.cluster.local", tcp=tcp)) == ["api.example.com.", "192.0.2.1"]

    with NameServer() as upstream:
        with_pod(scenario, upstream)
    transport = "tcp" if tcp else "udp"
    assert upstream.questions == [(transport, "example.org"), (transport, "api.example.com")]


def test_names_of_the_cluster_never_leave() -> None:
    async def scenario(pod: Pod) -> None:
        await pod.ask("example.org.shop.svc.cluster.local")
        await pod.ask("nosuch.cluster.local")

    with NameServer() as upstream:
        with_pod(scenario, upstream)
    assert upstream.questions == []


def test_upstreams_truncation_is_passed_on_and_tcp_gets_all() -> None:
    async def scenario(pod: Pod) -> None:
        assert (await pod.ask("large.example.org")).flags & dns.flags.TC
        assert texts(await pod.ask("large.example.org", tcp=True)) == ["192.0.2.1"]

    with NameServer() as upstream:
        with_pod(scenario, upstream)


def test_without_upstream_other_names_fail_and_own_ones_dont() -> None:
    async def scenario(pod: Pod) -> None:
        for tcp in (False, True):
            assert (await pod.ask("example.org", tcp=tcp)).rcode() == dns.rcode.SERVFAIL
            assert (await pod.ask("outside.shop.svc.cluster.local", tcp=tcp)).rcode() == dns.rcode.SERVFAIL
            assert texts(await pod.ask("web.shop.svc.cluster.local", tcp=tcp)) == ["10.96.0.10"]

    with_pod(scenario)


def test_envoy_asks_a_socket_without_virtual_addresses() -> None:
    async def scenario(pod: Pod) -> None:
        for tcp in (False, True):
            assert texts(await pod.ask("edition.cnn.com", tcp=tcp)) == ["240.240.0.1"]
            assert texts(await pod.ask("edition.cnn.com", tcp=tcp, port=ENVOY_DNS_PORT)) == ["192.0.2.1"]
            answer = await pod.ask("web.shop.svc.cluster.local", tcp=tcp, port=ENVOY_DNS_PORT)
            assert texts(answer) == ["10.96.0.10"]

    with NameServer() as upstream:
        with_pod(scenario, upstream)


def test_a_new_table_is_obeyed_at_once() -> None:
    async def scenario(pod: Pod) -> None:
        assert texts(await pod.ask("web.shop.svc.cluster.local")) == ["10.96.0.10"]
        pod.running.table.set(
            DnsTable(services=(ServiceName(namespace="shop", name="web", addresses=("10.96.0.99",)),))
        )
        assert texts(await pod.ask("web.shop.svc.cluster.local")) == ["10.96.0.99"]
        assert (await pod.ask("db.shop.svc.cluster.local")).rcode() == dns.rcode.NXDOMAIN

    with_pod(scenario)


def test_broken_queries_leave_the_server_standing() -> None:
    async def scenario(pod: Pod) -> None:
        def send_rubbish() -> None:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
                for rubbish in (b"", b"x", b"\0" * 12, b"\xff" * 300, b"\0\1\1\0\0\1\0\0\0\0\0\0\xc0\x0c\0\1\0\1"):
                    sock.sendto(rubbish, ("127.0.0.1", 53))

        await pod.run(send_rubbish)
        assert texts(await pod.ask("web.shop.svc.cluster.local")) == ["10.96.0.10"]

    with_pod(scenario)


def test_a_bad_external_name_is_a_failure_of_that_name_only() -> None:
    async def scenario(pod: Pod) -> None:
        assert (await pod.ask("bad.shop.svc.cluster.local")).rcode() == dns.rcode.SERVFAIL
        assert texts(await pod.ask("web.shop.svc.cluster.local")) == ["10.96.0.10"]

    bad = ServiceName(namespace="shop", name="bad", external_name="a..b")
    with_pod(scenario, table=DnsTable(services=(*TABLE.services, bad)))


def test_queries_wait_while_nobody_serves() -> None:
    """As during a restart of the control plane: the holder has the sockets, and what comes waits in their buffers."""

    async def scenario(pod: Pod) -> None:
        kept = await pod.running.keeper.fetch(f"net/pod/{POD.pod_id}")
        pod.running.dns.stop(POD.pod_id)
        async with asyncio.TaskGroup() as tasks:
            waiting = [tasks.create_task(pod.ask("web.shop.svc.cluster.local", tcp=tcp)) for tcp in (False, True)]
            await asyncio.to_thread(_wait_for_queries, kept[1])
            sockets = pod.running.network._pods[POD.pod_id].sockets
            pod.running.dns.serve(POD.pod_id, "shop", sockets)
        assert [texts(task.result()) for task in waiting] == [["10.96.0.10"], ["10.96.0.10"]]
        for fd in kept:
            socket.close(fd)

    with_pod(scenario)


def _wait_for_queries(fd: int) -> None:
    import select

    assert select.select([fd], [], [], DEADLINE_S)[0] == [fd]
