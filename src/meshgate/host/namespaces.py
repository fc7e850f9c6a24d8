"""Linux namespaces, mounts and credentials that Python 3.11's `os` does not reach: thin calls into libc.

Comes in: paths, file descriptors, flags. Goes out: the effect on the *calling thread* (namespaces belong to threads),
or an OSError whose text names the call and its target. Used by the capsule's holder, so: standard library only,
nothing that is slow or large to import. Deliberately not here: what to mount and why (views.py), netlink (network/).
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

CLONE_NEWNS = 0x0002_0000
CLONE_NEWUTS = 0x0400_0000
CLONE_NEWIPC = 0x0800_0000
CLONE_NEWUSER = 0x1000_0000
CLONE_NEWPID = 0x2000_0000
CLONE_NEWNET = 0x4000_0000

MS_RDONLY = 1
MS_NOSUID = 2
MS_NODEV = 4
MS_NOEXEC = 8
MS_REMOUNT = 32
MS_BIND = 4096
MS_MOVE = 8192
MS_REC = 16384
MS_SLAVE = 1 << 19
MNT_DETACH = 2

PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
PR_SET_NAME = 15
PR_CAPBSET_DROP = 24
PR_SET_NO_NEW_PRIVS = 38
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_RAISE = 2
PR_CAP_AMBIENT_CLEAR_ALL = 4
PR_SET_KEEPCAPS = 8

CAPABILITIES = {"CAP_KILL": 5, "CAP_NET_BIND_SERVICE": 10, "CAP_SYS_PTRACE": 19}
"""The ones that are named anywhere; numbers from linux/capability.h."""

_CAPABILITY_VERSION_3 = 0x2008_0522

_SYS_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}
"""glibc has no wrapper for pivot_root(2)."""

_SYS_RT_SIGACTION = {"x86_64": 13, "aarch64": 134}
"""glibc's wrapper refuses the two signals that glibc itself uses."""
_GLIBC_SIGNALS = (32, 33)

_SYS_CLOSE_RANGE = 436
"""On every architecture; wrapped by glibc only from 2.34 on."""

_SYS_OPENAT2 = 437
_RESOLVE_NO_MAGICLINKS = 2
_RESOLVE_BENEATH = 8
_RESOLVE_IN_ROOT = 16

_SYS_SETGROUPS = {"x86_64": 116, "aarch64": 159}
"""glibc's wrapper changes all threads."""

_libc = ctypes.CDLL(None, use_errno=True)
_libc.mount.argtypes = (ctypes.c_char_p, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_ulong, ctypes.c_char_p)
_libc.prctl.argtypes = (ctypes.c_int, ctypes.c_ulong, ctypes.c_ulong, ctypes.c_ulong, ctypes.c_ulong)


_set_name = _libc["prctl"]  # a prototype of its own
_set_name.argtypes = (ctypes.c_int, ctypes.c_char_p, ctypes.c_ulong, ctypes.c_ulong, ctypes.c_ulong)

# Made once: new array types in each forked child would cost 0.2 MiB of memory that it does not share.
_capability_header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
_capability_data = (ctypes.c_uint32 * 6)()


def unshare(flags: int) -> None:
    """Give the calling thread new namespaces (for CLONE_NEWPID: its future children)."""
    _check(_libc.unshare(ctypes.c_int(flags)), "unshare")


def setns(fd: int, kind: int = 0) -> None:
    """Let the calling thread join the namespace behind `fd` (for a PID namespace: its future children)."""
    _check(_libc.setns(ctypes.c_int(fd), ctypes.c_int(kind)), "setns")


def mount(source: str, target: str, filesystem: str = "", flags: int = 0, data: str = "") -> None:
    """mount(2). Empty strings stand for NULL."""
    result = _libc.mount(_text(source), _text(target), _text(filesystem), flags, _text(data))
    _check(result, f'mount {filesystem or "bind"} on "{target}"')


def umount(target: str, flags: int = MNT_DETACH) -> None:
    _check(_libc.umount2(os.fsencode(target), ctypes.c_int(flags)), f'umount "{target}"')


def pivot_root(new_root: str, put_old: str) -> None:
    """Make `new_root` the root of the mount namespace.

    EnvironmentError ENOSYS on machines other than x86_64 and aarch64.
    """
    number = _SYS_PIVOT_ROOT.get(os.uname().machine, -1)
    result = _libc.syscall(ctypes.c_long(number), ctypes.c_char_p(new_root.encode()), ctypes.c_char_p(put_old.encode()))
    _check(result, f'pivot_root to "{new_root}"')


