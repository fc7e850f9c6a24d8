"""A node under test: kubelet, network and store in the test's process, the holder and the pods in a capsule."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import UTC, datetime
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any, TypeVar

import yaml

from meshgate.api import Pod, Ref, decode, of_type
from meshgate.host.dns.sockets import DnsSockets
from meshgate.host.envoy_binary import find_envoy, load_schema
from meshgate.host.kubelet import Kubelet
from meshgate.host.network import PodNetwork, Ranges
from meshgate.host.pods.building import MeshOnMachine
from meshgate.host.pods.injection import proxy_role
from meshgate.host.pods.places import Places
from meshgate.host.pods.users import UserIds
from meshgate.host.pods.worker import PodDeps
from meshgate.host.runtime import Runtime
from meshgate.host.sidecar import ProxyPod
from meshgate.host.spawn import HolderClient
from meshgate.host.views import User
from meshgate.plan import Proxy
from meshgate.store.core import Create, Delete, Raw, Write
from meshgate.store.sqlite import Store
from meshgate.xds import ResourceTable
from meshgate.xds.server import AdsServer
from meshgate.xds.unix_socket import SocketOwner
from tests.host.capsules import CapsuleUnderTest

T = TypeVar("T")
DEADLINE_S = 60.0


class _NoDns:
    """Pods of these tests ask for no names."""

    def serve(self, pod_id: str, namespace: str, sockets: DnsSockets, *, virtual: bool = True) -> None:
        pass

    def stop(self, pod_id: str) -> None:
        pass


class EmptyDoor:
    """A control plane that has nothing to tell to any proxy."""

    def __init__(self, store: Store) -> None:
        self.ads = AdsServer()
        self._store = store
        self._open: set[str] = set()

    async def open(self, pod: ProxyPod, socket_path: Path, owner: User) -> Proxy:
        await self.close(pod.uid)
        self._open.add(pod.uid)
        self.ads.publish(pod.uid, ResourceTable())
        await self.ads.open(pod.uid, socket_path, owner=SocketOwner(owner.uid, owner.gid))
        raw = self._store.get("Pod", pod.namespace, pod.name)
        assert raw is not None
        found, _ = decode(raw)
        assert found is not None
        role = proxy_role(*next((each.meta, each.spec) for each in of_type([found], Pod)))
        assert role != "none"
        return Proxy(role=role, name=pod.name, namespace=pod.namespace, addresses=(pod.address,))

    async def close(self, uid: str) -> None:
        if uid in self._open:
            self._open.discard(uid)
            await self.ads.close(uid)


class Node:
    """One life of a control plane."""

    def __init__(self, client: HolderClient, store: Store, directory: Path, network: PodNetwork) -> None:
        self.client = client
        self.store = store
        self.runtime = Runtime(client)
        self.door = EmptyDoor(store)
        self.mesh = MeshOnMachine(
            objects=store,
            places=Places(data=directory, run=directory / "r"),
            users=UserIds.of_mesh(str(directory)),
            private=(str(directory),),
            envoy=find_envoy(),
        )
        self.network = network
        self.kubelet = Kubelet(
            store,
            PodDeps(
                store=store,
                runtime=self.runtime,
                network=network,
                door=self.door,
                mesh=self.mesh,
                now=lambda: datetime.now(UTC),
            ),
        )

    def apply(self, text: str) -> None:
        """Create objects from YAML; those without a namespace are in `default`."""
        writes: list[Write] = []
        for raw in yaml.safe_load_all(text):
            raw["metadata"].setdefault("namespace", "default")
            writes.append(Create(raw=raw))
        self.store.transact(writes)

    def delete(self, name: str, grace_s: int | None = None) -> None:
        self.store.transact([Delete(ref=Ref("Pod", "default", name), grace_s=grace_s)])

    def pod(self, name: str) -> Mapping[str, Any]:
        raw = self.store.get("Pod", "default", name)
        assert raw is not None, f"no pod {name}"
        return raw

    def status(self, name: str, container: str = "app") -> Mapping[str, Any]:
        """Of one container; empty while there is none."""
        status = self.pod(name).get("status", {})
        listed = [*status.get("initContainerStatuses", ()), *status.get("containerStatuses", ())]
        return next((each for each in listed if each["name"] == container), {})

    async def until(self, condition: Callable[[], T], what: str = "") -> T:
        """Wait for something that the store comes to say."""
        try:
            async with asyncio.timeout(DEADLINE_S):
                await self.store.revision.wait_for(lambda _: bool(condition()))
        except TimeoutError:
            pods = [dict(raw.get("status", {})) for raw in self.store.list("Pod")]
            raise AssertionError(f"not within {DEADLINE_S} s: {what}; {yaml.safe_dump(pods)}") from None
        return condition()

    async def ready(self, name: str) -> Mapping[str, Any]:
        """Wait until a pod is ready."""
        await self.until(lambda: is_ready(self.pod(name)), f"{name} is ready")
        return self.pod(name)

    async def gone(self, name: str) -> None:
        await self.until(lambda: self.store.get("Pod", "default", name) is None, f"{name} is gone")

    def log(self, name: str, container: str = "app", run: int = 0) -> str:
        """What a container has written, without stamps."""
        pod = self.pod(name)["metadata"]
        path = self.mesh.places.pod(pod["uid"], pod["namespace"], pod["name"]).log(container, run)
        lines = path.read_text().splitlines() if path.exists() else []
        return "\n".join(line.split(" ", 3)[3] for line in lines)


def is_ready(pod: Raw) -> bool:
    conditions = pod.get("status", {}).get("conditions", ())
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


@contextlib.asynccontextmanager
async def running_node(capsule: CapsuleUnderTest, *, is_last: bool = True) -> AsyncIterator[Node]:
    """A control plane's life; unless it is the last one, it ends as by kill -9: everything runs on."""
    load_schema()
    client = capsule.connect()
    await client.tell_ready({})
    store = Store(capsule.directory)
    number = os.getpid() % 200
    ranges = Ranges(IPv4Network(f"10.{number}.0.0/18"), IPv4Network(f"10.{number}.64.0/18"))
    network = PodNetwork(ranges, client, _NoDns())
    await network.open()
    node = Node(client, store, capsule.directory, network)
    ready = asyncio.Event()
    serving = asyncio.get_running_loop().create_task(node.kubelet.serve(ready))
    try:
        async with asyncio.timeout(DEADLINE_S):
            await ready.wait()
        yield node
    finally:
        serving.cancel()
        await asyncio.wait([serving])
        await node.door.ads.stop()
        node.runtime.close()
        if is_last:
            await network.close()
            client.close()
        else:
            _abandon(network)
            capsule.kill_control_plane(client)
        store.close()
    serving.cancelled() or serving.result()


def _abandon(network: PodNetwork) -> None:
    """Close our descriptors, as the kernel does for a killed process: what the holder keeps stays."""
    for pod in network._pods.values():
        pod.close()
    network.router.close()
