"""The defaults that Kubernetes writes into objects, as far as people and tools read them back.

Only those whose absence would be seen (`kubectl describe`, a JSON path in a script); everything else stays as it was
written. From `kubernetes:pkg/apis/*/v1/defaults.go`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .raw import Raw

POD: Mapping[str, Any] = {"restartPolicy": "Always", "terminationGracePeriodSeconds": 30, "dnsPolicy": "ClusterFirst"}
ROLLING = {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "25%", "maxSurge": "25%"}}


def with_defaults(raw: Raw, kind: str) -> dict[str, Any]:
    """The object with the defaults of its kind; what is not of the right shape is left for validation to tell."""
    spec = raw.get("spec")
    if kind == "Secret":
        return {**raw, "type": raw.get("type") or "Opaque"}
    if not isinstance(spec, Mapping):
        return dict(raw)
    match kind:
        case "Service":
            return {**raw, "spec": _service(spec)}
        case "Pod":
            return {**raw, "spec": _filled(spec, POD)}
        case "Deployment":
            return {**raw, "spec": _deployment(spec)}
    return dict(raw)


def with_allocated(old: Raw, new: Raw, kind: str) -> Raw:
    """A Service that is written without the address it was given keeps it (`patchAllocatedValues` in Kubernetes)."""
    before, after = old.get("spec"), new.get("spec")
    if kind != "Service" or not isinstance(before, Mapping) or not isinstance(after, Mapping):
        return new
    if "ExternalName" in (before.get("type"), after.get("type")) or after.get("clusterIP"):
        return new
    kept = {name: before[name] for name in ("clusterIP", "clusterIPs") if name in before}
    return {**new, "spec": {**after, **kept}}


def _service(spec: Raw) -> Raw:
    filled = _filled(spec, {"type": "ClusterIP", "sessionAffinity": "None"})
    ports = filled.get("ports")
    if filled["type"] == "ExternalName" or not isinstance(ports, list | tuple):
        return filled
    return {**filled, "ports": [_port(port) for port in ports]}


def _port(port: Any) -> Any:
    if not isinstance(port, Mapping) or "port" not in port:
        return port
    return _filled(port, {"protocol": "TCP", "targetPort": port["port"]})


def _deployment(spec: Raw) -> Raw:
    filled = _filled(spec, {"replicas": 1, "strategy": ROLLING})
    template = filled.get("template")
    if not isinstance(template, Mapping) or not isinstance(template.get("spec"), Mapping):
        return filled
    return {**filled, "template": {**template, "spec": _filled(template["spec"], POD)}}


def _filled(given: Raw, defaults: Mapping[str, Any]) -> dict[str, Any]:
    return {**given, **{name: value for name, value in defaults.items() if given.get(name) is None}}
