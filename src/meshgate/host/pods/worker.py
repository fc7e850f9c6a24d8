"""One pod, from the moment it has a node until nothing of it is left.

Coming up: network, log shim, then its crew of containers. Going: not ready any more, TERM to the applications, KILL
after the grace period, then the sidecar, then network and files, then the object. What goes wrong on the machine is
tried again and said in the status. A worker whose task is cancelled leaves everything running: the next control plane
adopts it.
"""

from __future__ import annotations

import asyncio
import json
import logging
import signal
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import TypeVar

from msgspec import Struct

from meshgate.aio import Latest
from meshgate.api import Container, Ref, decode
from meshgate.errors import EnvironmentFault
from meshgate.host.holder.requests import ChildState
from meshgate.host.network import PodIdentity, PodNet, parse_capture
from meshgate.host.pods.building import Building, MeshOnMachine, container_prefix, log_id
from meshgate.host.pods.crew import Crew, newest_children, with_run
from meshgate.host.pods.ending import running_ids, stop_all
from meshgate.host.pods.events import EventStore, PodEvents
from meshgate.host.pods.fault import CannotStart
from meshgate.host.pods.injection import PROXY, proxy_role
from meshgate.host.pods.network import PodNetworking
from meshgate.host.pods.objects import PodResource
from meshgate.host.pods.status import ContainerState, PodState, Waiting, is_done, pod_phase, pod_status
from meshgate.host.pods.stored_status import stored_address, stored_containers, stored_start
from meshgate.host.pods.users import PodIds
from meshgate.host.runtime import Runtime
from meshgate.host.sidecar import ProxyDoor, Sidecar
from meshgate.host.views import User
from meshgate.store.core import Delete, Raw, SetStatus, StatusFault

T = TypeVar("T")
log = logging.getLogger(__name__)

_RETRY_FIRST_S = 0.5
_RETRY_LONGEST_S = 10.0
_CLEAN_UP_S = 60.0


async def no_wait() -> None:
    """Proxies learn in their own time."""


class PodDeps(Struct, frozen=True, kw_only=True):
    """What every pod's worker works with."""

    store: EventStore
    runtime: Runtime
    network: PodNetworking
    door: ProxyDoor
    mesh: MeshOnMachine
    now: Callable[[], datetime]
    settle: Callable[[], Awaitable[None]] = no_wait
    """Returns soon, at best when every proxy knows what the store says: that a pod is not ready any more."""


