"""The container `istio-proxy`: Envoy beside a workload, or as a gateway.

It has a uid of its own and gid 1337, by which capture leaves its traffic alone. Its view holds what no other has: the
Unix socket on which the control plane serves this one proxy (the socket is its identity), a directory for its admin
socket, and for a gateway the directory in which it meets the edge. It is ready when Envoy says so (`/ready`): every
listener that it was promised is there.
"""

from __future__ import annotations

import asyncio
import logging
import os
import resource
import urllib.parse
from pathlib import Path
from typing import Protocol

from msgspec import Struct

from meshgate.api import Container
from meshgate.envoy import BootstrapInput, bootstrap, envoy_arguments
from meshgate.host.holder.requests import Limit
from meshgate.host.log_reader import last_lines
from meshgate.host.network import SIDECAR_GID
from meshgate.host.pods.building import Building, parse_container_id
from meshgate.host.pods.places import (
    ADMIN_SOCKET,
    ADS_SOCKET,
    VIEW_ADMIN,
    VIEW_ADS,
    VIEW_BOOTSTRAP,
    VIEW_EDGE,
)
from meshgate.host.probes import Verdict
from meshgate.host.runtime import ContainerSpec
from meshgate.host.views import FileToWrite, Mounted, User, plan_view
from meshgate.plan import Proxy

log = logging.getLogger(__name__)

_EAGER_S = 0.01
_CALM_S = 1.0
"""Between looks at /ready: until it is ready, and afterwards."""
_ANSWER_S = 2.0
_SLOW_S = 10.0
"""A sidecar that is not ready by then is worth an event."""
_FILES = 1 << 20
"""Envoy wants one descriptor for each connection; lowered to what this machine allows."""


class ProxyPod(Struct, frozen=True, kw_only=True):
    """A pod whose proxy is about to connect."""

    uid: str
    namespace: str
    name: str
    address: str


class ProxyDoor(Protocol):
    """The control plane's side of proxies: ADS, one socket each."""

    async def open(self, pod: ProxyPod, socket_path: Path, owner: User) -> Proxy:
        """Serve this proxy at this path, for this user; what it is in the mesh. Again after a restart."""
        ...

    async def close(self, uid: str) -> None:
        """The proxy is gone."""
        ...


