"""The ADS server and its sockets, with bare clients."""

from __future__ import annotations

import asyncio
import os
import socket
import stat
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import grpc
import pytest

from meshgate.aio import Latest
from meshgate.envoy import SECRET, Resource
from meshgate.errors import EnvironmentFault
from meshgate.xds.guests import Node
from meshgate.xds.server import AdsServer
from meshgate.xds.session import table_of
from meshgate.xds.unix_socket import SocketOwner
from tests.xds.ads_client import AdsClient, ads_client
from tests.xds.playbook import SHORT, c, ln, r

TABLE = table_of([c("a"), ln("l"), r("80")])
DEADLINE_S = 10
NODE = "sidecar~10.0.0.1~a.ns~ns.svc.cluster.local"


@asynccontextmanager
async def serving(path: Path) -> AsyncIterator[AdsServer]:
    ads = AdsServer()
    await ads.open("a.ns", path)
    try:
        yield ads
    finally:
        await ads.stop()


def run(test: Callable[[], Awaitable[None]]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(DEADLINE_S):
            await test()

    asyncio.run(bounded())


async def sync(client: AdsClient) -> None:
    """Subscribe as Envoy does and ACK everything."""
    for short, names in {"cds": (), "lds": (), "rds": ("80",)}.items():
        await client.say(short, *names)
        response = await client.hear()
        assert response.type_url == SHORT[short]
        await client.say(short, nonce=response.nonce)


def test_a_proxy_is_served_and_its_status_told(tmp_path: Path) -> None:
    async def test() -> None:
        async with serving(tmp_path / "a") as ads, ads_client(f"unix:{tmp_path}/a") as client:
            ads.publish("a.ns", TABLE)
            await sync(client)
            statuses = await ads.state.wait_for(lambda state: state["a.ns"].synced)
            assert statuses["a.ns"].connected
            assert {status.state for status in statuses["a.ns"].types} == {"synced"}
            assert statuses["a.ns"].sent.keys() == {SHORT["cds"], SHORT["lds"], SHORT["rds"]}
            assert all(abs(sent - time.time()) < DEADLINE_S for sent in statuses["a.ns"].sent.values())
            assert await ads.wait_applied(1) == {}

    run(test)


def test_a_change_is_pushed_and_waited_for(tmp_path: Path) -> None:
    async def test() -> None:
        async with serving(tmp_path / "a") as ads, ads_client(f"unix:{tmp_path}/a") as client:
            ads.publish("a.ns", TABLE)
            await sync(client)
            await ads.state.wait_for(lambda state: state["a.ns"].synced)
            ads.publish("a.ns", table_of([c("a"), ln("l"), r("80", 2)]))
            assert set(await ads.wait_applied(0.05)) == {"a.ns"}, "not acknowledged yet"
            response = await client.hear()
            assert [each.version for each in response.resources] == ["2"]
            await client.say("rds", nonce=response.nonce)
            assert await ads.wait_applied(5) == {}

    run(test)


def test_a_refusal_ends_the_waiting_and_is_told(tmp_path: Path) -> None:
    async def test() -> None:
        async with serving(tmp_path / "a") as ads, ads_client(f"unix:{tmp_path}/a") as client:
            ads.publish("a.ns", TABLE)
            await sync(client)
            ads.publish("a.ns", table_of([c("a"), ln("l"), r("80", "bad")]))
            response = await client.hear()
            await client.say("rds", nonce=response.nonce, error="no such thing")
            lagging = await ads.wait_applied(5)
            assert [(nack.name, nack.text) for nack in lagging["a.ns"].nacks] == [("80", "no such thing")]

    run(test)


def test_a_client_that_goes_is_not_connected_and_not_waited_for(tmp_path: Path) -> None:
    async def test() -> None:
        async with serving(tmp_path / "a") as ads:
            ads.publish("a.ns", TABLE)
            async with ads_client(f"unix:{tmp_path}/a") as client:
                await client.say("cds")
                await client.hear()
                await ads.state.wait_for(lambda state: state["a.ns"].connected)
                await client.close()
                await ads.state.wait_for(lambda state: not state["a.ns"].connected)
            assert await ads.wait_applied(0.05) == {}

    run(test)


def test_a_proxy_that_is_about_to_connect_is_waited_for_but_not_for_ever(tmp_path: Path) -> None:
    async def test() -> None:
        ads = AdsServer(awaited_s=0.1)
        await ads.open("a.ns", tmp_path / "a")
        try:
            ads.publish("a.ns", TABLE)
            assert set(await ads.wait_applied(0.01)) == {"a.ns"}
            assert await ads.wait_applied(5) == {}, "it never came: nobody waits for it any more"
        finally:
            await ads.stop()

    run(test)


def test_a_proxy_that_is_gone_is_forgotten_and_its_socket_removed(tmp_path: Path) -> None:
    async def test() -> None:
        async with serving(tmp_path / "a") as ads, ads_client(f"unix:{tmp_path}/a") as client:
            ads.publish("a.ns", TABLE)
            await client.say("cds")
            await client.hear()
            await ads.close("a.ns")
            await ads.close("a.ns")
            assert not (tmp_path / "a").exists()
            await ads.state.wait_for(lambda state: not state)
            code, _ = await client.status()
            assert code is not grpc.StatusCode.OK

    run(test)


def test_a_socket_that_was_left_behind_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "a"
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))

    async def test() -> None:
        async with serving(path) as ads, ads_client(f"unix:{path}") as client:
            ads.publish("a.ns", TABLE)
            await sync(client)

    run(test)


