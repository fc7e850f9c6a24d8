"""Carries out the operations that make one container's view of the file system, in its own new mount namespace.

Comes in: `Operation`s in order (views.py plans them). Every source of a bind is opened before anything is covered, so
a plan may bind from below a directory that it hides. Layers come first, while a scratch tmpfs lies on `/run`; it goes
again before `/run` gets its own. Any failure is an OSError naming the operation: the container does not start.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence

from meshgate.host import namespaces as ns
from meshgate.host.holder.requests import Operation

_SCRATCH = "/run"
"""Exists on every Linux (FHS 3.0) and is covered in every view anyway."""
_OLD_ROOT = "/.meshgate-root"
"""In a root of our own: the real one, until everything is bound from it."""


def apply_view(operations: Sequence[Operation]) -> None:
    """Make the view, with a /proc of the caller's PID namespace.

    Mounts of the host still arrive here and leave with it (rslave); none of ours gets out.
    """
    ns.mount("none", "/", flags=ns.MS_REC | ns.MS_SLAVE)
    sources = [_open_source(operation) for operation in operations]
    ns.mount("proc", "/proc", "proc", ns.MS_NOSUID | ns.MS_NODEV | ns.MS_NOEXEC)
    layers = [operation for operation in operations if operation.kind in ("root", "layer")]
    if layers:
        _make_layers(layers)
    for operation, source in zip(operations, sources, strict=True):
        if operation.kind not in ("root", "layer"):
            _carry_out(operation, source)
    for source in sources:
        if source >= 0:
            os.close(source)
    if os.path.ismount(_OLD_ROOT):
        ns.umount(_OLD_ROOT)
        os.rmdir(_OLD_ROOT)


def _open_source(operation: Operation) -> int:
    if operation.kind != "bind":
        return -1
    if operation.inside:
        return ns.open_beneath(operation.source, operation.inside)
    return os.open(operation.source, os.O_PATH | os.O_CLOEXEC)


def _carry_out(operation: Operation, source: int) -> None:
    match operation.kind:
        case "tmpfs":
            os.makedirs(operation.target, exist_ok=True)
            _mount_tmpfs(operation)
        case "bind":
            _bind(operation, source)
        case "directory":
            os.makedirs(operation.target, exist_ok=True)
            _own(operation)
        case "file":
            _make_way(operation.target)
            with open(operation.target, "w") as file:
                file.write(operation.text)
            _own(operation)
        case "link":
            _make_way(operation.target)
            os.symlink(operation.source, operation.target)
        case _:
            raise ValueError(f'unknown operation "{operation.kind}" on "{operation.target}"')


def _mount_tmpfs(operation: Operation) -> None:
    options = [f"mode={operation.mode:o}", f"uid={operation.uid}", f"gid={operation.gid}"]
    if operation.size_bytes:
        options.append(f"size={operation.size_bytes}")
    ns.mount("tmpfs", operation.target, "tmpfs", ns.MS_NOSUID | ns.MS_NODEV, ",".join(options))


def _bind(operation: Operation, source: int) -> None:
    if stat.S_ISDIR(os.fstat(source).st_mode):
        os.makedirs(operation.target, exist_ok=True)
    elif not os.path.lexists(operation.target):
        os.makedirs(os.path.dirname(operation.target), exist_ok=True)
        os.close(os.open(operation.target, os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644))
    ns.mount(_by_fd(source), operation.target, flags=ns.MS_BIND | ns.MS_REC)
    if operation.read_only:
        ns.mount("none", operation.target, flags=ns.MS_BIND | ns.MS_REMOUNT | ns.MS_RDONLY)


def _own(operation: Operation) -> None:
    os.chown(operation.target, operation.uid, operation.gid)
    os.chmod(operation.target, operation.mode)


def _make_way(path: str) -> None:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    if os.path.lexists(path):
        os.unlink(path)


# --- layers: directories that can be changed for this view alone ---------------------------------------------------


def _make_layers(layers: Sequence[Operation]) -> None:
    for operation in layers:
        if operation.kind == "root":
            _enter_new_root()
    ns.mount("tmpfs", _SCRATCH, "tmpfs", ns.MS_NOSUID | ns.MS_NODEV, "mode=700")
    for number, operation in enumerate(layers):
        if operation.kind == "layer":
            _layer(operation.target, f"{_SCRATCH}/{number}")
    ns.umount(_SCRATCH)


def _layer(directory: str, scratch: str) -> None:
    inner = [(path, os.open(path, os.O_PATH | os.O_CLOEXEC)) for path in _mounts_below(directory)]
    try:
        _overlay(directory, scratch)
        for path, fd in inner:  # an overlay shows what lies under them
            ns.mount(_by_fd(fd), path, flags=ns.MS_BIND | ns.MS_REC)
    except OSError:  # a file system that cannot be an overlay's lower layer, or overlays that may not be stacked deeper
        _stand_in(directory, f"{scratch}/stand-in")
        ns.mount(f"{scratch}/stand-in", directory, flags=ns.MS_MOVE)
    for _, fd in inner:
        os.close(fd)


def _overlay(directory: str, scratch: str) -> None:
    upper, work = f"{scratch}/upper", f"{scratch}/work"
    os.makedirs(upper)
    os.makedirs(work)
    _copy_owner(directory, upper)
    lower = os.open(directory, os.O_PATH | os.O_CLOEXEC)  # by number: commas and colons in names need no escapes
    try:
        ns.mount("overlay", directory, "overlay", 0, f"lowerdir={_by_fd(lower)},upperdir={upper},workdir={work}")
    finally:
        os.close(lower)


def _enter_new_root() -> None:
    """A root of our own with a bind of every entry of the real one: an overlay of `/` would hide mounts below it."""
    _stand_in("/", _SCRATCH)
    old = f"{_SCRATCH}{_OLD_ROOT}"
    os.mkdir(old, 0o700)
    ns.pivot_root(_SCRATCH, old)
    os.chdir("/")


def _stand_in(directory: str, target: str) -> None:
    """A tmpfs at `target` that shows what `directory` shows, by a bind of each entry."""
    entries = [(entry.name, entry.path, entry.is_symlink()) for entry in os.scandir(directory)]
    fds = [-1 if is_link else os.open(path, os.O_PATH | os.O_CLOEXEC) for _, path, is_link in entries]
    links = [os.readlink(path) if is_link else "" for _, path, is_link in entries]
    os.makedirs(target, exist_ok=True)
    ns.mount("tmpfs", target, "tmpfs", ns.MS_NOSUID | ns.MS_NODEV)
    _copy_owner(directory, target)
    for (name, _, is_link), fd, link in zip(entries, fds, links, strict=True):
        path = f"{target}/{name}"
        if is_link:
            os.symlink(link, path)
            continue
        _bind(Operation("bind", path), fd)
        os.close(fd)


def _copy_owner(source: str, target: str) -> None:
    status = os.stat(source)
    os.chown(target, status.st_uid, status.st_gid)
    os.chmod(target, stat.S_IMODE(status.st_mode))


def _mounts_below(directory: str) -> list[str]:
    """Mount points right below `directory`: not those inside another one, which come along with it."""
    found: list[str] = []
    with open("/proc/self/mountinfo", "rb") as table:
        points = sorted({_unescape(line.split(b" ")[4]) for line in table})
    for point in points:
        inside = any(point.startswith(f"{other}/") for other in found)
        if point.startswith(f"{directory}/") and not inside:
            found.append(point)
    return found


def _unescape(field: bytes) -> str:
    """mountinfo writes space, tab, newline and backslash as a backslash and three octal digits."""
    first, *others = field.split(b"\\")
    return os.fsdecode(first + b"".join(bytes([int(part[:3], 8)]) + part[3:] for part in others))


def _by_fd(fd: int) -> str:
    return f"/proc/self/fd/{fd}"
