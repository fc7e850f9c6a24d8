"""A capsule under test, whose control plane is the test itself: tests speak to the holder from outside."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import struct
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from meshgate.host.capsule import Capsule, CapsuleOptions, start_capsule
from meshgate.host.holder.requests import SpawnRequest
from meshgate.host.spawn import HolderClient

DEADLINE_S = 60.0
PATH = {"PATH": "/usr/local/bin:/usr/bin:/bin"}
_RELAY = Path(__file__).with_name("relay.py")


class CapsuleUnderTest:
    """Accepts the connection of each control plane that the holder starts."""

    def __init__(self, directory: Path, *, is_foreground: bool = True) -> None:
        self.directory = directory
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.settimeout(DEADLINE_S)
        self._listener.bind(str(directory / "test.sock"))
        self._listener.listen()
        self._relay: socket.socket | None = None
        self.control_pid = 0
        self.capsule: Capsule = start_capsule(
            CapsuleOptions(data_directory=directory, environment=dict(os.environ), is_foreground=is_foreground),
            [sys.executable, str(_RELAY), str(directory / "test.sock")],
        )

    def connect(self) -> HolderClient:
        """Take over the next control plane's connection; call inside a running loop."""
        relay, _ = self._listener.accept()
        credentials = relay.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
        self.control_pid = struct.unpack("3i", credentials)[0]
        _, fds, _, _ = socket.recv_fds(relay, 1, 1)
        if self._relay is not None:
            self._relay.close()
        self._relay = relay
        return HolderClient(socket.socket(fileno=fds[0]))

    def kill_control_plane(self, client: HolderClient) -> None:
        """What kill -9 does to a control plane: its process and its end of the connection are gone."""
        client.close()
        os.kill(self.control_pid, signal.SIGKILL)

    def host_pid(self, pid: int) -> int:
        """Our number of a child of the holder that has this number in the capsule."""
        for path in Path("/proc").glob("[0-9]*/status"):
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                lines = dict(line.split(":\t", 1) for line in path.read_text().splitlines() if ":\t" in line)
                if lines["PPid"] == str(self.capsule.pid) and lines["NSpid"].split()[1:2] == [str(pid)]:
                    return int(path.parent.name)
        raise AssertionError(f"no child {pid} in the capsule")

    def leave(self, status: int) -> None:
        """Let the control plane end by itself with this status."""
        assert self._relay is not None
        self._relay.send(bytes([status]))

    def close(self) -> None:
        for closing in (self._listener, self._relay):
            if closing is not None:
                closing.close()
        self.capsule.end()
        self.capsule.close()


@contextlib.contextmanager
def capsule_under_test(directory: Path, *, is_foreground: bool = True) -> Iterator[CapsuleUnderTest]:
    capsule = CapsuleUnderTest(directory, is_foreground=is_foreground)
    try:
        yield capsule
    finally:
        capsule.close()


async def output_of(client: HolderClient, request: SpawnRequest, fds: tuple[int, ...] = ()) -> str:
    """Run a request to its end; what it wrote to standard output and error."""
    readable, writable = os.pipe()
    try:
        await client.spawn(request._replace(fds=(*request.fds, "stdout", "stderr")), (*fds, writable, writable))
    finally:
        os.close(writable)
    with os.fdopen(readable, "rb") as pipe:
        async with asyncio.timeout(DEADLINE_S):
            return (await asyncio.to_thread(pipe.read)).decode()


def shell(child_id: str, script: str) -> SpawnRequest:
    """A request for a shell script as an ordinary user."""
    return SpawnRequest(child_id, ("sh", "-c", script), PATH, uid=54321, gid=54322)


async def until(condition: Callable[[], object]) -> None:
    """Wait until a condition holds."""
    async with asyncio.timeout(DEADLINE_S):
        while not condition():  # noqa: ASYNC110  # what other processes do is no event of this loop
            await asyncio.sleep(0.005)