def test_a_socket_belongs_to_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "a"

    async def test() -> None:
        ads = AdsServer()
        try:
            await ads.open("a.ns", path, owner=SocketOwner(os.getuid(), os.getgid()))
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
            assert os.listdir(tmp_path) == ["a"]
        finally:
            await ads.stop()

    run(test)


@pytest.mark.skipif(os.getuid() != 0, reason="gives files to another user: needs root")
def test_another_user_cannot_connect(tmp_path: Path) -> None:
    for directory in (tmp_path, *list(tmp_path.parents)[:-2]):
        directory.chmod(directory.stat().st_mode | 0o011)
    path = tmp_path / "a"

    async def test() -> None:
        ads = AdsServer()
        try:
            await ads.open("a.ns", path, owner=SocketOwner(20001, 20001))
            connect_as(20001, path)
            with pytest.raises(PermissionError):
                connect_as(20002, path)
        finally:
            await ads.stop()

    run(test)


def connect_as(uid: int, path: Path) -> None:
    os.seteuid(uid)
    try:
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(path))
    finally:
        os.seteuid(0)


def test_a_path_that_is_too_long_is_a_clear_error(tmp_path: Path) -> None:
    async def test() -> None:
        with pytest.raises(EnvironmentFault, match="at most 106 bytes"):
            await AdsServer().open("a.ns", tmp_path / ("x" * 107))

    run(test)


def secret(name: str, version: str = "1") -> Resource:
    return Resource(name=name, version=version, type_url=SECRET, body=f"{name} {version}".encode())


def test_readers_name_a_proxy_and_never_see_secrets(tmp_path: Path) -> None:
    async def test() -> None:
        async with serving(tmp_path / "a") as ads:
            port = await ads.open_port(0)
            ads.publish("a.ns", table_of([c("a"), ln("l")]))
            ads.publish_secrets("a.ns", "identity", {"key": secret("key")})
            async with ads_client(f"127.0.0.1:{port}", world=True) as client:
                await client.say("cds", node=NODE)
                response = await client.hear_world()
                assert [each.value for each in response.resources] == [b"cds a 1"]
                assert not ads.state.value["a.ns"].connected, "a reader is not the proxy"
                ads.publish_secrets("a.ns", "identity", {"key": secret("key", "2")})
                ads.publish("a.ns", table_of([c("a", 2), ln("l")]))
                await client.say("cds", nonce=response.nonce)
                assert [each.value for each in (await client.hear_world()).resources] == [b"cds a 2"]
            async with ads_client(f"127.0.0.1:{port}") as reader:
                await reader.say("cds", node=NODE)
                assert [each.name for each in (await reader.hear()).resources] == ["a"]
                await reader.ask(SECRET, "key", "*")
                heard = await reader.hear()
                assert not heard.resources
                assert list(heard.removed_resources) == ["key"]

    run(test)


def test_only_the_secret_that_changed_is_sent(tmp_path: Path) -> None:
    async def test() -> None:
        async with serving(tmp_path / "a") as ads, ads_client(f"unix:{tmp_path}/a") as client:
            ads.publish("a.ns", TABLE)
            ads.publish_secrets("a.ns", "identity", {"default": secret("default"), "ROOTCA": secret("ROOTCA")})
            ads.publish_secrets("a.ns", "files", {"file-root:system": secret("file-root:system")})
            await sync(client)
            await client.ask(SECRET, "ROOTCA", "default")
            first = await client.hear()
            assert [each.name for each in first.resources] == ["ROOTCA", "default"]
            await client.acknowledge(first)
            ads.publish_secrets("a.ns", "identity", {"default": secret("default", "2"), "ROOTCA": secret("ROOTCA")})
            second = await client.hear()
            assert [(each.name, each.version) for each in second.resources] == [("default", "2")]
            await client.acknowledge(second)
            await ads.state.wait_for(lambda state: state["a.ns"].synced)

    run(test)


def test_secrets_are_waited_for(tmp_path: Path) -> None:
    async def test() -> None:
        async with serving(tmp_path / "a") as ads:
            assert await ads.wait_secrets(0.01) == ["a.ns"], "it is about to connect"
            async with ads_client(f"unix:{tmp_path}/a") as client:
                ads.publish("a.ns", TABLE)
                await sync(client)
                assert await ads.wait_secrets(1) == [], "it asks for none"
                ads.publish_secrets("a.ns", "identity", {"default": secret("default")})
                await client.ask(SECRET, "default")
                first = await client.hear()
                assert await ads.wait_secrets(0.01) == ["a.ns"]
                await client.acknowledge(first)
                assert await ads.wait_secrets(1) == []

    run(test)


