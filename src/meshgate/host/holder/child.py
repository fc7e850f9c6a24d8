"""From the holder's fork to the container's command: namespaces, view, credentials, exec.

The first process forked is PID 1 of a new PID namespace. It forks the command and stays as its reaper: a command of a
local machine was not written to be PID 1, for which the kernel ignores every signal without a handler (TERM would do
nothing, each stop would last the whole grace period) and which has to reap orphans. It ends with the command, and the
kernel then kills whatever else runs in there. Python's memory is shared with the holder until it is written to, so
PID 1 does next to nothing itself (0.9 MiB of its own; 2.3 when it made the view): view and credentials are the
command's first acts. What fails before the exec is told through a pipe that the exec closes.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import resource
import signal
import socket
import termios
from collections.abc import Callable, Iterator
from typing import NoReturn

from meshgate.host import namespaces as ns
from meshgate.host.holder.mounts import apply_view
from meshgate.host.holder.requests import SpawnRequest

EXIT_NOT_STARTED = 128
"""As container runtimes report a container that could not be started."""

_JOINED = ("net", "uts", "ipc", "mnt")
_STDIO = ("stdin", "stdout", "stderr")


_ALL_SIGNALS = signal.valid_signals()


class _Step(Exception):
    """What was being done when it failed: the reason a user sees."""


class Report:
    """The write end of the pipe on which the holder learns why a command could not be started."""

    def __init__(self, fd: int) -> None:
        self.fd = fd

    def run(self, body: Callable[[], NoReturn]) -> NoReturn:
        """Run the body of a forked process, which must never run on into the holder's loop; tell what it raises."""
        try:
            body()
        except _Step as step:
            cause = step.__cause__
            self._tell(f"{step}: {_reason(cause)}", cause.errno or 0 if isinstance(cause, OSError) else 0)
        except BaseException as fault:
            self._tell(f"{type(fault).__name__}: {fault}", 0)
        os._exit(EXIT_NOT_STARTED)

    def _tell(self, text: str, number: int) -> None:
        with contextlib.suppress(OSError):  # nobody left to tell
            os.write(self.fd, json.dumps({"error": text[:2000], "errno": number}).encode())


def _reason(cause: BaseException | None) -> str:
    if isinstance(cause, OSError) and cause.strerror:
        return f'{cause.strerror}: "{cause.filename}"' if cause.filename else cause.strerror
    return str(cause)


def become_container(request: SpawnRequest, fds: dict[str, int], report: Report) -> NoReturn:
    """Run as the first process of a new PID namespace; never returns."""
    report.run(lambda: _container(request, fds, report))


def become_guest(request: SpawnRequest, fds: dict[str, int], host_pid: int, report: Report) -> NoReturn:
    """Run as one more process of a running container, whose PID 1 is `host_pid`; never returns."""
    report.run(lambda: _guest(request, fds, host_pid, report))


def _container(request: SpawnRequest, fds: dict[str, int], report: Report) -> NoReturn:
    with _step("entering namespaces"):
        if "net" in fds:
            ns.setns(fds["net"], ns.CLONE_NEWNET)
        ns.unshare(ns.CLONE_NEWNS | ns.CLONE_NEWUTS | ns.CLONE_NEWIPC)
    command = os.fork()
    if command == 0:
        report.run(lambda: _first_command(request, fds, report))
    _reap(command)


def _guest(request: SpawnRequest, fds: dict[str, int], host_pid: int, report: Report) -> NoReturn:
    with _step("entering the container"):
        joined = [os.open(f"/proc/{host_pid}/ns/{name}", os.O_RDONLY | os.O_CLOEXEC) for name in _JOINED]
        for fd in joined:
            ns.setns(fd)
    _command(request, fds, report)


def _first_command(request: SpawnRequest, fds: dict[str, int], report: Report) -> NoReturn:
    with _step("naming its host"):
        if request.hostname:
            socket.sethostname(request.hostname)
    with _step("making its view of the file system"):
        apply_view(request.view)
    _command(request, fds, report)


# --- PID 1 of the container -------------------------------------------------------------------------------------


def _reap(command: int) -> NoReturn:
    """Wait for the command, reaping everything else; forward signals to it; exit as it did.

    The holder forks with all signals blocked, so none is lost: a blocked signal is queued even for PID 1.
    """
    _let_go()
    while True:
        status = _reap_dead(command)
        if status is not None:
            os._exit(exit_code_of(status))
        arrived = signal.sigwaitinfo(_ALL_SIGNALS).si_signo  # no deadline: the container's life
        if arrived != signal.SIGCHLD:
            with contextlib.suppress(ProcessLookupError):
                os.kill(command, arrived)


