"""What goes over a pod's link, as anybody between the pods could read it."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

_LISTEN = """
import select, socket, sys
link = next(name for _, name in socket.if_nameindex() if name != "lo")
with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)) as wire:
    wire.bind((link, 0))
    print("listening", flush=True)
    while True:
        ready, _, _ = select.select([wire, sys.stdin], [], [])
        if wire in ready:
            sys.stdout.buffer.write(wire.recv(65535))
        elif sys.stdin in ready:
            break
"""


class Wire:
    """A running capture; after `stop` it has all that went by."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self._seen = b""

    def stop(self) -> bytes:
        """All bytes of all frames. Idempotent."""
        if self._process.poll() is None:
            self._seen, _ = self._process.communicate(b"\n", timeout=20)
        return self._seen


@contextlib.contextmanager
def listening(argument: str) -> Iterator[Wire]:
    """Capture on the link of the pod in which a process has this argument. Needs root."""
    command = ["nsenter", "-t", str(_process_with(argument)), "-n", sys.executable, "-c", _LISTEN]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"listening\n"
        wire = Wire(process)
        try:
            yield wire
        finally:
            wire.stop()


def _process_with(argument: str) -> int:
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):  # it may end meanwhile
            if argument.encode() in path.read_bytes().split(b"\0"):
                return int(path.parent.name)
    raise AssertionError(f"no process has the argument {argument}")
