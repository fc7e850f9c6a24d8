"""One container of a pod, from its first start until it is not started again: runs, probes, restarts, pauses.

Ask it for `state`; it tells `changed` whenever that is another one. What to start and how to watch it come in as a
`Kit`, so that applications and the sidecar live by the same rules. Cancelling `run` leaves the process alone:
stopping is the pod's.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

from msgspec import Struct

from meshgate.api import Container, RestartPolicy
from meshgate.errors import EnvironmentFault
from meshgate.host.holder.requests import ChildState
from meshgate.host.pods.back_off import BackOff
from meshgate.host.pods.fault import CannotStart
from meshgate.host.pods.status import ContainerState, Running, Terminated, Waiting
from meshgate.host.probes import Verdict
from meshgate.host.runtime import ContainerSpec, Runtime
from meshgate.host.spawn import SpawnFault

log = logging.getLogger(__name__)

CRASH_LOOP = "CrashLoopBackOff"
_RETRY_FIRST_S = 0.5
_RETRY_LONGEST_S = 10.0
_LOG_SETTLES_S = 0.05
"""What a dying process has written passes through the log shim."""
EXIT_NOT_STARTED = 128

Warn = Callable[[str, str], None]
"""Reason and message of an event about the pod."""


class Kit(Struct, frozen=True, kw_only=True):
    """What a container's life needs of its pod."""

    runtime: Runtime
    build: Callable[[Container, int], Awaitable[ContainerSpec]]
    """The spec of a run, by its number; raises CannotStart."""
    watch: Callable[[Container, str, Verdict], Awaitable[None]]
    """Probes a running container (by its id) until cancelled."""
    last_words: Callable[[Container, int], str]
    """The end of a run's log."""
    policy: RestartPolicy
    grace_s: float
    warn: Warn
    changed: Callable[[], None]
    now: Callable[[], datetime]


class ContainerLife:
    def __init__(self, container: Container, kit: Kit, state: ContainerState | None = None) -> None:
        self.container = container
        self.state = state or ContainerState(name=container.name)
        self._kit = kit
        self._back_off = BackOff.after_restarts(self.state.restarts)
        self._has_run = state is not None and (state.last is not None or not isinstance(state.state, Waiting))

    async def run(self, adopted: ChildState | None = None) -> None:
        """Live until the restart policy says that it is over."""
        child = adopted
        self._has_run = self._has_run or adopted is not None
        while True:
            if child is None:
                child = await self._start()
            ended = await self._attend(child) if child.is_running else child
            await self._note_end(ended)
            if not _starts_again(self._kit.policy, ended.exit_code):
                return
            await self._pause(ended)
            child = None

    @property
    def is_over(self) -> bool:
        """True if it has ended and is not started again."""
        state = self.state.state
        return isinstance(state, Terminated) and not _starts_again(self._kit.policy, state.exit_code)

    def note_stopped(self, ended: ChildState) -> None:
        """The pod has stopped it; `run` is not waiting for it any more."""
        state = Terminated(exit_code=ended.exit_code, started=_moment(ended.started), ended=_moment(ended.ended))
        self._set(state=state, is_ready=False, is_started=False)

    def set_ready(self, is_ready: bool, reason: str) -> None:
        self._set(is_ready=is_ready, why_not=reason)
        if reason:
            self._kit.warn("Unhealthy", reason)

    def set_started(self) -> None:
        self._set(is_started=True)

    async def restart(self, reason: str) -> None:
        self._kit.warn("Unhealthy", reason)
        await self._kit.runtime.stop(self.state.id, self._kit.grace_s)

    async def _start(self) -> ChildState:
        """Start the next run, as soon as everything that it needs is there."""
        run = self.state.restarts + 1 if self._has_run else 0
        pause_s = _RETRY_FIRST_S
        while True:
            try:
                spec = await self._kit.build(self.container, run)
                break
            except EnvironmentFault as fault:
                reason = fault.reason if isinstance(fault, CannotStart) else "CreateContainerError"
                self._set(state=Waiting(reason=reason, message=fault.text), is_ready=False)
                self._kit.warn("Failed", fault.text)
                await asyncio.sleep(pause_s)
                pause_s = min(pause_s * 2, _RETRY_LONGEST_S)
        before = self.state.id
        child = await self._spawn(spec)
        last = self.state.state if isinstance(self.state.state, Terminated) else self.state.last
        self.state = self.state.replace(last=last, restarts=run, id=spec.id)  # told together with what it does now
        self._has_run = True
        if before and before != spec.id and self._kit.runtime.state(before) is not None:
            await self._kit.runtime.forget(before)
        return child

    async def _spawn(self, spec: ContainerSpec) -> ChildState:
        """A command that does not come to run counts as a run that failed."""
        try:
            return await self._kit.runtime.start(spec)
        except SpawnFault as fault:
            now = self._kit.now().timestamp()
            self._kit.warn("Failed", fault.text)
            return ChildState(spec.id, 0, now, fault.text, EXIT_NOT_STARTED, now)

    async def _attend(self, child: ChildState) -> ChildState:
        """Watch a running container to its end."""
        self._set(state=Running(started=_moment(child.started)), id=child.id, why_not="")
        async with asyncio.TaskGroup() as group:
            watching = group.create_task(self._watch(child.id))
            ended = await self._kit.runtime.wait_exit(child.id)  # no deadline: the container's life
            watching.cancel()
        return ended

    async def _watch(self, container_id: str) -> None:
        try:
            await self._kit.watch(self.container, container_id, self)
        except Exception:  # a fault in a probe must not end the pod
            log.exception("watching a container failed", extra={"container": container_id})

    async def _note_end(self, ended: ChildState) -> None:
        did_not_start = ended.pid == 0
        message = ended.note if did_not_start else ""
        if ended.exit_code != 0 and not did_not_start:
            await asyncio.sleep(_LOG_SETTLES_S)
            message = self._kit.last_words(self.container, self.state.restarts)
        state = Terminated(
            exit_code=ended.exit_code,
            started=_moment(ended.started),
            ended=_moment(ended.ended),
            reason="StartError" if did_not_start else "",
            message=message,
        )
        self._set(state=state, is_ready=False, is_started=False, id=ended.id)

    async def _pause(self, ended: ChildState) -> None:
        pause, self._back_off = self._back_off.after_run(_moment(ended.started), _moment(ended.ended))
        left = (_moment(ended.ended) + pause - self._kit.now()).total_seconds()
        if left <= 0:
            return
        ended_state = self.state.state
        assert isinstance(ended_state, Terminated)
        message = f"back-off {_words(pause)} restarting failed container {self.container.name}"
        self._set(state=Waiting(reason=CRASH_LOOP, message=message), last=ended_state)
        self._kit.warn("BackOff", message)
        await asyncio.sleep(left)

    def _set(self, **changes: object) -> None:
        state = self.state.replace(**changes)
        if state != self.state:
            self.state = state
            self._kit.changed()


def _starts_again(policy: RestartPolicy, exit_code: int) -> bool:
    return policy == RestartPolicy.ALWAYS or (policy == RestartPolicy.ON_FAILURE and exit_code != 0)


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _words(pause: timedelta) -> str:
    minutes, seconds = divmod(int(pause.total_seconds()), 60)
    return f"{minutes}m{seconds}s" if minutes else f"{seconds}s"
