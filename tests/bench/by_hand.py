"""The baseline: the same Envoy with a configuration written by hand, and no control plane.

It does what is needed and no more: listen, write Istio's access log, pass on. It can be started as a process on
loopback, or its command be a container's in a pod without sidecar, where it meets the same network and the same log as
the proxies that are compared with it.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from meshgate.host.envoy_binary import find_envoy
from tests.bench.asking import is_ok, moment_of
from tests.e2e.mesh import free_port

LOG_FORMAT = (
    '[%START_TIME%] "%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%" %RESPONSE_CODE% %RESPONSE_FLAGS% '
    '%RESPONSE_CODE_DETAILS% %CONNECTION_TERMINATION_DETAILS% "%UPSTREAM_TRANSPORT_FAILURE_REASON%" %BYTES_RECEIVED% '
    '%BYTES_SENT% %DURATION% %RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% "%REQ(X-FORWARDED-FOR)%" "%REQ(USER-AGENT)%" '
    '"%REQ(X-REQUEST-ID)%" "%REQ(:AUTHORITY)%" "%UPSTREAM_HOST%" %UPSTREAM_CLUSTER_RAW% %UPSTREAM_LOCAL_ADDRESS% '
    "%DOWNSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_REMOTE_ADDRESS% %REQUESTED_SERVER_NAME% %ROUTE_NAME%\n"
)
TYPE = "type.googleapis.com/envoy.extensions"
Json = dict[str, Any]
Upstream = tuple[str, int]


def address(host: str, port: int) -> Json:
    return {"socket_address": {"address": host, "port_value": port}}


def manager(action: Json, *, is_logged: bool) -> Json:
    """An HTTP connection manager with one route, for all."""
    log = {
        "name": "envoy.access_loggers.file",
        "typed_config": {
            "@type": f"{TYPE}.access_loggers.file.v3.FileAccessLog",
            "path": "/dev/stdout",
            "log_format": {"text_format_source": {"inline_string": LOG_FORMAT}},
        },
    }
    router = {"@type": f"{TYPE}.filters.http.router.v3.Router"}
    host = {"name": "all", "domains": ["*"], "routes": [{"match": {"prefix": "/"}, **action}]}
    return {
        "@type": f"{TYPE}.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "by_hand",
        "server_name": "istio-envoy",
        "access_log": [log] if is_logged else [],
        "route_config": {"virtual_hosts": [host]},
        "http_filters": [{"name": "envoy.filters.http.router", "typed_config": router}],
    }


def with_duties(typed: Json) -> Json:
    """The manager with what a gateway of ours is bound to, too: the client's address told on, paths made normal,
    attempts counted, and Istio's retries."""
    typed |= {"use_remote_address": True, "normalize_path": True, "stream_idle_timeout": "0s"}
    [host] = typed["route_config"]["virtual_hosts"]
    host["include_request_attempt_count"] = True
    predicate = {
        "name": "envoy.retry_host_predicates.previous_hosts",
        "typed_config": {"@type": f"{TYPE}.retry.host.previous_hosts.v3.PreviousHostsPredicate"},
    }
    host["routes"][0]["route"]["retry_policy"] = {
        "retry_on": "connect-failure,refused-stream,unavailable,cancelled,retriable-status-codes",
        "num_retries": 2,
        "retry_host_predicate": [predicate],
        "host_selection_retry_max_attempts": 5,
    }
    return typed


def with_filters(typed: Json) -> Json:
    """The manager with the filters that Istio has in every proxy, whether they have something to do or not."""
    kinds: tuple[tuple[str, str, Json], ...] = (
        ("grpc_stats", "FilterConfig", {"emit_filter_state": True, "stats_for_all_methods": False}),
        ("fault", "HTTPFault", {}),
        ("cors", "Cors", {}),
    )
    own = [
        {
            "name": f"envoy.filters.http.{name}",
            "typed_config": {"@type": f"{TYPE}.filters.http.{name}.v3.{kind}", **settings},
        }
        for name, kind, settings in kinds
    ]
    return typed | {"http_filters": [*own, *typed["http_filters"]]}


def listener(port: int, typed: Json) -> Json:
    filters = [{"name": "envoy.filters.network.http_connection_manager", "typed_config": typed}]
    return {"name": f"port-{port}", "address": address("0.0.0.0", port), "filter_chains": [{"filters": filters}]}


def cluster(name: str, upstream: Upstream) -> Json:
    endpoint = {"endpoint": {"address": address(*upstream)}}
    return {
        "name": name,
        "type": "STATIC",
        "connect_timeout": "10s",
        "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": [endpoint]}]},
    }


def forwarding(
    ports: Mapping[int, Upstream], admin: int = 0, *, dutiful: Collection[int] = (), filtering: Collection[int] = ()
) -> Json:
    """Envoy's configuration: what comes to a port goes to its upstream, at some with a gateway's duties or filters.

    `admin`: a loopback port; 0 for none.
    """
    clusters = [cluster(f"upstream-{port}", upstream) for port, upstream in ports.items()]
    listeners = []
    for port in ports:
        typed = manager({"route": {"cluster": f"upstream-{port}", "timeout": "0s"}}, is_logged=True)
        typed = with_duties(typed) if port in dutiful else typed
        listeners.append(listener(port, with_filters(typed) if port in filtering else typed))
    found: Json = {"static_resources": {"listeners": listeners, "clusters": clusters}}
    return found | ({"admin": {"address": address("127.0.0.1", admin)}} if admin else {})


def answering(port: int) -> Json:
    """Envoy's configuration: a server that answers 200 at once, so that the proxies before it are what is measured."""
    action = {"direct_response": {"status": 200, "body": {"inline_string": "ok\n"}}}
    return {"static_resources": {"listeners": [listener(port, manager(action, is_logged=False))]}}


def command(configuration: Json) -> list[str]:
    """An Envoy with the arguments that matter for speed as our proxies have them."""
    return [
        str(find_envoy()),
        *("--config-yaml", json.dumps(configuration)),
        "--disable-hot-restart",
        *("--concurrency", "2"),
        *("--file-flush-interval-msec", "100"),
        *("--log-level", "warning"),
    ]


@contextlib.contextmanager
def process(started: list[str], output: Path) -> Iterator[None]:
    with output.open("wb") as file, subprocess.Popen(started, stdout=file, stderr=subprocess.STDOUT) as running:
        try:
            yield
        finally:
            running.terminate()
            running.wait(timeout=10)


def seconds_to_first_answer(directory: Path) -> float:
    """A client-side proxy (the gateway's role) before a server-side one (the sidecar's) before the application."""
    server, inner, outer = free_port(), free_port(), free_port()
    began = time.monotonic()
    with (
        process([sys.executable, "-m", "meshgate.apps.httpbin", "--port", str(server)], directory / "server.log"),
        process(command(forwarding({inner: ("127.0.0.1", server)})), directory / "inner.log"),
        process(command(forwarding({outer: ("127.0.0.1", inner)})), directory / "outer.log"),
    ):
        return moment_of(is_ok, outer) - began


def seconds_to_live(directory: Path) -> float:
    """One Envoy until its /ready says LIVE."""
    admin = free_port()
    began = time.monotonic()
    with process(command(forwarding({free_port(): ("127.0.0.1", 9)}, admin)), directory / "live.log"):
        return moment_of(is_ok, admin, path="/ready") - began


def seconds_to_serve(directory: Path) -> float:
    """The application alone until it answers."""
    server = free_port()
    began = time.monotonic()
    with process([sys.executable, "-m", "meshgate.apps.httpbin", "--port", str(server)], directory / "server.log"):
        return moment_of(is_ok, server) - began
