"""Plans a container's view of the file system: what it is to see becomes operations for the holder.

Comes in: what must be hidden, what must be reachable for the container's user, files to write, directories to mount,
and a look at this machine's file system. Goes out: `Operation`s in the order in which they work: first the
directories that must be changeable (one overlay for each, the deepest that exists, never `/`), then everything else,
parents before children, so that what lies inside something hidden appears in it again. Pure but for the look
(`Machine`), so it can be tested.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from typing import Literal, Protocol

from msgspec import Struct

from meshgate.errors import EnvironmentFault
from meshgate.host.holder.requests import Operation

Kind = Literal["directory", "file", "link", "nothing"]


class User(Struct, frozen=True, kw_only=True):
    """Who the container's processes are."""

    uid: int
    gid: int
    groups: tuple[int, ...] = ()


class Machine(Protocol):
    """The file system of the capsule, as root sees it."""

    def kind(self, path: str) -> Kind: ...

    def real(self, path: str) -> str:
        """The path without symlinks, as far as it exists."""
        ...

    def can_enter(self, directory: str, user: User) -> bool: ...


class FileToWrite(Struct, frozen=True, kw_only=True):
    """A small regular file of this view, in place of whatever is there."""

    target: str
    text: str
    mode: int = 0o644


class Empty(Struct, frozen=True, kw_only=True):
    """A private, empty directory in memory."""

    target: str
    mode: int = 0o1777
    uid: int = 0


class Mounted(Struct, frozen=True, kw_only=True):
    """A directory or file of the machine, shown at `target`."""

    target: str
    source: str
    inside: str = ""
    """A path below `source` that must not lead out of it."""
    read_only: bool = False
    is_host_path: bool = False
    """Chosen by a user: nothing of `private` may be seen through it."""


class View(Struct, frozen=True, kw_only=True):
    """What one container sees."""

    user: User
    hidden: tuple[str, ...] = ()
    """Directories that are empty in the view."""
    private: tuple[str, ...] = ()
    """Directories that are empty in the view and in everything that is mounted into it."""
    reachable: tuple[str, ...] = ()
    """What the user must be able to read though a directory above it may be closed to others (root's home)."""
    files: tuple[FileToWrite, ...] = ()
    empty: tuple[Empty, ...] = ()
    mounts: tuple[Mounted, ...] = ()


def plan_view(view: View, machine: Machine) -> tuple[Operation, ...]:
    """The operations that make the view. EnvironmentFault if a user's path shows what must stay hidden."""
    return _Plan(view, machine).operations()


class _Plan:
    def __init__(self, view: View, machine: Machine) -> None:
        self._view = view
        self._machine = machine
        self._placed: dict[str, Operation] = {}
        """What covers the machine's own content, by target."""
        self._layers: set[str] = set()
        self._needs_root = False

    def operations(self) -> tuple[Operation, ...]:
        for path in self._view.reachable:
            self._open_way(path)
        for path in (*self._view.hidden, *self._view.private):
            self._hide(self._machine.real(path))
        for empty in self._view.empty:
            self._place(Operation("tmpfs", self._machine.real(empty.target), mode=empty.mode, uid=empty.uid))
        for mounted in self._view.mounts:
            self._mount(mounted)
        for file in self._view.files:
            self._place(Operation("file", self._beside(file.target), text=file.text, mode=file.mode))
        placed = sorted(filter(self._may_be, self._placed.values()), key=_parents_first)
        for operation in placed:
            self._prepare(operation)
        root = [Operation("root", "/")] if self._needs_root else []
        return (*root, *(Operation("layer", path) for path in sorted(self._layers)), *placed)

    def _place(self, operation: Operation) -> None:
        self._placed[operation.target] = operation

    def _hide(self, path: str) -> None:
        if self._machine.kind(path) == "directory":
            self._place(Operation("tmpfs", path))

    def _open_way(self, path: str) -> None:
        """Show `path` at its own place, in an empty directory where the first closed directory above it is.

        So it is, too, where a directory above it is empty in the view: an installation may lie in /tmp.
        """
        emptied = (*self._view.hidden, *(empty.target for empty in self._view.empty))
        for shown in dict.fromkeys((self._machine.real(path), os.path.normpath(path))):
            closed = self._first_closed_above(shown)
            if closed:
                self._place(Operation("tmpfs", closed))
            if closed or any(_is_within(shown, self._machine.real(directory)) for directory in emptied):
                self._place(Operation("bind", shown, source=path, read_only=True))

    def _first_closed_above(self, path: str) -> str:
        for directory in reversed(list(_ancestors(path))):
            if self._machine.kind(directory) == "link":
                return ""  # the way behind the link is opened for the real path
            if not self._machine.can_enter(directory, self._view.user):
                return directory
        return ""

    def _mount(self, mounted: Mounted) -> None:
        target = self._machine.real(mounted.target)
        self._place(
            Operation("bind", target, source=mounted.source, inside=mounted.inside, read_only=mounted.read_only)
        )
        if not mounted.is_host_path:
            return
        source = self._machine.real(os.path.join(mounted.source, mounted.inside))
        for private in map(self._machine.real, self._view.private):
            if _is_within(source, private):
                raise EnvironmentFault(
                    f'hostPath "{mounted.source}" lies in "{private}", where the mesh keeps its own data',
                    hint="use another path",
                )
            if _is_within(private, source):
                self._place(Operation("tmpfs", os.path.join(target, os.path.relpath(private, source))))

    def _beside(self, path: str) -> str:
        """The real path of a file that itself is to be replaced, link or not."""
        return os.path.join(self._machine.real(os.path.dirname(path)), os.path.basename(path))

    def _may_be(self, operation: Operation) -> bool:
        """A file of ours is never written into what a user has mounted around it."""
        around = next((self._placed[path] for path in _ancestors(operation.target) if path in self._placed), None)
        return operation.kind != "file" or around is None or around.kind != "bind"

    def _prepare(self, operation: Operation) -> None:
        """Make the place changeable where the machine does not have what is to be covered there."""
        if any(directory in self._placed for directory in _ancestors(operation.target)):
            return  # inside something of ours: the holder makes what is missing
        if operation.kind != "file" and self._machine.kind(operation.target) != "nothing":
            return
        directory = next(path for path in _ancestors(operation.target) if self._machine.kind(path) == "directory")
        if directory == "/":
            self._needs_root = True
        else:
            self._layers.add(directory)


