"""The edge: one Envoy in the host's network that takes what comes to the host's ports to the ingress gateway.

The process runs in the capsule as containers do: own PID and mount namespace, a uid of its own, no capability but
that of binding low ports. It sees nothing of the mesh but its ADS socket and the gateways' directories for the edge.
Its listeners and clusters come over ADS and follow the `EdgeFacts` as they change; a connection is handed on as it
is, with a PROXY header, so the gateway sees the client's address. One more port is where proxies elsewhere join: there
the edge ends TLS, and hands calls on to the control plane with what it knows of the caller's certificate.

A port that somebody else has is left out and told in `state`; it is tried again until it is free.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Protocol

from msgspec import Struct

from meshgate.aio import Latest
from meshgate.envoy import EdgeInput, EdgePort, edge_bootstrap, edge_resources, envoy_arguments
from meshgate.host.edge_ports import EDGE_PROXY, EDGE_SOCKET, EdgeFacts, EdgeOptions, edge_ports, joining_port
from meshgate.host.pods.back_off import BackOff
from meshgate.host.pods.building import MeshOnMachine
from meshgate.host.pods.places import (
    ADMIN_SOCKET,
    ADS_SOCKET,
    VIEW_ADMIN,
    VIEW_ADS,
    VIEW_BOOTSTRAP,
    VIEW_EDGE,
)
from meshgate.host.port_owner import find_obstacle
from meshgate.host.runtime import ContainerSpec, Logged, Runtime
from meshgate.host.views import CONTAINER_PATH, HOME, FileToWrite, Mounted, User, View, plan_view
from meshgate.xds import table_of
from meshgate.xds.server import AdsServer
from meshgate.xds.unix_socket import SocketOwner

log = logging.getLogger(__name__)

JOINING_SOCKET: Final = "join"
CONTAINER_ID: Final = "edge/envoy/0"
LOG_POD: Final = "edge"
STOP_GRACE_S: Final = 2.0
TRY_AGAIN_S: Final = 2.0
"""Between looks at ports that somebody else has."""
_LOW_PORTS = "CAP_NET_BIND_SERVICE"
_FIRST_PAUSE_S = 0.2


class JoiningDoor(Protocol):
    """The control plane's side of proxies elsewhere."""

    async def open(self, socket_path: Path, owner: User) -> None:
        """Serve at this path whom this user, who ends TLS, hands on."""
        ...


class TakenPort(Struct, frozen=True, kw_only=True):
    """A port of the host that the edge should have and can't."""

    port: int
    reason: str


class EdgeState(Struct, frozen=True, kw_only=True):
    """What the edge does now."""

    facts: EdgeFacts = EdgeFacts()
    """What it follows: everything of it is published but for the taken ports."""
    ports: tuple[EdgePort, ...] = ()
    taken: tuple[TakenPort, ...] = ()


