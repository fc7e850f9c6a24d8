"""Containers in the capsule: started, signalled, waited for, logged; found again after a restart of the control plane.

Comes in: `ContainerSpec`s. Goes out: exits, and log files that the pod's log shim writes (`<run>.log`, one for each
run of a container). Knows processes and files, no Kubernetes: pods, probes and back-off are the kubelet's. All of it
goes through the holder, so everything that is started here outlives this process.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import logging
import os
import signal
import socket
from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct

from meshgate.host.holder.requests import ChildState, Limit, Operation, SpawnRequest
from meshgate.host.holder.wire import Closed, Wire
from meshgate.host.spawn import HolderClient
from meshgate.host.views import User

log = logging.getLogger(__name__)

LOG_ROTATE_BYTES = 10 << 20
LOG_KEEP = 5
"""The kubelet's `containerLogMaxSize` and `containerLogMaxFiles`."""

FIRST_SOCKET = 3
"""The number of the first socket that a container inherits, behind its standard input and output."""

_PIPE_BYTES = 256 * 1024
"""Room for a burst of access log lines while the shim is not scheduled."""
_KILL_S = 30.0
"""A killed process is gone as soon as the kernel has taken its memory back."""
_LOG_PREFIX = "log/"
_EXEC_PREFIX = "exec/"


class Logged(Struct, frozen=True, kw_only=True):
    """Output goes to a log file; there is no input."""

    pod_id: str
    path: Path


class Attached(Struct, frozen=True, kw_only=True):
    """The caller's descriptors (it closes its own)."""

    stdin: int = -1
    stdout: int = -1
    stderr: int = -1
    tty: bool = False
    """`stdin` is a terminal, which becomes the controlling one."""


class ContainerSpec(Struct, frozen=True, kw_only=True):
    """One run of a container, ready to be started: everything is decided."""

    id: str
    argv: tuple[str, ...]
    env: dict[str, str]
    user: User
    cwd: str = "/"
    capabilities: tuple[str, ...] = ()
    hostname: str = ""
    view: tuple[Operation, ...] = ()
    netns_fd: int | None = None
    """None: the host's network."""
    stdio: Logged | Attached = Attached()
    sockets: tuple[int, ...] = ()
    """Descriptors that it inherits as 3, 4, … (the caller closes its own)."""
    limits: tuple[Limit, ...] = ()
    note: str = ""


