"""What the API needs of the machine to read logs and to run commands in containers.

`host` implements it (without knowing this file: it is a Protocol); the API speaks HTTP and WebSocket around it and has
checked already that the pod and the container exist in the store.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from typing import Literal, Protocol

from meshgate.client import LogOptions

Channel = Literal["stdout", "stderr"]


class ExecProcess(Protocol):
    """A command that runs in a container. All methods but `wait` and `output` return soon."""

    def output(self) -> AsyncIterator[tuple[Channel, bytes]]:
        """What it writes, as it comes; ends when both streams are closed. With a tty all of it is stdout."""
        ...

    async def write_stdin(self, data: bytes) -> None:
        """Hand on input, waiting while the process does not read. Not an error when it reads no more."""
        ...

    async def close_stdin(self) -> None:
        """End of input."""
        ...

    async def resize(self, columns: int, rows: int) -> None:
        """The size of the tty; without one nothing happens."""
        ...

    async def wait(self) -> int:
        """The exit code, 128 + n for a process that ended by signal n."""
        ...

    async def kill(self) -> None:
        """End it and all that it started: whoever asked for it has gone."""
        ...


class Streams(Protocol):
    """Logs and commands of containers. Both raise `store.core.StatusFault` for what a user can do something about
    (the container has not started yet; there is no run before the present one) in the words of a kubelet."""

    async def open_log(
        self, namespace: str, pod: str, container: str, options: LogOptions
    ) -> AsyncGenerator[bytes, None]:
        """The log's content as plain lines in pieces of any size. Closing the iterator ends the reading."""
        ...

    async def exec(
        self, namespace: str, pod: str, container: str, argv: Sequence[str], tty: bool, stdin: bool
    ) -> ExecProcess:
        """Start the command in the container's namespaces, as its user. Without `stdin` its input is empty."""
        ...
