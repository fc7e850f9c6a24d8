"""A stock Envoy that is no pod: it joins by ADS at the host's TLS port, with a token, and listens on the host."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from meshgate.envoy import BootstrapInput, ProxyPorts, bootstrap, envoy_arguments
from meshgate.host.envoy_binary import find_envoy, load_schema
from meshgate.plan import Proxy
from tests.e2e.mesh import free_port

END_S = 20


@contextlib.contextmanager
def envoy_elsewhere(proxy: Proxy, directory: Path, port: int, root_pem: bytes, token: str) -> Iterator[Path]:
    """The Envoy, started; gives its log."""
    (directory / "root.pem").write_bytes(root_pem)
    config, log = directory / "envoy.json", directory / "envoy.log"
    config.write_text(json.dumps(_bootstrap(proxy, directory, port, token)))
    config.chmod(0o600)
    with log.open("w") as written:
        process = subprocess.Popen(
            [str(find_envoy()), *envoy_arguments(str(config), concurrency=1)], stdout=written, stderr=written
        )
    try:
        yield log
    finally:
        os.kill(process.pid, signal.SIGTERM)
        process.wait(END_S)


def _bootstrap(proxy: Proxy, directory: Path, port: int, token: str) -> Mapping[str, Any]:
    """As a pod's, but for how the control plane is reached."""
    load_schema()
    ports = ProxyPorts(status=free_port(), readiness=free_port(), prometheus=free_port(), admin=free_port())
    given = BootstrapInput(proxy=proxy, xds_socket="/none", admin_socket=str(directory / "admin"), ports=ports)
    spelled: dict[str, Any] = json.loads(bootstrap(given))
    (service,) = spelled["dynamic_resources"]["ads_config"]["grpc_services"]
    service["initial_metadata"] = [{"key": "authorization", "value": f"Bearer {token}"}]
    cluster = next(each for each in spelled["static_resources"]["clusters"] if each["name"] == "xds-grpc")
    (endpoints,) = cluster["load_assignment"]["endpoints"]
    address = {"socket_address": {"address": "127.0.0.1", "port_value": port}}
    endpoints["lb_endpoints"] = [{"endpoint": {"address": address}}]
    cluster["transport_socket"] = {
        "name": "envoy.transport_sockets.tls",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
            "sni": "istiod.istio-system.svc",
            "common_tls_context": {
                "alpn_protocols": ["h2"],
                "validation_context": {
                    "trusted_ca": {"filename": str(directory / "root.pem")},
                    "match_typed_subject_alt_names": [
                        {"san_type": "DNS", "matcher": {"exact": "istiod.istio-system.svc"}}
                    ],
                },
            },
        },
    }
    return spelled
