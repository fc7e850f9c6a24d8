"""A gRPC server's Unix socket: the file appears at its path complete, with its owner and mode, in one step.

The path of the socket is the identity of the proxy behind it, so nobody else may connect, not even for a moment. gRPC
binds a neighbouring path, the file is given to its owner and then renamed over the path; a socket that a killed
process left there is replaced in the same step, and a client that connects again meets either none or this one.
"""

from __future__ import annotations

import os
from pathlib import Path

import grpc.aio
import msgspec

from meshgate.errors import EnvironmentFault

_LONGEST = 107
"""`sun_path` has 108 bytes with the closing zero."""


class SocketOwner(msgspec.Struct, frozen=True):
    """Who may connect."""

    uid: int
    gid: int


def bind_unix(server: grpc.aio.Server, path: Path, owner: SocketOwner | None = None) -> None:
    """Bind a server that is not started yet to this path; only the owner (default: ourselves) can connect.

    `EnvironmentFault` if the path is too long or the directory doesn't take a socket.
    """
    newborn = path.with_name(path.name + "~")
    if len(os.fsencode(newborn)) > _LONGEST:
        raise EnvironmentFault(
            f"the path of a socket has at most {_LONGEST - 1} bytes: {str(path)!r}",
            hint="use a shorter --data-dir",
        )
    # between bind and chmod the umask protects the file: connecting takes the right to write
    before = os.umask(0o177)
    try:
        bound = server.add_insecure_port(f"unix:{newborn}")
        if not bound:
            raise EnvironmentFault(f"cannot bind the socket {str(path)!r}")
        newborn.chmod(0o600)
        if owner is not None:
            os.chown(newborn, owner.uid, owner.gid)
        newborn.rename(path)
    except (OSError, RuntimeError) as error:
        raise EnvironmentFault(f"cannot make the socket {str(path)!r}: {error}") from error
    finally:
        os.umask(before)
