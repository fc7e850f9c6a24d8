"""Manifests of ordinary workloads, for tests that need many."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import yaml

Object = dict[str, object]


def mirror(name: str, port: int) -> list[str]:
    """The command of an HTTP mirror; an empty name is the pod's."""
    return ["python3", "-m", "meshgate.apps.httpbin", "--port", str(port), *(["--name", name] if name else [])]


def tcp_echo(prefix: str, port: int) -> list[str]:
    return ["python3", "-m", "meshgate.apps.tcp_echo", "--port", str(port), "--prefix", prefix]


def deployment(
    name: str, labels: Mapping[str, str], command: Sequence[str], port: int = 0, *, replicas: int = 1
) -> Object:
    """A Deployment of one container, ready when its port listens."""
    container: Object = {"name": labels["app"], "command": list(command)}
    if port:
        container["readinessProbe"] = {"tcpSocket": {"port": port}, "periodSeconds": 1}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": dict(labels)},
            "template": {"metadata": {"labels": dict(labels)}, "spec": {"containers": [container]}},
        },
    }


def service(name: str, ports: Mapping[str, int], app: str = "", target: int = 0) -> Object:
    """A Service of the pods with label `app`; ports by their names, each leading to `target` if that is given."""
    to = {"targetPort": target} if target else {}
    listed = [{"name": port_name, "port": port, **to} for port_name, port in ports.items()]
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name},
        "spec": {"selector": {"app": app or name}, "ports": listed},
    }


def istio(kind: str, name: str, spec: Mapping[str, object], namespace: str = "default") -> Object:
    """An object of networking.istio.io."""
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": "networking.istio.io/v1", "kind": kind, "metadata": metadata, "spec": dict(spec)}


def namespace(name: str) -> Object:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}


def text_of(objects: Sequence[Object]) -> str:
    return yaml.safe_dump_all(objects, sort_keys=False)
