"""What a pod's proxy holds and what it should hold, for the API."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Protocol

from meshgate.app.authn import authn, authn_json
from meshgate.app.pipeline import Pipeline
from meshgate.app.proxies import proxy_id
from meshgate.app.translate import table_json
from meshgate.store.core import StatusFault
from meshgate.xds.server import AdsServer


class AdminInterfaces(Protocol):
    """The Envoys' own words."""

    async def ask(self, namespace: str, pod: str, target: str, method: str = "GET") -> bytes:
        """The answer to a request."""
        ...


class ProxyViews:
    """Implements the API's `Proxies`."""

    def __init__(self, pipeline: Pipeline, ads: AdsServer, interfaces: AdminInterfaces) -> None:
        self._pipeline = pipeline
        self._ads = ads
        self._interfaces = interfaces

    async def config_dump(self, namespace: str, pod: str, query: str) -> bytes:
        return await self._interfaces.ask(namespace, pod, f"/config_dump?{query}")

    async def clusters(self, namespace: str, pod: str) -> bytes:
        return await self._interfaces.ask(namespace, pod, "/clusters?format=json")

    async def logging(self, namespace: str, pod: str, change: str) -> bytes:
        return await self._interfaces.ask(namespace, pod, f"/logging{'?' if change else ''}{change}", "POST")

    async def resources(self, namespace: str, pod: str) -> Mapping[str, Any]:
        table = self._ads.table_of(proxy_id(namespace, pod))
        if table is None:
            raise _not_planned(pod)
        return await asyncio.to_thread(table_json, table)  # thousands of clusters take a second

    async def authn(self, namespace: str, pod: str) -> Mapping[str, Any]:
        built = self._pipeline.built.value
        name = proxy_id(namespace, pod)
        if built.snapshot is None or name not in built.proxies:
            raise _not_planned(pod)
        found = await asyncio.to_thread(authn, built.snapshot, built.proxies[name], built.tables[name])
        return authn_json(found, self._pipeline.position)


def _not_planned(pod: str) -> StatusFault:
    text = f'nothing is planned yet for the proxy of pod "{pod}": it has no address'
    return StatusFault(text, code=503, reason="ServiceUnavailable")