class PodWorker:
    """Owns everything of one pod on this machine."""

    def __init__(self, raw: Raw, deps: PodDeps) -> None:
        resource, problems = decode(raw)
        if resource is None or resource.kind != "Pod":
            raise EnvironmentFault(f"a stored pod cannot be read: {problems[0].text if problems else raw.get('kind')}")
        self.pod: PodResource = resource  # type: ignore[assignment] # kind says which spec
        self.ref = resource.ref
        self.uid = resource.meta.uid
        self.attached = asyncio.Event()
        """Set once it has its network, or has failed to get one: the network may be pruned then."""
        self.building: Building | None = None
        self.crew: Crew | None = None
        self._raw = raw
        self._deps = deps
        self._events = PodEvents(deps.store, self.ref, self.uid, deps.now)
        self._ids: PodIds | None = None
        self._end_asked: Latest[float | None] = Latest(None)
        self._dirty = asyncio.Event()
        self._started = stored_start(raw) or deps.now()
        self._message, self._reason = "", ""
        self._sidecar: Sidecar | None = None
        self._connecting = asyncio.Lock()

    def update(self, raw: Raw) -> None:
        """The newest version of the object: only its deletion matters, the rest of a pod's spec does not change."""
        meta = raw["metadata"]
        if meta.get("deletionTimestamp"):
            grace = meta.get("deletionGracePeriodSeconds")
            default = self.pod.spec.termination_grace_period_seconds
            self.end(float(grace if grace is not None else default))

    def end(self, grace_s: float) -> None:
        """Ask it to end; asked again with no grace, what still runs is killed."""
        self._end_asked.set(grace_s)

    def container(self, name: str) -> Container | None:
        """The spec of one of its containers."""
        spec = self.pod.spec
        return next((each for each in (*spec.init_containers, *spec.containers) if each.name == name), None)

    @property
    def sidecar(self) -> Sidecar | None:
        """Its proxy; None as long as it has no network, and for a pod without one."""
        return self._sidecar

    def user(self, container: Container) -> User:
        """Whom a container's processes run as."""
        assert self.building is not None
        is_proxy = self._sidecar is not None and container.name == PROXY
        return self._sidecar.user(container) if is_proxy and self._sidecar else self.building.user(container)

    def refresh_volumes(self) -> None:
        """An object that a volume shows has changed."""
        if self.building is None:
            return
        try:
            self.building.prepare_volumes()
        except CannotStart as fault:  # containers keep what they have
            self._events.warn("FailedMount", fault.text)

    async def run(self, children: Sequence[ChildState]) -> None:
        """Live and end. `children`: what of it runs since before our restart."""
        async with asyncio.TaskGroup() as group:
            writing = group.create_task(self._write_statuses())
            living = group.create_task(self._live(children))
            grace_s = await self._end_asked.wait_for(lambda grace: grace is not None)
            async with self._connecting:  # no deadline: a network is whole within milliseconds, or an error is raised
                living.cancel()
            await asyncio.wait([living])  # no deadline: it stops where it waits
            await self._end(grace_s or 0.0)
            writing.cancel()

    # --- living -----------------------------------------------------------------------------------------------------

    async def _live(self, children: Sequence[ChildState]) -> None:
        newest, older = newest_children(children)
        self._ids = self._pod_ids(newest)
        net = await self._connect()
        self.building = building = Building(self.pod, self._deps.mesh, net, self._ids)
        if proxy_role(self.pod.meta, self.pod.spec) != "none":
            self._sidecar = Sidecar(building, self._deps.door)
        await self._deps.runtime.open_log(log_id(self.uid))
        self.crew = Crew(
            building, self._deps.runtime, self._sidecar, self._known(newest), self._events.warn, self._deps.now
        )
        for child in older:
            await self._deps.runtime.forget(child.id)
        self._write_now()
        async with asyncio.TaskGroup() as group:
            watching = [
                group.create_task(self._follow(self.crew.states)),
                group.create_task(self._follow(self.crew.is_initialized)),
            ]
            await self.crew.run(newest)
            for task in watching:
                task.cancel()
        self._write_now()
        await self._tear_down()

    async def _connect(self) -> PodNet:
        """The pod's network: the one it has, or a new one, tried until there is one."""
        identity = PodIdentity(
            self.uid, self.ref.namespace, self.ref.name, stored_address(self._raw), virtual_names=self._has_sidecar()
        )
        pause_s = _RETRY_FIRST_S
        while True:
            try:
                async with self._connecting:
                    return await self._deps.network.adopt(identity) or await self._attach(identity)
            except EnvironmentFault as fault:
                self._say("FailedCreatePodSandBox", fault.text)
            finally:
                self.attached.set()
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, _RETRY_LONGEST_S)

    async def _attach(self, identity: PodIdentity) -> PodNet:
        capture = None
        if self._has_sidecar():
            capture, _ = parse_capture(dict(self.pod.meta.annotations), self.ref)
        net = await self._deps.network.attach(identity, capture)
        self._say("", "")
        return net

    def _has_sidecar(self) -> bool:
        return proxy_role(self.pod.meta, self.pod.spec) == "sidecar"

    def _known(self, newest: Mapping[str, ChildState]) -> dict[str, ContainerState]:
        stored = stored_containers(self._raw, self._deps.now())
        return stored | {name: with_run(stored.get(name), child) for name, child in newest.items()}

    def _pod_ids(self, newest: Mapping[str, ChildState]) -> PodIds:
        """User ids: those that its containers run under already, else new ones."""
        users = self._deps.mesh.users
        for child in newest.values():
            ids = PodIds._make(json.loads(child.note)["ids"])
            users.claim(ids)
            return ids
        return PodIds(users.take(), users.take())

    # --- ending -----------------------------------------------------------------------------------------------------

    async def _end(self, grace_s: float) -> None:
        self._write_now()
        await self._stop(grace_s)
        async with asyncio.timeout(_CLEAN_UP_S):
            await self._tear_down()
            await self._deps.runtime.close_log(log_id(self.uid))
            for child_id in self._deps.runtime.container_ids(container_prefix(self.uid)):
                await self._deps.runtime.forget(child_id)
        places = self._deps.mesh.places.pod(self.uid, self.ref.namespace, self.ref.name)
        await asyncio.to_thread(places.remove)
        self._deps.mesh.users.give_back(self._ids or ())
        self._deps.store.transact([Delete(ref=self.ref, uid=self.uid, grace_s=0, missing_ok=True)])

    async def _stop(self, grace_s: float) -> None:
        """Stop all containers; nobody is sent here any more by the time the first is told to end."""
        async with asyncio.TaskGroup() as group:
            hurrying = group.create_task(self._kill_when_told())
            if grace_s > 0:
                await self._deps.settle()
            await stop_all(self.uid, self._deps.runtime, self._sidecar, grace_s, self._note_stopped)
            hurrying.cancel()

    async def _kill_when_told(self) -> None:
        await self._end_asked.wait_for(lambda grace: grace == 0)  # no deadline: cancelled when all has ended
        for child_id in running_ids(self.uid, self._deps.runtime):
            await self._deps.runtime.signal(child_id, signal.SIGKILL)

    def _note_stopped(self, ended: ChildState) -> None:
        if self.crew is not None:
            self.crew.note_stopped(ended)

    async def _tear_down(self) -> None:
        if self._sidecar is not None:
            await self._sidecar.close()
        await self._deps.network.detach(self.uid)

    # --- status -----------------------------------------------------------------------------------------------------

    async def _follow(self, latest: Latest[T]) -> None:
        async for _ in latest:
            self._dirty.set()

    async def _write_statuses(self) -> None:
        """Write what is newest; what changes within one turn of the loop is one write."""
        while True:
            await self._dirty.wait()  # no deadline: as long as nothing changes
            self._dirty.clear()
            self._write_now()

    def _say(self, reason: str, message: str) -> None:
        if (reason, message) == (self._reason, self._message):
            return
        self._reason, self._message = reason, message
        if message:
            self._events.warn(reason, message)
        self._dirty.set()

    def _write_now(self) -> None:
        raw = self._deps.store.get("Pod", self.ref.namespace, self.ref.name)
        if raw is None or _uid(raw) != self.uid:
            return
        before = raw.get("status")
        state = self._state()
        status = pod_status(state, before if isinstance(before, Mapping) else {}, self._deps.now())
        if status == before or is_done(str(before.get("phase")) if isinstance(before, Mapping) else ""):
            return
        try:
            self._deps.store.transact([SetStatus(raw={**raw, "status": status})])
        except StatusFault as fault:  # it has been deleted meanwhile
            log.debug("a status is not kept", extra={"pod": str(self.ref), "why": str(fault)})

    def _state(self) -> PodState:
        spec = self.pod.spec
        crew = self.crew
        containers = [ContainerState(name=container.name, state=Waiting()) for container in spec.containers]
        init = [ContainerState(name=container.name, state=Waiting()) for container in spec.init_containers]
        if crew is not None:
            containers, init = crew.container_states()
        proxy = next((state.why_not for state in containers if state.name == PROXY and not state.is_ready), "")
        return PodState(
            spec=spec,
            containers=containers,
            init_containers=init,
            address=self.building.net.address if self.building is not None else "",
            host_address=self._deps.mesh.host_address,
            started=self._started,
            is_initialized=crew is not None and crew.is_initialized.value,
            message=self._message or proxy,
            reason=self._reason or ("ProxyNotReady" if proxy else ""),
            is_terminating=self._end_asked.value is not None,
        )

    @property
    def phase(self) -> str:
        return pod_phase(self._state())


def _uid(raw: Mapping[str, object]) -> str:
    metadata = raw.get("metadata")
    return str(metadata.get("uid")) if isinstance(metadata, Mapping) else ""


def pod_ref(raw: Raw) -> Ref:
    return Ref("Pod", raw["metadata"].get("namespace", ""), raw["metadata"]["name"])
