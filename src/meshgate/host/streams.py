"""Logs and commands of containers, for the API: what `kubectl logs` and `kubectl exec` reach.

A command joins the container's namespaces, with its user, its variables and its view. What a user can do something
about is told as a Kubernetes Status, in the words of a kubelet.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import fcntl
import os
import signal
import struct
import termios
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from datetime import datetime
from typing import Literal

from meshgate.client import LogOptions
from meshgate.errors import EnvironmentFault
from meshgate.host.kubelet import Kubelet
from meshgate.host.log_reader import read_log
from meshgate.host.pipes import ReadEnd, WriteEnd, wait_readable
from meshgate.host.pods.status import ContainerState, Running, Waiting
from meshgate.host.pods.worker import PodWorker
from meshgate.host.runtime import Attached, Runtime
from meshgate.host.spawn import SpawnFault
from meshgate.store.core import StatusFault, bad_request

Channel = Literal["stdout", "stderr"]
_END_S = 5.0
_TTY_MODE = 0o620


class HostStreams:
    """Implements the API's `Streams`."""

    def __init__(self, kubelet: Kubelet, runtime: Runtime, now: Callable[[], datetime]) -> None:
        self._kubelet = kubelet
        self._runtime = runtime
        self._now = now

    async def open_log(
        self, namespace: str, pod: str, container: str, options: LogOptions
    ) -> AsyncGenerator[bytes, None]:
        """The log of the container's present run, or of the one before."""
        worker = self._worker(namespace, pod, container)
        state = _state(worker, container)
        run = state.restarts
        if options.previous:
            run -= 1
            if state.last is None or run < 0:
                raise bad_request(f'previous terminated container "{container}" in pod "{pod}" not found')
        elif isinstance(state.state, Waiting) and state.last is None:
            raise bad_request(f'container "{container}" in pod "{pod}" is waiting to start: {state.state.reason}')
        building = worker.building
        assert building is not None
        path = building.places.log(container, run)
        if not path.exists() and not _is_running(state):
            raise bad_request(f'the log of container "{container}" in pod "{pod}" is not kept any more')
        return read_log(path, options, lambda: self._is_present(worker, container, run), self._now())

    async def exec(
        self, namespace: str, pod: str, container: str, argv: Sequence[str], tty: bool, stdin: bool
    ) -> Execution:
        """Start the command; StatusFault if the container does not run or the command cannot be run."""
        worker = self._worker(namespace, pod, container)
        state = _state(worker, container)
        building, spec = worker.building, worker.container(container)
        if building is None or spec is None or not _is_running(state):
            raise bad_request(f'container not found ("{container}")')
        env, user = building.environment(spec), worker.user(spec)
        pipes = Pipes.terminal(user.uid) if tty else Pipes.plain(stdin=stdin)
        try:
            guest = await self._runtime.exec(
                state.id,
                argv,
                {"TERM": "xterm", **env} if tty else env,
                user,
                pipes.theirs,
                cwd=building.working_directory(spec),
            )
        except SpawnFault as fault:
            pipes.close()
            raise _not_executed(fault, container) from fault
        except BaseException:
            pipes.close()
            raise
        finally:
            pipes.close_theirs()
        return Execution(self._runtime, guest, pipes)

    def _worker(self, namespace: str, pod: str, container: str) -> PodWorker:
        worker = self._kubelet.worker(namespace, pod)
        if worker is None or worker.crew is None:
            raise bad_request(f'container "{container}" in pod "{pod}" is waiting to start: ContainerCreating')
        return worker

    def _is_present(self, worker: PodWorker, container: str, run: int) -> bool:
        """True while more may come: this run goes on."""
        is_here = self._kubelet.worker(worker.ref.namespace, worker.ref.name) is worker
        state = _state(worker, container)
        return is_here and state.restarts == run and _is_running(state)


