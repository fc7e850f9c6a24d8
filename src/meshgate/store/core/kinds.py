"""What the store must know of a kind besides `api.Kind`: has it a status and a generation, how do errors name it.

The exceptions are those that Kubernetes makes in its registry strategies (`kubernetes:pkg/registry/*/strategy.go`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from meshgate.api import KINDS, Kind

Kinds = Mapping[str, Kind]

_WITHOUT_STATUS = frozenset({"ConfigMap", "Endpoints", "EndpointSlice", "Event", "Secret", "ServiceAccount"})
_WITHOUT_GENERATION = frozenset({"ConfigMap", "Endpoints", "Event", "Namespace", "Secret", "Service", "ServiceAccount"})


def kinds_table(kinds: Iterable[Kind] = KINDS) -> Kinds:
    """The kinds by name, which is what objects are stored under."""
    table: dict[str, Kind] = {}
    for kind in kinds:
        assert kind.kind not in table, f"two kinds named {kind.kind}: objects need another key"
        table[kind.kind] = kind
    return table


def resource_name(kind: Kind) -> str:
    """As errors name it: `pods`, `virtualservices.networking.istio.io`."""
    return f"{kind.plural}.{kind.group}" if kind.group else kind.plural


def qualified_name(kind: Kind) -> str:
    """As errors about content name it: `Pod`, `VirtualService.networking.istio.io`."""
    return f"{kind.kind}.{kind.group}" if kind.group else kind.kind


def is_custom(kind: Kind) -> bool:
    """Whether Kubernetes has it as a custom resource: patched by JSON merge patch, never strategically."""
    return "." in kind.group and not kind.group.endswith(".k8s.io")


def has_status(kind: Kind) -> bool:
    """Whether the status is a subresource, written apart from everything else."""
    return kind.kind not in _WITHOUT_STATUS


def has_generation(kind: Kind) -> bool:
    """Whether changes of what the user wants are counted."""
    return kind.kind not in _WITHOUT_GENERATION
