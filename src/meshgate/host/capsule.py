"""Start and end a mesh's capsule: the PID and mount namespace in which holder, control plane and pods live.

`start_capsule` gives a handle once the capsule's init runs; `wait_ready` waits for the control plane's word. A
foreground caller keeps the handle: when its process ends, however it ends, so does the capsule. A detached one lets
go of it; `end_capsule` finds the init by the file that `start_capsule` wrote. The data directory is locked for as
long as the capsule lives (flock, inherited by the holder).
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from meshgate.errors import EnvironmentFault

_HOLDER = Path(__file__).resolve().parent / "holder"
_STILL_POSSIBLE = "without namespaces these still work: validate, analyze, explain, translate, test"


@dataclass(frozen=True, kw_only=True)
class CapsuleOptions:
    data_directory: Path
    """Exists, 0700; locked while the capsule lives."""
    environment: Mapping[str, str]
    """Of the control plane."""
    output: int = 2
    """Descriptor for what holder and control plane write (standard output and error)."""
    is_foreground: bool = True
    """The capsule ends with the process that started it."""
    python: str = field(default=sys.executable)

    @property
    def run_directory(self) -> Path:
        """Sockets and Secret volumes: a tmpfs that only the capsule sees."""
        return self.data_directory / "run"


class Capsule:
    """A running capsule, as its starter sees it. Closing it ends a foreground capsule."""

    def __init__(self, pid: int, status: int, lifeline: int) -> None:
        self.pid = pid
        """Of the holder, in the starter's PID namespace."""
        self._pidfd = os.pidfd_open(pid)
        self._status = status
        self._lifeline = lifeline
        self._text = b""

    def fileno(self) -> int:
        """Readable (poll, add_reader) once the holder has ended."""
        return self._pidfd

    def wait_ready(self, timeout_s: float) -> Mapping[str, object]:
        """Wait until the control plane says that the mesh is up; gives what it told.

        EnvironmentFault if it ended or took too long.
        """
        deadline = time.monotonic() + timeout_s
        while True:
            event = self._next_event(deadline)
            match event:
                case {"ready": dict(detail)}:
                    return detail
                case {"ended": int(code)}:
                    raise EnvironmentFault(f"the control plane ended with status {code} before the mesh was up")
                case {"failed": str(text), "errno": int(number)}:
                    raise _no_namespaces(text, number)

    def wait_ended(self, timeout_s: float | None = None) -> bool:
        """Wait for the holder's end (None: as long as it takes).

        True if it has ended, and then nothing of the mesh runs.
        """
        return _wait_readable(self._pidfd, timeout_s)

    def end(self, timeout_s: float = 15.0) -> None:
        """Ask the holder to end, kill it if it does not; nothing of the mesh runs afterwards."""
        if self._pidfd >= 0:
            _end_by_pidfd(self._pidfd, timeout_s)

    def close(self) -> None:
        """Let go of it: a foreground capsule ends now, a detached one lives on."""
        for fd in (self._pidfd, self._status, self._lifeline):
            if fd >= 0:
                os.close(fd)
        self._pidfd = self._status = self._lifeline = -1

    def _next_event(self, deadline: float) -> Mapping[str, object]:
        while b"\n" not in self._text:
            if not _wait_readable(self._status, max(0.0, deadline - time.monotonic())):
                raise EnvironmentFault("the mesh did not come up in time", hint="see the control plane's log")
            chunk = os.read(self._status, 65536)
            if not chunk:
                raise EnvironmentFault("the capsule's holder ended", hint="see the control plane's log")
            self._text += chunk
        line, self._text = self._text.split(b"\n", 1)
        event = json.loads(line)
        assert isinstance(event, dict)
        return event