class Edge:
    """Owned by the control plane's loop."""

    def __init__(
        self,
        runtime: Runtime,
        ads: AdsServer,
        mesh: MeshOnMachine,
        options: EdgeOptions,
        door: JoiningDoor | None = None,
    ) -> None:
        """Without a door nobody joins."""
        self.state: Latest[EdgeState] = Latest(EdgeState())
        self._runtime = runtime
        self._ads = ads
        self._mesh = mesh
        self._options = options
        self._door = door
        self._directory = mesh.places.run / "e"
        self._mine: frozenset[int] = frozenset()
        self._uid = -1

    async def run(self, facts: Latest[EdgeFacts], *, ready: asyncio.Event) -> None:
        """Have the Envoy run, and its ports follow the facts; until cancelled. The Envoy goes on: `stop` ends it."""
        user = self._user()
        await self._prepare(user)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._keep_running(user))
            tasks.create_task(self._follow(facts))
            ready.set()

    async def stop(self) -> None:
        """End the Envoy; on `down`."""
        state = self._runtime.state(CONTAINER_ID)
        if state is not None:
            await self._runtime.stop(CONTAINER_ID, STOP_GRACE_S)
            await self._runtime.forget(CONTAINER_ID)
        await self._ads.close(EDGE_PROXY)
        await self._runtime.close_log(LOG_POD)

    # --- ports ----------------------------------------------------------------------------------------------------

    async def _follow(self, facts: Latest[EdgeFacts]) -> None:
        async with asyncio.TaskGroup() as tasks:
            again: asyncio.Task[None] | None = None
            async for newest in facts:
                if again is not None:
                    again.cancel()
                again = tasks.create_task(self._publish(newest))

    async def _publish(self, facts: EdgeFacts) -> None:
        """Publish what can be had, again and again as long as something is missing; until newer facts come."""
        gateways = edge_ports(facts, self._options, VIEW_EDGE, EDGE_SOCKET)
        joining = joining_port(self._options, f"{VIEW_ADS}/{JOINING_SOCKET}") if self._door is not None else None
        wanted = (*gateways, *((joining,) if joining is not None else ()))
        while True:
            taken = tuple(found for port in wanted if (found := self._taken(port.address, port.port)) is not None)
            numbers = {each.port for each in taken}
            ports = tuple(port for port in gateways if port.port not in numbers)
            joins = joining if joining is not None and joining.port not in numbers else None
            self._mine = frozenset(port.port for port in wanted) - numbers
            resources = edge_resources(ports, joining=joins)
            self._ads.publish(EDGE_PROXY, table_of((*resources.clusters, *resources.endpoints, *resources.listeners)))
            self.state.set(EdgeState(facts=facts, ports=ports, taken=taken))
            if not taken:
                return
            await asyncio.sleep(TRY_AGAIN_S)

    def _taken(self, address: str, port: int) -> TakenPort | None:
        if port in self._mine:
            return None
        obstacle = find_obstacle(address, port)
        if obstacle is None:
            return None
        if obstacle.uids == {self._uid}:
            return None  # our own Envoy's, since before our restart
        return TakenPort(port=port, reason=obstacle.text)

    # --- the process ----------------------------------------------------------------------------------------------

    async def _keep_running(self, user: User) -> None:
        back_off = BackOff()
        while True:
            state = self._runtime.state(CONTAINER_ID)
            if state is None:
                state = await self._runtime.start(self._spec(user))
            ended = await self._runtime.wait_exit(CONTAINER_ID)
            log.error("the edge's Envoy has ended and is started again", extra={"exit_code": ended.exit_code})
            await self._runtime.forget(CONTAINER_ID)
            pause, back_off = back_off.after_run(_moment(ended.started), _moment(ended.ended))
            await asyncio.sleep(max(pause.total_seconds(), _FIRST_PAUSE_S))

    async def _prepare(self, user: User) -> None:
        """Directories and sockets; again after a restart."""
        for directory in (self._directory, self._directory / "ads", self._mesh.places.run / "edge"):
            directory.mkdir(parents=True, exist_ok=True, mode=0o711)
        admin = self._directory / "admin"
        admin.mkdir(exist_ok=True, mode=0o700)
        os.chown(admin, user.uid, user.gid)
        await self._runtime.open_log(LOG_POD)
        owner = SocketOwner(uid=user.uid, gid=user.gid)
        await self._ads.open(EDGE_PROXY, self._directory / "ads" / ADS_SOCKET, owner=owner)
        if self._door is not None:
            await self._door.open(self._directory / "ads" / JOINING_SOCKET, user)

    def _user(self) -> User:
        """The one under which it runs since before our restart, else a new one."""
        state = self._runtime.state(CONTAINER_ID)
        if state is None:
            uid = self._mesh.users.take()
        else:
            uid = int(json.loads(state.note)["uid"])
            self._mesh.users.claim([uid])
        self._uid = uid
        return User(uid=uid, gid=uid)

    def _spec(self, user: User) -> ContainerSpec:
        places = self._mesh.places
        (self._directory / "admin" / ADMIN_SOCKET).unlink(missing_ok=True)  # of the run before
        given = EdgeInput(xds_socket=f"{VIEW_ADS}/{ADS_SOCKET}", admin_socket=f"{VIEW_ADMIN}/{ADMIN_SOCKET}")
        view = View(
            user=user,
            hidden=("/run",),
            private=self._mesh.private,
            reachable=self._mesh.reachable,
            files=(FileToWrite(target=VIEW_BOOTSTRAP, text=edge_bootstrap(given).decode()),),
            mounts=(
                Mounted(target=VIEW_ADS, source=str(self._directory / "ads"), read_only=True),
                Mounted(target=VIEW_ADMIN, source=str(self._directory / "admin")),
                Mounted(target=VIEW_EDGE, source=str(places.run / "edge"), read_only=True),
            ),
        )
        return ContainerSpec(
            id=CONTAINER_ID,
            argv=(str(self._mesh.envoy), *envoy_arguments(VIEW_BOOTSTRAP)),
            env={"PATH": CONTAINER_PATH, "HOME": HOME},
            user=user,
            capabilities=(_LOW_PORTS,),
            view=plan_view(view, self._mesh.machine),
            stdio=Logged(pod_id=LOG_POD, path=places.data / "logs" / "edge.log"),
            note=json.dumps({"uid": user.uid}),
        )


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, tz=UTC)
