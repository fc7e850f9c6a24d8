"""The laboratory's outside world (`up --lab`): a network namespace beside the pods', with servers and a name server.

    pod ── router ── outside0 ── eth0  203.0.113.0/24   edition.cnn.com, *.wikipedia.org, … and their name server

The servers are `meshgate.apps.outside`, one container that runs on while the control plane is restarted. What it
offers it tells in a file. Its name server has, besides its address out there, two sockets on the host's loopback, on
which the control plane asks it (which has no way into the pods' network where the mesh has no root). Its certificate
authority is appended to the machine's: containers trust the file that comes of it.

The ConfigMap `meshgate-lab` in `istio-system` says who must show a certificate: `clientCertificates` names hosts,
`clientAuthorities` holds the authorities (PEM) by which those certificates are signed.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import socket
import ssl
from collections.abc import AsyncGenerator, Collection, Mapping, Sequence
from datetime import UTC, datetime
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any, Final, Protocol

import msgspec
from msgspec import Struct

from meshgate.aio import Latest
from meshgate.api import Problem, Ref
from meshgate.api.codes import LAB_SETTINGS
from meshgate.errors import EnvironmentFault
from meshgate.host.dns.forward import Upstream
from meshgate.host.holder.requests import ChildState
from meshgate.host.network.namespace import NetworkNamespace
from meshgate.host.network.pod_network import FdKeeper
from meshgate.host.network.router import Router
from meshgate.host.pods.back_off import BackOff
from meshgate.host.pods.building import SYSTEM_BUNDLE, Bundle, MeshOnMachine
from meshgate.host.pods.objects import config_map_data
from meshgate.host.runtime import FIRST_SOCKET, ContainerSpec, Logged, Runtime
from meshgate.host.views import HOME, Empty, Mounted, User, View, plan_view
from meshgate.store.sqlite import Event

log = logging.getLogger(__name__)

NETWORK: Final = IPv4Network("203.0.113.0/24")
"""For documentation (RFC 5737): no host of the internet is hidden by it."""
CONTAINER_ID: Final = "lab/outside/0"
LOG_POD: Final = "lab"
SETTINGS: Final = Ref("ConfigMap", "istio-system", "meshgate-lab")
DEMANDING_HOSTS: Final = "clientCertificates"
AUTHORITIES: Final = "clientAuthorities"
_NAMESPACE = "net/outside"
_VIEW = "/run/meshgate/lab"
_READY_S = 30.0
_LOOK_S = 0.02
_FIRST_PAUSE_S, _RETRY_S = 0.2, 2.0
_LOOPBACK = "127.0.0.1"


class Objects(Protocol):
    """The store, as far as it is read here."""

    def get(self, kind: str, namespace: str, name: str) -> Mapping[str, object] | None: ...
    def watch(self, kinds: Collection[str], since: int | None = None) -> AsyncGenerator[Event, None]: ...


class Offers(Struct, frozen=True, kw_only=True, rename="camel"):
    """What the outside world tells of itself."""

    turn: int = 0
    """Of the demands that it follows."""
    hosts: dict[str, str] = {}
    """Name and address; the whole network for a wildcard."""
    demanding: tuple[str, ...] = ()
    """Hosts that take nobody without a certificate on port 443."""
    name_server: str = ""
    faults: tuple[str, ...] = ()


def lab_bundle(run: Path) -> Bundle:
    """Where containers find whom to trust: as files of certificates are looked for by programs and by OpenSSL."""
    openssl = ssl.get_default_verify_paths().openssl_cafile
    targets = dict.fromkeys((SYSTEM_BUNDLE, *([openssl] if openssl.startswith("/usr/") else [])))
    return Bundle(file=run / "ca-certificates.crt", targets=tuple(targets))


class Lab:
    """Owned by the control plane's loop."""

    def __init__(self, runtime: Runtime, mesh: MeshOnMachine, keeper: FdKeeper, objects: Objects) -> None:
        self.offers: Latest[Offers] = Latest(Offers())
        self._runtime = runtime
        self._mesh = mesh
        self._keeper = keeper
        self._objects = objects
        self._directory = mesh.places.run / "lab"
        self._namespace: NetworkNamespace | None = None
        self._port = 0
        self._turn = 0

    @property
    def authority(self) -> Path:
        """The certificate authority, for whoever outside of the mesh is to trust it, too."""
        return self._mesh.places.data / "lab-ca.crt"

    def name_servers(self) -> tuple[Upstream, ...]:
        """Who is asked for names outside of the mesh."""
        return (Upstream(_LOOPBACK, self._port),) if self._port else ()

    def told(self) -> Mapping[str, Any]:
        """For the status."""
        offers = self.offers.value
        return {
            "hosts": offers.hosts,
            "demanding": list(offers.demanding),
            "nameServer": f"{_LOOPBACK}:{self._port}",
            "authority": str(self.authority),
        }

    def problems(self) -> Sequence[Problem]:
        """What cannot be done of the settings."""
        hint = f'{DEMANDING_HOSTS}: hosts of "meshgate status"; {AUTHORITIES}: certificates in PEM'
        return tuple(
            Problem(code=LAB_SETTINGS, severity="warning", ref=SETTINGS, path="data", text=fault, hint=hint)
            for fault in self.offers.value.faults
        )

    async def open(self, router: Router) -> None:
        """Find the network since before a restart, or make it."""
        fds = await self._keeper.fetch(_NAMESPACE)
        if fds:
            self._namespace = NetworkNamespace(fds[0])
            return
        self._namespace = await asyncio.to_thread(NetworkNamespace.create)
        await asyncio.to_thread(router.join_outside, self._namespace, NETWORK)
        await self._keeper.keep(_NAMESPACE, [self._namespace.fileno()])

    async def run(self, *, ready: asyncio.Event) -> None:
        """Have the servers run, and follow the settings; until cancelled. `ready`: everything is offered."""
        await self._runtime.refresh()
        user = await self._prepare()
        child = self._runtime.state(CONTAINER_ID) or await self._start(user)
        await self._wait_offers(child)
        self._write_bundle()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._keep_running(user))
            tasks.create_task(self._follow())
            ready.set()

    async def wait_followed(self) -> None:
        """Return when the servers do what the settings say. The caller sets the deadline."""
        await self.offers.wait_for(lambda offers: offers.turn >= self._turn)

    # --- settings -------------------------------------------------------------------------------------------------

    async def _follow(self) -> None:
        await self._demand()
        async for event in self._objects.watch({SETTINGS.kind}):
            if event.type != "BOOKMARK" and event.raw["metadata"]["name"] == SETTINGS.name:
                await self._demand()

    async def _demand(self) -> None:
        if not self._write_demands():
            return
        child = self._runtime.state(CONTAINER_ID)
        if child is not None and child.is_running:
            await self._runtime.signal(CONTAINER_ID, signal.SIGHUP)
            await self._wait_followed(child)

    def _write_demands(self) -> bool:
        """Write down what the settings say; False if nothing is new."""
        data = config_map_data(self._objects, SETTINGS.namespace, SETTINGS.name) or {}
        told = {name: content.decode(errors="replace") for name, content in data.items()}
        hosts = sorted(told.get(DEMANDING_HOSTS, "").replace(",", " ").split())
        demands = {"hosts": hosts, "authorities": told.get(AUTHORITIES, "")}
        path = self._directory / "demands.json"
        before = json.loads(path.read_text()) if path.exists() else {}
        self._turn = max(self._turn, int(before.pop("turn", 0)))
        if demands == before:
            return False
        self._turn += 1
        beside = path.with_suffix(".new")
        beside.write_text(json.dumps({**demands, "turn": self._turn}))
        beside.rename(path)
        return True

    # --- the process ----------------------------------------------------------------------------------------------

    async def _keep_running(self, user: User) -> None:
        back_off = BackOff()
        while True:
            ended = await self._runtime.wait_exit(CONTAINER_ID)
            log.error("the outside world has ended and is started again", extra={"exit_code": ended.exit_code})
            await self._runtime.forget(CONTAINER_ID)
            pause, back_off = back_off.after_run(_moment(ended.started), _moment(ended.ended))
            await asyncio.sleep(max(pause.total_seconds(), _FIRST_PAUSE_S))
            await self._start_again(user)

    async def _start_again(self, user: User) -> None:
        """Until it has come to run; what it dies of afterwards its caller sees."""
        while True:
            try:
                child = await self._start(user)
                break
            except EnvironmentFault as fault:
                log.error("the outside world cannot be started", extra={"reason": fault.text})
                await asyncio.sleep(_RETRY_S)
        await self._wait_followed(child)

    async def _wait_followed(self, child: ChildState) -> None:
        """Until it offers what was demanded last; or until it has ended, for it will be started again."""
        try:
            await self._wait_offers(child)
        except EnvironmentFault as fault:
            log.error("the outside world does not do as it is told", extra={"reason": fault.text})

    async def _prepare(self) -> User:
        """The user under whom it runs since before our restart, else a new one; directories, settings and log."""
        state = self._runtime.state(CONTAINER_ID)
        if state is None:
            uid = self._mesh.users.take()
        else:
            note = json.loads(state.note)
            uid, self._port = int(note["uid"]), int(note["port"])
            self._mesh.users.claim([uid])
        self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.chown(self._directory, uid, uid)
        await self._runtime.open_log(LOG_POD)
        return User(uid=uid, gid=uid)

    async def _start(self, user: User) -> ChildState:
        (self._directory / "offers.json").unlink(missing_ok=True)
        self._write_demands()
        sockets = _name_sockets()
        try:
            self._port = sockets[0].getsockname()[1]
            return await self._runtime.start(self._spec(user, [sock.fileno() for sock in sockets]))
        finally:
            for sock in sockets:
                sock.close()

    def _spec(self, user: User, sockets: Sequence[int]) -> ContainerSpec:
        assert self._namespace is not None, "the network is opened first"
        numbers = ",".join(str(number) for number in range(FIRST_SOCKET, FIRST_SOCKET + len(sockets)))
        view = View(
            user=user,
            hidden=("/run",),
            private=self._mesh.private,
            reachable=self._mesh.reachable,
            empty=(Empty(target="/tmp"),),
            mounts=(Mounted(target=_VIEW, source=str(self._directory)),),
        )
        words = ("python3", "-P", "-m", "meshgate.apps.outside", "--directory", _VIEW, "--envoy", str(self._mesh.envoy))
        return ContainerSpec(
            id=CONTAINER_ID,
            argv=(*words, "--network", str(NETWORK), "--names", numbers),
            env={"PATH": self._mesh.search_path, "HOME": HOME},
            user=user,
            view=plan_view(view, self._mesh.machine),
            netns_fd=self._namespace.fileno(),
            sockets=tuple(sockets),
            stdio=Logged(pod_id=LOG_POD, path=self._mesh.places.data / "logs" / "lab.log"),
            note=json.dumps({"uid": user.uid, "port": self._port}),
        )

    async def _wait_offers(self, child: ChildState) -> None:
        """Until it offers what was demanded last."""
        try:
            async with asyncio.timeout(_READY_S):
                while (offers := self._read_offers()) is None or offers.turn < self._turn:
                    self._check_runs(child)
                    await asyncio.sleep(_LOOK_S)
        except TimeoutError as fault:
            raise EnvironmentFault(
                f"the lab's servers are not ready after {_READY_S:.0f} s", hint=self._hint()
            ) from fault
        self.offers.set(offers)

    def _read_offers(self) -> Offers | None:
        path = self._directory / "offers.json"
        return msgspec.json.decode(path.read_bytes(), type=Offers) if path.exists() else None

    def _check_runs(self, child: ChildState) -> None:
        state = self._runtime.state(child.id)
        if state is None or not state.is_running:
            raise EnvironmentFault("the lab's servers have ended", hint=self._hint())

    def _hint(self) -> str:
        return f"{self._mesh.places.data / 'logs' / 'lab.log'} may say why"

    def _write_bundle(self) -> None:
        """The machine's authorities and the lab's, in one file; and the lab's alone for those outside of the mesh."""
        assert self._mesh.bundle is not None
        authority = (self._directory / "ca.crt").read_text()
        system = Path(SYSTEM_BUNDLE)
        known = system.read_text() if system.exists() else ""
        for path, content in ((self._mesh.bundle.file, f"{known}{authority}"), (self.authority, authority)):
            if path.exists() and path.read_text() == content:
                continue  # containers have this very file mounted
            path.write_text(content)
            path.chmod(0o644)


def _name_sockets() -> tuple[socket.socket, socket.socket]:
    """A UDP and a listening TCP socket with one number on the host's loopback."""
    for _ in range(16):
        datagrams, connections = socket.socket(type=socket.SOCK_DGRAM), socket.socket()
        datagrams.bind((_LOOPBACK, 0))
        try:
            connections.bind(datagrams.getsockname())
        except OSError:  # somebody's TCP port has that number
            datagrams.close()
            connections.close()
            continue
        connections.listen()
        return datagrams, connections
    raise EnvironmentFault("no port of 127.0.0.1 is free for the lab's name server")


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, tz=UTC)
