"""Small objects for tests of the store, and a store's rules without a store: a view of plain values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import count
from typing import Any

from meshgate.api import Ref
from meshgate.store.core import (
    Create,
    Positions,
    Raw,
    Result,
    Sources,
    StatusFault,
    Write,
    kinds_table,
    meta,
    transaction,
)
from meshgate.store.core.raw import owner_uids

KINDS = kinds_table()
NOW = "2026-01-02T03:04:05Z"


class PaperStore:
    """Does what the store does, with nothing but the core: transactions over a mapping."""

    def __init__(self) -> None:
        self.objects: dict[Ref, Raw] = {}
        self.places: dict[Ref, Positions] = {}
        self.owners: dict[Ref, str] = {}
        self.revision = 0
        self.now = NOW
        self._numbers = count(1)
        self.write({"kind": "Namespace", "apiVersion": "v1", "metadata": {"name": "default"}})

    def find(self, ref: Ref) -> Raw | None:
        return self.objects.get(ref)

    def positions_of(self, ref: Ref) -> Positions | None:
        return self.places.get(ref)

    def owner_of(self, ref: Ref) -> str:
        return self.owners.get(ref, "")

    def refs_in(self, namespace: str) -> Iterable[Ref]:
        return [ref for ref in self.objects if ref.namespace == namespace]

    def refs_owned_by(self, uid: str) -> Iterable[Ref]:
        return [ref for ref, raw in self.objects.items() if uid in owner_uids(raw)]

    def transact(self, *writes: Write) -> tuple[Result, ...]:
        sources = Sources(
            now=self.now,
            new_uid=lambda: f"uid-{next(self._numbers)}",
            new_suffix=lambda: f"{next(self._numbers):05d}",
        )
        computed = transaction(self, KINDS, writes, sources, self.revision)
        for change in computed.changes:
            self.revision += 1
            if change.after is None:
                del self.objects[change.ref]
            else:
                self.objects[change.ref] = change.after
        self.places |= {ref: positions for ref, positions in computed.moves.items() if positions is not None}
        for ref in [ref for ref, positions in computed.moves.items() if positions is None]:
            self.places.pop(ref, None)
        return computed.results

    def write(self, raw: Raw) -> Raw:
        """Create, and the object as it is then."""
        return self.transact(Create(raw=raw))[0].raw

    def get(self, kind: str, name: str, namespace: str = "default") -> Raw:
        return self.objects[Ref(kind, namespace, name)]

    def names(self, kind: str) -> list[str]:
        return sorted(meta(raw)["name"] for ref, raw in self.objects.items() if ref.kind == kind)


def virtual_service(name: str = "web", host: str = "web", **metadata: Any) -> dict[str, Any]:
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": {"name": name, "namespace": "default", **metadata},
        "spec": {"hosts": [host]},
    }


def service(name: str = "web", ports: Iterable[Mapping[str, Any]] = (), **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"ports": [dict(port) for port in ports], **spec},
    }


def config_map(name: str = "conf", data: Mapping[str, str] | None = None, **metadata: Any) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": "default", **metadata},
        "data": dict(data or {}),
    }


def namespace(name: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}


def pod(name: str = "web", *, node: str = "", **metadata: Any) -> dict[str, Any]:
    spec: dict[str, Any] = {"containers": [{"name": "app", "command": ["true"]}]}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "default", **metadata},
        "spec": {**spec, "nodeName": node} if node else spec,
    }


def owned_by(owner: Raw) -> list[dict[str, str]]:
    return [
        {
            "apiVersion": owner["apiVersion"],
            "kind": owner["kind"],
            "name": meta(owner)["name"],
            "uid": meta(owner)["uid"],
        }
    ]


def refusal_of(store: PaperStore, *writes: Write) -> StatusFault:
    """The refusal of the writes; they must be refused, and leave everything as it was."""
    before = dict(store.objects)
    try:
        store.transact(*writes)
    except StatusFault as fault:
        assert store.objects == before
        return fault
    raise AssertionError("the writes were not refused")
