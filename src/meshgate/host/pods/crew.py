"""The containers of one pod and the order in which they come up: sidecar, init containers, applications.

A container that runs since before our restart is adopted where it stands. Cancelling `run` leaves all processes alone.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from msgspec import structs

from meshgate.aio import Latest
from meshgate.api import Container, ExecAction, Probe, RestartPolicy
from meshgate.errors import EnvironmentFault
from meshgate.host.holder.requests import ChildState
from meshgate.host.log_reader import last_lines
from meshgate.host.pods.building import Building, parse_container_id
from meshgate.host.pods.container_life import ContainerLife, Kit, Warn
from meshgate.host.pods.injection import PROXY
from meshgate.host.pods.status import ContainerState, Terminated
from meshgate.host.probes import NetworkView, Verdict, check_http, check_tcp, run_probes
from meshgate.host.runtime import Attached, Runtime
from meshgate.host.sidecar import Sidecar

States = Mapping[str, ContainerState]
_EXEC_PROBE_ENDS_S = 1.0
_REOPEN_S = 0.5


class Crew:
    """All containers of a pod."""

    def __init__(
        self,
        building: Building,
        runtime: Runtime,
        sidecar: Sidecar | None,
        stored: Mapping[str, ContainerState],
        warn: Warn,
        now: Callable[[], datetime],
    ) -> None:
        self._building = building
        self._runtime = runtime
        self._sidecar = sidecar
        self._warn = warn
        self._now = now
        self.states: Latest[States] = Latest({})
        self.is_initialized: Latest[bool] = Latest(False)
        self._init: list[ContainerLife] = []
        self._lives: list[ContainerLife] = []
        spec = building.pod.spec
        self._init = [self._life(container, stored, self._init_policy()) for container in spec.init_containers]
        self._lives = [self._life(container, stored, spec.restart_policy) for container in spec.containers]
        self._note()

    async def run(self, adopted: Mapping[str, ChildState]) -> None:
        """Bring everything up and keep it up; returns when all applications are over for good."""
        async with asyncio.TaskGroup() as group:
            sidecars = [life for life in self._lives if life.container.name == PROXY and self._sidecar is not None]
            applications = [life for life in self._lives if life not in sidecars]
            tasks = [group.create_task(self._run_sidecar(life, adopted)) for life in sidecars]
            if not any(life.container.name in adopted for life in applications):
                await self._wait_ready(sidecars)
                if not await self._initialize(adopted):
                    await self._end_sidecars(tasks, sidecars)
                    return
            self.is_initialized.set(True)
            async with asyncio.TaskGroup() as own:
                for life in applications:
                    own.create_task(self._run_application(life, adopted))
            if applications:  # a gateway's only container is its proxy, which is never over
                await self._end_sidecars(tasks, sidecars)

    def note_stopped(self, ended: ChildState) -> None:
        """The pod has stopped this container; nobody waits for it any more."""
        for life in (*self._init, *self._lives):
            if life.state.id == ended.id:
                life.note_stopped(ended)

    def container_states(self) -> tuple[list[ContainerState], list[ContainerState]]:
        """Of the containers and of the init containers, in the order of the spec."""
        return [life.state for life in self._lives], [life.state for life in self._init]

    async def _run_sidecar(self, life: ContainerLife, adopted: Mapping[str, ChildState]) -> None:
        assert self._sidecar is not None
        child = adopted.get(life.container.name)
        if child is not None and child.is_running:
            await self._reopen(self._sidecar, life)
        await life.run(child)

    async def _reopen(self, sidecar: Sidecar, life: ContainerLife) -> None:
        """Serve a proxy again that runs since before our restart; it goes by what it has meanwhile."""
        while self._is_running(life):
            try:
                await sidecar.open(life.container)
                return
            except EnvironmentFault as fault:
                self._warn("ProxyNotServed", fault.text)
                await asyncio.sleep(_REOPEN_S)

    async def _run_application(self, life: ContainerLife, adopted: Mapping[str, ChildState]) -> None:
        child = adopted.get(life.container.name)
        if child is None and life.is_over:
            return
        await life.run(child)

    async def _wait_ready(self, sidecars: Sequence[ContainerLife]) -> None:
        """No deadline: a pod whose sidecar is not ready does nothing but say why."""
        names = [life.container.name for life in sidecars]
        await self.states.wait_for(lambda states: all(states[name].is_ready for name in names))

    async def _initialize(self, adopted: Mapping[str, ChildState]) -> bool:
        """Run the init containers one by one; False if one failed for good.

        One that has succeeded since the capsule is there is not run again; in a new capsule all are, for what they have
        made in memory is gone (a kubelet does so after its machine was restarted).
        """
        for life in self._init:
            await life.run(adopted.get(life.container.name))
            if not _succeeded(life):
                return False
        return True

    async def _end_sidecars(self, tasks: Sequence[asyncio.Task[None]], sidecars: Sequence[ContainerLife]) -> None:
        """The pod's work is done: its proxy ends too, and is not started again."""
        for task in tasks:
            task.cancel()
        for life in sidecars:
            if self._is_running(life):
                ended = await self._runtime.stop(
                    life.state.id, self._building.pod.spec.termination_grace_period_seconds
                )
                life.note_stopped(ended)

    def _life(self, container: Container, stored: States, policy: RestartPolicy) -> ContainerLife:
        is_proxy = container.name == PROXY and self._sidecar is not None
        kit = Kit(
            runtime=self._runtime,
            build=self._sidecar.build if is_proxy and self._sidecar is not None else self._building.application,
            watch=self._sidecar.watch if is_proxy and self._sidecar is not None else self._probe,
            last_words=lambda container, run: last_lines(self._building.places.log(container.name, run)),
            policy=RestartPolicy.ALWAYS if is_proxy else policy,
            grace_s=self._building.pod.spec.termination_grace_period_seconds,
            warn=self._warn,
            changed=self._note,
            now=self._now,
        )
        return ContainerLife(container, kit, stored.get(container.name))

    def _is_running(self, life: ContainerLife) -> bool:
        state = self._runtime.state(life.state.id)
        return state is not None and state.is_running

    def _init_policy(self) -> RestartPolicy:
        """Init containers are started again until they succeed, unless the pod says never."""
        policy = self._building.pod.spec.restart_policy
        return RestartPolicy.NEVER if policy == RestartPolicy.NEVER else RestartPolicy.ON_FAILURE

    def _note(self) -> None:
        self.states.set({life.container.name: life.state for life in (*self._init, *self._lives)})

    async def _probe(self, container: Container, container_id: str, verdict: Verdict) -> None:
        net = self._building.net
        view = NetworkView(netns_fd=net.netns_fd, address=net.address)

        async def check(probe: Probe) -> str:
            if probe.http_get is not None:
                return await check_http(probe.http_get, container, view)
            if probe.tcp_socket is not None:
                return await check_tcp(probe.tcp_socket.port, probe.tcp_socket.host, container, view)
            return await self._check_exec(probe.exec or ExecAction(), container, container_id)

        await run_probes(container, check, verdict)

    async def _check_exec(self, action: ExecAction, container: Container, container_id: str) -> str:
        building = self._building
        try:
            guest = await self._runtime.exec(
                container_id, action.command, building.environment(container), building.user(container), Attached()
            )
        except EnvironmentFault as fault:
            return fault.text
        try:
            ended = await self._runtime.wait_exit(guest)
            return "" if ended.exit_code == 0 else f"command ended with status {ended.exit_code}"
        finally:
            async with asyncio.timeout(_EXEC_PROBE_ENDS_S):
                await self._runtime.signal(guest, signal.SIGKILL)
                await self._runtime.wait_exit(guest)
                await self._runtime.forget(guest)


def _succeeded(life: ContainerLife) -> bool:
    state = life.state.state
    return isinstance(state, Terminated) and state.exit_code == 0


def newest_children(children: Sequence[ChildState]) -> tuple[dict[str, ChildState], list[ChildState]]:
    """Of a pod's children the newest run of each container, and the others, which tell nothing more."""
    newest: dict[str, ChildState] = {}
    older = []
    for child in sorted(children, key=_run_number):
        parsed = parse_container_id(child.id)
        assert parsed is not None, child.id
        if parsed[1] in newest:
            older.append(newest[parsed[1]])
        newest[parsed[1]] = child
    return newest, older


def _run_number(child: ChildState) -> int:
    parsed = parse_container_id(child.id)
    return parsed[2] if parsed is not None else 0


def with_run(state: ContainerState | None, child: ChildState) -> ContainerState:
    """The stored state of a container, corrected by the run that is there."""
    parsed = parse_container_id(child.id)
    assert parsed is not None
    known = state or ContainerState(name=parsed[1])
    is_same = known.id == child.id
    return structs.replace(
        known,
        restarts=parsed[2],
        id=child.id,
        is_ready=known.is_ready and is_same and child.is_running,
        is_started=known.is_started and is_same and child.is_running,
    )
