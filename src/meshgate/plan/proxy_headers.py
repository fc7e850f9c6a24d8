"""Headers that proxies set by themselves, as `defaultConfig.proxyHeaders` of the mesh configuration says.

(istio:pilot/pkg/networking/util/proxyheaders.go)
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from meshgate.api import ForwardClientCertDetails, MeshConfig, ProxyHeaders
from meshgate.plan.values import (
    ClientCertificateDetails,
    ForwardMode,
    HttpConnectionManagerPlan,
    RouterFilter,
    VirtualHostPlan,
)

NO_HEADERS = ProxyHeaders()


def _headers(mesh: MeshConfig) -> ProxyHeaders:
    return mesh.default_config.proxy_headers or NO_HEADERS


def with_proxy_headers(manager: HttpConnectionManagerPlan, mesh: MeshConfig) -> HttpConnectionManagerPlan:
    """The connection manager with what the mesh says of `server`, `x-request-id`, `x-envoy-*` and the like."""
    given = _headers(mesh)
    if given == NO_HEADERS:
        return manager
    has_server = not (given.server and given.server.disabled)
    is_quiet = bool(given.envoy_debug_headers and given.envoy_debug_headers.disabled)
    return msgspec.structs.replace(
        manager,
        server_name=((given.server and given.server.value) or manager.server_name) if has_server else "",
        server_header="OVERWRITE" if has_server else "PASS_THROUGH",
        generates_request_id=not (given.request_id and given.request_id.disabled),
        preserve_header_case=bool(given.preserve_http1_header_case),
        append_x_forwarded_port=bool(given.x_forwarded_port and given.x_forwarded_port.enabled),
        http_filters=(*manager.http_filters[:-1], RouterFilter(suppress_envoy_headers=is_quiet)),
    )


def forward_mode(mode: ForwardClientCertDetails, default: ForwardMode) -> ForwardMode:
    """What becomes of x-forwarded-client-cert."""
    return default if mode is ForwardClientCertDetails.UNDEFINED else _MODES[mode]


_MODES: dict[ForwardClientCertDetails, ForwardMode] = {
    ForwardClientCertDetails.SANITIZE: "SANITIZE",
    ForwardClientCertDetails.FORWARD_ONLY: "FORWARD_ONLY",
    ForwardClientCertDetails.APPEND_FORWARD: "APPEND_FORWARD",
    ForwardClientCertDetails.SANITIZE_SET: "SANITIZE_SET",
    ForwardClientCertDetails.ALWAYS_FORWARD_ONLY: "ALWAYS_FORWARD_ONLY",
}


def inbound_forward_mode(mesh: MeshConfig) -> ForwardMode:
    """What a sidecar does with x-forwarded-client-cert; gateways ask their topology instead."""
    return forward_mode(_headers(mesh).forwarded_client_cert, "APPEND_FORWARD")


def inbound_certificate_details(mesh: MeshConfig) -> ClientCertificateDetails:
    """What of a client's certificate a sidecar tells its workload."""
    given = _headers(mesh).set_current_client_cert_details
    if given is None:
        return ClientCertificateDetails(subject=True, uri=True, dns=True)
    return ClientCertificateDetails(
        subject=given.subject is not False,
        uri=given.uri is not False,
        dns=given.dns is not False,
        cert=bool(given.cert),
        chain=bool(given.chain),
    )


def appends_forwarded_host(mesh: MeshConfig) -> bool:
    """Whether a host that is rewritten is kept in x-forwarded-host."""
    given = _headers(mesh).x_forwarded_host
    return bool(given and given.enabled)


def with_attempt_counts(hosts: Iterable[VirtualHostPlan], mesh: MeshConfig) -> tuple[VirtualHostPlan, ...]:
    """Virtual hosts, without x-envoy-attempt-count if the mesh does not want it."""
    given = _headers(mesh).attempt_count
    if not (given and given.disabled):
        return tuple(hosts)
    return tuple(msgspec.structs.replace(host, include_request_attempt_count=False) for host in hosts)
