"""The holder's loop: one thread, one poll, nothing that can block or fail for long.

It keeps the control plane running (started again with a growing pause once it has ever been ready), answers its
requests, keeps named descriptors for it, reaps, and reports exits. It ends, and the kernel then ends everything in
the capsule, on `end`, on TERM, when the pipe of a foreground `up` closes, or when the control plane ends on purpose
(status 0) or before it was ever ready.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import time
from collections.abc import Sequence
from typing import NamedTuple, NoReturn

from meshgate.host.holder.child import close_all_but
from meshgate.host.holder.children import Children, Refusal, fork_child
from meshgate.host.holder.requests import parse_spawn
from meshgate.host.holder.wire import Closed, Frame, Message, Wire

HOLDER_FD = "MESHGATE_HOLDER_FD"
"""Environment variable of the control plane: the descriptor of its connection to the holder."""

_END_SIGNALS = (signal.SIGTERM, signal.SIGINT)
_FIRST_PAUSE_S = 0.05
_LONGEST_PAUSE_S = 5.0
_LONG_RUN_S = 10.0
"""A control plane that ran this long starts again at once."""
_END_GRACE_S = 10.0
"""For the control plane to close its store after TERM; then the capsule ends anyway."""


class Settings(NamedTuple):
    argv: tuple[str, ...]
    env: dict[str, str]
    cwd: str
    status_fd: int
    """Lines of JSON for whoever started the capsule: ready, restarted, failed."""
    lifeline_fd: int
    """The holder ends when this pipe's other end closes; -1: a detached mesh."""


