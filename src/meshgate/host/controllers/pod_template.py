"""A pod made from a Deployment's template: its name, labels, owner, account, and its sidecar if it gets one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from meshgate.api import Pod, decode
from meshgate.host.controllers.view import owner_reference, short_hash
from meshgate.host.pods.injection import injected, wants_sidecar
from meshgate.store.core import Raw, meta

HASH_LABEL = "pod-template-hash"
_HASH_LENGTH = 10


def template_hash(template: Raw) -> str:
    """Letters that stand for what the template says."""
    return short_hash(template, _HASH_LENGTH)


def pod_of(deployment: Raw, hash: str, letters: str, namespace_labels: Mapping[str, str]) -> dict[str, Any]:
    """The pod to create; `letters` end its name."""
    template = deployment["spec"]["template"]
    given = template.get("metadata") or {}
    metadata = {
        "name": f"{meta(deployment)['name']}-{hash}-{letters}",
        "namespace": meta(deployment)["namespace"],
        "labels": {**(given.get("labels") or {}), HASH_LABEL: hash},
        "annotations": given.get("annotations") or {},
        "ownerReferences": [owner_reference(deployment)],
    }
    spec = {**template["spec"]}
    spec.setdefault("serviceAccountName", "default")
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}
    return injected(pod) if _wants_sidecar(pod, namespace_labels) else pod


def _wants_sidecar(pod: Mapping[str, Any], namespace_labels: Mapping[str, str]) -> bool:
    resource, _ = decode(pod)
    if resource is None or not isinstance(resource.spec, Pod):
        return False  # the kubelet says what is wrong with it
    return wants_sidecar(resource.meta, resource.spec, namespace_labels)
