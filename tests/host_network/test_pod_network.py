"""Pods come, go, and are found again after the control plane died at any point."""

from __future__ import annotations

import asyncio
import socket
import sys
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

import pytest

from meshgate.errors import EnvironmentFault
from meshgate.host.dns import DnsTable, ServiceName
from meshgate.host.network import CaptureSpec, NetworkNamespace, PodIdentity, PodNetwork, Ranges
from meshgate.host.network.links import Links
from meshgate.host.network.namespace import read_sysctl
from tests.host_network.machine import DEADLINE_S, connect, listen, wait_until
from tests.host_network.running import inside, running_network

pytestmark = pytest.mark.e2e

WEB = PodIdentity("uid-web", "shop", "web")
CART = PodIdentity("uid-cart", "shop", "cart")
TABLE = DnsTable(services=(ServiceName(namespace="shop", name="web", addresses=("10.96.0.10",)),))


def look_up(namespace: NetworkNamespace) -> bytes:
    """Ask the pod's server for the web Service, with a bare query."""

    question = b"\x03web\x04shop\x03svc\x07cluster\x05local\x00\x00\x01\x00\x01"

    def ask() -> bytes:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.settimeout(DEADLINE_S)
            sock.connect(("127.0.0.1", 53))
            sock.send(b"\x00\x01\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00" + question)
            return sock.recv(512)

    return namespace.run(ask)


def test_a_pod_has_what_its_processes_need() -> None:
    async def scenario() -> None:
        async with running_network() as running:
            net = await running.network.attach(WEB, CaptureSpec())
            assert net.address == "10.244.0.3"
            assert net.envoy_dns == ("127.0.0.1", 15054)
            assert net.resolv_conf.startswith("nameserver 127.0.0.1\nsearch shop.svc.cluster.local svc.cluster.local ")
            pod = inside(net)

            def facts() -> tuple[str, str, list[str], bool]:
                links = Links()
                names = [link.name for link in links.all()]
                links.close()
                ipv6 = Path("/proc/thread-self/net/if_inet6").read_text()
                port = read_sysctl("net/ipv4/ip_unprivileged_port_start")
                return port, read_sysctl("net/ipv4/ip_forward"), names, "eth0" in ipv6

            assert await asyncio.to_thread(pod.run, facts) == ("0", "0", ["lo", "eth0"], False)
            pod.close()

    asyncio.run(scenario())


def test_pods_reach_each_other_and_see_each_others_address() -> None:
    async def scenario() -> None:
        async with running_network() as running:
            web = await running.network.attach(WEB, None)
            cart = await running.network.attach(CART, None)
            client, server = inside(web), inside(cart)

            def check() -> None:
                with listen(server, 80) as listener, connect(client, cart.address, 80):
                    connection, peer = listener.accept()
                    connection.close()
                    assert peer[0] == web.address

            await asyncio.to_thread(check)
            client.close()
            server.close()

    asyncio.run(scenario())


def test_an_address_of_the_range_that_is_no_pods_is_unreachable_at_once() -> None:
    async def scenario() -> None:
        async with running_network() as running:
            pod = inside(await running.network.attach(WEB, None))
            for address in ("10.244.9.9", "10.96.0.99", "10.245.0.1"):
                with pytest.raises(OSError, match="No route to host"):
                    await asyncio.to_thread(connect, pod, address, 80)
            pod.close()

    asyncio.run(scenario())


def test_an_outside_world_has_all_addresses_of_its_network() -> None:
    async def scenario() -> None:
        async with running_network() as running:
            web = await running.network.attach(WEB, None)
            client, outside = inside(web), NetworkNamespace.create()
            await asyncio.to_thread(running.network.router.join_outside, outside, IPv4Network("203.0.113.0/24"))

            def check() -> None:
                with listen(outside, 80) as listener:
                    for address in ("203.0.113.1", "203.0.113.254"):
                        with connect(client, address, 80) as connection:
                            accepted, peer = listener.accept()
                            accepted.close()
                            assert (peer[0], connection.getpeername()[0]) == (web.address, address)
                with pytest.raises(OSError, match=r"Network is unreachable|No route to host"):
                    connect(client, "203.0.114.1", 80)

            await asyncio.to_thread(check)
            client.close()
            outside.close()

    asyncio.run(scenario())


def test_a_pod_cannot_send_with_another_ones_address() -> None:
    async def scenario() -> None:
        async with running_network() as running:
            web = inside(await running.network.attach(WEB, None))
            server = inside(await running.network.attach(CART, None))

            def forge() -> None:
                links = Links()
                links.add_address("eth0", IPv4Address("10.244.0.77"))
                links.close()
                with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
                    sock.bind(("10.244.0.77", 0))
                    sock.sendto(b"forged", ("10.244.0.4", 9))
                with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
                    sock.bind(("10.244.0.3", 0))
                    sock.sendto(b"honest", ("10.244.0.4", 9))

            def receiver() -> socket.socket:
                sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                sock.bind(("0.0.0.0", 9))
                sock.settimeout(DEADLINE_S)
                return sock

            with await asyncio.to_thread(server.run, receiver) as sock:
                await asyncio.to_thread(web.run, forge)
                assert await asyncio.to_thread(sock.recv, 16) == b"honest"
            web.close()
            server.close()

    asyncio.run(scenario())