class Runtime:
    """Owned by the control plane's loop."""

    def __init__(self, holder: HolderClient) -> None:
        self._holder = holder
        self._states: dict[str, ChildState] = {}
        self._exits: dict[str, asyncio.Future[ChildState]] = {}
        self._shims: dict[str, Wire] = {}
        self._guests = 0
        holder.on_exit(self._note_exit)

    async def adopt(self) -> tuple[ChildState, ...]:
        """What a control plane before this one has started, running or ended; call once, before anything else."""
        table = await self._holder.table()
        for child in table.children:
            self._remember(child)
        for child in table.children:
            if child.id.startswith(_EXEC_PREFIX):  # who asked for it is gone
                await self.stop(child.id, 0)
                await self.forget(child.id)
        return tuple(child for child in table.children if not child.id.startswith((_EXEC_PREFIX, _LOG_PREFIX)))

    async def refresh(self) -> None:
        """Learn of what was started without its caller having waited for it."""
        for child in (await self._holder.table()).children:
            self._remember(child)

    def state(self, container_id: str) -> ChildState | None:
        return self._states.get(container_id)

    def container_ids(self, prefix: str) -> tuple[str, ...]:
        """Ids of all that is known, running or ended, whose id begins so."""
        return tuple(child_id for child_id in self._states if child_id.startswith(prefix))

    async def start(self, spec: ContainerSpec) -> ChildState:
        """Start a container; raises `spawn.SpawnFault` with the reason if its command does not come to run."""
        with contextlib.ExitStack() as ours:
            fds = await self._stdio(spec, ours)
            if spec.netns_fd is not None:
                fds["net"] = spec.netns_fd
            fds |= {str(number): fd for number, fd in enumerate(spec.sockets, FIRST_SOCKET)}
            child = await self._holder.spawn(_request(spec, tuple(fds)), tuple(fds.values()))
        self._remember(child)
        return child

    async def signal(self, container_id: str, number: int) -> None:
        await self._holder.kill(container_id, number, group=container_id.startswith(_EXEC_PREFIX))

    async def wait_exit(self, container_id: str) -> ChildState:
        """Wait until it has ended; the caller sets the deadline."""
        return await asyncio.shield(self._exits[container_id])

    async def stop(self, container_id: str, grace_s: float) -> ChildState:
        """TERM, and KILL for all that is left of it after the grace period; returns when nothing of it runs."""
        exited = self._exits[container_id]
        if grace_s > 0 and not exited.done():
            await self.signal(container_id, signal.SIGTERM)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(grace_s):
                    return await asyncio.shield(exited)
        if not exited.done():
            await self.signal(container_id, signal.SIGKILL)
        async with asyncio.timeout(_KILL_S):
            return await asyncio.shield(exited)

    async def forget(self, container_id: str) -> None:
        """Drop an ended container from the holder's table."""
        self._states.pop(container_id, None)
        self._exits.pop(container_id, None)
        await self._holder.forget(container_id)

    async def exec(
        self,
        container_id: str,
        argv: Sequence[str],
        env: dict[str, str],
        user: User,
        stdio: Attached,
        *,
        cwd: str = "/",
    ) -> str:
        """Start one more process in a running container; gives its id, good for `wait_exit`, `stop` and `forget`."""
        self._guests += 1
        guest_id = f"{_EXEC_PREFIX}{os.getpid()}/{self._guests}"
        fds = _attached(stdio)
        request = SpawnRequest(
            guest_id,
            tuple(argv),
            env,
            cwd,
            user.uid,
            user.gid,
            user.groups,
            fds=tuple(fds),
            join=container_id,
            tty=stdio.tty,
        )
        self._remember(await self._holder.spawn(request, tuple(fds.values())))
        return guest_id

    async def open_log(self, pod_id: str) -> None:
        """Have a log shim for the pod: the one that runs since before our restart, or a new one."""
        kept = await self._holder.fetch(_LOG_PREFIX + pod_id)
        state = self._states.get(_LOG_PREFIX + pod_id)
        if kept and state is not None and state.is_running:
            self._shims[pod_id] = Wire(socket.socket(fileno=kept[0]))
            return
        _close(kept)
        if state is not None:
            await self.forget(_LOG_PREFIX + pod_id)
        await self._start_shim(pod_id)

    async def close_log(self, pod_id: str) -> None:
        """The pod is gone: its log shim ends when it has written all there is."""
        shim = self._shims.pop(pod_id, None)
        if shim is not None:
            shim.close()
        await self._holder.drop([_LOG_PREFIX + pod_id])
        if _LOG_PREFIX + pod_id in self._exits:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_KILL_S):
                    await self.wait_exit(_LOG_PREFIX + pod_id)
            await self.stop(_LOG_PREFIX + pod_id, 0)
            await self.forget(_LOG_PREFIX + pod_id)

    def logs(self, prefix: str) -> tuple[str, ...]:
        """Names of the logs that have a shim and begin so."""
        return tuple(child_id.removeprefix(_LOG_PREFIX) for child_id in self.container_ids(_LOG_PREFIX + prefix))

    def close(self) -> None:
        for shim in self._shims.values():
            shim.close()
        self._shims.clear()

    # --- what the holder tells ------------------------------------------------------------------------------------

    def _remember(self, child: ChildState) -> None:
        known = self._exits.setdefault(child.id, asyncio.get_running_loop().create_future())
        self._states[child.id] = child
        if not child.is_running and not known.done():
            known.set_result(child)

    def _note_exit(self, child: ChildState) -> None:
        self._remember(child)
        if child.id.startswith(_LOG_PREFIX) and child.exit_code != 0:
            log.error("a log shim failed", extra={"child": child.id, "exit_code": child.exit_code})

    # --- standard input and output ----------------------------------------------------------------------------------

    async def _stdio(self, spec: ContainerSpec, ours: contextlib.ExitStack) -> dict[str, int]:
        """The container's descriptors by name; what was opened for it is closed with `ours`."""
        if isinstance(spec.stdio, Attached):
            return _attached(spec.stdio)
        pipes = {name: _pipe(spec.user, ours) for name in ("stdout", "stderr")}
        target = {"path": str(spec.stdio.path), "rotate_bytes": LOG_ROTATE_BYTES, "keep": LOG_KEEP}
        readers = [reader for reader, _ in pipes.values()]
        try:
            self._shims[spec.stdio.pod_id].send(target, readers)
        except Closed:  # a shim that failed; its containers so far write into the void
            await self.open_log(spec.stdio.pod_id)
            self._shims[spec.stdio.pod_id].send(target, readers)
        return {name: writer for name, (_, writer) in pipes.items()}

    async def _start_shim(self, pod_id: str) -> None:
        ours, theirs = socket.socketpair()
        try:
            await self._holder.keep(_LOG_PREFIX + pod_id, [ours.fileno()])
            self._remember(await self._holder.start_shim(_LOG_PREFIX + pod_id, theirs.fileno()))
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        self._shims[pod_id] = Wire(ours)


def _request(spec: ContainerSpec, fds: tuple[str, ...]) -> SpawnRequest:
    return SpawnRequest(
        id=spec.id,
        argv=spec.argv,
        env=spec.env,
        cwd=spec.cwd,
        uid=spec.user.uid,
        gid=spec.user.gid,
        groups=spec.user.groups,
        capabilities=spec.capabilities,
        hostname=spec.hostname,
        view=spec.view,
        limits=spec.limits,
        fds=fds,
        tty=isinstance(spec.stdio, Attached) and spec.stdio.tty,
        note=spec.note,
    )


def _attached(stdio: Attached) -> dict[str, int]:
    found = {"stdin": stdio.stdin, "stdout": stdio.stdout, "stderr": stdio.stderr}
    return {name: fd for name, fd in found.items() if fd >= 0}


def _pipe(user: User, ours: contextlib.ExitStack) -> tuple[int, int]:
    """A pipe that its user may open again by name: Envoy writes its access log to /dev/stdout."""
    reader, writer = os.pipe2(os.O_CLOEXEC)
    ours.callback(os.close, reader)
    ours.callback(os.close, writer)
    os.fchown(writer, user.uid, user.gid)
    with contextlib.suppress(PermissionError):  # the users' share of pipe memory is used up: the default will do
        fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
    return reader, writer


def _close(fds: Sequence[int]) -> None:
    for fd in fds:
        os.close(fd)