def open_beneath(directory: str, path: str) -> int:
    """An O_PATH descriptor of `path` (relative) inside `directory`; a symlink or `..` that leads out of it is an error.

    What containers can write to may hold links of theirs to anything: they are resolved here, never before.
    """
    root = os.open(directory, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        return _openat2(root, path, os.O_PATH, _RESOLVE_BENEATH, f'opening "{path}" inside "{directory}"')
    finally:
        os.close(root)


def open_in_root(root: int, path: str, flags: int) -> int:
    """A descriptor of `path` as somebody sees it whose root directory is `root`: links and `..` stay inside."""
    return _openat2(root, path, flags, _RESOLVE_IN_ROOT, f'opening "{path}"')


def _openat2(directory: int, path: str, flags: int, resolve: int, what: str) -> int:
    if "\0" in path:
        raise ValueError("embedded null byte")  # as Python's own calls say
    how = (ctypes.c_uint64 * 3)(flags | os.O_CLOEXEC, 0, resolve | _RESOLVE_NO_MAGICLINKS)
    fd = _libc.syscall(
        ctypes.c_long(_SYS_OPENAT2),
        ctypes.c_int(directory),
        ctypes.c_char_p(os.fsencode(path)),
        how,
        ctypes.c_size_t(ctypes.sizeof(how)),
    )
    _check(min(fd, 0), what)
    return int(fd)


def become_for_files(uid: int, gid: int, groups: tuple[int, ...]) -> None:
    """Give the calling thread these ids for all that it does with files, and no capability to pass over permissions.

    There is no way back, so it is for a thread that does nothing else (`in_thread`). For root alone.
    """
    numbers = (ctypes.c_uint32 * len(groups))(*groups)
    result = _libc.syscall(
        ctypes.c_long(_SYS_SETGROUPS[os.uname().machine]), ctypes.c_size_t(len(groups)), ctypes.byref(numbers)
    )
    _check(result, "setgroups")
    _libc.setfsgid(ctypes.c_uint32(gid))
    _libc.setfsuid(ctypes.c_uint32(uid))
    impossible = ctypes.c_uint32(0xFFFF_FFFF)
    if (_libc.setfsgid(impossible), _libc.setfsuid(impossible)) != (gid, uid):  # it never fails, it only does not do it
        raise PermissionError(errno.EPERM, f"setfsuid {uid}")


def prctl(option: int, *arguments: int) -> int:
    """prctl(2) with up to four numbers; gives its result."""
    padded = (*arguments, 0, 0, 0, 0)[:4]
    result = int(_libc.prctl(option, *padded))
    _check(min(result, 0), f"prctl {option}")
    return result


def set_process_name(name: bytes) -> None:
    """What `ps -o comm` shows for the calling thread; 15 bytes are kept."""
    _check(_set_name(PR_SET_NAME, name, 0, 0, 0), "prctl PR_SET_NAME")


def drop_bounding_set(keep: frozenset[int] = frozenset()) -> None:
    """Take every capability out of the bounding set but those in `keep`: no exec brings one back."""
    for capability in range(64):
        if capability in keep:
            continue
        try:
            prctl(PR_CAPBSET_DROP, capability)
        except OSError as fault:
            if fault.errno == errno.EINVAL:  # beyond the newest capability that this kernel knows
                return
            raise


def set_capabilities(permitted: frozenset[int] = frozenset(), *, inheritable: bool = False) -> None:
    """Leave the calling thread exactly these capabilities, and by default none of them to an exec."""
    low, high = _masks(permitted)
    passed = (low, high) if inheritable else (0, 0)
    for position, word in enumerate((low, low, passed[0], high, high, passed[1])):
        _capability_data[position] = word
    _check(_libc.capset(_capability_header, _capability_data), "capset")


def restore_glibc_signals() -> None:
    """Take the default action for the signals that Python's `signal` can't name: GNU make leaves them ignored."""
    number = _SYS_RT_SIGACTION[os.uname().machine]
    default = (ctypes.c_char * 32)()  # struct kernel_sigaction: SIG_DFL, no flags, no mask
    for signal in _GLIBC_SIGNALS:
        result = _libc.syscall(ctypes.c_long(number), ctypes.c_long(signal), default, None, ctypes.c_size_t(8))
        _check(result, "rt_sigaction")


def close_from(first: int) -> None:
    """Close every descriptor from `first` on; one system call where the kernel has it (5.9)."""
    if _libc.syscall(ctypes.c_long(_SYS_CLOSE_RANGE), ctypes.c_uint(first), ctypes.c_uint(0xFFFF_FFFF), 0) == 0:
        return
    for fd in [int(name) for name in os.listdir("/proc/self/fd") if int(name) >= first]:
        with contextlib.suppress(OSError):  # the listing's own descriptor is gone already
            os.close(fd)


def run_in_netns(netns_fd: int, function: Callable[[], T]) -> T:
    """Run `function` in a throw-away thread inside a network namespace; what it raises is raised here.

    Sockets that it opens stay bound to that namespace; the caller's thread is untouched.
    """

    def enter() -> T:
        setns(netns_fd, CLONE_NEWNET)
        return function()

    return in_thread(enter)


def new_netns() -> int:
    """A fresh network namespace without a name in the file system: it lives as long as somebody holds this
    descriptor.
    """

    def create() -> int:
        unshare(CLONE_NEWNET)
        return os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)

    return in_thread(create)


def in_thread(function: Callable[[], T]) -> T:
    """Run `function` in a throw-away thread, which may be changed for good; what it raises is raised here."""
    import threading  # here: the holder forks without it

    results: list[T] = []
    faults: list[BaseException] = []

    def body() -> None:
        try:
            results.append(function())
        except BaseException as fault:  # handed to the caller below, whatever it is
            faults.append(fault)

    thread = threading.Thread(target=body, name="throw-away")
    thread.start()
    thread.join()  # no deadline: the function's own
    if faults:
        raise faults[0]
    return results[0]


def _masks(capabilities: frozenset[int]) -> tuple[int, int]:
    bits = sum(1 << number for number in capabilities)
    return bits & 0xFFFF_FFFF, bits >> 32


def _text(value: str) -> bytes | None:
    return os.fsencode(value) if value else None


def _check(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
