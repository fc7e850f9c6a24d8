"""Fields that are set once: what Kubernetes' validation of updates refuses to clients.

Only clients are asked this (through `Admission`); controllers write what is theirs, a pod's node or a Service's
address. Values are never quoted where they may be secret.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from .faults import Cause, StatusFault, invalid
from .raw import Raw, without
from .writes import Change

POD_TEXT = (
    "Forbidden: pod updates may not change fields other than `spec.containers[*].image`,"
    "`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing "
    "tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)"
)


def immutable_fault(change: Change) -> StatusFault | None:
    """The refusal of a change that touches what is set once; None if it may be."""
    if change.before is None or change.after is None:
        return None
    causes = _causes(change.ref.kind, change.before, change.after)
    return invalid(change.kind, change.ref.name, causes) if causes else None


def _causes(kind: str, before: Raw, after: Raw) -> list[Cause]:
    match kind:
        case "Deployment":
            return _kept(before, after, "selector")
        case "Service":
            return _of_service(before, after)
        case "Pod":
            changed = _free(_spec(before)) != _free(_spec(after))
            return [Cause(field="spec", message=POD_TEXT, reason="FieldValueForbidden")] if changed else []
        case "Secret" | "ConfigMap":
            return _of_data(kind, before, after)
        case _:
            return []


def _of_service(before: Raw, after: Raw) -> list[Cause]:
    """The address stays as long as there is one; a change from or to ExternalName takes or gives it."""
    if "ExternalName" in (_spec(before).get("type"), _spec(after).get("type")) or not _spec(before).get("clusterIP"):
        return []
    return _kept(before, after, "clusterIP")


def _of_data(kind: str, before: Raw, after: Raw) -> list[Cause]:
    causes = []
    if kind == "Secret" and before.get("type") != after.get("type"):
        causes.append(_immutable("type", after.get("type")))
    if before.get("immutable") is True:
        text = "Forbidden: field is immutable when `immutable` is set"
        causes += [
            Cause(field=field, message=text, reason="FieldValueForbidden")
            for field in ("immutable", "data", "binaryData")
            if before.get(field) != after.get(field)
        ]
    return causes


def _kept(before: Raw, after: Raw, field: str) -> list[Cause]:
    value = _spec(after).get(field)
    return [] if _spec(before).get(field) == value else [_immutable(f"spec.{field}", value)]


def _immutable(field: str, value: Any) -> Cause:
    return Cause(field=field, message=f"Invalid value: {msgspec.json.encode(value).decode()}: field is immutable")


def _spec(raw: Raw) -> Mapping[str, Any]:
    spec = raw.get("spec")
    return spec if isinstance(spec, Mapping) else {}


def _free(spec: Mapping[str, Any]) -> Mapping[str, Any]:
    """A pod's spec without what may be changed."""
    rest = without(spec, "activeDeadlineSeconds", "tolerations", "terminationGracePeriodSeconds")
    for name in ("containers", "initContainers"):
        items = rest.get(name)
        if isinstance(items, list | tuple):
            rest[name] = [without(item, "image") if isinstance(item, Mapping) else item for item in items]
    return rest
