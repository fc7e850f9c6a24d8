"""The ADS server and a live Envoy: push, change, refusal, restart of the server, order."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from meshgate.envoy import (
    CLUSTER,
    ENDPOINTS,
    LISTENER,
    ROUTES,
    BootstrapInput,
    ProxyPorts,
    Resource,
    bootstrap,
    envoy_arguments,
)
from meshgate.host.envoy_binary import find_envoy
from meshgate.plan import Proxy
from meshgate.proto import from_json, type_url, v3
from meshgate.xds.server import AdsServer
from meshgate.xds.session import table_of
from tests.live_envoy import free_ports

pytestmark = [pytest.mark.envoy, pytest.mark.slow]

DEADLINE_S = 30
PROXY = "live.test"
ADS = {"ads": {}, "resource_api_version": "V3", "initial_fetch_timeout": "0s"}


class Rig:
    """An ADS server that can be killed, and an Envoy that lives on."""

    def __init__(self, directory: Path, port: int, backends: Iterable[int]) -> None:
        self.directory = directory
        self.port = port
        self.backends = list(backends)
        self.ads = AdsServer(hold_s=5)

    async def start_server(self) -> None:
        self.ads = AdsServer(hold_s=5)
        await self.ads.open(PROXY, self.directory / "xds.sock")

    def publish(self, *resources: Resource) -> None:
        self.ads.publish(PROXY, table_of(resources))

    async def applied(self, *resources: Resource) -> None:
        self.publish(*resources)
        await self.ads.state.wait_for(lambda state: PROXY in state and state[PROXY].connected)
        assert await self.ads.wait_applied(DEADLINE_S) == {}

    async def get(self) -> str:
        """Body of the answer of the one listener."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            writer.write(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
            answer = (await reader.read()).decode()
            return answer.partition("\r\n\r\n")[2].strip()
        finally:
            writer.close()

    async def stat(self, name: str) -> int:
        reader, writer = await asyncio.open_unix_connection(str(self.directory / "admin.sock"))
        writer.write(f"GET /stats?filter=^{name}$ HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n".encode())
        answer = (await reader.read()).decode()
        writer.close()
        return int(answer.rpartition(":")[2].split()[0]) if f"{name}:" in answer else 0


def resource(name: str, url: str, value: dict[str, object]) -> Resource:
    classes = {
        CLUSTER: v3.Cluster,
        ENDPOINTS: v3.ClusterLoadAssignment,
        LISTENER: v3.Listener,
        ROUTES: v3.RouteConfiguration,
    }
    body: bytes = from_json(value, classes[url]).SerializeToString(deterministic=True)
    return Resource(name=name, version=str(hash(body)), type_url=url, body=body)


def cluster(name: str, **more: object) -> Resource:
    eds = {"type": "EDS", "eds_cluster_config": {"eds_config": ADS}}
    return resource(name, CLUSTER, {"name": name, "connect_timeout": "1s", **eds, **more})


