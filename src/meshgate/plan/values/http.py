"""The HTTP connection manager: how bytes become requests, through which filters, to which routes.

The filters are a tuple of small values in the order in which a request passes them; the router is the last.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

from msgspec import Struct

from meshgate.api import Origin
from meshgate.plan.values.access_log import AccessLog
from meshgate.plan.values.route import RouteConfigurationPlan


class GrpcWebFilter(Struct, frozen=True, kw_only=True, cache_hash=True):
    """Makes gRPC calls of those that browsers send."""


class GrpcStatsFilter(Struct, frozen=True, kw_only=True, cache_hash=True):
    """Counts gRPC messages (`emit_filter_state`, not for all methods)."""


class FaultFilter(Struct, frozen=True, kw_only=True, cache_hash=True):
    """Delays and aborts as the route says; does nothing by itself."""


class CorsFilter(Struct, frozen=True, kw_only=True, cache_hash=True):
    """Answers preflight requests as the route says; does nothing by itself."""


class DynamicForwardProxyFilter(Struct, frozen=True, kw_only=True, cache_hash=True):
    """Resolves the request's own host before it is forwarded."""

    dns_cache: str


class RouterFilter(Struct, frozen=True, kw_only=True, cache_hash=True):
    """Forwards; the last of all."""

    suppress_envoy_headers: bool = False


HttpFilter = GrpcWebFilter | GrpcStatsFilter | FaultFilter | CorsFilter | DynamicForwardProxyFilter | RouterFilter


class RdsReference(Struct, frozen=True, kw_only=True, cache_hash=True):
    """A route configuration of its own, asked for by name over ADS."""

    name: str


class ClientCertificateDetails(Struct, frozen=True, kw_only=True, cache_hash=True):
    """What of the client's certificate goes into `x-forwarded-client-cert`."""

    subject: bool = False
    cert: bool = False
    chain: bool = False
    dns: bool = False
    uri: bool = False


class PathNormalization(Struct, frozen=True, kw_only=True, cache_hash=True):
    """What is done to a path before it is matched (MeshConfig `pathNormalization`)."""

    normalize_path: bool = True
    merge_slashes: bool = False
    escaped_slashes: Literal["KEEP_UNCHANGED", "REJECT_REQUEST", "UNESCAPE_AND_REDIRECT", "UNESCAPE_AND_FORWARD"] = (
        "KEEP_UNCHANGED"
    )


ForwardMode = Literal["SANITIZE", "FORWARD_ONLY", "APPEND_FORWARD", "SANITIZE_SET", "ALWAYS_FORWARD_ONLY"]
"""What becomes of `x-forwarded-client-cert`."""


class HttpConnectionManagerPlan(Struct, frozen=True, kw_only=True, cache_hash=True):
    """One HTTP connection manager."""

    stat_prefix: str
    routes: RouteConfigurationPlan | RdsReference
    http_filters: tuple[HttpFilter, ...]
    codec: Literal["AUTO", "HTTP1", "HTTP2"] = "AUTO"
    server_name: str = ""
    """The `server` header of responses; empty is not set."""
    server_header: Literal["OVERWRITE", "PASS_THROUGH"] = "OVERWRITE"
    """Whether the upstream's own `server` header is replaced."""
    generates_request_id: bool = True
    use_remote_address: bool = False
    xff_trusted_hops: int = 0
    append_x_forwarded_port: bool = False
    forward_client_certificate: ForwardMode = "SANITIZE"
    client_certificate_details: ClientCertificateDetails | None = None
    normalization: PathNormalization = PathNormalization()
    upgrades: tuple[str, ...] = ("websocket",)
    stream_idle_timeout: timedelta = timedelta(0)
    """0 is off, as Istio has it."""
    idle_timeout: timedelta | None = None
    """Of the downstream connection; None is Envoy's hour."""
    proxy_100_continue: bool = True
    accept_http_10: bool = False
    preserve_header_case: bool = False
    request_id_for_trace_sampling: bool = True
    """The uuid request id extension with `use_request_id_for_trace_sampling`."""
    access_logs: tuple[AccessLog, ...] = ()
    origin: Origin | None = None
