"""Which pods get a sidecar, and what their spec then says. Pure; Istio's rules for automatic injection.

As with Istio's `enableNamespacesByDefault: true`
(istio.io/latest/docs/setup/additional-setup/sidecar-injection/#controlling-the-injection-policy): a label that says
no wins, then one that says yes; without labels the pod is injected. The sidecar is a container of the spec named
`istio-proxy`, so `kubectl get pods` shows it as it would on a cluster, and whoever asks whether a pod has a proxy
looks for that name. A container of that name with the image `auto` is completed: so gateways are written
(istio.io/latest/docs/setup/additional-setup/gateway/), and sidecars with settings of their own.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Literal

from meshgate.api import Container, Meta, Pod
from meshgate.mesh import TLS_MODE_LABEL
from meshgate.store.core import Raw

PROXY = "istio-proxy"
AUTO = "auto"
"""The image of a proxy that is to be completed."""
PROXY_IMAGE = "istio/proxyv2"
"""Shown only: the proxy is the Envoy of this machine."""
INJECT = "sidecar.istio.io/inject"
TEMPLATES = "inject.istio.io/templates"
STATUS = "sidecar.istio.io/status"

_YES = ("y", "yes", "true", "on")
_NEVER_INJECTED = ("kube-system", "kube-public", "kube-node-lease", "local-path-storage")
Role = Literal["sidecar", "router", "none"]


def wants_sidecar(meta: Meta, spec: Pod, namespace_labels: Mapping[str, str]) -> bool:
    """True if the pod is to be given a proxy that it does not have yet, or that is only hinted at by image `auto`."""
    proxy = proxy_container(spec)
    if (proxy is not None and proxy.image != AUTO) or meta.namespace in _NEVER_INJECTED:
        return False
    of_pod = meta.label(INJECT) or meta.annotation(INJECT)
    of_namespace = namespace_labels.get("istio-injection", "")
    is_refused = of_namespace == "disabled" or (of_pod != "" and of_pod.lower() not in _YES)
    return not is_refused


def proxy_role(meta: Meta, spec: Pod) -> Role:
    """What the pod's proxy is.

    A gateway says so by its template, or by the command line that Istio's charts give it.
    """
    proxy = proxy_container(spec)
    if proxy is None:
        return "none"
    if _is_gateway(meta.annotation(TEMPLATES)) or proxy.args[:2] == ("proxy", "router"):
        return "router"
    return "sidecar"


def has_proxy(spec: Pod) -> bool:
    return proxy_container(spec) is not None


def proxy_container(spec: Pod) -> Container | None:
    return next((container for container in spec.containers if container.name == PROXY), None)


def injected(raw: Raw) -> dict[str, Any]:
    """The pod with a proxy: a sidecar, or a gateway where the template says so. What its container says stays.

    A sidecar's pod is labelled as taking mutual TLS, unless its label says something else; a gateway's is not.
    """
    spec, metadata = raw["spec"], raw["metadata"]
    given = metadata.get("annotations") or {}
    is_gateway = _is_gateway(str(given.get(TEMPLATES, "")))
    template = _GATEWAY_CONTAINER if is_gateway else _PROXY_CONTAINER
    labels = {**({} if is_gateway else _SIDECAR_LABELS), **(metadata.get("labels") or {})}
    containers = list(spec.get("containers", ()))
    place = next((place for place, each in enumerate(containers) if each.get("name") == PROXY), len(containers))
    said = containers[place] if place < len(containers) else {}
    containers[place:] = [
        {**template, **{key: value for key, value in said.items() if (key, value) != ("image", AUTO)}},
        *containers[place + 1 :],
    ]
    return {
        **raw,
        "metadata": {**metadata, "labels": labels, "annotations": {**given, STATUS: _STATUS_TEXT}},
        "spec": {**spec, "containers": containers},
    }


def _is_gateway(templates: str) -> bool:
    return "gateway" in [name.strip() for name in templates.split(",")]


_STATUS_TEXT = json.dumps({"containers": [PROXY], "revision": "default"}, separators=(",", ":"))
_SIDECAR_LABELS: Mapping[str, str] = {TLS_MODE_LABEL: "istio"}
_READY: Mapping[str, object] = {"httpGet": {"path": "/healthz/ready", "port": 15021}}
_PROXY_CONTAINER: Mapping[str, object] = {
    "name": PROXY,
    "image": PROXY_IMAGE,
    "args": ["proxy", "sidecar"],
    "ports": [{"name": "http-envoy-prom", "containerPort": 15090, "protocol": "TCP"}],
    "readinessProbe": {**_READY, "periodSeconds": 15, "failureThreshold": 4},
}
_GATEWAY_CONTAINER: Mapping[str, object] = {
    **_PROXY_CONTAINER,
    "args": ["proxy", "router"],
    "readinessProbe": {**_READY, "initialDelaySeconds": 1, "periodSeconds": 2, "failureThreshold": 30},
}
