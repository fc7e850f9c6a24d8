"""What a controller sees and is told: the objects, the settings of the mesh, the time."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from ipaddress import IPv4Network
from typing import Any, Protocol

import msgspec

from meshgate.api import IstioOperator, Ref
from meshgate.store.core import Modify, Raw, Write, meta

_LETTERS = "bcdfghjklmnpqrstvwxz2456789"
"""Kubernetes' for names that it makes up: no vowels, so no words."""


class View(Protocol):
    """The objects: the store, or what offline commands were given."""

    def get(self, kind: str, namespace: str, name: str) -> Raw | None: ...
    def list(self, kind: str, namespace: str | None = None) -> Sequence[Raw]: ...


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What was decided when the mesh was started."""

    service_cidr: IPv4Network = IPv4Network("10.96.0.0/16")
    lb_cidr: IPv4Network = IPv4Network("10.97.0.0/24")
    auto_cidr: IPv4Network = IPv4Network("240.240.0.0/16")
    """Addresses of ServiceEntries that have none: Istio's range."""
    overlay: IstioOperator = IstioOperator()
    """What `--set` says; it wins over all IstioOperators."""
    roots_pem: str = ""
    """Roots of the mesh's certificates; empty: not known."""


class Controller(msgspec.Struct, frozen=True, kw_only=True):
    """One rule: what the objects should be, as the writes that are missing. No writes: all is as it should be."""

    name: str
    reads: frozenset[str]
    """Kinds whose changes may make it write."""
    desired: Callable[[View, Settings, str], Iterable[Write]]
    """Takes the time as RFC 3339 text, for conditions."""


def is_going(raw: Raw) -> bool:
    """It is being deleted."""
    return "deletionTimestamp" in meta(raw)


def is_owned_by(raw: Raw, owner: Raw) -> bool:
    """The owner controls it."""
    owners = meta(raw).get("ownerReferences") or ()
    return any(each.get("controller") and each.get("uid") == meta(owner)["uid"] for each in owners)


def owner_reference(owner: Raw) -> dict[str, Any]:
    """For objects that go with their owner."""
    return {
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": meta(owner)["name"],
        "uid": meta(owner)["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }


def matches(selector: Mapping[str, str], raw: Raw) -> bool:
    """An empty selector selects nothing."""
    labels = meta(raw).get("labels") or {}
    return bool(selector) and all(labels.get(key) == value for key, value in selector.items())


def ref(raw: Raw) -> Ref:
    return Ref(raw["kind"], meta(raw).get("namespace", ""), meta(raw)["name"])


def set_status(raw: Raw, status: Mapping[str, Any]) -> list[Write]:
    """The write that makes the status say this; none if it does."""
    if raw.get("status", {}) == status:
        return []
    return [Modify(ref=ref(raw), change=lambda old: {**old, "status": status}, status=True)]


def short_hash(value: object, length: int) -> str:
    """Letters that stand for a JSON value; equal values have equal ones."""
    digest = hashlib.sha256(msgspec.json.encode(value, order="deterministic")).digest()
    return "".join(_LETTERS[byte % len(_LETTERS)] for byte in digest[:length])