class Sidecar:
    """The proxy of one pod."""

    def __init__(self, building: Building, door: ProxyDoor) -> None:
        self._building = building
        self._door = door
        self._proxy: Proxy | None = None

    @property
    def admin_socket(self) -> Path:
        return self._building.places.admin / ADMIN_SOCKET

    def user(self, container: Container) -> User:
        ids = self._building.user(container)
        return User(uid=ids.uid, gid=SIDECAR_GID, groups=ids.groups)

    async def open(self, container: Container) -> None:
        """Let the control plane serve it; before Envoy is started, or for one that runs since before our restart."""
        places, user = self._building.places, self.user(container)
        places.ads.mkdir(parents=True, exist_ok=True, mode=0o755)
        for directory in (places.admin, places.edge):
            directory.mkdir(parents=True, exist_ok=True, mode=0o711)
            os.chown(directory, user.uid, user.gid)
        pod, net = self._building.pod, self._building.net
        about = ProxyPod(
            uid=pod.meta.uid,
            namespace=pod.meta.namespace,
            name=pod.meta.name,
            address=net.address,
        )
        self._proxy = await self._door.open(about, places.ads / ADS_SOCKET, user)

    async def build(self, container: Container, run: int) -> ContainerSpec:
        """The spec of a run of Envoy."""
        if self._proxy is None:
            await self.open(container)
        assert self._proxy is not None
        building, places, user = self._building, self._building.places, self.user(container)
        building.prepare_volumes()
        self.admin_socket.unlink(missing_ok=True)  # of the run before; Envoy does not bind over it
        mounts = (
            Mounted(target=VIEW_ADS, source=str(places.ads), read_only=True),
            Mounted(target=VIEW_ADMIN, source=str(places.admin)),
            *([Mounted(target=VIEW_EDGE, source=str(places.edge))] if self._proxy.edge_socket else []),
            *building.volumes.mounts(container),
        )
        bootstrap_file = FileToWrite(target=VIEW_BOOTSTRAP, text=self._bootstrap(self._proxy))
        view = building.view(user, mounts, files=(bootstrap_file,))
        return ContainerSpec(
            id=building.container_id(container, run),
            argv=(str(building.mesh.envoy), *envoy_arguments(VIEW_BOOTSTRAP)),
            env=building.environment(container),
            user=user,
            hostname=building.hostname,
            view=plan_view(view, building.mesh.machine),
            netns_fd=building.net.netns_fd,
            stdio=building.logged(container, run),
            limits=(Limit(resource.RLIMIT_NOFILE, _FILES, _FILES),),
            note=building.note(),
        )

    async def watch(self, container: Container, container_id: str, verdict: Verdict) -> None:
        """Look at /ready until cancelled, often until it is ready for the first time."""
        verdict.set_started()
        is_ready, pause_s = False, _EAGER_S
        late = asyncio.get_running_loop().time() + _SLOW_S
        while True:
            reason = await not_ready(self.admin_socket)
            if not reason:
                is_ready, pause_s = True, _CALM_S
                verdict.set_ready(True, "")
            elif is_ready:
                verdict.set_ready(False, f"Envoy is not ready: {reason}")
            elif asyncio.get_running_loop().time() > late:
                late, pause_s = late + _SLOW_S, _CALM_S
                verdict.set_ready(
                    False, f"Envoy has not become ready: {reason}{self._last_words(container, container_id)}"
                )
            await asyncio.sleep(pause_s)

    def _last_words(self, container: Container, container_id: str) -> str:
        parsed = parse_container_id(container_id)
        assert parsed is not None
        words = last_lines(self._building.places.log(container.name, parsed[2]))
        return f"; its log ends with:\n{words}" if words else ""

    async def drain(self) -> None:
        """Tell Envoy to take no more connections and to end those that it has, gracefully."""
        await admin(self.admin_socket, "POST", "/healthcheck/fail")
        await admin(self.admin_socket, "POST", "/drain_listeners?graceful")

    async def connections(self) -> int:
        """How many connections its listeners have, those of the admin interface apart."""
        _, body = await admin(self.admin_socket, "GET", "/stats?filter=^server.total_connections$")
        return int(body.rpartition(":")[2] or 0)

    async def close(self) -> None:
        await self._door.close(self._building.pod.meta.uid)

    def _bootstrap(self, proxy: Proxy) -> str:
        given = BootstrapInput(
            proxy=proxy,
            xds_socket=f"{VIEW_ADS}/{ADS_SOCKET}",
            admin_socket=f"{VIEW_ADMIN}/{ADMIN_SOCKET}",
            domain=self._building.mesh.domain,
        )
        return bootstrap(given).decode()


async def not_ready(admin_socket: Path) -> str:
    """Empty if the Envoy behind this admin socket is ready, else what it says."""
    try:
        async with asyncio.timeout(_ANSWER_S):
            status, body = await admin(admin_socket, "GET", "/ready")
    except TimeoutError:
        return "its admin interface does not answer"
    except (OSError, asyncio.IncompleteReadError, ValueError) as fault:
        return f"its admin interface cannot be reached: {fault}"
    return "" if status == 200 else body.strip()


async def admin(socket_path: Path, method: str, target: str) -> tuple[int, str]:
    """One request to an Envoy's admin socket: status and body as text. The caller sets the deadline."""
    status, body = await ask_admin(socket_path, method, target)
    return status, body.decode(errors="replace")


async def ask_admin(socket_path: Path, method: str, target: str) -> tuple[int, bytes]:
    """One request to an Envoy's admin socket: status and body. The caller sets the deadline."""
    reader, writer = await asyncio.open_unix_connection(str(socket_path))
    try:
        path = urllib.parse.quote(target, safe="/?=&^$.,")
        writer.write(
            f"{method} {path} HTTP/1.1\r\nHost: admin\r\nConnection: close\r\nContent-Length: 0\r\n\r\n".encode()
        )
        await writer.drain()
        head = await reader.readuntil(b"\r\n\r\n")
        body = await reader.read()
    finally:
        writer.close()
    if b"transfer-encoding: chunked" in head.lower():
        body = _unchunked(body)
    return int(head.split()[1]), body


def _unchunked(body: bytes) -> bytes:
    """Linear in the size: a dump of the configuration has megabytes."""
    parts, start = [], 0
    while start < len(body):
        end = body.index(b"\r\n", start)
        length = int(body[start:end], 16)
        if length == 0:
            break
        parts.append(body[end + 2 : end + 2 + length])
        start = end + 2 + length + 2
    return b"".join(parts)
