"""Files as a proxy sees them: in its own view, with its own rights, and nothing that it could not read itself.

A Gateway names paths in its proxy's view, and whoever wrote the Gateway need not be allowed to read what lies there on
this machine. So each file is opened below the root directory of the proxy's own container (links and `..` stay inside
it, whatever they say), by a thread that has the proxy's user and groups for files and no capability. Blocking: for
threads of its own.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Sequence

from msgspec import Struct

from meshgate.api import SecretBytes
from meshgate.host import namespaces
from meshgate.host.views import User

LARGEST = 1 << 20
"""In bytes: the bundle of a whole system has 220 KiB."""
SETTLED_NS = 1_000_000_000
"""A file that was written this short a time before it was read is read again: its clock may not tell the next write."""

Stamp = tuple[int, ...]
"""Equal: nobody has written to the file since. Empty where that can't be told."""


class ProxyProcess(Struct, frozen=True, kw_only=True):
    """Where a proxy's view is, and as whom it reads."""

    pid: int
    user: User


class FileRead(Struct, frozen=True, kw_only=True):
    """What was found at a path."""

    stamp: Stamp = ()
    content: SecretBytes = SecretBytes(b"")
    fault: str = ""
    """Why it cannot be read."""


class FileGroup(Struct, frozen=True, kw_only=True):
    """Files that belong together: a certificate and its key."""

    paths: tuple[str, ...]
    stamps: tuple[Stamp, ...] = ()
    """When they were read the last time; empty: never."""


Read = tuple[FileRead, ...]


def read_files(process: ProxyProcess, groups: Sequence[FileGroup], now_ns: int) -> tuple[Read | None, ...]:
    """Each group's files, as the proxy sees and may read them; None if all are as they were.

    OSError if the process is not there any more. For a thread of its own: it waits for the file system.
    """
    root = os.open(f"/proc/{process.pid}/root", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        if process.user.uid == os.geteuid():  # a namespace of one user: the proxy is who we are
            return _read_all(root, groups, now_ns)
        return namespaces.in_thread(lambda: _read_as(process.user, root, groups, now_ns))
    finally:
        os.close(root)


def _read_as(user: User, root: int, groups: Sequence[FileGroup], now_ns: int) -> tuple[Read | None, ...]:
    namespaces.become_for_files(user.uid, user.gid, user.groups)
    return _read_all(root, groups, now_ns)


def _read_all(root: int, groups: Sequence[FileGroup], now_ns: int) -> tuple[Read | None, ...]:
    return tuple(_read_group(root, group, now_ns) for group in groups)


def _read_group(root: int, group: FileGroup, now_ns: int) -> Read | None:
    if group.stamps and all(group.stamps) and tuple(_stamp_at(root, path) for path in group.paths) == group.stamps:
        return None
    return tuple(_read(root, path, now_ns) for path in group.paths)


def _stamp_at(root: int, path: str) -> Stamp:
    try:
        fd = namespaces.open_in_root(root, path, os.O_PATH)
    except (OSError, ValueError):
        return ()
    try:
        return _stamp(os.fstat(fd))
    finally:
        os.close(fd)


def _stamp(status: os.stat_result) -> Stamp:
    """Modes and owners are in the time of the last change."""
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def _read(root: int, path: str, now_ns: int) -> FileRead:
    try:
        fd = namespaces.open_in_root(root, path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY)
    except (OSError, ValueError) as fault:
        return FileRead(fault=_words(fault))
    try:
        return _read_open(fd, now_ns)
    except OSError as fault:
        return FileRead(fault=_words(fault))
    finally:
        os.close(fd)


def _read_open(fd: int, now_ns: int) -> FileRead:
    status = os.fstat(fd)
    if not stat.S_ISREG(status.st_mode):
        return FileRead(fault="it is no regular file")
    if status.st_size > LARGEST:
        return FileRead(fault=f"it is larger than {LARGEST >> 20} MiB")
    is_settled = now_ns - max(status.st_mtime_ns, status.st_ctime_ns) > SETTLED_NS
    return FileRead(stamp=_stamp(status) if is_settled else (), content=SecretBytes(_content(fd)))


def _content(fd: int) -> bytes:
    content = b""
    while len(content) <= LARGEST:
        some = os.read(fd, LARGEST)
        if not some:
            break
        content += some
    return content


def _words(fault: OSError | ValueError) -> str:
    match getattr(fault, "errno", None):
        case errno.ENOENT | errno.ENOTDIR:
            return "it does not exist"
        case errno.EACCES | errno.EPERM:
            return "the proxy may not read it"
        case errno.ELOOP:
            return "its links lead nowhere"
        case None:
            return "its path cannot be one"
        case _:
            return f"it cannot be read: {getattr(fault, 'strerror', fault)}"
