"""Which lists are maps in disguise: the merge keys of Kubernetes' built-in kinds.

From the `patchMergeKey` and `listMapKey` marks in `kubernetes:staging/src/k8s.io/api/*/types.go`. Custom resources have
none: their lists are replaced as a whole. A path is the chain of field names from the object's root, list items
adding nothing. Where Kubernetes' strategic patch knows only one key and server-side apply two (Service ports by port,
or by port and protocol), `also` holds the second with its default.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from meshgate.api import Kind

from .kinds import is_custom

Path = tuple[str, ...]


class MergeList(msgspec.Struct, frozen=True, kw_only=True):
    """One list whose items are merged by a key; with no key it is a set of plain values."""

    key: str = ""
    also: tuple[str, str] | None = None
    """A further field of the identity and what it is when not written."""

    def identity(self, item: Any) -> object:
        """What makes an item of the list that item; the item itself where it has no key."""
        if not self.key or not isinstance(item, Mapping) or self.key not in item:
            return repr(item)
        if self.also is None:
            return item[self.key]
        return item[self.key], item.get(self.also[0], self.also[1])


METADATA: Mapping[Path, MergeList] = {
    ("metadata", "ownerReferences"): MergeList(key="uid"),
    ("metadata", "finalizers"): MergeList(),
}

_CONTAINER: Mapping[str, MergeList] = {
    "env": MergeList(key="name"),
    "ports": MergeList(key="containerPort", also=("protocol", "TCP")),
    "volumeMounts": MergeList(key="mountPath"),
    "volumeDevices": MergeList(key="devicePath"),
}


def _pod_lists(prefix: Path) -> Iterator[tuple[Path, MergeList]]:
    for containers in ("containers", "initContainers", "ephemeralContainers"):
        yield (*prefix, containers), MergeList(key="name")
        for field, merge_list in _CONTAINER.items():
            yield (*prefix, containers, field), merge_list
    yield (*prefix, "volumes"), MergeList(key="name")
    yield (*prefix, "imagePullSecrets"), MergeList(key="name")
    yield (*prefix, "hostAliases"), MergeList(key="ip")
    yield (*prefix, "topologySpreadConstraints"), MergeList(key="topologyKey", also=("whenUnsatisfiable", ""))


BUILT_IN: Mapping[str, Mapping[Path, MergeList]] = {
    "Pod": {
        **dict(_pod_lists(("spec",))),
        ("status", "conditions"): MergeList(key="type"),
        ("status", "podIPs"): MergeList(key="ip"),
        ("status", "hostIPs"): MergeList(key="ip"),
    },
    "Deployment": {
        **dict(_pod_lists(("spec", "template", "spec"))),
        ("status", "conditions"): MergeList(key="type"),
    },
    "Service": {
        ("spec", "ports"): MergeList(key="port", also=("protocol", "TCP")),
        ("status", "conditions"): MergeList(key="type"),
    },
    "ServiceAccount": {
        ("secrets",): MergeList(key="name"),
        ("imagePullSecrets",): MergeList(key="name"),
    },
    "Namespace": {("spec", "finalizers"): MergeList(), ("status", "conditions"): MergeList(key="type")},
}


def merge_lists(kind: Kind) -> Mapping[Path, MergeList]:
    """The lists of the kind that are merged by key; every other list is replaced."""
    return {} if is_custom(kind) else {**METADATA, **BUILT_IN.get(kind.kind, {})}
