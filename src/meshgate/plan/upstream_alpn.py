"""ALPN towards workloads of the mesh: it tells the sidecar there whether HTTP comes or other bytes.

Istio's Envoy has a filter that says it for each request. Stock Envoy has none, so the cluster says it: it is for HTTP
of one version, for HTTP of whichever version the client speaks, or for other bytes. Where bytes are sent to a cluster
for HTTP, a network filter in their chain says otherwise (docs/adr/0014-alpn-names.md).
"""

from __future__ import annotations

from typing import Final

from meshgate.api import ClientTLSMode, ClientTLSSettings, MeshConfig
from meshgate.mesh import BoundDestinationRule, MeshService, Port, Protocol
from meshgate.plan.traffic_policies import effective_policy
from meshgate.plan.upstream_http import upstream_http
from meshgate.plan.values import HttpProtocolOptions

Alpn = tuple[str, ...]

HTTP1: Final[Alpn] = ("istio-http/1.1", "istio", "http/1.1")
HTTP2: Final[Alpn] = ("istio-h2", "istio", "h2")
HTTP_OF_CLIENT: Final[Alpn] = ("istio-http/1.1", "istio")
"""Nothing that the other end could choose, so it looks at the first bytes to tell HTTP/2 from HTTP/1.1."""
BYTES: Final[Alpn] = ("istio",)
"""Without `istio-peer-exchange`: it promises a header that stock Envoy does not send."""


def mesh_alpn(http: HttpProtocolOptions | None, protocol: Protocol) -> Alpn:
    """What a cluster for a port of this protocol says."""
    if http is not None and http.protocol == "explicit_http2":
        return HTTP2
    if http is not None and http.protocol == "use_downstream":
        return HTTP_OF_CLIENT
    return HTTP1 if protocol.is_http_or_sniffed else BYTES


def opens_mesh_tls(service: MeshService, tls: ClientTLSSettings | None, mesh: MeshConfig) -> bool:
    """Whether mutual TLS of the mesh may be opened to a service at all."""
    if tls is None:
        return mesh.enable_auto_mtls and not service.is_external
    return tls.mode is ClientTLSMode.ISTIO_MUTUAL


def alpn_of_bytes(
    service: MeshService, port: Port, subset: str, rule: BoundDestinationRule | None, mesh: MeshConfig
) -> Alpn:
    """What a chain must say that sends bytes to a cluster for HTTP; empty where the cluster is right."""
    policy = effective_policy(rule, subset, port.number)
    if not opens_mesh_tls(service, policy.tls, mesh):
        return ()
    # to a sniffed port gateways speak another version of HTTP, but HTTP as well
    http = upstream_http(port.protocol, policy, mesh, is_sidecar=True)
    return () if mesh_alpn(http, port.protocol) == BYTES else BYTES