def test_a_secret_that_nobody_publishes_is_answered_at_once_and_sent_when_it_comes(tmp_path: Path) -> None:
    async def test() -> None:
        async with serving(tmp_path / "a") as ads, ads_client(f"unix:{tmp_path}/a") as client:
            ads.publish("a.ns", TABLE)
            await sync(client)
            await client.ask(SECRET, "kubernetes://late")
            answer = await client.hear()
            assert list(answer.removed_resources) == ["kubernetes://late"]
            await client.acknowledge(answer)
            await ads.state.wait_for(lambda state: state["a.ns"].synced)
            ads.publish_secrets("a.ns", "credentials", {"kubernetes://late": secret("kubernetes://late")})
            assert [each.name for each in (await client.hear()).resources] == ["kubernetes://late"]

    run(test)


def test_a_reader_of_an_unknown_proxy_is_told_so() -> None:
    async def test() -> None:
        ads = AdsServer()
        port = await ads.open_port(0)
        try:
            async with ads_client(f"127.0.0.1:{port}") as client:
                await client.say("cds", node="sidecar~10.0.0.1~nobody.ns~x")
                assert await client.status() == (
                    grpc.StatusCode.NOT_FOUND,
                    "no proxy 'nobody.ns' (from node id 'sidecar~10.0.0.1~nobody.ns~x')",
                )
        finally:
            await ads.stop()

    run(test)


def test_a_port_that_is_taken_is_a_clear_error() -> None:
    async def test() -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            with pytest.raises(EnvironmentFault, match=r"cannot listen on 127\.0\.0\.1:"):
                await AdsServer().open_port(taken.getsockname()[1])

    run(test)


def test_routes_wait_for_clusters_no_longer_than_the_deadline(tmp_path: Path) -> None:
    async def test() -> None:
        ads = AdsServer(hold_s=0.05)
        await ads.open("a.ns", tmp_path / "a")
        try:
            async with ads_client(f"unix:{tmp_path}/a") as client:
                ads.publish("a.ns", TABLE)
                await sync(client)
                ads.publish("a.ns", table_of([c("a"), c("slow"), ln("l"), r("80", 2)]))
                assert (await client.hear()).type_url == SHORT["cds"]
                assert (await client.hear()).type_url == SHORT["rds"], "although the clusters are not acknowledged"
        finally:
            await ads.stop()

    run(test)


def test_the_name_of_a_proxy_is_in_its_node_id() -> None:
    assert Node(id=NODE).proxy_id == "a.ns"
    assert Node(id="free-form").proxy_id == "free-form"


class Hosts:
    """Has one table for whoever comes with a namespace."""

    def __init__(self, ads: AdsServer) -> None:
        self.ads = ads
        self.present: Latest[frozenset[str]] = Latest(frozenset())

    def welcome(self, node: Node) -> bool:
        if not node.metadata.get("NAMESPACE"):
            return False
        self.present.set(self.present.value | {node.proxy_id})
        self.ads.publish(node.proxy_id, TABLE)
        return True

    def farewell(self, proxy_id: str) -> None:
        self.present.set(self.present.value - {proxy_id})


def test_a_guest_is_planned_for_as_long_as_it_is_there() -> None:
    async def test() -> None:
        ads = AdsServer()
        hosts = Hosts(ads)
        port = await ads.open_port(0, hosts)
        try:
            async with ads_client(f"127.0.0.1:{port}") as client, ads_client(f"127.0.0.1:{port}") as second:
                for each in (client, second):
                    await each.say("cds", node=NODE, metadata={"NAMESPACE": "ns"})
                    assert [one.name for one in (await each.hear()).resources] == ["a"]
                assert hosts.present.value == {"a.ns"}
                await second.close()
                ads.publish("a.ns", table_of([c("a", 2), ln("l")]))
                assert not ads.state.value, "a guest is no proxy of the mesh"
            await hosts.present.wait_for(lambda present: not present)
            assert ads.table_of("a.ns") is None
            async with ads_client(f"127.0.0.1:{port}") as client:
                await client.say("cds", node=NODE)
                assert (await client.status())[0] == grpc.StatusCode.NOT_FOUND, "it does not say what it is"
        finally:
            await ads.stop()

    run(test)


def test_who_gets_a_socket_of_its_own_is_no_guest_any_more(tmp_path: Path) -> None:
    async def test() -> None:
        ads = AdsServer()
        hosts = Hosts(ads)
        port = await ads.open_port(0, hosts)
        try:
            async with ads_client(f"127.0.0.1:{port}") as client:
                await client.say("cds", node=NODE, metadata={"NAMESPACE": "ns"})
                assert (await client.hear()).resources
                assert hosts.present.value == {"a.ns"}
                await ads.open("a.ns", tmp_path / "a")
                assert not hosts.present.value, "nobody says farewell later"
        finally:
            await ads.stop()

    run(test)
