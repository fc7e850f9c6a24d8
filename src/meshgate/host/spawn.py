"""The control plane's end of the connection to the holder: spawn, signal, keep descriptors, learn of exits.

Comes in: the descriptor that the holder left in the environment. Goes out: answers to requests, and one callback for
every child that ends. A control plane that has just been (re)started first asks `table()` for what runs and what
ended while it was away; exits that come later are told to `on_exit`; the table keeps an ended child until `forget`.
Works on any asyncio loop (add_reader).
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from meshgate.errors import EnvironmentFault
from meshgate.host.holder.requests import ChildState, SpawnRequest, child_state, items, spawn_message
from meshgate.host.holder.serve import HOLDER_FD
from meshgate.host.holder.wire import Closed, Frame, Message, Wire

ANSWER_S = 30.0
"""The holder answers within a millisecond; a spawn as soon as its view is made."""


class SpawnFault(EnvironmentFault):
    """The holder could not do it: the text has the step and the reason; `errno` is 0 where no system call failed."""

    def __init__(self, text: str, errno: int) -> None:
        super().__init__(text)
        self.errno = errno


class HolderTable(NamedTuple):
    children: tuple[ChildState, ...]
    kept: frozenset[str]
    """Names of kept descriptors."""


class HolderClient:
    """Asks the holder. Owned by the control plane's loop; `close` when done."""

    def __init__(self, connection: socket.socket) -> None:
        self._wire = Wire(connection)
        self._loop = asyncio.get_running_loop()
        self._turn = 0
        self._answers: dict[int, asyncio.Future[Frame]] = {}
        self._writing = False
        self._on_exit: Callable[[ChildState], None] = lambda _: None
        self._loop.add_reader(connection.fileno(), self._receive)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> HolderClient:
        """The client of the holder that started this process; EnvironmentFault outside a capsule."""
        number = environment.get(HOLDER_FD, "")
        if not number.isdigit():
            raise EnvironmentFault(f"{HOLDER_FD} is not set: this process was not started by a holder")
        os.set_inheritable(int(number), False)
        return cls(socket.socket(fileno=int(number)))

    def on_exit(self, callback: Callable[[ChildState], None]) -> None:
        """Set who is told of every child that ends from now on."""
        self._on_exit = callback

    async def spawn(self, request: SpawnRequest, fds: Sequence[int] = ()) -> ChildState:
        """Start a process; its descriptors are those of `request.fds`, in that order (the caller closes its own).

        Raises SpawnFault.
        """
        frame = await self._ask(spawn_message(request), fds)
        return child_state(frame.message["child"])

    async def start_shim(self, child_id: str, control: int, note: str = "") -> ChildState:
        """Start a log shim at the other end of `control`."""
        frame = await self._ask({"op": "shim", "name": child_id, "note": note}, [control])
        return child_state(frame.message["child"])

    async def kill(self, child_id: str, number: int, *, group: bool = False) -> None:
        """Signal a child's PID 1, which forwards it to its command; KILL ends everything in the container.

        `group`: for guests.
        """
        await self._ask({"op": "kill", "name": child_id, "signal": int(number), "group": group})

    async def forget(self, child_id: str) -> None:
        await self._ask({"op": "forget", "name": child_id})

    async def table(self) -> HolderTable:
        frame = await self._ask({"op": "list"})
        children = tuple(child_state(row) for row in items(frame.message["children"]))
        return HolderTable(children, frozenset(str(name) for name in items(frame.message["kept"])))

    async def kept(self) -> frozenset[str]:
        """Names of what the holder keeps."""
        return (await self.table()).kept

    async def keep(self, name: str, fds: Sequence[int]) -> None:
        """Let the holder keep duplicates under a name, in place of what it kept under it."""
        await self._ask({"op": "keep", "name": name}, fds)

    async def fetch(self, name: str) -> list[int]:
        """Fresh duplicates of what is kept (the caller closes them); empty if nothing is."""
        return (await self._ask({"op": "fetch", "name": name})).fds

    async def drop(self, names: Sequence[str]) -> None:
        for name in names:
            await self._ask({"op": "drop", "name": name})

    async def tell_ready(self, detail: Mapping[str, object]) -> None:
        """Tell whoever started the capsule that the mesh is up. From now on a dying control plane is started again."""
        await self._ask({"op": "ready", "detail": dict(detail)})

    async def end_capsule(self) -> None:
        """Ask the holder to end: it sends TERM to this process, waits for it, and everything in the capsule is gone."""
        await self._ask({"op": "end"})

    def close(self) -> None:
        """Close the connection (the holder takes that for the control plane's end) and fail what still waits.

        Twice is once.
        """
        if self._wire.socket.fileno() < 0:
            return
        self._loop.remove_reader(self._wire.socket.fileno())
        self._stop_writing()
        self._wire.close()
        for answer in self._answers.values():
            if not answer.done():
                answer.set_exception(EnvironmentFault("the connection to the holder is closed"))
        self._answers.clear()

    async def _ask(self, message: Message, fds: Sequence[int] = ()) -> Frame:
        self._turn += 1
        turn = self._turn
        answer: asyncio.Future[Frame] = self._loop.create_future()
        self._answers[turn] = answer
        try:
            self._wire.send({**message, "turn": turn}, fds)
            self._write_later()
            async with asyncio.timeout(ANSWER_S):
                frame = await answer
        except Closed as fault:
            raise EnvironmentFault("the holder is gone") from fault
        finally:
            self._answers.pop(turn, None)
        failed = frame.message.get("failed")
        if isinstance(failed, dict):
            raise SpawnFault(str(failed["error"]), int(failed["errno"]))
        return frame

    def _receive(self) -> None:
        try:
            frames = self._wire.receive()
        except Closed:
            self.close()
            return
        for frame in frames:
            if frame.message.get("event") == "exit":
                self._on_exit(child_state(frame.message["child"]))
            else:
                self._hand_over(frame)

    def _hand_over(self, frame: Frame) -> None:
        turn = frame.message.get("turn")
        answer = self._answers.get(turn) if isinstance(turn, int) else None
        if answer is None or answer.done():  # its caller was cancelled
            for fd in frame.fds:
                os.close(fd)
            return
        answer.set_result(frame)

    def _write_later(self) -> None:
        if self._wire.has_output and not self._writing:
            self._writing = True
            self._loop.add_writer(self._wire.socket.fileno(), self._flush)

    def _flush(self) -> None:
        try:
            self._wire.flush()
        except Closed:
            self.close()
            return
        if not self._wire.has_output:
            self._stop_writing()

    def _stop_writing(self) -> None:
        if self._writing:
            self._writing = False
            self._loop.remove_writer(self._wire.socket.fileno())
