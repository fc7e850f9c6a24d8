"""The control plane of one mesh: all parts made, joined and run under one TaskGroup.

The holder starts it inside the capsule, and again whenever it dies. First it finds what runs since before, then
everything follows the store. Ended by TERM (`meshgate down`) it puts the host's settings back; the holder's end, which
follows, ends all the rest. What keeps the mesh from coming up is raised.
"""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Callable, Collection, Coroutine, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import uvloop
from msgspec.structs import replace

from meshgate.aio import Latest
from meshgate.api import Problem, own_rsa_bits
from meshgate.app.account_tokens import AccountTokens, issuer_of
from meshgate.app.blocked import BlockedCalls
from meshgate.app.certificate_watch import watch_certificates
from meshgate.app.compiler import Compiler
from meshgate.app.door import Door
from meshgate.app.feeds import Feeds
from meshgate.app.file_secrets import FileSecrets
from meshgate.app.garbage import set_aside
from meshgate.app.guests import PlannedGuests
from meshgate.app.identities import Identities
from meshgate.app.joining import Joining
from meshgate.app.machine import MachineParts
from meshgate.app.mesh_authority import MeshAuthority, Wish
from meshgate.app.options import Options
from meshgate.app.overlay import overlay_of
from meshgate.app.pipeline import Pipeline
from meshgate.app.proxy_views import ProxyViews
from meshgate.app.reports import Reports
from meshgate.app.rotation import Rotation
from meshgate.app.signed_elsewhere import SignedElsewhere
from meshgate.app.status import MeshStatus
from meshgate.app.welcome import welcome
from meshgate.ca.grants import Granted
from meshgate.errors import MeshgateError
from meshgate.host.controllers import Settings, reconcile
from meshgate.host.dns import DnsServer, Forwarder, HostServers, parse_upstream
from meshgate.host.dns.forward import Upstream
from meshgate.host.edge import Edge
from meshgate.host.edge_ports import EdgeOptions, check_options
from meshgate.host.envoy_binary import find_envoy, load_schema
from meshgate.host.kubelet import Kubelet
from meshgate.host.lab import Lab, lab_bundle
from meshgate.host.network import PodNetwork, parse_ranges
from meshgate.host.network.host_side import HostSide
from meshgate.host.network.host_survey import mesh_id_of
from meshgate.host.network.services import ServiceRules
from meshgate.host.pods.building import MeshOnMachine
from meshgate.host.pods.places import Places
from meshgate.host.pods.users import UserIds
from meshgate.host.pods.worker import PodDeps
from meshgate.host.proxies import HostProxies
from meshgate.host.runtime import Runtime
from meshgate.host.spawn import HolderClient
from meshgate.host.streams import HostStreams
from meshgate.kube import KubeDeps, serve
from meshgate.mesh import Facts
from meshgate.store.admission import Admission
from meshgate.store.core import StatusFault
from meshgate.store.files import WatchedFiles
from meshgate.store.sqlite import Store
from meshgate.xds.server import AdsServer

log = logging.getLogger(__name__)

CLOSE_S = 5.0
"""Less than the holder waits between TERM and the end of everything."""
SETTLE_S = 0.5
"""How long a pod that ends waits for proxies to have heard of it."""
RUN_DIRECTORY = "run"
"""In the data directory: where the capsule mounts its tmpfs."""

Part = Callable[[asyncio.Event], Coroutine[Any, Any, None]]


def run(options: Options) -> None:
    """Run until TERM. Raises MeshgateError for what keeps the mesh from coming up."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        try:
            runner.run(_until_told(options))
        except BaseExceptionGroup as group:
            raise _first_fault(group) from group


def _first_fault(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The fault of the environment or of the user in a group, else the group: a bug keeps all of its traces."""
    found: BaseException | None = group.subgroup(MeshgateError)
    while isinstance(found, BaseExceptionGroup):
        found = found.exceptions[0]
    return found or group


async def _until_told(options: Options) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    load_schema()
    holder = HolderClient.from_environment()
    plane = ControlPlane(options, holder)
    await plane.open()
    async with asyncio.TaskGroup() as group:
        parts = group.create_task(plane.serve())
        stopping = group.create_task(stop.wait())
        await asyncio.wait((parts, stopping), return_when=asyncio.FIRST_COMPLETED)
        parts.cancel()
        stopping.cancel()
    async with asyncio.timeout(CLOSE_S):
        await plane.close()
    # the holder's connection closes with this process: the holder kills a control plane that has closed it


