"""A Kubernetes-compatible API over the store: discovery, CRUD, patch, apply, watch, tables, streams.

Reads the store, an `admit` function and a `Streams` (exec and logs, host's part); gives an aiohttp server on a
Unix socket. May import store, client, api, aio, errors.
"""

from .deps import KubeDeps, MeshStatus, Proxies
from .server import application, serve
from .streams import Channel, ExecProcess, Streams

__all__ = ["Channel", "ExecProcess", "KubeDeps", "MeshStatus", "Proxies", "Streams", "application", "serve"]
