"""Why a proxy takes and sends the TLS that it does: the rules by which it was planned, for one who asks.

What is taken and sent is read from what was planned; here is only who says so. Each question is answered by the same
look-ups as the plan's own.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from meshgate.api import ClientTLSMode, Origin
from meshgate.mesh import (
    BoundServer,
    Memo,
    MeshEndpoint,
    MeshService,
    PeerAuthenticationIndex,
    ServiceTarget,
    SidecarIndex,
    Snapshot,
    at,
    service_targets,
)
from meshgate.mesh.workloads import TLS_MODE_LABEL
from meshgate.plan.compose import client_scope
from meshgate.plan.gateway_servers import merged_servers, sni_hosts
from meshgate.plan.ingress_targets import ingress_targets
from meshgate.plan.proxy import Proxy
from meshgate.plan.traffic_policies import effective_policy

LABEL = f"{TLS_MODE_LABEL}: istio"


class Reason(Struct, frozen=True, kw_only=True, order=True):
    """Who decides, and by what."""

    text: str
    origin: Origin | None = None
    """The field of an object; None where no object says anything."""


class TlsReasons:
    """The reasons of one proxy."""

    def __init__(self, snapshot: Snapshot, proxy: Proxy, memo: Memo | None = None) -> None:
        world = snapshot.world
        self._snapshot = snapshot
        self._proxy = proxy
        self._scope = client_scope(snapshot, proxy, memo)
        self._policies = PeerAuthenticationIndex(world.peer_authentications, world.mesh.root_namespace)
        self._workloads = {address: one for one in snapshot.workloads.values() for address in one.addresses}
        self._targets = _targets(snapshot, proxy)

    def served(self, port: int) -> tuple[str, ...]:
        """The services that lead to a port of the workload, as `host:port`."""
        found = (target for target in self._targets if target.target == port and _has_service(target))
        return tuple(dict.fromkeys(f"{target.service.hostname}:{target.port.number}" for target in found))

    def taken(self, port: int, *, has_own_tls: bool = False) -> Reason:
        """Why a sidecar takes what it takes at a port of the workload; 0: at all others.

        `has_own_tls`: it ends TLS there that is none of the mesh's, which only a Sidecar can say.
        """
        said = (target.ingress.origin for target in self._targets if target.target == port and target.ingress)
        origin = next((each for each in said if each is not None), None)
        if has_own_tls and origin is not None:
            return Reason(text="ingress listener of the Sidecar", origin=at(origin, "tls"))
        decision = self._policies.decision(self._proxy.namespace, self._proxy.labels, port)
        if decision.origin is None:
            return Reason(text="no PeerAuthentication says otherwise")
        return Reason(text=f"for the {decision.level}", origin=decision.origin)

    def taken_by_gateway(self, port: int, server_names: tuple[str, ...]) -> tuple[Reason, ...]:
        """The servers that a gateway has at a port for these names."""
        ports, _ = merged_servers(self._snapshot.world.gateways, self._proxy.labels, self._targets)
        servers = [server for one in ports if one.port == port for server in one.servers]
        exact = [server for server in servers if sni_hosts(server) == tuple(sorted(server_names))]
        return tuple(map(_server_reason, exact or servers))

    def sent(
        self, hostname: str, subset: str, port: int, *, opens_tls: bool, endpoints: Iterable[tuple[str, int]]
    ) -> tuple[Reason, ...]:
        """Why these endpoints of a destination are sent TLS, or are not; each reason once."""
        service = self._scope.by_host.get(hostname)
        policy = effective_policy(self._scope.rule_for_host(hostname), subset, port)
        if policy.tls is not None:
            text = f"DestinationRule says {policy.tls.mode.value}"
            if not opens_tls and policy.tls.mode is not ClientTLSMode.DISABLE:
                text += ", by a Secret that is for gateways, and for sidecars that a workloadSelector selects"
            return (Reason(text=text, origin=policy.tls_origin),)
        if service is None or service.is_external:
            origin = service.origin if service is not None else None
            return (Reason(text="outside of the mesh", origin=origin),)
        if not self._snapshot.world.mesh.enable_auto_mtls:
            return (Reason(text="MeshConfig enableAutoMtls is false"),)
        if opens_tls:
            return (Reason(text=f"automatic: labelled {LABEL}"),)
        known = {(each.address, each.port): each for each in self._endpoints(service, port)}
        found = {self._plain(known[where]) if where in known else _UNLABELLED for where in endpoints}
        return tuple(sorted(found or {_UNLABELLED}, key=lambda reason: (reason.text, str(reason.origin))))

    def _endpoints(self, service: MeshService, port: int) -> Iterable[MeshEndpoint]:
        yield from self._snapshot.endpoints.of(service.hostname, service.namespace, port)
        yield from (each.endpoint for each in service.fixed if each.port == port)

    def _plain(self, endpoint: MeshEndpoint) -> Reason:
        """Why an endpoint is sent plaintext."""
        if endpoint.tls_mode != "istio":
            return _UNLABELLED
        if not endpoint.refuses_mutual_tls:
            return Reason(text=f"labelled {LABEL}, but this proxy opens no mutual TLS to it")
        workload = self._workloads.get(endpoint.address)
        if workload is None:
            return Reason(text="PeerAuthentication there says DISABLE")
        decision = self._policies.decision(workload.namespace, workload.labels, endpoint.port)
        return Reason(text=f"for the {decision.level} there: DISABLE", origin=decision.origin)


def _server_reason(bound: BoundServer) -> Reason:
    tls = bound.server.tls
    if tls is None:
        return Reason(text="server of the Gateway", origin=bound.origin)
    return Reason(text=f"server of the Gateway says {tls.mode.value}", origin=at(bound.origin, "tls"))


def _targets(snapshot: Snapshot, proxy: Proxy) -> tuple[ServiceTarget, ...]:
    targets = service_targets(snapshot, proxy.namespace, proxy.name, proxy.labels, proxy.addresses)
    world = snapshot.world
    sidecar = SidecarIndex(world.sidecars, world.mesh.root_namespace).of(proxy.namespace, proxy.labels)
    if proxy.role == "router" or sidecar is None:
        return targets
    return ingress_targets(targets, sidecar, proxy.namespace, proxy.addresses)


def _has_service(target: ServiceTarget) -> bool:
    return target.ingress is None or target.ingress.has_service


_UNLABELLED = Reason(text=f"automatic: not labelled {LABEL}")
