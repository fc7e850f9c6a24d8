"""What the machine's parts tell for the status, and whether they have followed the newest build."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from meshgate.api import Problem
from meshgate.app.door import Door
from meshgate.app.feeds import Feeds
from meshgate.app.pipeline import Pipeline
from meshgate.host.edge import CONTAINER_ID as EDGE_CONTAINER
from meshgate.host.edge import Edge
from meshgate.host.edge_ports import EDGE_PROXY
from meshgate.host.lab import Lab
from meshgate.host.network.host_side import Notice
from meshgate.host.pods.building import parse_container_id
from meshgate.host.pods.injection import PROXY
from meshgate.host.proxy_files import ProxyProcess
from meshgate.host.runtime import Runtime

POD_CONTAINERS: Final = "pod/"
Problems = Callable[[], Sequence[Problem]]
"""Of what is not compiled: watched files, the authority's Secrets."""


class MachineParts:
    """Edge, containers and feeds of one mesh, as its status sees them."""

    def __init__(  # size: one parameter for each part
        self,
        pipeline: Pipeline,
        door: Door,
        feeds: Feeds,
        edge: Edge,
        runtime: Runtime,
        problems: Problems,
        lab: Lab | None = None,
    ) -> None:
        self.problems = problems
        self._pipeline = pipeline
        self._door = door
        self._feeds = feeds
        self._edge = edge
        self._runtime = runtime
        self._lab = lab
        self.notices: Sequence[Notice] = ()
        """What was said when the host was joined."""

    def told(self) -> Mapping[str, Any]:
        edge = self._edge.state.value
        return {
            "ports": [{"address": each.address, "port": each.port} for each in edge.ports],
            "taken": [{"port": each.port, "reason": each.reason} for each in edge.taken],
            "notes": [notice.text for notice in self.notices],
            **({"lab": self._lab.told()} if self._lab is not None else {}),
        }

    def pids(self) -> Mapping[str, int]:
        """Of running Envoys: as the capsule sees the first process of their container."""
        names = self._door.names()
        found: dict[str, int] = {}
        for container_id in (EDGE_CONTAINER, *self._runtime.container_ids(POD_CONTAINERS)):
            state = self._runtime.state(container_id)
            parsed = parse_container_id(container_id)
            name = EDGE_PROXY if parsed is None else names.get(parsed[0], "") if parsed[1] == PROXY else ""
            if name and state is not None and state.is_running:
                found[name] = state.pid
        return found

    def processes(self) -> Mapping[str, ProxyProcess]:
        """The pods' Envoys that run."""
        users, pids = self._door.users, self.pids()
        return {name: ProxyProcess(pid=pid, user=users[name]) for name, pid in pids.items() if name in users}

    async def wait_followed(self) -> None:
        """Return when the feeds are of the newest build and the edge follows them. The caller sets the deadline."""
        newest = self._pipeline.built.value.revision
        await self._feeds.revision.wait_for(lambda revision: revision >= newest)
        await self._edge.state.wait_for(lambda state: state.facts == self._feeds.edge.value)
        if self._lab is not None:
            await self._lab.wait_followed()