def test_a_wanted_address_is_kept_and_a_taken_one_is_not() -> None:
    async def scenario() -> None:
        async with running_network() as running:
            first = await running.network.attach(WEB._replace(address="10.244.7.7"), None)
            second = await running.network.attach(CART._replace(address="10.244.7.7"), None)
            assert (first.address, second.address) == ("10.244.7.7", "10.244.7.8")
            with pytest.raises(EnvironmentFault, match='pod shop/x: "here" is not an address'):
                await running.network.attach(PodIdentity("uid-x", "shop", "x", "here"), None)

    asyncio.run(scenario())


def test_a_detached_pod_leaves_nothing_and_detaching_again_is_fine() -> None:
    async def scenario() -> None:
        async with running_network() as running:
            await running.network.attach(WEB, CaptureSpec())
            await running.network.detach(WEB.pod_id)
            await running.network.detach(WEB.pod_id)
            assert running.network.router.pods() == []
            assert [name for name in running.keeper.names if name.startswith("net/pod/")] == []
            assert (await running.network.attach(WEB, None)).address == "10.244.0.4"

    asyncio.run(scenario())


def test_an_attach_that_fails_leaves_nothing() -> None:
    async def scenario() -> None:
        async with running_network(ranges=Ranges()) as running:
            network = running.network
            # the link's name is taken, as after an address that was given twice
            stray = await asyncio.to_thread(NetworkNamespace.create)
            network.router.connect("stray", IPv4Address("10.244.0.3"), stray)
            with pytest.raises(EnvironmentFault, match='new veth pair "pod-0af40003": file exists'):
                await network.attach(WEB, CaptureSpec())
            assert [name for name in running.keeper.names if name.startswith("net/pod/")] == []
            stray.close()

    asyncio.run(scenario())


def test_a_new_control_plane_adopts_what_runs_and_removes_the_rest() -> None:
    async def scenario() -> None:
        async with running_network(TABLE) as running:
            old = running.network
            web = await old.attach(WEB, CaptureSpec())
            await old.attach(CART, CaptureSpec())
            half = await asyncio.to_thread(NetworkNamespace.create)
            await running.keeper.keep("net/pod/uid-half", [half.fileno()])  # killed before it was connected
            pod = inside(web)
            # the control plane dies: its descriptors go, the holder's stay
            running.dns.stop(WEB.pod_id)
            running.dns.stop(CART.pod_id)
            forget(old)
            waiting = asyncio.create_task(asyncio.to_thread(look_up, pod))  # noqa: TID251  # ends within the test

            new = PodNetwork(Ranges(), running.keeper, running.dns)
            await new.open()
            assert await new.adopt(PodIdentity("uid-half", "shop", "half")) is None
            assert await new.adopt(WEB._replace(address="10.244.0.99")) is None
            adopted = await new.adopt(WEB._replace(address=web.address))
            assert adopted is not None
            assert (adopted.address, adopted.resolv_conf) == (web.address, web.resolv_conf)
            again = inside(adopted)
            assert again.identity() == pod.identity()
            again.close()
            assert (await waiting)[-4:] == IPv4Address("10.96.0.10").packed  # the query that came meanwhile
            await new.prune([WEB.pod_id])
            assert new.router.pods() == [(WEB.pod_id, IPv4Address(web.address))]
            assert sorted(running.keeper.names) == ["net/pod/uid-web", "net/router"]
            assert (await new.attach(CART, None)).address == "10.244.0.5"
            pod.close()
            half.close()
            await new.close()
            await old.open()  # for the fixture to have something to take away

    asyncio.run(scenario())


def forget(network: PodNetwork) -> None:
    """What a kill does to a control plane: its descriptors are closed, nothing else."""
    for pod in network._pods.values():
        pod.close()
    network._pods.clear()
    network.router.close()


def test_when_the_holder_is_gone_so_is_everything() -> None:
    async def scenario() -> None:
        async with running_network() as running:
            network = running.network
            await network.attach(WEB, CaptureSpec())
            observer = network.router.namespace.run(Links)  # a socket in there: keeps the router alone alive
            assert len(observer.all()) == 2
            running.dns.stop(WEB.pod_id)
            forget(network)
            await running.keeper.drop(list(running.keeper.names))
            await asyncio.to_thread(wait_until, lambda: len(observer.all()) == 1, "the pod's link is gone")
            observer.close()
            await network.open()  # for the fixture to have something to take away

    asyncio.run(scenario())


def test_the_first_packet_of_a_new_pod_is_not_lost() -> None:
    """A link carries packets only a moment after it is brought up: attaching waits for that."""

    def retransmissions(client: NetworkNamespace, server: NetworkNamespace, address: str) -> int:
        with listen(server, 80), connect(client, address, 80) as connection:
            information = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)
            return int.from_bytes(information[100:104], sys.byteorder)  # tcpi_total_retrans

    async def scenario() -> None:
        async with running_network() as running:
            for number in range(15):
                client = await running.network.attach(PodIdentity(f"uid-a{number}", "shop", "a"), None)
                server = await running.network.attach(PodIdentity(f"uid-b{number}", "shop", "b"), None)
                one, other = inside(client), inside(server)
                assert await asyncio.to_thread(retransmissions, one, other, server.address) == 0
                one.close()
                other.close()

    asyncio.run(scenario())
