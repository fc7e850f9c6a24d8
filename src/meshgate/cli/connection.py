"""Where a mesh is and how a command talks to it: the options that all client commands share."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from meshgate.errors import UsageError
from meshgate.host.capsule import find_holder

if TYPE_CHECKING:
    from meshgate.client import Client

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])

SOCKET_NAME = "api.sock"
PATIENCE_S = 60.0
"""How long a command waits for a control plane that is being started again."""
LONGEST_SOCKET_PATH = 107
"""Bytes of a Unix socket's path that Linux takes (`sun_path` less its closing zero)."""


def default_data_dir() -> Path:
    """Root's in /var/lib, anybody else's in their state directory."""
    if os.geteuid() == 0:
        return Path("/var/lib/meshgate")
    state = os.environ.get("XDG_STATE_HOME") or os.path.expanduser("~/.local/state")
    return Path(state) / "meshgate"


def api_socket(data_dir: Path) -> Path:
    """The API's socket of the mesh with this data directory. UsageError where the path is too long for a socket."""
    path = data_dir.resolve() / SOCKET_NAME
    if len(os.fsencode(path)) > LONGEST_SOCKET_PATH:
        raise UsageError(
            f"the data directory's path is too long for a Unix socket in it: {str(path)!r}",
            hint=f"choose one of at most {LONGEST_SOCKET_PATH - len(SOCKET_NAME) - 1} bytes by --data-dir",
        )
    return path


def data_dir_option(command: F) -> F:
    """`--data-dir`, for every command that means a mesh."""
    return click.option(
        "--data-dir",
        type=click.Path(file_okay=False, path_type=Path),
        envvar="MESHGATE_DATA_DIR",
        default=default_data_dir,
        show_default="/var/lib/meshgate as root, else ~/.local/state/meshgate",
        help="which mesh: the directory that holds its state [env: MESHGATE_DATA_DIR]",
    )(command)


def namespace_option(command: F) -> F:
    option = click.option("-n", "--namespace", default="default", show_default=True, help="the objects' namespace")
    return option(command)


def all_namespaces_option(command: F) -> F:
    return click.option("-A", "--all-namespaces", is_flag=True, help="objects of all namespaces")(command)


def talk(data_dir: Path, conversation: Callable[[Client], Awaitable[T]]) -> T:
    """Open a client to the mesh, let the conversation run, close it."""
    from meshgate.client import Client

    # a control plane that was killed is started again as long as its holder lives; without one nobody will answer
    patience_s = PATIENCE_S if find_holder(data_dir) is not None else 0.0

    async def whole() -> T:
        async with Client(api_socket(data_dir), patience_s=patience_s) as client:
            return await conversation(client)

    return asyncio.run(whole())