def _let_go() -> None:
    """Hold nothing that outlives its use: descriptors keep pipes and network namespaces alive.

    Keep one capability: to signal.
    """
    null = os.open(os.devnull, os.O_RDWR)
    for number in range(3):
        os.dup2(null, number)
    ns.close_from(3)
    ns.set_process_name(b"meshgate-init")
    ns.prctl(ns.PR_SET_NO_NEW_PRIVS, 1)
    ns.set_capabilities(frozenset({ns.CAPABILITIES["CAP_KILL"]}))
    ns.prctl(ns.PR_SET_DUMPABLE, 0)  # its memory is a copy of the holder's: other pods' environments


def _reap_dead(command: int) -> int | None:
    """Reap all that ended; the wait status of the command if it is among them."""
    found = None
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return found
        if pid == 0:
            return found
        if pid == command:
            found = status


def exit_code_of(status: int) -> int:
    """A wait status as container runtimes write it: 128 + N for death by signal N."""
    return 128 + os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)


# --- the command ------------------------------------------------------------------------------------------------


def _command(request: SpawnRequest, fds: dict[str, int], report: Report) -> NoReturn:
    with _step("preparing the process"):
        os.setsid()
        _place(request, fds, report)
        os.umask(0o022)
        for limit in request.limits:
            _set_limit(limit.resource, limit.soft, limit.hard)
        _restore_signals()
    with _step("dropping privileges"):
        _drop_privileges(request)
    with _step(f'entering its working directory "{request.cwd}"'):
        os.chdir(request.cwd)
    _execute(request)


def _place(request: SpawnRequest, fds: dict[str, int], report: Report) -> None:
    """Put stdio and passed descriptors at their numbers, close all else; the report pipe moves out of their way."""
    wanted = {number: fds.get(name, -1) for number, name in enumerate(_STDIO)}
    wanted |= {int(name): fd for name, fd in fds.items() if name.isdigit()}
    floor = max(wanted) + 1
    report.fd = fcntl.fcntl(report.fd, fcntl.F_DUPFD_CLOEXEC, floor)
    null = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
    moved = {
        number: fcntl.fcntl(fd if fd >= 0 else null, fcntl.F_DUPFD_CLOEXEC, floor) for number, fd in wanted.items()
    }
    for number, fd in moved.items():
        os.dup2(fd, number, inheritable=True)
    if request.tty:
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    close_all_but({*wanted, report.fd})


def close_all_but(kept: set[int]) -> None:
    for fd in [int(name) for name in os.listdir("/proc/self/fd")]:
        if fd not in kept:
            with contextlib.suppress(OSError):  # the listing's own descriptor is gone already
                os.close(fd)


def _set_limit(kind: int, soft: int, hard: int) -> None:
    most = resource.getrlimit(kind)[1]
    if most != resource.RLIM_INFINITY:
        hard = min(hard, most) if hard != resource.RLIM_INFINITY else most
    if hard != resource.RLIM_INFINITY:
        soft = min(soft, hard) if soft != resource.RLIM_INFINITY else hard
    resource.setrlimit(kind, (soft, hard))


def _restore_signals() -> None:
    """An exec keeps ignored signals ignored and blocked ones blocked: what Python, the holder, make and nohup chose
    ends here.
    """
    for number in _ALL_SIGNALS:
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
    ns.restore_glibc_signals()
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


def _drop_privileges(request: SpawnRequest) -> None:
    kept = frozenset(ns.CAPABILITIES[name] for name in request.capabilities)
    ns.prctl(ns.PR_SET_DUMPABLE, 0)  # until the exec its memory is a copy of the holder's: nobody may trace it
    ns.drop_bounding_set(kept)
    ns.prctl(ns.PR_CAP_AMBIENT, ns.PR_CAP_AMBIENT_CLEAR_ALL)
    ns.prctl(ns.PR_SET_KEEPCAPS, 1 if kept else 0)
    os.setgroups(request.groups)
    os.setresgid(request.gid, request.gid, request.gid)
    os.setresuid(request.uid, request.uid, request.uid)
    ns.set_capabilities(kept, inheritable=bool(kept))
    for capability in kept:
        ns.prctl(ns.PR_CAP_AMBIENT, ns.PR_CAP_AMBIENT_RAISE, capability)
    ns.prctl(ns.PR_SET_NO_NEW_PRIVS, 1)


def _execute(request: SpawnRequest) -> NoReturn:
    """exec, looking along the container's own PATH as a shell does."""
    name, search = request.argv[0], request.env.get("PATH", "")
    fault: OSError = FileNotFoundError(errno.ENOENT, f"not found in any folder of its PATH ({search})")
    for path in [name] if "/" in name else [f"{folder}/{name}" for folder in search.split(":") if folder]:
        try:
            os.execve(path, request.argv, request.env)
        except OSError as failure:
            if "/" in name or not isinstance(failure, FileNotFoundError | NotADirectoryError):
                fault = OSError(failure.errno, failure.strerror)
    raise _Step(f'running "{name}"') from fault


@contextlib.contextmanager
def _step(name: str) -> Iterator[None]:
    """Name what is being done, for the reason that a failure gives."""
    try:
        yield
    except OSError as fault:
        raise _Step(name) from fault
