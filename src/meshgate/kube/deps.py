"""What the API stands on: the store, and the parts of the program that it asks."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import msgspec

from meshgate.api import Problem, Ref
from meshgate.store.admission import Admission
from meshgate.store.sqlite import Store

from .account_tokens import AccountTokens
from .streams import Streams


class MeshStatus(Protocol):
    """How far the mesh has followed the store."""

    def status(self) -> Mapping[str, Any]:
        """Proxies, problems, addresses: JSON, for `meshgate status`."""
        ...

    def problems(self, ref: Ref) -> Sequence[Problem]:
        """What is wrong with an object, the worst first."""
        ...

    async def wait_applied(self, revision: int) -> None:
        """Return when every connected proxy has acknowledged what the store said at that revision or later.

        The caller sets the deadline."""
        ...


class Proxies(Protocol):
    """Looks into the proxies of pods. Raises `store.core.StatusFault` where there is none to look into."""

    async def config_dump(self, namespace: str, pod: str, query: str) -> bytes:
        """What the pod's Envoy answers to `/config_dump` with this query."""
        ...

    async def clusters(self, namespace: str, pod: str) -> bytes:
        """What it answers to `/clusters?format=json`."""
        ...

    async def logging(self, namespace: str, pod: str, change: str) -> bytes:
        """Its loggers and their levels, after `LOGGER=LEVEL` (of all: `level=LEVEL`); "" changes nothing."""
        ...

    async def resources(self, namespace: str, pod: str) -> Mapping[str, Any]:
        """What it should hold: JSON by `clusters`, `endpoints`, `listeners`, `routes`; no secrets."""
        ...

    async def authn(self, namespace: str, pod: str) -> Mapping[str, Any]:
        """What it takes at each port and sends to each destination, and why: JSON, for `meshgate authn`."""
        ...


class KubeDeps(msgspec.Struct, frozen=True, kw_only=True):
    store: Store
    admission: Admission
    streams: Streams
    mesh: MeshStatus
    tokens: AccountTokens
    proxies: Proxies
    owner_uid: int = msgspec.field(default_factory=os.geteuid)
    """The only user, besides root, who may talk to the API."""
