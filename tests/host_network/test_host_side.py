"""The host's side, in a namespace that plays the host: what it can reach, what is left on it, what is refused."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import socket
import struct
from collections.abc import AsyncIterator, Callable, Iterator
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import TypeVar

import pytest

from meshgate.errors import EnvironmentFault
from meshgate.host.network import HostSide, NetworkNamespace, PodIdentity, PodNetwork, Ranges, mesh_id_of
from meshgate.host.network.expressions import ACCEPT, enters_by, verdict
from meshgate.host.network.forward_policy import find_forward_drop
from meshgate.host.network.forwarding import NOTE_FILE
from meshgate.host.network.links import Links
from meshgate.host.network.namespace import read_sysctl, write_sysctl
from meshgate.host.network.netlink import F_CREATE, be32, nested, text
from meshgate.host.network.nftables import Batch, NftablesSocket
from meshgate.host.network.services import Endpoint, ServicePort, ServiceRules
from tests.host_network.machine import InProcessKeeper, connect, listen, wait_until
from tests.host_network.running import Running, inside, running_network

pytestmark = pytest.mark.e2e

T = TypeVar("T")

OTHER_RANGES = Ranges(IPv4Network("172.20.0.0/16"), IPv4Network("172.21.0.0/16"), IPv4Network("172.22.0.0/24"))
WEB = PodIdentity("uid-web", "shop", "web")


class Host:
    """A namespace that plays the host, and beyond it one that plays the internet."""

    def __init__(self) -> None:
        self.namespace = NetworkNamespace.create()
        self.internet = NetworkNamespace.create()
        here, there = self.namespace.run(Links), self.internet.run(Links)
        here.set_up("lo")
        there.set_up("lo")
        here.add_veth("wan0", "eth0", self.internet.fileno())
        there.set_up("eth0")
        here.add_address("wan0", IPv4Address("192.0.2.1"))
        there.add_address("eth0", IPv4Address("203.0.113.1"))
        here.add_route(IPv4Network("203.0.113.1"), link="wan0")
        here.add_route(IPv4Network("0.0.0.0/0"), gateway=IPv4Address("203.0.113.1"), link="wan0")
        there.add_route(IPv4Network("192.0.2.1"), link="eth0")
        here.close()
        there.close()
        self.namespace.run(lambda: write_sysctl("net/ipv4/ip_forward", "0"))

    def forwards(self) -> bool:
        return self.namespace.run(lambda: read_sysctl("net/ipv4/ip_forward")) == "1"

    def links(self) -> list[str]:
        return self.namespace.run(lambda: with_links(lambda links: [link.name for link in links.all()]))

    def routes(self) -> list[str]:
        found = self.namespace.run(lambda: with_links(lambda links: links.routes()))
        return sorted(str(route.destination) for route in found)

    def tables(self) -> list[str]:
        nftables = self.namespace.run(NftablesSocket)
        try:
            return nftables.tables()
        finally:
            nftables.close()

    def is_untouched(self) -> bool:
        return (self.links(), self.routes(), self.tables()) == (["lo", "wan0"], ["0.0.0.0/0", "203.0.113.1/32"], [])

    def close(self) -> None:
        self.namespace.close()
        self.internet.close()


def with_links(function: Callable[[Links], T]) -> T:
    links = Links()
    try:
        return function(links)
    finally:
        links.close()


@pytest.fixture
def host() -> Iterator[Host]:
    played = Host()
    yield played
    assert played.is_untouched()
    played.close()


@contextlib.asynccontextmanager
async def joined(
    host: Host, data: Path, *, ranges: Ranges | None = None, mesh: str = "aaaaaa", is_alone: bool = True
) -> AsyncIterator[Running]:
    """A running network that is joined to the host."""
    ranges = ranges or Ranges()
    namespace = NetworkNamespace(os.dup(host.namespace.fileno()))
    async with running_network(ranges=ranges, is_alone=is_alone) as running:
        side = HostSide(mesh, ranges, running.keeper, data, host=namespace)
        await side.check()
        await side.open(running.network.router)
        yield running
        await side.close()
    namespace.close()


def test_the_host_reaches_pods_and_virtual_addresses(host: Host, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with joined(host, tmp_path) as running:
            net = await running.network.attach(WEB, None)
            rules = ServiceRules(running.network.router, Ranges().router)
            ready = (Endpoint(net.address, 8080),)
            virtual = ServicePort(service="shop/web", addresses=("10.96.0.10", "10.245.0.1"), port=80, endpoints=ready)
            rules.apply((virtual, ServicePort(service="shop/none", addresses=("10.96.0.11",), port=80)))
            pod = inside(net)

            def check() -> None:
                with listen(pod, 8080) as listener:
                    for address, port in ((net.address, 8080), ("10.96.0.10", 80), ("10.245.0.1", 80)):
                        with connect(host.namespace, address, port):
                            connection, peer = listener.accept()
                            connection.close()
                            assert peer[0] == "10.244.0.2", "the host's address on its link"
                with pytest.raises(ConnectionRefusedError):
                    connect(host.namespace, "10.96.0.11", 80)
                with pytest.raises(OSError, match="No route to host"):
                    connect(host.namespace, "10.244.9.9", 80)

            await asyncio.to_thread(check)
            rules.close()
            pod.close()

    asyncio.run(scenario())


def test_pods_reach_the_internet_with_the_hosts_address_and_the_host_with_their_own(host: Host, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with joined(host, tmp_path) as running:
            net = await running.network.attach(WEB, None)
            pod = inside(net)

            def check() -> None:
                with listen(host.internet, 80) as listener, connect(pod, "203.0.113.1", 80):
                    connection, peer = listener.accept()
                    connection.close()
                    assert peer[0] == "192.0.2.1"
                for address in ("10.244.0.2", "192.0.2.1"):
                    with listen(host.namespace, 8080) as listener, connect(pod, address, 8080):
                        connection, peer = listener.accept()
                        connection.close()
                        assert peer[0] == net.address

            await asyncio.to_thread(check)
            pod.close()

    asyncio.run(scenario())


def test_what_is_changed_on_the_host_is_said_and_put_back(host: Host, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running_network() as running:
            namespace = NetworkNamespace(os.dup(host.namespace.fileno()))
            side = HostSide("aaaaaa", Ranges(), running.keeper, tmp_path, host=namespace)
            (notice,) = await side.open(running.network.router)
            assert "ip_forward was 0 and is 1 now" in notice.text
            assert host.forwards()
            assert host.links() == ["lo", "wan0", "meshgate-aaaaaa"]
            assert host.tables() == ["meshgate-aaaaaa"]
            (notice,) = await side.close()
            assert notice.text == "net.ipv4.ip_forward is 0 again, as it was before"
            assert not host.forwards()
            assert files(tmp_path) == []
            assert host.is_untouched()
            namespace.close()

    asyncio.run(scenario())


def test_forwarding_that_was_on_stays_on(host: Host, tmp_path: Path) -> None:
    host.namespace.run(lambda: write_sysctl("net/ipv4/ip_forward", "1"))

    async def scenario() -> None:
        async with joined(host, tmp_path):
            assert files(tmp_path) == []

    asyncio.run(scenario())
    assert host.forwards()


@pytest.mark.parametrize("first_to_go", [0, 1])
def test_two_meshes_side_by_side(host: Host, tmp_path: Path, first_to_go: int) -> None:
    """Each has its own ranges; forwarding is put back by whichever goes last."""

    async def scenario() -> None:
        stacks = []
        for number, ranges in enumerate((Ranges(), OTHER_RANGES)):
            data = tmp_path / str(number)
            data.mkdir()
            stack = contextlib.AsyncExitStack()
            running = await stack.enter_async_context(
                joined(host, data, ranges=ranges, mesh=f"mesh-{number}", is_alone=False)
            )
            net = await running.network.attach(WEB, None)
            pod = inside(net)
            stack.callback(pod.close)
            stacks.append((stack, pod, net.address))
        for _, pod, address in stacks:
            with listen(pod, 80), connect(host.namespace, address, 80):
                pass
        await stacks[first_to_go][0].aclose()
        assert host.forwards()
        await stacks[1 - first_to_go][0].aclose()
        assert not host.forwards()

    asyncio.run(scenario())


def test_a_second_mesh_with_the_same_ranges_is_refused(host: Host, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with joined(host, tmp_path):
            namespace = NetworkNamespace(os.dup(host.namespace.fileno()))
            second = HostSide("bbbbbb", Ranges(), InProcessKeeper(), tmp_path, host=namespace)
            with pytest.raises(EnvironmentFault) as caught:
                await second.check()
            assert "--pod-cidr 10.244.0.0/16 overlaps a network of this host: route 10.244.0.0/16 via 10.244.0.1 " in (
                caught.value.text
            )
            assert f"(another mesh: ip_forward was 0; data directory {tmp_path})" in caught.value.text
            namespace.close()

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("network", "text"),
    [
        ("10.244.3.0/24", "route 10.244.3.0/24 dev wan0"),
        ("10.0.0.0/8", "route 10.0.0.0/8 dev wan0"),
        ("10.96.0.1/32", "route 10.96.0.1/32 dev wan0"),
    ],
)
def test_a_route_of_the_host_that_overlaps_is_named(host: Host, tmp_path: Path, network: str, text: str) -> None:
    links = host.namespace.run(Links)
    links.add_route(IPv4Network(network), link="wan0")

    async def scenario() -> None:
        namespace = NetworkNamespace(os.dup(host.namespace.fileno()))
        side = HostSide("aaaaaa", Ranges(), InProcessKeeper(), tmp_path, host=namespace)
        with pytest.raises(EnvironmentFault) as caught:
            await side.check()
        assert caught.value.text.endswith(f"overlaps a network of this host: {text}")
        namespace.close()

    asyncio.run(scenario())
    links.remove_route(IPv4Network(network))
    links.close()


def test_a_name_server_or_an_address_of_the_host_within_a_range_is_named(host: Host, tmp_path: Path) -> None:
    async def scenario() -> None:
        namespace = NetworkNamespace(os.dup(host.namespace.fileno()))
        side = HostSide("aaaaaa", Ranges(), InProcessKeeper(), tmp_path, host=namespace)
        with pytest.raises(EnvironmentFault, match=r"overlaps a network of this host: name server 10\.96\.0\.10$"):
            await side.check(["2001:db8::1", "10.96.0.10"])
        ranges = Ranges()._replace(pods=IPv4Network("192.0.2.0/24"))
        side = HostSide(
            "aaaaaa", ranges, InProcessKeeper(), tmp_path, host=NetworkNamespace(os.dup(namespace.fileno()))
        )
        with pytest.raises(EnvironmentFault, match=r"address 192\.0\.2\.1/32 of wan0$"):
            await side.check()
        namespace.close()

    asyncio.run(scenario())


def test_after_a_restart_the_link_is_found_and_connections_live_on(host: Host, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with joined(host, tmp_path) as running:
            net = await running.network.attach(WEB, None)
            pod = inside(net)
            with (
                listen(pod, 80) as listener,
                await asyncio.to_thread(connect, host.namespace, net.address, 80) as client,
            ):
                server, _ = listener.accept()
                namespace = NetworkNamespace(os.dup(host.namespace.fileno()))
                again = HostSide("aaaaaa", Ranges(), running.keeper, tmp_path, host=namespace)
                await again.check()
                (notice,) = await again.open(running.network.router)
                assert "ip_forward" in notice.text
                client.sendall(b"still here")
                with server:
                    assert server.recv(64) == b"still here"
                assert again._table is not None
                again._table.close()
                namespace.close()
            pod.close()

    asyncio.run(scenario())


def test_a_killed_mesh_leaves_nothing_but_forwarding_which_the_next_up_and_down_put_back(
    host: Host, tmp_path: Path
) -> None:
    async def scenario() -> None:
        async with running_network() as running:
            namespace = NetworkNamespace(os.dup(host.namespace.fileno()))
            side = HostSide("aaaaaa", Ranges(), running.keeper, tmp_path, host=namespace)
            await side.open(running.network.router)
            await running.network.attach(WEB, None)
            # the holder and all processes are killed: every descriptor is closed, nothing is run
            running.dns.stop(WEB.pod_id)
            kill(running.network, side)
            await running.keeper.drop(list(running.keeper.names))
            await asyncio.to_thread(wait_until, host.is_untouched, "link, routes and table are gone")
            assert host.forwards()
            assert files(tmp_path) == [NOTE_FILE]
            namespace.close()
            await running.network.open()  # for the fixture to have something to take away
        async with joined(host, tmp_path):
            pass
        assert not host.forwards()

    asyncio.run(scenario())


def files(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def kill(network: PodNetwork, side: HostSide) -> None:
    for pod in network._pods.values():
        pod.close()
    network._pods.clear()
    network.router.close()
    assert side._table is not None
    side._table.close()


def add_dropping_chain(nftables: NftablesSocket, table: str, chain: str) -> Batch:
    batch = Batch()
    batch.add_table(table)
    hook = nested(4, be32(1, 2), be32(2, 0)) + text(7, "filter")
    batch._add("chain", 3, F_CREATE, text(1, table) + text(3, chain) + hook + be32(5, 0))
    return batch


def test_a_firewall_that_drops_what_is_forwarded_is_found_and_the_rule_is_named(host: Host) -> None:
    nftables = host.namespace.run(NftablesSocket)

    def found() -> str:
        return host.namespace.run(lambda: find_forward_drop("meshgate-aaaaaa"))

    assert found() == ""
    nftables.commit("test", add_dropping_chain(nftables, "mine", "fwd"))
    rule = "nft insert rule ip mine fwd"
    assert found() == f'{rule} iifname "meshgate-aaaaaa" accept; {rule} oifname "meshgate-aaaaaa" accept'
    allowed = Batch()
    allowed.add_rule("mine", "fwd", enters_by("meshgate-aaaaaa") + verdict(ACCEPT))
    nftables.commit("test", allowed)
    assert found() == ""

    nftables.commit("test", add_dropping_chain(nftables, "filter", "FORWARD"))
    assert found().startswith("iptables -I FORWARD -i meshgate-aaaaaa -j ACCEPT; ")
    docker = Batch()
    docker.add_chain("filter", "DOCKER-USER")
    nftables.commit("test", docker)
    assert found().startswith("iptables -I DOCKER-USER -i meshgate-aaaaaa -j ACCEPT; ")
    clean = Batch()
    clean.delete_table("mine")
    clean.delete_table("filter")
    nftables.commit("test", clean)
    nftables.close()


def test_a_firewall_of_the_old_ip_tables_is_found_too(host: Host) -> None:
    def found() -> str:
        return host.namespace.run(lambda: find_forward_drop("meshgate-aaaaaa"))

    try:
        host.namespace.run(lambda: set_old_forward_policy(drop=False))
    except OSError as fault:
        pytest.skip(f"this kernel has no ip_tables: {fault}")
    assert found() == ""
    host.namespace.run(lambda: set_old_forward_policy(drop=True))
    assert found().startswith("iptables -I FORWARD -i meshgate-aaaaaa -j ACCEPT; ")


def set_old_forward_policy(*, drop: bool) -> None:
    """What `iptables -P FORWARD DROP` does: read the table, write it back with another verdict at the chain's end."""
    libc = ctypes.CDLL(None, use_errno=True)

    def ask(sock: socket.socket, option: int, question: bytes, length: int) -> bytes:
        buffer, size = ctypes.create_string_buffer(question, length), ctypes.c_uint32(length)
        if libc.getsockopt(sock.fileno(), socket.SOL_IP, option, buffer, ctypes.byref(size)) != 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        return buffer.raw

    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as sock:
        info = struct.Struct("=32sI5I5III")
        numbers = info.unpack(ask(sock, 64, b"filter".ljust(32, b"\0"), info.size))
        hooks, size, count = numbers[1], numbers[13], numbers[12]
        head = struct.pack("=32sI4x", b"filter", size)
        entries = bytearray(ask(sock, 65, head, len(head) + size)[len(head) :])
        struct.pack_into("=i", entries, numbers[7 + 2] + 112 + 32, -1 if drop else -2)
        counters = ctypes.create_string_buffer(16 * count)
        replace = struct.pack(
            "=32sIII5I5IIQ", b"filter", hooks, count, size, *numbers[2:12], count, ctypes.addressof(counters)
        )
        data = replace + bytes(entries)
        if libc.setsockopt(sock.fileno(), socket.SOL_IP, 64, data, len(data)) != 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def test_a_mesh_is_named_by_its_data_directory(tmp_path: Path) -> None:
    name = mesh_id_of(tmp_path)

    assert len(name) == 6
    assert name == mesh_id_of(tmp_path / "x" / "..")
    assert name != mesh_id_of(tmp_path / "other")
