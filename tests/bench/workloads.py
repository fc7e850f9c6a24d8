"""The objects that are measured with: workloads, and the way in through the ingress gateway."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from typing import Any

from meshgate.cli.connection import api_socket
from meshgate.client import Client
from tests.e2e.mesh import Mesh

HOST = "bench.example.com"
PORT = 8000
CERTS = "/etc/certs"
"""Where containers find their Deployment's Secret."""
Object = Mapping[str, Any]

IDLE: Object = {"name": "idle", "command": ["sleep", "infinity"]}
WEB: Object = {
    "name": "web",
    "command": ["python3", "-m", "meshgate.apps.httpbin", "--port", str(PORT)],
    "readinessProbe": {"httpGet": {"path": "/status/200", "port": PORT}, "periodSeconds": 1},
}


def deployment(
    name: str, *containers: Object, replicas: int = 1, sidecar: bool = True, secret: str | None = None
) -> Object:
    labels = {"app": name} | ({} if sidecar else {"sidecar.istio.io/inject": "false"})
    spec: dict[str, object] = {"containers": list(containers)}
    if secret is not None:
        mount = {"name": "certs", "mountPath": CERTS, "readOnly": True}
        spec["containers"] = [{**container, "volumeMounts": [mount]} for container in containers]
        spec["volumes"] = [{"name": "certs", "secret": {"secretName": secret}}]
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": name}},
            "template": {"metadata": {"labels": labels}, "spec": spec},
        },
    }


def service(name: str, port: int = PORT, *, selects: str | None = None) -> Object:
    spec = {"selector": {"app": selects or name}, "ports": [{"name": "http", "port": port}]}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": spec}


def gateway(*hosts: str) -> Object:
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "Gateway",
        "metadata": {"name": "bench"},
        "spec": {
            "selector": {"istio": "ingressgateway"},
            "servers": [{"port": {"number": 80, "name": "http", "protocol": "HTTP"}, "hosts": list(hosts)}],
        },
    }


def virtual_service(to: str, *, host: str = HOST, port: int = PORT, marker: str = "") -> Object:
    """Everything for `host` goes to the Service; answers carry the marker, if there is one, in `x-marker`."""
    route = {"route": [{"destination": {"host": to, "port": {"number": port}}}]}
    mark = {"headers": {"response": {"set": {"x-marker": marker}}}} if marker else {}
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": {"name": f"to-{to}"},
        "spec": {
            "hosts": [host],
            "gateways": ["bench"],
            "http": [route | mark],
        },
    }


def as_yaml(objects: Sequence[Object]) -> str:
    """JSON is YAML."""
    return "\n---\n".join(json.dumps(each) for each in objects)


def client_of(mesh: Mesh) -> Client:
    return Client(api_socket(mesh.data_dir))


def transact(mesh: Mesh, *objects: Object) -> None:
    async def conversation() -> None:
        async with client_of(mesh) as client:
            await client.transact(objects)

    asyncio.run(conversation())


def address_of(mesh: Mesh, selector: str, namespace: str = "default") -> str:
    """Of the only pod that the selector finds."""
    [pod] = mesh.pods(selector, namespace)
    status = pod["status"]
    assert isinstance(status, dict)
    return str(status["podIP"])