class ControlPlane:
    """The parts of one mesh, and how they are joined."""

    def __init__(self, options: Options, holder: HolderClient) -> None:
        data = options.data_path
        self._options = options
        self._holder = holder
        self._edge_options = EdgeOptions(
            host_address=options.host_address,
            http_port=options.http_port,
            https_port=options.https_port,
            joining_port=options.xds_tls_port,
        )
        check_options(self._edge_options)
        ranges = parse_ranges(options.pod_cidr, options.service_cidr, options.lb_cidr)
        overlay = overlay_of(options.settings)
        self._controllers = Settings(service_cidr=ranges.services, lb_cidr=ranges.load_balancers, overlay=overlay)
        self._ranges = ranges
        self._lab: Lab | None = None
        self._servers = name_servers(options, self._lab_servers)

        self.store = Store(data)
        self.blocked = BlockedCalls(self.store, lambda address: self.dns.recent.name_of(address), _now)
        self.ads = AdsServer(blocked=self.blocked.note)
        self.pipeline = Pipeline(self.store, self.ads, Compiler(Facts(), overlay), self._settle)
        self.admission = Admission(self.store, self.pipeline.admit)
        self.files = WatchedFiles(self.store, self.admission, [Path(file) for file in options.files])
        self.feeds = Feeds(ranges)
        self.authority = MeshAuthority(self.store, _now)
        self.identities = Identities(self.ads, self.pipeline.built, self.authority.trust, _now)
        self.signed_elsewhere = SignedElsewhere(self.store, _now)
        self.rotation = Rotation(self.authority.trust, self.identities, _now, self.signed_elsewhere.last_end)
        self._door = Door(self.ads, self.pipeline, self.identities)
        self.runtime = Runtime(holder)
        self.dns = DnsServer(self.feeds.names, Forwarder(self._servers))
        self.network = PodNetwork(ranges, holder, self.dns)
        self.host_side = HostSide(mesh_id_of(data), ranges, holder, data)
        self._mesh = MeshOnMachine(
            objects=self.store,
            places=Places(data=data, run=data / RUN_DIRECTORY),
            users=UserIds.of_mesh(options.data_dir),
            private=(options.data_dir, str(Path(options.api_socket).parent)),
            envoy=find_envoy(),
            host_address=str(ranges.host),
            bundle=lab_bundle(data / RUN_DIRECTORY) if options.lab else None,
        )
        if options.lab:
            self._lab = Lab(self.runtime, self._mesh, holder, self.store)
        self.tokens = AccountTokens(self.store, issuer_of(self._mesh.domain))
        joining = Joining(
            self.ads, self.pipeline, self.identities, self.authority.trust, self.tokens, _now, self._granted
        )
        self.edge = Edge(
            self.runtime, self.ads, self._mesh, self._edge_options, joining if options.xds_tls_port else None
        )
        self._machine = MachineParts(
            self.pipeline, self._door, self.feeds, self.edge, self.runtime, self._told, self._lab
        )
        self.file_secrets = FileSecrets(self.ads, self.pipeline.built, self._machine.processes)
        self.status = MeshStatus(self.pipeline, self.ads, self._machine, self.blocked.told)

    async def open(self) -> None:
        """Find the network of the control plane before us, or make one; raises for what is in the way."""
        if not await self._holder.kept():
            await self.host_side.check([server.address for server in self._servers()])
        await self.network.open()
        if self._lab is not None:
            await self._lab.open(self.network.router)
        self._machine.notices = await self.host_side.open(self.network.router)

    async def close(self) -> None:
        """Put the host's settings back; the pods end with the capsule."""
        await self.host_side.close()
        self.store.close()
        await self.ads.stop()  # gRPC complains of servers that outlive their loop

    async def serve(self) -> None:
        """Start the parts in their order, each when those before it are ready; run them until cancelled."""
        built = self.pipeline.build()
        self.feeds.take(built)
        assert built.snapshot is not None
        rsa_bits = own_rsa_bits(built.resources, self._controllers.overlay)
        await self.authority.open(Wish(organization=built.snapshot.world.mesh.trust_domain, rsa_bits=rsa_bits))
        async with asyncio.TaskGroup() as group:
            for part in self._parts():
                ready = asyncio.Event()
                group.create_task(_run(part, ready))
                await ready.wait()  # no deadline: `up` has one for all of it
            if self._options.xds_port:
                await self.ads.open_port(self._options.xds_port, PlannedGuests(self.pipeline))
            if self._options.files:
                await self._load_files(group)
            told = await welcome(self.store, self.files.problems.value, self._machine.notices, self._edge_options)
            lab = {"lab": self._lab.told()} if self._lab is not None else {}
            await self._holder.tell_ready({**told, **lab})

    def _told(self) -> Sequence[Problem]:
        """Of watched files, of the Secrets of the authority, of certificates in files, and of the lab's settings."""
        found = (*self.authority.problems.value, *self.file_secrets.problems.value)
        of_lab = self._lab.problems() if self._lab is not None else ()
        return (*self.files.problems.value, *self.pipeline.placed((*found, *of_lab)))

    def _parts(self) -> tuple[tuple[str, Part], ...]:
        """The parts in the order in which they start: what others need first."""
        deps = PodDeps(
            store=self.store,
            runtime=self.runtime,
            network=self.network,
            door=self._door,
            mesh=self._mesh,
            now=_now,
            settle=self._settle_endpoints,
        )
        kubelet = Kubelet(self.store, deps)
        streams = HostStreams(kubelet, self.runtime, deps.now)
        kube = KubeDeps(
            store=self.store,
            admission=self.admission,
            streams=streams,
            mesh=self.status,
            tokens=self.tokens,
            proxies=ProxyViews(self.pipeline, self.ads, HostProxies(kubelet)),
        )
        rules = ServiceRules(self.network.router, self._ranges.router)
        lab = self._lab
        return (
            *([("lab", lambda ready: lab.run(ready=ready))] if lab is not None else []),
            ("dns", lambda ready: self.dns.run(ready=ready)),
            ("service addresses", lambda ready: rules.run(self.feeds.services, ready=ready)),
            ("pipeline", _at_once(self.pipeline.run)),
            ("authority", _at_once(self.authority.run)),
            ("rotation", _at_once(self.rotation.run)),
            ("root certificates", _at_once(self._spread_roots)),
            ("identities", _at_once(self.identities.run)),
            ("certificates", _at_once(lambda: watch_certificates(self.pipeline))),
            ("feeds", _at_once(lambda: self.feeds.run(self.pipeline.built))),
            ("certificate files", _at_once(self.file_secrets.run)),
            ("pods", kubelet.serve),
            ("edge", lambda ready: self.edge.run(self.feeds.edge, ready=ready)),
            ("reports", _at_once(self._reports)),
            ("blocked calls", _at_once(self.blocked.run)),
            ("garbage", _at_once(lambda: set_aside(self.pipeline.built))),
            ("store", _at_once(self.store.maintain)),
            ("api", lambda ready: serve(kube, Path(self._options.api_socket), ready)),
        )

    def _lab_servers(self) -> tuple[Upstream, ...]:
        return self._lab.name_servers() if self._lab is not None else ()

    async def _settle_endpoints(self) -> None:
        """An ending pod is out of every proxy's endpoints before its applications are told to end; at best."""
        try:
            async with asyncio.timeout(SETTLE_S + 1):
                await self.pipeline.wait_built(self.store.revision.value)
                await self._machine.wait_followed()
                await self.ads.wait_applied(SETTLE_S)
        except (TimeoutError, StatusFault) as fault:
            # a busy machine, an edge that does not run yet, objects that cannot be compiled: the pod ends all the same
            log.info("a pod ends before all proxies have heard of it", extra={"reason": str(fault) or "too late"})

    async def _load_files(self, group: asyncio.TaskGroup) -> None:
        ready = asyncio.Event()
        group.create_task(_run(("files", self.files.serve), ready))
        await ready.wait()  # no deadline: `up` has one for all of it

    async def _reports(self) -> None:
        changed = asyncio.Event()
        reports = Reports(self.store, self.status.found)
        async with asyncio.TaskGroup() as group:
            group.create_task(reports.run(changed))
            group.create_task(_set_whenever(changed, self.pipeline.built))
            group.create_task(_set_whenever(changed, self.ads.state))
            group.create_task(_set_whenever(changed, self.files.problems))
            group.create_task(_set_whenever(changed, self.authority.problems))
            group.create_task(_set_whenever(changed, self.file_secrets.problems))

    async def _spread_roots(self) -> None:
        """Whenever other roots are trusted, all namespaces are told."""
        async for trust in self.authority.trust:
            roots = trust.roots_pem.decode() if trust is not None else ""
            self._controllers = replace(self._controllers, roots_pem=roots)
            self._settle(("ConfigMap",))

    def _granted(self, granted: Granted) -> None:
        """Who has signed for others stays trusted until that has ended."""
        self.signed_elsewhere.note(granted.authority, granted.ends)

    def _settle(self, changed: Collection[str]) -> Collection[str]:
        now = _now().strftime("%Y-%m-%dT%H:%M:%SZ")
        return reconcile(self.store, self._controllers, now, changed=changed)


def _now() -> datetime:
    return datetime.now(UTC)


def name_servers(options: Options, lab: Callable[[], tuple[Upstream, ...]]) -> Callable[[], tuple[Upstream, ...]]:
    """Who is asked for names outside the mesh."""
    if options.lab:
        return lab
    if not options.dns_upstream:
        return HostServers()
    given = parse_upstream(options.dns_upstream)
    return lambda: (given,)


async def _run(part: tuple[str, Part], ready: asyncio.Event) -> None:
    name, serve_part = part
    log.debug("a part starts", extra={"part": name})
    await serve_part(ready)
    raise AssertionError(f"the part {name!r} has ended by itself")


def _at_once(function: Callable[[], Coroutine[Any, Any, None]]) -> Part:
    """A part that is ready as soon as it has started."""

    async def part(ready: asyncio.Event) -> None:
        ready.set()
        await function()

    return part


async def _set_whenever(event: asyncio.Event, latest: Latest[Any]) -> None:
    async for _ in latest:
        event.set()
