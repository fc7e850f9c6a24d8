"""The holder's table of children: forks them, keeps their exit until it is fetched, signals them."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterator
from typing import NoReturn

from meshgate.host import namespaces as ns
from meshgate.host.holder.child import Report, become_container, become_guest, exit_code_of
from meshgate.host.holder.requests import ChildState, SpawnRequest
from meshgate.host.holder.shim import become_shim


class Refusal(Exception):
    """A request that cannot be met; the text is the answer."""


class Children:
    """All children by id. Not the control plane itself: it has no id and nobody asks for its exit."""

    def __init__(self) -> None:
        self._states: dict[str, ChildState] = {}
        self._ids: dict[int, str] = {}
        self._own_pid_namespace = os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC)

    def states(self) -> list[ChildState]:
        return list(self._states.values())

    def spawn(self, request: SpawnRequest, fds: dict[str, int]) -> int:
        """Fork the child; gives the read end of its report pipe, which ends empty when the command runs."""
        self._check_free(request.id)
        readable, writable = os.pipe2(os.O_CLOEXEC)
        try:
            if request.join:
                pid = self._fork_guest(request, fds, writable)
            else:
                pid = self._fork_container(request, fds, writable)
        except BaseException:
            os.close(readable)
            raise
        finally:
            os.close(writable)
        self._add(request.id, pid, request.note)
        return readable

    def start_shim(self, child_id: str, control: int, note: str) -> ChildState:
        self._check_free(child_id)
        return self._add(child_id, fork_child(lambda: become_shim(control)), note)

    def kill(self, child_id: str, number: int, *, group: bool) -> None:
        """Signal a child; unknown ids are a Refusal, ended ones are not.

        `group`: its process group (guests have their own).
        """
        state = self._states.get(child_id)
        if state is None:
            raise Refusal(f'no child "{child_id}"')
        if state.is_running:
            with contextlib.suppress(ProcessLookupError):
                os.kill(-state.pid if group else state.pid, number)

    def note_exit(self, pid: int, status: int) -> ChildState | None:
        """Record that a process has been reaped.

        None if it was nobody's (an orphan that fell to the capsule's init).
        """
        child_id = self._ids.pop(pid, None)
        if child_id is None:
            return None
        known = self._states.get(child_id)
        if known is None or known.pid != pid:
            return ChildState(child_id, pid, 0.0, "", exit_code_of(status), time.time())
        ended = known._replace(exit_code=exit_code_of(status), ended=time.time())
        self._states[child_id] = ended
        return ended

    def disown(self, child_id: str) -> None:
        """Drop a child that never came to run its command; its exit is still told, and then nothing is left of it."""
        self._states.pop(child_id, None)

    def forget(self, child_id: str) -> None:
        """Drop an ended child from the table."""
        state = self._states.get(child_id)
        if state is not None and state.is_running:
            raise Refusal(f'child "{child_id}" is still running')
        self._states.pop(child_id, None)

    def _add(self, child_id: str, pid: int, note: str) -> ChildState:
        self._ids[pid] = child_id
        self._states[child_id] = ChildState(child_id, pid, time.time(), note)
        return self._states[child_id]

    def _check_free(self, child_id: str) -> None:
        if child_id in self._states:
            raise Refusal(f'there is a child "{child_id}" already')

    def _fork_container(self, request: SpawnRequest, fds: dict[str, int], report: int) -> int:
        ns.unshare(ns.CLONE_NEWPID)  # for the next fork only: the holder's own is taken back at once
        try:
            return fork_child(lambda: become_container(request, fds, Report(report)))
        finally:
            ns.setns(self._own_pid_namespace, ns.CLONE_NEWPID)

    def _fork_guest(self, request: SpawnRequest, fds: dict[str, int], report: int) -> int:
        host = self._states.get(request.join)
        if host is None or not host.is_running:
            raise Refusal(f'"{request.join}" is not running')
        with _opened(f"/proc/{host.pid}/ns/pid") as pid_namespace:
            ns.setns(pid_namespace, ns.CLONE_NEWPID)
        try:
            return fork_child(lambda: become_guest(request, fds, host.pid, Report(report)))
        finally:
            ns.setns(self._own_pid_namespace, ns.CLONE_NEWPID)


def fork_child(body: Callable[[], NoReturn]) -> int:
    """Fork with all signals blocked, so that the child's first instructions see none.

    The child runs `body` and never returns.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    try:
        pid = os.fork()
        if pid == 0:
            signal.set_wakeup_fd(-1)
            body()
        return pid
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextlib.contextmanager
def _opened(path: str) -> Iterator[int]:
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        yield fd
    finally:
        os.close(fd)
