"""What can be asked of the holder, as values both ends share; on the wire they are JSON.

NamedTuple, not dataclass: the module that makes dataclasses costs more memory than the rest of the holder.
"""

from __future__ import annotations

from typing import NamedTuple

from meshgate.host.holder.wire import Message


class Operation(NamedTuple):
    """One step in making a container's view of the file system.

    Carried out in order, as root, before the command starts.
    """

    kind: str
    """`root`: a root directory of its own, holding every entry of the real one (to make entries in `/`).
    `layer`: make the directory `target` changeable for this view only (an overlay; else binds of all its entries).
    `tmpfs`, `bind` (`source`, taken before anything is covered);
    `directory`, `file` (content `text`), `link` (to `source`): make one, replacing what is not a directory."""
    target: str
    source: str = ""
    inside: str = ""
    """Of a bind: a path relative to `source`, which it must not leave, whatever links lie there."""
    text: str = ""
    mode: int = 0o755
    uid: int = 0
    gid: int = 0
    read_only: bool = False
    size_bytes: int = 0
    """Of a tmpfs; 0 is the kernel's default."""


class Limit(NamedTuple):
    resource: int
    """RLIMIT_* of the `resource` module."""
    soft: int
    hard: int
    """Lowered to what the holder itself may have."""


class SpawnRequest(NamedTuple):
    """One process in namespaces of its own (`join` empty), or one more process in those of a running child."""

    id: str
    argv: tuple[str, ...]
    env: dict[str, str]
    cwd: str = "/"
    uid: int = 0
    gid: int = 0
    groups: tuple[int, ...] = ()
    capabilities: tuple[str, ...] = ()
    """Kept (ambient), by name; empty: none at all, the rule."""
    hostname: str = ""
    view: tuple[Operation, ...] = ()
    limits: tuple[Limit, ...] = ()
    fds: tuple[str, ...] = ()
    """What the accompanying descriptors are, in order: "net" (a network namespace), "stdin", "stdout", "stderr", or a
    number as text: passed on under that number. What is missing of stdio is /dev/null; without "net" the capsule's
    network stays.
    """
    join: str = ""
    """Id of the running child whose namespaces are entered."""
    tty: bool = False
    """Standard input is a terminal that becomes the controlling one."""
    note: str = ""
    """Kept with the child for a restarted control plane; the holder does not look into it."""


class ChildState(NamedTuple):
    """What the holder knows of a child, running or ended; kept until forgotten."""

    id: str
    pid: int
    """Of the container's PID 1, as seen in the capsule."""
    started: float
    """Seconds since the epoch."""
    note: str
    exit_code: int = -1
    """128 + N for death by signal N, as container runtimes count; -1 while it runs."""
    ended: float = 0.0

    @property
    def is_running(self) -> bool:
        return self.exit_code < 0


def spawn_message(request: SpawnRequest) -> Message:
    return {"op": "spawn", **request._asdict()}


def parse_spawn(message: Message) -> SpawnRequest:
    """The request in a message that this version's `spawn_message` made; a TypeError or ValueError otherwise."""
    fields = {name: value for name, value in message.items() if name not in ("op", "turn")}
    fields["view"] = tuple(Operation._make(row) for row in rows(fields["view"]))
    fields["limits"] = tuple(Limit._make(row) for row in rows(fields["limits"]))
    for name in ("argv", "groups", "capabilities", "fds"):
        fields[name] = tuple(items(fields[name]))
    return SpawnRequest(**fields)  # type: ignore[arg-type] # the two ends are one version; tests run them as a pair


def child_state(row: object) -> ChildState:
    return ChildState._make(items(row))


def items(value: object) -> list[object]:
    """The value, which must be a list."""
    if not isinstance(value, list):
        raise ValueError(f"expected a list, not {type(value).__name__}")
    return value


def rows(value: object) -> list[list[object]]:
    """The value, which must be a list of lists."""
    return [items(row) for row in items(value)]
