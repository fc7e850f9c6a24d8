"""Which proxies there are: the pods with a container `istio-proxy` and an address."""

from __future__ import annotations

from collections.abc import Iterable

from meshgate.api import AnyResource, Pod, Resource, of_type
from meshgate.host.dns import ENVOY_DNS_PORT
from meshgate.host.edge_ports import EDGE_SOCKET
from meshgate.host.pods.injection import proxy_role
from meshgate.host.pods.places import VIEW_EDGE
from meshgate.mesh import workload_of
from meshgate.plan import Proxy

EDGE_PATH = f"{VIEW_EDGE}/{EDGE_SOCKET}"
"""In a gateway's view: where the edge Envoy's connections come in; the port is put behind it."""
ENVOY_DNS = ("127.0.0.1", ENVOY_DNS_PORT)


def proxy_id(namespace: str, name: str) -> str:
    """How a proxy is called everywhere: `NAME.NAMESPACE`, as istioctl does."""
    return f"{name}.{namespace}"


def proxy_of(resource: Resource[Pod]) -> Proxy | None:
    """The pod's proxy as a value; None for a pod without one, or without an address yet."""
    role = proxy_role(resource.meta, resource.spec)
    workload = workload_of(resource)
    if role == "none" or not workload.addresses:
        return None
    return Proxy(
        role=role,
        name=workload.name,
        namespace=workload.namespace,
        labels=workload.labels,
        addresses=workload.addresses,
        service_account=workload.service_account,
        workload=workload.owner,
        node=workload.node,
        locality=workload.locality,
        dns_resolver=ENVOY_DNS,
        edge_socket=EDGE_PATH if role == "router" else None,
    )


def proxies_of(resources: Iterable[AnyResource]) -> dict[str, Proxy]:
    """All proxies by their id."""
    found = (proxy_of(pod) for pod in of_type(resources, Pod))
    return {proxy_id(proxy.namespace, proxy.name): proxy for proxy in found if proxy is not None}