class Pipes:
    """Our ends and the command's ends of its standard input and output."""

    def __init__(self, theirs: Attached, readers: dict[Channel, ReadEnd], writer: WriteEnd | None, tty: int) -> None:
        self.theirs = theirs
        self.readers = readers
        self.writer = writer
        self._tty = tty

    @classmethod
    def plain(cls, *, stdin: bool) -> Pipes:
        out, error = os.pipe2(os.O_CLOEXEC), os.pipe2(os.O_CLOEXEC)
        given = os.pipe2(os.O_CLOEXEC) if stdin else (-1, -1)
        theirs = Attached(stdin=given[0], stdout=out[1], stderr=error[1])
        readers: dict[Channel, ReadEnd] = {"stdout": ReadEnd(out[0]), "stderr": ReadEnd(error[0])}
        return cls(theirs, readers, WriteEnd(given[1]) if stdin else None, -1)

    @classmethod
    def terminal(cls, uid: int) -> Pipes:
        """One terminal for all three, owned by the command's user as `getty` would have it."""
        master, slave = os.openpty()
        os.fchown(slave, uid, -1)
        os.fchmod(slave, _TTY_MODE)
        theirs = Attached(stdin=slave, stdout=slave, stderr=slave, tty=True)
        return cls(theirs, {"stdout": ReadEnd(os.dup(master))}, WriteEnd(os.dup(master)), master)

    def resize(self, columns: int, rows: int) -> None:
        if self._tty >= 0:
            fcntl.ioctl(self._tty, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def close_theirs(self) -> None:
        for fd in {self.theirs.stdin, self.theirs.stdout, self.theirs.stderr} - {-1}:
            os.close(fd)
        self.theirs = Attached()

    def close(self) -> None:
        for reader in self.readers.values():
            reader.close()
        if self.writer is not None:
            self.writer.close()
        if self._tty >= 0:
            os.close(self._tty)
            self._tty = -1


class Execution:
    """A command that runs in a container (the API's `ExecProcess`)."""

    def __init__(self, runtime: Runtime, guest: str, pipes: Pipes) -> None:
        self._runtime = runtime
        self._guest = guest
        self._pipes = pipes

    async def output(self) -> AsyncIterator[tuple[Channel, bytes]]:
        """What it writes, from both streams as it comes."""
        left = dict(self._pipes.readers)
        while left:
            found = {channel: data for channel, reader in left.items() if (data := reader.read()) is not None}
            for channel, data in found.items():
                if data:
                    yield channel, data
                else:
                    del left[channel]
            if not found:
                await wait_readable(left.values())  # no deadline: as long as the command is silent

    async def write_stdin(self, data: bytes) -> None:
        if self._pipes.writer is not None:
            await self._pipes.writer.write(data)

    async def close_stdin(self) -> None:
        """End of input; on a terminal that is its end-of-file character."""
        writer = self._pipes.writer
        if writer is None:
            return
        if "stderr" in self._pipes.readers:
            writer.close()
        else:
            await writer.write(b"\x04")

    async def resize(self, columns: int, rows: int) -> None:
        self._pipes.resize(columns, rows)

    async def wait(self) -> int:
        """The exit code; then nothing of it is left here."""
        ended = await self._runtime.wait_exit(self._guest)  # the caller sets the deadline
        await self._release()
        return ended.exit_code

    async def kill(self) -> None:
        with contextlib.suppress(EnvironmentFault):  # it has ended and was forgotten
            async with asyncio.timeout(_END_S):
                await self._runtime.signal(self._guest, signal.SIGHUP)
                await self._runtime.stop(self._guest, 0)
        await self._release()

    async def _release(self) -> None:
        self._pipes.close()
        if self._runtime.state(self._guest) is not None:
            await self._runtime.forget(self._guest)


def _state(worker: PodWorker, container: str) -> ContainerState:
    assert worker.crew is not None
    return worker.crew.states.value[container]


def _is_running(state: ContainerState) -> bool:
    return isinstance(state.state, Running)


def _not_executed(fault: SpawnFault, container: str) -> StatusFault:
    """As container runtimes word it; `kubectl exec` then ends with the shell's codes."""
    code = 127 if fault.errno == errno.ENOENT else 126
    return StatusFault(
        f'command terminated with exit code {code}: container "{container}": {fault.text}',
        code=500,
        reason="InternalError",
    )