class ThisMachine:
    """The file system of this process."""

    def kind(self, path: str) -> Kind:
        try:
            mode = os.lstat(path).st_mode
        except (FileNotFoundError, NotADirectoryError):
            return "nothing"
        if stat.S_ISDIR(mode):
            return "directory"
        return "link" if stat.S_ISLNK(mode) else "file"

    def real(self, path: str) -> str:
        return os.path.realpath(path)

    def can_enter(self, directory: str, user: User) -> bool:
        """By the mode bits: access lists are not looked at."""
        status = os.stat(directory)
        if status.st_uid == user.uid:
            return bool(status.st_mode & stat.S_IXUSR)
        if status.st_gid in (user.gid, *user.groups):
            return bool(status.st_mode & stat.S_IXGRP)
        return bool(status.st_mode & stat.S_IXOTH)


def _ancestors(path: str) -> tuple[str, ...]:
    """The directories above a path, the nearest first, `/` last.

    >>> _ancestors("/etc/ssl/certs")
    ('/etc/ssl', '/etc', '/')
    """
    parts = path.strip("/").split("/")
    return tuple("/" + "/".join(parts[:count]) for count in range(len(parts) - 1, -1, -1))


def _parents_first(operation: Operation) -> list[str]:
    return operation.target.split("/")


def _is_within(path: str, directory: str) -> bool:
    return path == directory or path.startswith(directory.rstrip("/") + "/")


# --- what every pod's containers see --------------------------------------------------------------------------------

CONTAINER_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
HOME = "/tmp"
"""Private, empty and writable in every container, whatever its user is."""


class PodFiles(Struct, frozen=True, kw_only=True):
    """What the name service in a pod's containers reads."""

    hostname: str
    address: str
    resolv_conf: str
    full_name: str = ""
    """Below the Service that its `subdomain` names."""
    aliases: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """Further lines of /etc/hosts: address and names."""


def pod_files(pod: PodFiles, user: User, host_files: Mapping[str, str]) -> tuple[FileToWrite, ...]:
    """The files in /etc that tell a container who and where it is.

    `host_files`: the machine's nsswitch.conf and passwd.
    """
    return (
        FileToWrite(target="/etc/resolv.conf", text=pod.resolv_conf),
        FileToWrite(target="/etc/hosts", text=_hosts(pod)),
        FileToWrite(target="/etc/hostname", text=pod.hostname + "\n"),
        FileToWrite(target="/etc/nsswitch.conf", text=_nsswitch(host_files.get("nsswitch.conf", ""))),
        FileToWrite(target="/etc/passwd", text=_passwd(host_files.get("passwd", ""), user)),
    )


def _hosts(pod: PodFiles) -> str:
    lines = ["# made by meshgate", "127.0.0.1\tlocalhost", "::1\tlocalhost ip6-localhost ip6-loopback"]
    lines.append("\t".join(filter(None, (pod.address, pod.full_name, pod.hostname))))
    lines += [f"{address}\t{' '.join(names)}" for address, names in pod.aliases]
    return "\n".join(lines) + "\n"


def _nsswitch(host: str) -> str:
    """The machine's, but names of hosts come from the two files above alone: no mdns, no systemd-resolved."""
    others = [line for line in host.splitlines() if not line.lstrip().startswith("hosts:")]
    return "\n".join([*(others or ["passwd: files", "group: files"]), "hosts: files dns"]) + "\n"


def _passwd(host: str, user: User) -> str:
    """The machine's, and a name for the container's user: many programs refuse to run as nobody they know."""
    lines = host.splitlines()
    if not any(line.split(":")[2:3] == [str(user.uid)] for line in lines):
        lines.append(f"app:x:{user.uid}:{user.gid}::{HOME}:/bin/sh")
    return "\n".join(lines) + "\n"
