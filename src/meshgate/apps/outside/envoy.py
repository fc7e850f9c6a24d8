"""What the outside world's Envoy is told: it speaks TLS and HTTP/2 for servers that need not.

One listener for port 80, one for port 443 with a filter chain, a certificate and the hosts' own names for each host;
behind both a mirror that tells what reached it. The listeners are in a file that Envoy reads again when it changes:
which servers demand certificates can change while it runs.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from meshgate.apps.outside.certificates import AUTHORITY_FILE, file_name
from meshgate.apps.outside.hosts import Host

MIRROR_PORT = 8080
ADMIN_PORT = 15000
"""Both on 127.0.0.1 of a network namespace of their own: nobody outside of it reaches them."""
LISTENERS = "listeners.json"
CLIENT_AUTHORITIES = "clients-ca.crt"
_HTTP_PORT, _HTTPS_PORT = 80, 443
_TYPE = "type.googleapis.com/envoy."
_LOG_LINE = (
    '[%START_TIME%] "%REQ(:METHOD)% %REQ(:AUTHORITY)%%REQ(:PATH)% %PROTOCOL%" %RESPONSE_CODE% '
    "sni=%REQUESTED_SERVER_NAME% at=%DOWNSTREAM_LOCAL_ADDRESS% from=%DOWNSTREAM_REMOTE_ADDRESS% "
    'client="%DOWNSTREAM_PEER_SUBJECT%"\n'
)
_SEEN = (
    ("x-outside-address", "%DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT%"),
    ("x-outside-sni", "%REQUESTED_SERVER_NAME%"),
    ("x-outside-client", "%DOWNSTREAM_PEER_SUBJECT%"),
)
"""Headers of every answer: who was reached, by which name, and whose certificate was shown."""


class Demands(NamedTuple):
    """Who must show a certificate."""

    hosts: frozenset[str] = frozenset()
    """Names as in the table of hosts, besides those that always demand one."""
    has_authorities: bool = False
    """They are in the file `CLIENT_AUTHORITIES`; while there are none, who demands takes nobody."""


def bootstrap(directory: Path) -> dict[str, Any]:
    """How Envoy starts."""
    mirror, admin = (
        {"socket_address": {"address": "127.0.0.1", "port_value": port}} for port in (MIRROR_PORT, ADMIN_PORT)
    )
    listeners = {"path": str(directory / LISTENERS), "watched_directory": {"path": str(directory)}}
    endpoints = [{"lb_endpoints": [{"endpoint": {"address": mirror}}]}]
    return {
        "admin": {"address": admin},
        "node": {"id": "outside", "cluster": "outside"},
        "dynamic_resources": {"lds_config": {"path_config_source": listeners}},
        "static_resources": {
            "clusters": [
                {
                    "name": "mirror",
                    "type": "STATIC",
                    "connect_timeout": "5s",
                    "load_assignment": {"cluster_name": "mirror", "endpoints": endpoints},
                }
            ]
        },
    }


def listeners(directory: Path, hosts: Sequence[Host], demands: Demands) -> dict[str, Any]:
    """The content of the file of listeners."""
    hosts_of_80 = [_virtual_host(host, redirects=host.redirects) for host in hosts]
    plain = _listener("http", _HTTP_PORT, [{"filters": [_http("http", hosts_of_80)]}])
    secure = _listener("https", _HTTPS_PORT, [_chain(host, directory, demands) for host in hosts])
    secure["listener_filters"] = [_typed("tls_inspector", "extensions.filters.listener.tls_inspector.v3.TlsInspector")]
    return {"resources": [plain, secure]}


def _chain(host: Host, directory: Path, demands: Demands) -> dict[str, Any]:
    name = file_name(host)
    certificate = {
        "certificate_chain": {"filename": str(directory / f"{name}.crt")},
        "private_key": {"filename": str(directory / f"{name}.key")},
    }
    context: dict[str, Any] = {"alpn_protocols": ["h2", "http/1.1"], "tls_certificates": [certificate]}
    if host.demands or host.name in demands.hosts:
        # our own authority signs no clients; without one Envoy (1.40) would not insist on a certificate
        authorities = CLIENT_AUTHORITIES if demands.has_authorities else AUTHORITY_FILE
        context["validation_context"] = {"trusted_ca": {"filename": str(directory / authorities)}}
    tls = {
        "common_tls_context": context,
        "require_client_certificate": "validation_context" in context,
    }
    return {
        "name": host.name,
        "filter_chain_match": {"server_names": [host.name]},
        "transport_socket": _typed("tls", "extensions.transport_sockets.tls.v3.DownstreamTlsContext", tls),
        "filters": [_http(f"https.{name}", [_virtual_host(host, redirects=False)])],
    }


def _virtual_host(host: Host, *, redirects: bool) -> dict[str, Any]:
    action = {"redirect": {"https_redirect": True}} if redirects else {"route": {"cluster": "mirror", "timeout": "0s"}}
    return {"name": host.name, "domains": [host.name], "routes": [{"match": {"prefix": "/"}, **action}]}


def _http(name: str, virtual_hosts: Iterable[dict[str, Any]]) -> dict[str, Any]:
    seen = [
        {"header": {"key": key, "value": value}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"} for key, value in _SEEN
    ]
    line = {"log_format": {"text_format_source": {"inline_string": _LOG_LINE}}}
    settings = {
        "stat_prefix": name,
        "strip_any_host_port": True,
        "generate_request_id": False,
        "server_name": "outside",
        "http_filters": [
            _typed("router", "extensions.filters.http.router.v3.Router", {"suppress_envoy_headers": True})
        ],
        "route_config": {
            "name": name,
            "response_headers_to_add": seen,
            "virtual_hosts": list(virtual_hosts),
        },
        "access_log": [_typed("log", "extensions.access_loggers.stream.v3.StdoutAccessLog", line)],
    }
    kind = "extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
    return _typed("http", kind, settings)


def _listener(name: str, port: int, chains: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "@type": f"{_TYPE}config.listener.v3.Listener",
        "name": name,
        "address": {"socket_address": {"address": "0.0.0.0", "port_value": port}},
        "filter_chains": chains,
    }


def _typed(name: str, kind: str, settings: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"name": name, "typed_config": {"@type": f"{_TYPE}{kind}", **(settings or {})}}