def endpoints(name: str, port: int) -> Resource:
    address = {"socket_address": {"address": "127.0.0.1", "port_value": port}}
    return resource(
        name, ENDPOINTS, {"cluster_name": name, "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address}}]}]}
    )


def listener(port: int, **more: object) -> Resource:
    router = {"name": "router", "typed_config": {"@type": type_url(v3.Router)}}
    manager = {
        "@type": type_url(v3.HttpConnectionManager),
        "stat_prefix": "l",
        "rds": {"route_config_name": "r", "config_source": ADS},
        "http_filters": [router],
    }
    return resource(
        "l",
        LISTENER,
        {
            "name": "l",
            "address": {"socket_address": {"address": "127.0.0.1", "port_value": port}},
            "filter_chains": [{"filters": [{"name": "hcm", "typed_config": manager}]}],
            **more,
        },
    )


def route(to: str, domains: tuple[str, ...] = ("*",)) -> Resource:
    routes = [{"match": {"prefix": "/"}, "route": {"cluster": to}}]
    host = {"name": "v", "domains": list(domains), "routes": routes}
    return resource("r", ROUTES, {"name": "r", "virtual_hosts": [host]})


@asynccontextmanager
async def backend(name: str) -> AsyncIterator[int]:
    """An HTTP server that answers with its name; its port."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                await reader.readuntil(b"\r\n\r\n")
                writer.write(f"HTTP/1.1 200 OK\r\ncontent-length: {len(name)}\r\n\r\n{name}".encode())
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


@asynccontextmanager
async def rig() -> AsyncIterator[Rig]:
    directory = Path(tempfile.mkdtemp(prefix="mg-xds-", dir="/tmp"))
    port, *static = free_ports(5)
    ports = ProxyPorts(
        **dict(zip(("admin", "status", "readiness", "prometheus"), static, strict=True)), wildcard="127.0.0.1"
    )
    given = BootstrapInput(
        proxy=Proxy(role="sidecar", name="live", namespace="test", addresses=("10.0.0.1",)),
        xds_socket=str(directory / "xds.sock"),
        admin_socket=str(directory / "admin.sock"),
        ports=ports,
    )
    (directory / "bootstrap.json").write_bytes(bootstrap(given))
    async with backend("one") as one, backend("two") as two:
        made = Rig(directory, port, (one, two))
        await made.start_server()
        with (directory / "log").open("wb") as log:
            arguments = envoy_arguments(str(directory / "bootstrap.json"), concurrency=1)
            envoy = await asyncio.create_subprocess_exec(find_envoy(), *arguments, stdout=log, stderr=log)
        try:
            yield made
            assert envoy.returncode is None, (directory / "log").read_text()
        finally:
            if envoy.returncode is None:
                envoy.send_signal(signal.SIGKILL)
            await envoy.wait()
            await made.ads.stop()
            shutil.rmtree(directory)


def run(test: Callable[[Rig], Awaitable[None]]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(DEADLINE_S), rig() as made:
            await test(made)

    asyncio.run(bounded())


def small(rig: Rig) -> tuple[Resource, ...]:
    return (cluster("a"), endpoints("a", rig.backends[0]), listener(rig.port), route("a"))


def test_what_is_published_is_obeyed_when_it_is_applied() -> None:
    async def test(rig: Rig) -> None:
        await rig.applied(*small(rig))
        assert await rig.get() == "one"
        await rig.applied(cluster("a"), endpoints("a", rig.backends[1]), listener(rig.port), route("a"))
        assert await rig.get() == "two"
        assert await rig.ads.wait_applied(1) == {}

    run(test)


def test_a_changed_cluster_is_warm_at_once() -> None:
    async def test(rig: Rig) -> None:
        await rig.applied(*small(rig))
        for seconds in (2, 3, 4):
            await rig.applied(cluster("a", connect_timeout=f"{seconds}s"), *small(rig)[1:])
            assert await rig.stat("cluster_manager.warming_clusters") == 0
            assert await rig.get() == "one"

    run(test)


def test_no_request_is_lost_while_all_types_change_at_once() -> None:
    async def test(rig: Rig) -> None:
        await rig.applied(*small(rig))
        names = ("one", "two")
        answers: list[str] = []
        done = asyncio.Event()

        async def ask() -> None:
            while not done.is_set():
                answers.append(await rig.get())

        async with asyncio.TaskGroup() as group:
            group.create_task(ask())
            for turn in range(20):
                name = f"c{turn}"
                port = rig.backends[turn % 2]
                await rig.applied(cluster(name), endpoints(name, port), listener(rig.port), route(name))
                assert await rig.get() == names[turn % 2]
                assert await rig.stat("cluster_manager.active_clusters") == await rig.stat(
                    "cluster_manager.cluster_added"
                ) - await rig.stat("cluster_manager.cluster_removed")
            done.set()
        assert set(answers) <= set(names), "no answer of Envoy itself among them"

    run(test)


def test_a_refused_route_leaves_the_last_good_one_and_is_told_by_name() -> None:
    async def test(rig: Rig) -> None:
        await rig.applied(*small(rig))
        rig.publish(*small(rig)[:3], route("a", ("*", "*")))
        lagging = await rig.ads.wait_applied(5)
        [nack] = lagging[PROXY].nacks
        assert (nack.type_url, nack.name) == (ROUTES, "r")
        assert "Only a single wildcard domain is permitted" in nack.text
        assert await rig.get() == "one"
        refused = await rig.stat("http.l.rds.r.update_rejected")
        rig.publish(cluster("a"), endpoints("a", rig.backends[1]), listener(rig.port), route("a", ("*", "*")))
        await rig.ads.wait_applied(5)
        assert await rig.get() == "two", "other changes still arrive"
        assert await rig.stat("http.l.rds.r.update_rejected") == refused, "it is not sent again"
        await rig.applied(*small(rig))
        assert await rig.ads.wait_applied(5) == {}

    run(test)


def test_one_bad_cluster_among_many_is_found_and_the_others_arrive() -> None:
    async def test(rig: Rig) -> None:
        await rig.applied(*small(rig))
        bad = cluster("bad", lb_policy="CLUSTER_PROVIDED")
        many = [cluster(f"c{number}") for number in range(9)]
        fill = [endpoints(each.name, rig.backends[1]) for each in (bad, *many)]
        rig.publish(*small(rig), bad, *many, *fill)
        lagging = await rig.ads.wait_applied(10)
        assert [nack.name for nack in lagging[PROXY].nacks] == ["bad"]
        rig.publish(*small(rig)[:3], route("c8"), bad, *many, *fill)
        await rig.ads.wait_applied(5)
        assert await rig.get() == "two"

    run(test)


def test_a_server_that_was_killed_resends_nothing_and_catches_up() -> None:
    async def test(rig: Rig) -> None:
        await rig.applied(*small(rig), cluster("gone"), endpoints("gone", rig.backends[0]))
        counters = (
            "cluster_manager.cluster_modified",
            "cluster_manager.cluster_added",
            "listener_manager.listener_modified",
            "listener_manager.listener_added",
            "http.l.rds.r.update_success",
        )
        before = [await rig.stat(name) for name in counters]
        await rig.ads.stop()
        assert await rig.get() == "one"
        await rig.start_server()
        await rig.applied(*small(rig), cluster("gone"), endpoints("gone", rig.backends[0]))
        assert [await rig.stat(name) for name in counters] == before
        await rig.ads.stop()
        await rig.start_server()
        await rig.applied(cluster("b"), endpoints("b", rig.backends[1]), listener(rig.port), route("b"))
        assert await rig.get() == "two"
        assert await rig.stat("cluster_manager.cluster_removed") == 2, "a and gone"

    run(test)


def test_a_cluster_that_was_warming_when_the_server_was_killed_becomes_warm() -> None:
    async def test(rig: Rig) -> None:
        await rig.applied(*small(rig))
        changed = cluster("a", connect_timeout="9s")
        for _ in range(5):
            rig.publish(changed, *small(rig)[1:])
            await rig.ads.stop()
            await rig.start_server()
            await rig.applied(changed, *small(rig)[1:])
            assert await rig.stat("cluster_manager.warming_clusters") == 0
            await rig.applied(*small(rig))

    run(test)
