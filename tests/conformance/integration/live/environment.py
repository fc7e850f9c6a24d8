"""Istio's environment as objects for a mesh of ours: its Services, and a Deployment of echoes for each application.

Addresses are the mesh's to give: `Addresses` turns those of the data into the real ones.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from meshgate.api import unimplemented
from tests.conformance.cases import Raw
from tests.conformance.integration.cases import Environment
from tests.conformance.integration.live.certificates import CLIENT_ROOTS_PEM, SERVER_PEM, secrets

APPS = ("a", "b", "c", "headless", "statefulset", "tproxy", "vm", "naked", "external")
"""What runs, each as a pod; those left out have no Envoy, or one of another delivery protocol."""
_LOCAL_PORT = "8080"
"""Every echo of Istio's also serves this one, in no Service."""
CONTROL_PORT = 3333
_TESTS = Path(__file__).parents[3]
_CODE = "/srv/echo"
"""Where the pods see the tests' code, wherever the clone lies: its own directory may be closed to them."""
_NAMESPACES = ("echo", "external")


def objects_to_run(environment: Environment) -> Iterator[Raw]:
    """Namespaces, Services, Deployments, Secrets and base configuration, as far as it is implemented."""
    ports = {app["service"]: app["ports"] for app in environment.apps}
    for raw in environment.kube:
        match raw["kind"], raw["metadata"]:
            case "Namespace", {"name": name} if name in _NAMESPACES:
                yield raw
            case "Service", {"name": name} if name in APPS:
                yield _without_address(raw)
            case "Pod", {"labels": {"app": name}} if name in APPS:
                yield _deployment(raw, name, ports[name])
    yield from (raw for raw in environment.base_config if not unimplemented(raw))
    yield from secrets()


def _without_address(service: Raw) -> Raw:
    spec = {key: value for key, value in service["spec"].items() if key != "clusterIP" or value == "None"}
    return {**service, "spec": spec}


def _deployment(pod: Raw, name: str, ports: list[Raw]) -> Raw:
    metadata = pod["metadata"]
    annotations = {
        **metadata.get("annotations", {}),
        "traffic.sidecar.istio.io/excludeInboundPorts": str(CONTROL_PORT),  # orders come straight to the application
    }
    container = {
        "name": "app",
        "command": ["python3", "-m", "tests.echo", "--name", name, "--control", str(CONTROL_PORT), *_options(ports)],
        "env": [
            {"name": "PYTHONPATH", "value": _CODE},
            {"name": "POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
            {"name": "ECHO_TLS_PEM", "value": SERVER_PEM},
            {"name": "ECHO_CLIENT_ROOTS_PEM", "value": CLIENT_ROOTS_PEM},
        ],
        "readinessProbe": {"tcpSocket": {"port": CONTROL_PORT}, "periodSeconds": 1},
        "volumeMounts": [{"name": "code", "mountPath": f"{_CODE}/{_TESTS.name}", "readOnly": True}],
    }
    volume = {"name": "code", "hostPath": {"path": str(_TESTS), "type": "Directory"}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": metadata["namespace"]},
        "spec": {
            "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": metadata["labels"], "annotations": annotations},
                "spec": {"containers": [container], "volumes": [volume]},
            },
        },
    }


def _options(ports: list[Raw]) -> Iterator[str]:
    by_option = {"--serve": [_LOCAL_PORT]}
    for port in ports:
        by_option.setdefault(_option(port), []).append(str(port["workload_port"]))
    for option, numbers in by_option.items():
        yield option
        yield from numbers


_OPTIONS = {
    "tls": "--serve-tls",
    "mtls": "--serve-mtls",
    "server_first": "--serve-first",
    "localhost_ip": "--serve-local",
    "instance_ip": "--serve-instance",
}


def _option(port: Mapping[str, object]) -> str:
    return next((option for key, option in _OPTIONS.items() if port.get(key)), "--serve")


class Addresses:
    """From the data's addresses to those of the mesh."""

    def __init__(self, real: Mapping[str, str]) -> None:
        self._real = real
        self._any = re.compile("|".join(rf"(?<![\d.]){re.escape(one)}(?![\d.])" for one in real))

    def mapped(self, text: str) -> str:
        return self._any.sub(lambda found: self._real[found[0]], text)

    def mapped_object(self, raw: Raw) -> Raw:
        made: Raw = json.loads(self.mapped(json.dumps(raw)))
        return made
