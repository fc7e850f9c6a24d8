"""PeerAuthentications: which TLS each port of each workload takes.

Of the policies for a workload the oldest for its labels, the oldest of its namespace and the oldest of the mesh count;
what one leaves open the next wider one says, and PERMISSIVE is what nobody changes. Ports are the workload's own, and
only policies with a selector speak of them. In the root namespace a policy with a selector counts for nothing.
(istio:pilot/pkg/model/authentication.go, pilot/pkg/security/authn/policy_applier.go#ComposePeerAuthentication)
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from enum import StrEnum
from typing import Literal

from msgspec import Struct

from meshgate.api import Labels, MutualTLS, MutualTLSMode, Origin, PeerAuthentication, Ref, Resource, is_subset
from meshgate.mesh.memo import Memo
from meshgate.mesh.virtual_services import config_order


class MtlsMode(StrEnum):
    """What a port takes from other workloads."""

    DISABLE = "DISABLE"
    """What comes goes to the workload as it is, TLS included."""
    PERMISSIVE = "PERMISSIVE"
    """Mutual TLS of the mesh, and what comes otherwise goes to the workload as it is."""
    STRICT = "STRICT"
    """Nothing but mutual TLS of the mesh."""


DEFAULT_MODE = MtlsMode.PERMISSIVE


class BoundPeerAuthentication(Struct, frozen=True, kw_only=True, cache_hash=True):
    """A PeerAuthentication; a mode is None where the next wider policy decides."""

    ref: Ref
    selector: Labels = ()
    mode: MtlsMode | None = None
    ports: tuple[tuple[int, MtlsMode | None], ...] = ()

    @property
    def namespace(self) -> str:
        return self.ref.namespace


class WorkloadMtls(Struct, frozen=True, kw_only=True, cache_hash=True):
    """What the ports of one workload take."""

    mode: MtlsMode = DEFAULT_MODE
    ports: tuple[tuple[int, MtlsMode], ...] = ()
    """The ports that have a setting of their own, sorted."""

    def of(self, port: int) -> MtlsMode:
        """What a port takes."""
        return next((mode for number, mode in self.ports if number == port), self.mode)


def bind_peer_authentications(
    resources: Iterable[Resource[PeerAuthentication]], memo: Memo
) -> tuple[BoundPeerAuthentication, ...]:
    """All policies, oldest first."""
    ordered = sorted(resources, key=lambda one: config_order(one.meta.creation, one.meta.namespace, one.meta.name))
    return tuple(memo.get(_bind, resource) for resource in ordered)


def _bind(resource: Resource[PeerAuthentication]) -> BoundPeerAuthentication:
    spec = resource.spec
    selector = spec.selector.match_labels if spec.selector else ()
    return BoundPeerAuthentication(
        ref=resource.ref,
        selector=selector,
        mode=_mode(spec.mtls),
        ports=tuple((port, _mode(mtls)) for port, mtls in spec.port_level_mtls or ()) if selector else (),
    )


def _mode(mtls: MutualTLS | None) -> MtlsMode | None:
    return None if mtls is None or mtls.mode is MutualTLSMode.UNSET else MtlsMode(mtls.mode.value)


class Decision(Struct, frozen=True, kw_only=True):
    """What a port takes, and who says so."""

    mode: MtlsMode
    level: Literal["mesh", "namespace", "workload", "port", "default"]
    origin: Origin | None = None
    """The field of a policy; None: nobody says anything."""


class PeerAuthenticationIndex:
    """Finds the policies of a workload."""

    def __init__(self, policies: Iterable[BoundPeerAuthentication], root_namespace: str) -> None:
        self.root_namespace = root_namespace
        self._for_all: dict[str, BoundPeerAuthentication] = {}
        self._for_some: dict[str, list[BoundPeerAuthentication]] = defaultdict(list)
        for policy in policies:
            if not policy.selector:
                self._for_all.setdefault(policy.namespace, policy)
            elif policy.namespace != root_namespace:
                self._for_some[policy.namespace].append(policy)

    def policies_of(self, namespace: str, labels: Labels) -> tuple[BoundPeerAuthentication, ...]:
        """Those that count for a workload, the narrowest first; at most three."""
        chosen = [self._for_workload(namespace, labels), self._for_all.get(namespace)]
        if namespace != self.root_namespace:
            chosen.append(self._for_all.get(self.root_namespace))
        return tuple(policy for policy in chosen if policy is not None)

    def workload_mtls(self, namespace: str, labels: Labels) -> WorkloadMtls:
        """What the ports of a workload take."""
        chosen = self.policies_of(namespace, labels)
        mode = next((policy.mode for policy in chosen if policy.mode is not None), DEFAULT_MODE)
        ports = chosen[0].ports if chosen else ()
        return WorkloadMtls(mode=mode, ports=tuple((port, own or mode) for port, own in ports))

    def decision(self, namespace: str, labels: Labels, port: int) -> Decision:
        """What a port of a workload takes, and who says so; as `workload_mtls`, for one who asks why."""
        chosen = self.policies_of(namespace, labels)
        own = next((mode for policy in chosen[:1] for number, mode in policy.ports if number == port), None)
        if own is not None:
            origin = Origin(chosen[0].ref, f"spec.portLevelMtls[{port}].mode")
            return Decision(mode=own, level="port", origin=origin)
        for policy in chosen:
            if policy.mode is not None:
                return Decision(
                    mode=policy.mode, level=self._level(policy), origin=Origin(policy.ref, "spec.mtls.mode")
                )
        return Decision(mode=DEFAULT_MODE, level="default")

    def _level(self, policy: BoundPeerAuthentication) -> Literal["mesh", "namespace", "workload"]:
        if policy.selector:
            return "workload"
        return "mesh" if policy.namespace == self.root_namespace else "namespace"

    def _for_workload(self, namespace: str, labels: Labels) -> BoundPeerAuthentication | None:
        candidates = self._for_some.get(namespace, ())
        return next((policy for policy in candidates if is_subset(policy.selector, labels)), None)


def workload_mtls(
    memo: Memo, policies: tuple[BoundPeerAuthentication, ...], root_namespace: str, namespace: str, labels: Labels
) -> WorkloadMtls:
    """What the ports of a workload take, for `Memo.nest`: the value changes only where the answer does."""
    return memo.get(PeerAuthenticationIndex, policies, root_namespace).workload_mtls(namespace, labels)
