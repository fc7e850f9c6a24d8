"""The kinds that meshgate knows: names, API groups and versions, and where the typed part of the object is."""

from __future__ import annotations

from typing import Final

import msgspec

from meshgate.api.config import ConfigMap, Event, Namespace, Secret, ServiceAccount
from meshgate.api.destination_rule import DestinationRule
from meshgate.api.gateway import Gateway
from meshgate.api.istio_operator import IstioOperator
from meshgate.api.peer_authentication import PeerAuthentication
from meshgate.api.resource import Spec
from meshgate.api.service import Endpoints, EndpointSlice, Service
from meshgate.api.service_entry import ServiceEntry, WorkloadEntry
from meshgate.api.sidecar import Sidecar
from meshgate.api.virtual_service import VirtualService
from meshgate.api.workload import Deployment, Pod

_ISTIO_GROUPS: Final = frozenset({"networking.istio.io", "security.istio.io"})


class Kind(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of object."""

    kind: str
    spec_type: type[Spec]
    group: str = ""
    """Empty: the core group."""
    versions: tuple[str, ...] = ("v1",)
    """Preferred first. All versions of a kind have the same content."""
    plural: str
    singular: str
    short_names: tuple[str, ...] = ()
    namespaced: bool = True
    categories: tuple[str, ...] = ()
    has_spec: bool = True
    """Whether the content is in `spec`; else it is at the top of the object, as in a Secret."""

    @property
    def api_version(self) -> str:
        """The preferred one."""
        return self.api_versions[0]

    @property
    def api_versions(self) -> tuple[str, ...]:
        """All, preferred first, such as `networking.istio.io/v1`."""
        return tuple(f"{self.group}/{version}" if self.group else version for version in self.versions)

    @property
    def is_protobuf(self) -> bool:
        """Decoded by protobuf's rules of JSON, as Istio's own kinds are, rather than by Kubernetes'."""
        return self.group in _ISTIO_GROUPS


def _networking(kind: str, spec_type: type[Spec], plural: str, short_name: str) -> Kind:
    return Kind(
        kind=kind,
        spec_type=spec_type,
        group="networking.istio.io",
        versions=("v1", "v1beta1", "v1alpha3"),
        plural=plural,
        singular=kind.lower(),
        short_names=(short_name,) if short_name else (),
        categories=("istio-io", "networking-istio-io"),
    )


def _security(kind: str, spec_type: type[Spec], plural: str, short_name: str) -> Kind:
    return Kind(
        kind=kind,
        spec_type=spec_type,
        group="security.istio.io",
        versions=("v1", "v1beta1"),
        plural=plural,
        singular=kind.lower(),
        short_names=(short_name,),
        categories=("istio-io", "security-istio-io"),
    )


KINDS: Final[tuple[Kind, ...]] = (
    _networking("Gateway", Gateway, "gateways", "gw"),
    _networking("VirtualService", VirtualService, "virtualservices", "vs"),
    _networking("DestinationRule", DestinationRule, "destinationrules", "dr"),
    _networking("ServiceEntry", ServiceEntry, "serviceentries", "se"),
    _networking("WorkloadEntry", WorkloadEntry, "workloadentries", "we"),
    _security("PeerAuthentication", PeerAuthentication, "peerauthentications", "pa"),
    _networking("Sidecar", Sidecar, "sidecars", ""),
    Kind(
        kind="IstioOperator",
        spec_type=IstioOperator,
        group="install.istio.io",
        versions=("v1alpha1",),
        plural="istiooperators",
        singular="istiooperator",
        short_names=("iop", "io"),
    ),
    Kind(
        kind="Namespace",
        spec_type=Namespace,
        plural="namespaces",
        singular="namespace",
        short_names=("ns",),
        namespaced=False,
    ),
    Kind(
        kind="Service",
        spec_type=Service,
        plural="services",
        singular="service",
        short_names=("svc",),
        categories=("all",),
    ),
    Kind(
        kind="Endpoints",
        spec_type=Endpoints,
        plural="endpoints",
        singular="endpoints",
        short_names=("ep",),
        has_spec=False,
    ),
    Kind(
        kind="EndpointSlice",
        spec_type=EndpointSlice,
        group="discovery.k8s.io",
        plural="endpointslices",
        singular="endpointslice",
        has_spec=False,
    ),
    Kind(kind="Pod", spec_type=Pod, plural="pods", singular="pod", short_names=("po",), categories=("all",)),
    Kind(
        kind="Deployment",
        spec_type=Deployment,
        group="apps",
        plural="deployments",
        singular="deployment",
        short_names=("deploy",),
        categories=("all",),
    ),
    Kind(kind="Secret", spec_type=Secret, plural="secrets", singular="secret", has_spec=False),
    Kind(
        kind="ConfigMap",
        spec_type=ConfigMap,
        plural="configmaps",
        singular="configmap",
        short_names=("cm",),
        has_spec=False,
    ),
    Kind(
        kind="ServiceAccount",
        spec_type=ServiceAccount,
        plural="serviceaccounts",
        singular="serviceaccount",
        short_names=("sa",),
        has_spec=False,
    ),
    Kind(
        kind="Event",
        spec_type=Event,
        plural="events",
        singular="event",
        short_names=("ev",),
        has_spec=False,
    ),
)
"""All kinds, in the order of `api-resources` by group."""

_BY_API_VERSION: Final = {(version, kind.kind): kind for kind in KINDS for version in kind.api_versions}


def kind_of(api_version: str, kind: str) -> Kind | None:
    """The kind, or None if there is none of that name in that version."""
    return _BY_API_VERSION.get((api_version, kind))
