"""What the mesh needs to know of an object's metadata.

`resourceVersion` and `managedFields` are left out on purpose: they change with every write of status, and a value that
holds them would make everything that is memoised on it be computed again.
"""

from __future__ import annotations

from meshgate.api.value import Labels, Value, find


class Owner(Value, frozen=True, kw_only=True):
    """An entry of `metadata.ownerReferences`."""

    api_version: str
    kind: str
    name: str
    uid: str = ""
    controller: bool = False
    block_owner_deletion: bool = False


class Meta(Value, frozen=True, kw_only=True):
    """Kubernetes object metadata."""

    name: str
    namespace: str = ""
    """Empty for kinds without a namespace."""
    uid: str = ""
    labels: Labels = ()
    annotations: Labels = ()
    creation: str = ""
    """`creationTimestamp`, RFC 3339 in UTC, so that text order is time order; empty if not stored yet."""
    deletion: str = ""
    """`deletionTimestamp`: the object is going away."""
    generation: int = 0
    owners: tuple[Owner, ...] = ()

    def label(self, key: str, default: str = "") -> str:
        """The label's value, or the default."""
        value = find(self.labels, key)
        return default if value is None else value

    def annotation(self, key: str, default: str = "") -> str:
        """The annotation's value, or the default."""
        value = find(self.annotations, key)
        return default if value is None else value