class Holder:
    """All state that outlives the control plane."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._children = Children()
        self._kept: dict[str, list[int]] = {}
        self._reports: dict[int, tuple[object, str]] = {}
        self._wire: Wire | None = None
        self._control_pid = 0
        self._control_started = 0.0
        self._pause_s = _FIRST_PAUSE_S
        self._restart_at: float | None = 0.0
        self._was_ready = False
        self._end_at: float | None = None
        self._exit_code = 0
        self._wakeup, wakeup_writer = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        signal.set_wakeup_fd(wakeup_writer, warn_on_full_buffer=False)
        for number in (signal.SIGCHLD, *_END_SIGNALS):
            signal.signal(number, lambda *_: None)

    def run(self) -> int:
        """Serve until the end; gives the capsule's exit code."""
        while not self._is_over():
            if self._restart_at is not None and time.monotonic() >= self._restart_at:
                self._start_control_plane()
            for fd, events in self._poll():
                self._handle(fd, events)
        return self._exit_code

    def _is_over(self) -> bool:
        if self._end_at is None:
            return False
        return self._control_pid == 0 or time.monotonic() >= self._end_at

    def _poll(self) -> list[tuple[int, int]]:
        poll = select.poll()
        for fd in (self._wakeup, self._settings.lifeline_fd, *self._reports):
            if fd >= 0:
                poll.register(fd, select.POLLIN)
        if self._wire is not None:
            poll.register(self._wire.socket, select.POLLIN | (select.POLLOUT if self._wire.has_output else 0))
        return poll.poll(self._timeout_ms())

    def _timeout_ms(self) -> int | None:
        moments = [moment for moment in (self._restart_at, self._end_at) if moment is not None]
        if not moments:
            return None
        return max(0, int((min(moments) - time.monotonic()) * 1000) + 1)

    def _handle(self, fd: int, events: int) -> None:
        if fd == self._wakeup:
            self._handle_signals()
        elif fd == self._settings.lifeline_fd:
            self._settings = self._settings._replace(lifeline_fd=-1)
            self._begin_end()
        elif fd in self._reports:
            self._finish_spawn(fd)
        elif self._wire is not None and fd == self._wire.socket.fileno():
            self._talk(self._wire, events)

    def _handle_signals(self) -> None:
        numbers = os.read(self._wakeup, 4096)
        if any(number in _END_SIGNALS for number in numbers):
            self._begin_end()
        self._reap()

    def _begin_end(self) -> None:
        if self._end_at is None:
            self._end_at = time.monotonic() + _END_GRACE_S
            self._restart_at = None
            self._kill_control_plane(signal.SIGTERM)

    # --- the control plane ----------------------------------------------------------------------------------------

    def _start_control_plane(self) -> None:
        ours, theirs = socket.socketpair()
        self._restart_at = None
        self._control_started = time.monotonic()
        self._control_pid = fork_child(lambda: _become_control_plane(self._settings, theirs.fileno()))
        theirs.close()
        self._disconnect()
        self._wire = Wire(ours)

    def _disconnect(self) -> None:
        if self._wire is not None:
            self._wire.close()
            self._wire = None

    def _kill_control_plane(self, number: int) -> None:
        if self._control_pid:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._control_pid, number)

    def _control_plane_ended(self, status: int) -> None:
        self._control_pid = 0
        self._disconnect()
        code = os.waitstatus_to_exitcode(status)
        if self._end_at is not None or code == 0 or not self._was_ready:
            self._exit_code = 0 if code == 0 or self._end_at is not None else abs(code)
            self._tell_starter({"ended": code})
            self._end_at = self._end_at or time.monotonic()
            self._restart_at = None
            return
        if time.monotonic() - self._control_started > _LONG_RUN_S:
            self._pause_s = 0.0
        self._restart_at = time.monotonic() + self._pause_s
        self._pause_s = min(max(self._pause_s * 2, _FIRST_PAUSE_S), _LONGEST_PAUSE_S)
        self._tell_starter({"restarting": code})

    def _tell_starter(self, event: Message) -> None:
        with contextlib.suppress(OSError):  # a detached starter is gone
            os.write(self._settings.status_fd, json.dumps(event).encode() + b"\n")

    # --- children -------------------------------------------------------------------------------------------------

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if pid == self._control_pid:
                self._control_plane_ended(status)
            elif (ended := self._children.note_exit(pid, status)) is not None:
                self._send({"event": "exit", "child": list(ended)})

    def _finish_spawn(self, report: int) -> None:
        """The report pipe has an error, or its end: the command runs."""
        turn, child_id = self._reports.pop(report)
        text = os.read(report, 4096)
        os.close(report)
        if text:
            self._children.disown(child_id)
            self._send({"turn": turn, "failed": json.loads(text)})
        else:
            states = {state.id: state for state in self._children.states()}
            self._send({"turn": turn, "child": list(states[child_id])})

    # --- requests -------------------------------------------------------------------------------------------------

    def _talk(self, wire: Wire, events: int) -> None:
        try:
            if events & select.POLLOUT:
                wire.flush()
            for frame in wire.receive():
                self._answer(frame)
        except Closed:
            self._disconnect()
            self._kill_control_plane(signal.SIGKILL)  # one that closed its connection can do nothing but start again

    def _answer(self, frame: Frame) -> None:
        turn = frame.message.get("turn")
        try:
            answer, fds = self._obey(frame, turn)
        except Refusal as refusal:
            answer, fds = {"failed": {"error": str(refusal), "errno": 0}}, []
        except Exception as fault:  # whatever a request does, the holder lives
            answer, fds = {"failed": {"error": f"{type(fault).__name__}: {fault}", "errno": 0}}, []
        finally:
            if frame.message.get("op") != "keep":
                _close(frame.fds)
        if answer is not None:
            self._send({"turn": turn, **answer}, fds)

    def _obey(self, frame: Frame, turn: object) -> tuple[Message | None, list[int]]:
        message = frame.message
        name = str(message.get("name", ""))
        match message["op"]:
            case "spawn":
                request = parse_spawn(message)
                report = self._children.spawn(request, dict(zip(request.fds, frame.fds, strict=True)))
                self._reports[report] = (turn, request.id)
                return None, []
            case "shim":
                child = self._children.start_shim(name, frame.fds[0], str(message["note"]))
                return {"child": list(child)}, []
            case "kill":
                self._children.kill(name, _number(message["signal"]), group=bool(message["group"]))
            case "forget":
                self._children.forget(name)
            case "list":
                rows = [list(state) for state in self._children.states()]
                return {"children": rows, "kept": sorted(self._kept)}, []
            case "keep":
                _close(self._kept.pop(name, []))
                self._kept[name] = frame.fds
            case "fetch":
                return {"found": name in self._kept}, self._kept.get(name, [])
            case "drop":
                _close(self._kept.pop(name, []))
            case "ready":
                self._was_ready = True
                self._tell_starter({"ready": message["detail"]})
            case "end":
                self._begin_end()
            case other:
                raise Refusal(f'unknown request "{other}"')
        return {}, []

    def _send(self, message: Message, fds: Sequence[int] = ()) -> None:
        if self._wire is None:
            return
        try:
            self._wire.send(message, fds)
        except Closed:
            self._disconnect()


def _become_control_plane(settings: Settings, connection: int) -> NoReturn:
    """exec the control plane with its end of the connection; never returns."""
    try:
        close_all_but({0, 1, 2, connection})
        os.set_inheritable(connection, True)
        os.chdir(settings.cwd)
        for number in (*_END_SIGNALS, signal.SIGCHLD, signal.SIGPIPE, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        os.execve(settings.argv[0], settings.argv, {**settings.env, HOLDER_FD: str(connection)})
    except BaseException as fault:
        os.write(2, f"the control plane cannot be started: {fault}\n".encode())
    os._exit(127)


def _number(value: object) -> int:
    if not isinstance(value, int):
        raise Refusal(f"expected a number, not {value!r}")
    return value


def _close(fds: Sequence[int]) -> None:
    for fd in fds:
        os.close(fd)
