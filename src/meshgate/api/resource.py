"""A decoded object: kind, metadata and a typed spec."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Generic, TypeVar, cast

import msgspec

from meshgate.api.config import ConfigMap, Event, Namespace, Secret, ServiceAccount
from meshgate.api.destination_rule import DestinationRule
from meshgate.api.gateway import Gateway
from meshgate.api.istio_operator import IstioOperator
from meshgate.api.meta import Meta
from meshgate.api.peer_authentication import PeerAuthentication
from meshgate.api.ref import Origin, Ref
from meshgate.api.service import Endpoints, EndpointSlice, Service
from meshgate.api.service_entry import ServiceEntry, WorkloadEntry
from meshgate.api.sidecar import Sidecar
from meshgate.api.virtual_service import VirtualService
from meshgate.api.workload import Deployment, Pod

Spec = (
    Gateway
    | VirtualService
    | DestinationRule
    | ServiceEntry
    | WorkloadEntry
    | PeerAuthentication
    | Sidecar
    | IstioOperator
    | Namespace
    | Service
    | Endpoints
    | EndpointSlice
    | Pod
    | Deployment
    | Secret
    | ConfigMap
    | ServiceAccount
    | Event
)

S_co = TypeVar("S_co", bound=Spec, covariant=True)
S = TypeVar("S", bound=Spec)


class Resource(msgspec.Struct, Generic[S_co], frozen=True, kw_only=True, cache_hash=True, gc=False):
    """An object. `Resource[VirtualService]` has a VirtualService's spec; `AnyResource` is one of any kind."""

    api_version: str
    kind: str
    meta: Meta
    spec: S_co
    status_addresses: tuple[str, ...] = ()
    """What the status says of addresses: a ServiceEntry's assigned ones, a Pod's, a Service's load balancer's."""
    status_ready: bool = True
    """False: a Pod whose status says that it is not ready."""

    @property
    def ref(self) -> Ref:
        return Ref(self.kind, self.meta.namespace, self.meta.name)

    def origin(self, path: str = "") -> Origin:
        """Names a field of the object."""
        return Origin(self.ref, path)


AnyResource = Resource[Spec]


class Resources(tuple[AnyResource, ...]):
    """Resources that are asked for by type again and again (`of_type`): there may be thousands of them."""

    @cached_property
    def by_type(self) -> Mapping[type[object], tuple[AnyResource, ...]]:
        """In the order given."""
        found: dict[type[object], list[AnyResource]] = defaultdict(list)
        for resource in self:
            found[type(resource.spec)].append(resource)
        return {spec_type: tuple(each) for spec_type, each in found.items()}


def of_type(resources: Iterable[AnyResource], spec_type: type[S]) -> tuple[Resource[S], ...]:
    """Those resources whose spec has this type, in the order given.

    >>> of_type([], VirtualService)
    ()
    """
    if isinstance(resources, Resources):
        return cast("tuple[Resource[S], ...]", resources.by_type.get(spec_type, ()))
    return tuple(cast("Resource[S]", resource) for resource in resources if isinstance(resource.spec, spec_type))
