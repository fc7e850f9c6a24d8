"""The baseline: the same Envoy with a configuration written by hand, and no control plane.

A client-side proxy (the gateway's role) in front of a server-side one (the sidecar's), with Istio's access log, in
this machine's network on loopback.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from meshgate.host.envoy_binary import find_envoy
from tests.e2e.mesh import free_port

LOG_FORMAT = (
    '[%START_TIME%] "%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%" %RESPONSE_CODE% %RESPONSE_FLAGS% '
    '%RESPONSE_CODE_DETAILS% %CONNECTION_TERMINATION_DETAILS% "%UPSTREAM_TRANSPORT_FAILURE_REASON%" %BYTES_RECEIVED% '
    '%BYTES_SENT% %DURATION% %RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% "%REQ(X-FORWARDED-FOR)%" "%REQ(USER-AGENT)%" '
    '"%REQ(X-REQUEST-ID)%" "%REQ(:AUTHORITY)%" "%UPSTREAM_HOST%" %UPSTREAM_CLUSTER_RAW% %UPSTREAM_LOCAL_ADDRESS% '
    "%DOWNSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_REMOTE_ADDRESS% %REQUESTED_SERVER_NAME% %ROUTE_NAME%\n"
)
TYPE = "type.googleapis.com/envoy.extensions"


def address(port: int) -> dict[str, Any]:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}


def listener(port: int, cluster: str) -> dict[str, Any]:
    manager = {
        "@type": f"{TYPE}.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "by_hand",
        "server_name": "istio-envoy",
        "access_log": [
            {
                "name": "envoy.access_loggers.file",
                "typed_config": {
                    "@type": f"{TYPE}.access_loggers.file.v3.FileAccessLog",
                    "path": "/dev/stdout",
                    "log_format": {"text_format_source": {"inline_string": LOG_FORMAT}},
                },
            }
        ],
        "route_config": {
            "virtual_hosts": [
                {
                    "name": "all",
                    "domains": ["*"],
                    "routes": [{"match": {"prefix": "/"}, "route": {"cluster": cluster, "timeout": "0s"}}],
                }
            ]
        },
        "http_filters": [
            {
                "name": "envoy.filters.http.router",
                "typed_config": {"@type": f"{TYPE}.filters.http.router.v3.Router"},
            }
        ],
    }
    filters = [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]
    return {"name": f"port-{port}", "address": address(port), "filter_chains": [{"filters": filters}]}


def configuration(port: int, admin: int, upstream: int) -> str:
    """One Envoy: everything that comes to `port` goes to `upstream`."""
    cluster = {
        "name": "upstream",
        "type": "STATIC",
        "connect_timeout": "10s",
        "load_assignment": {
            "cluster_name": "upstream",
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address(upstream)}}]}],
        },
    }
    return json.dumps(
        {
            "admin": {"address": address(admin)},
            "static_resources": {"listeners": [listener(port, "upstream")], "clusters": [cluster]},
        }
    )


def wait_answer(url: str, timeout_s: float = 20) -> None:
    """Poll until `url` answers 200."""
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        try:
            with urllib.request.urlopen(url, timeout=1) as answer:
                if answer.status == 200:
                    return
        except (OSError, urllib.error.URLError):
            time.sleep(0.005)
    raise AssertionError(f"no answer from {url} within {timeout_s} s")


@contextlib.contextmanager
def process(command: list[str], output: Path) -> Iterator[subprocess.Popen[bytes]]:
    with output.open("wb") as file, subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT) as started:
        try:
            yield started
        finally:
            started.terminate()
            started.wait(timeout=10)


@contextlib.contextmanager
def envoy(directory: Path, port: int, upstream: int) -> Iterator[subprocess.Popen[bytes]]:
    """A running Envoy by hand; it may take a moment until it answers."""
    path = directory / f"by-hand-{port}.json"
    path.write_text(configuration(port, free_port(), upstream))
    command = [str(find_envoy()), "-c", str(path), "--disable-hot-restart", "--concurrency", "2", "-l", "warning"]
    with process(command, directory / f"by-hand-{port}.log") as started:
        yield started


@contextlib.contextmanager
def chain(directory: Path) -> Iterator[str]:
    """Two Envoys by hand in front of a server; the URL that answers through all of them."""
    server, inner, outer = free_port(), free_port(), free_port()
    command = [sys.executable, "-m", "meshgate.apps.httpbin", "--port", str(server)]
    with (
        process(command, directory / "server.log"),
        envoy(directory, inner, server),
        envoy(directory, outer, inner),
    ):
        url = f"http://127.0.0.1:{outer}/status/200"
        wait_answer(url)
        yield url