def start_capsule(options: CapsuleOptions, command: Sequence[str]) -> Capsule:
    """Make the capsule and start `command` in it as the control plane.

    EnvironmentFault: no namespaces to be had, or a mesh runs already.
    """
    lock = _lock(options.data_directory)
    try:
        options.run_directory.mkdir(mode=0o700, exist_ok=True)
    except OSError as fault:
        os.close(lock)
        raise EnvironmentFault(f'cannot make the directory "{options.run_directory}": {fault.strerror}') from fault
    status, status_writer = os.pipe2(os.O_CLOEXEC)
    lifeline_reader, lifeline = os.pipe2(os.O_CLOEXEC) if options.is_foreground else (-1, -1)
    settings, settings_writer = os.pipe2(os.O_CLOEXEC)
    content = {
        "argv": list(command),
        "env": dict(options.environment),
        "cwd": os.getcwd(),
        "run_directory": str(options.run_directory),
        "status_fd": status_writer,
        "lifeline_fd": lifeline_reader,
    }
    passed = [fd for fd in (settings, status_writer, lifeline_reader, lock) if fd >= 0]
    launcher = subprocess.Popen(
        [options.python, "-I", "-S", str(_HOLDER), str(settings)],
        stdin=subprocess.DEVNULL,
        stdout=options.output,
        stderr=options.output,
        pass_fds=passed,
        cwd="/",
        env={},
    )
    for fd in passed:
        os.close(fd)
    with os.fdopen(settings_writer, "w") as pipe:
        json.dump(content, pipe)
    launcher.wait(timeout=60)
    return _adopt(options, status, lifeline)


def find_holder(data_directory: Path) -> int | None:
    """The pid of the holder of the mesh that runs on this data directory; None if none does."""
    try:
        record = json.loads((data_directory / "holder.json").read_text())
    except (FileNotFoundError, ValueError):
        return None
    pid = int(record["pid"])
    return pid if _start_time(pid) == record["started"] else None


def end_capsule(data_directory: Path, timeout_s: float = 15.0) -> bool:
    """End the mesh that runs on this data directory; False if none did."""
    pid = find_holder(data_directory)
    if pid is None:
        return False
    try:
        pidfd = os.pidfd_open(pid)
    except ProcessLookupError:
        return False
    try:
        _end_by_pidfd(pidfd, timeout_s)
    finally:
        os.close(pidfd)
    return True


def _adopt(options: CapsuleOptions, status: int, lifeline: int) -> Capsule:
    with os.fdopen(os.dup(status), "rb", buffering=0) as pipe:
        first = json.loads(_read_line(pipe.fileno()) or b'{"failed": "the holder did not start", "errno": 0}')
    if "pid" not in first:
        for fd in (status, lifeline):
            if fd >= 0:
                os.close(fd)
        raise _no_namespaces(first["failed"], first["errno"])
    record = {"pid": first["pid"], "started": _start_time(first["pid"])}
    path = options.data_directory / "holder.json"
    path.write_text(json.dumps(record))
    path.chmod(0o600)
    return Capsule(first["pid"], status, lifeline)


def _read_line(fd: int) -> bytes:
    """One line, byte by byte: what follows it is for the next reader."""
    line = b""
    while not line.endswith(b"\n"):
        byte = os.read(fd, 1)
        if not byte:
            return line
        line += byte
    return line


def _no_namespaces(text: str, number: int) -> EnvironmentFault:
    hints = {
        errno.EPERM: "root (or CAP_SYS_ADMIN) is needed; in a container: --privileged",
        errno.ENOSPC: "too many namespaces: see /proc/sys/user/max_pid_namespaces and max_mnt_namespaces",
        errno.EINVAL: "this kernel was built without PID or mount namespaces",
    }
    hint = "; ".join(part for part in (hints.get(number, ""), _STILL_POSSIBLE) if part)
    return EnvironmentFault(text, hint=hint)


def _lock(directory: Path) -> int:
    fd = os.open(directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as fault:
        os.close(fd)
        hint = "end it with `meshgate down`, or choose another --data-dir"
        raise EnvironmentFault(f'a mesh runs already on the data directory "{directory}"', hint=hint) from fault
    return fd


def _start_time(pid: int) -> str:
    """Clock ticks since boot: with the pid, one process for ever. Empty if it does not run (or waits to be reaped)."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""
    fields = text.rpartition(")")[2].split()
    return "" if fields[0] == "Z" else fields[19]


def _end_by_pidfd(pidfd: int, timeout_s: float) -> None:
    with contextlib.suppress(ProcessLookupError):
        signal.pidfd_send_signal(pidfd, signal.SIGTERM)
        if not _wait_readable(pidfd, timeout_s):
            signal.pidfd_send_signal(pidfd, signal.SIGKILL)
            _wait_readable(pidfd, timeout_s)


def _wait_readable(fd: int, timeout_s: float | None) -> bool:
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    return bool(poll.poll(None if timeout_s is None else int(timeout_s * 1000)))
