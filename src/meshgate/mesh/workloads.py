"""Workloads: the pods, as far as selectors, endpoints and names of proxies need them."""

from __future__ import annotations

from msgspec import Struct

from meshgate.api import Labels, Pod, Resource, TransportProtocol, find

TLS_MODE_LABEL = "security.istio.io/tlsMode"
LOCALITY_LABEL = "istio-locality"


class Workload(Struct, frozen=True, kw_only=True, cache_hash=True, gc=False):
    """A pod."""

    name: str
    namespace: str
    labels: Labels
    addresses: tuple[str, ...]
    service_account: str
    owner: str
    """Name of the Deployment (or other owner), else of the pod itself."""
    ports: tuple[tuple[str, int], ...] = ()
    """Named container ports, in the order given: a Service's `targetPort` may be one of the names."""
    node: str = ""
    locality: str = ""
    """`region/zone/subzone`."""
    is_ready: bool = True
    """Its condition `Ready`; a pod that says nothing of it is taken as ready."""

    @property
    def account(self) -> str:
        """As `namespace/service account`."""
        return f"{self.namespace}/{self.service_account}"

    def port_named(self, name: str) -> int | None:
        return next((number for port, number in self.ports if port == name), None)


def workload_of(resource: Resource[Pod]) -> Workload:
    """The mesh's view of a pod."""
    meta, spec = resource.meta, resource.spec
    return Workload(
        name=meta.name,
        namespace=meta.namespace,
        labels=meta.labels,
        addresses=resource.status_addresses,
        service_account=spec.service_account_name or "default",
        owner=_owner(resource),
        ports=tuple(
            (port.name, port.container_port)
            for container in spec.containers
            for port in container.ports
            if port.name and port.protocol is TransportProtocol.TCP
        ),
        node=spec.node_name,
        locality=meta.label(LOCALITY_LABEL).replace(".", "/"),
        is_ready=resource.status_ready,
    )


def _owner(resource: Resource[Pod]) -> str:
    """The controlling owner. A ReplicaSet's name ends in a hash, what stands before it is the Deployment."""
    owner = next((owner for owner in resource.meta.owners if owner.controller), None)
    if owner is None:
        return resource.meta.name
    return owner.name.rsplit("-", 1)[0] if owner.kind == "ReplicaSet" else owner.name


def workload_identifier(workload: Workload, cluster_id: str) -> str:
    """How an endpoint's metadata names its workload: name, namespace, canonical name and revision, cluster."""
    labels = workload.labels
    canonical = (
        find(labels, "service.istio.io/canonical-name")
        or find(labels, "app.kubernetes.io/name")
        or find(labels, "app")
        or workload.owner
    )
    revision = (
        find(labels, "service.istio.io/canonical-revision")
        or find(labels, "app.kubernetes.io/version")
        or find(labels, "version")
        or "latest"
    )
    return f"{workload.owner};{workload.namespace};{canonical};{revision};{cluster_id}"
