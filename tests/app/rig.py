"""A control plane without a machine: store, controllers, pipeline and ADS server; a test plays the kubelet."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from meshgate.api import IstioOperator, Problem, Ref
from meshgate.app.compiler import Compiler
from meshgate.app.identities import Identities
from meshgate.app.mesh_authority import MeshAuthority
from meshgate.app.pipeline import Pipeline
from meshgate.app.proxies import proxy_id
from meshgate.app.status import MeshStatus
from meshgate.errors import ApiError
from meshgate.host.controllers import Settings, reconcile
from meshgate.mesh import Facts
from meshgate.store.admission import Admission
from meshgate.store.core import Apply, Delete, Modify, Raw, meta
from meshgate.store.sqlite import Store
from meshgate.xds.server import AdsServer

NOW = "2026-01-01T00:00:00Z"
DEADLINE_S = 30


class NoMachine:
    """The machine's parts where there are none."""

    def told(self) -> Mapping[str, Any]:
        return {}

    def pids(self) -> Mapping[str, int]:
        return {}

    def problems(self) -> Sequence[Problem]:
        return ()

    async def wait_followed(self) -> None:
        return


class Rig:
    """The parts, joined as the control plane joins them."""

    def __init__(self, directory: Path, overlay: IstioOperator | None = None) -> None:
        self.directory = directory
        self.store = Store(directory)
        self.ads = AdsServer()
        self.compiler = Compiler(Facts(), overlay)
        self.settings = Settings(overlay=overlay or IstioOperator())
        self.pipeline = Pipeline(self.store, self.ads, self.compiler, self._settle)
        self.now = datetime(2026, 8, 1, 12, tzinfo=UTC)
        """Of certificates."""
        self.authority = MeshAuthority(self.store, lambda: self.now)
        self.identities = Identities(self.ads, self.pipeline.built, self.authority.trust, lambda: self.now)
        self.admission = Admission(self.store, self.pipeline.admit)
        self.status = MeshStatus(self.pipeline, self.ads, NoMachine())

    def _settle(self, changed: Collection[str]) -> Collection[str]:
        return reconcile(self.store, self.settings, NOW, changed=changed)

    async def apply(self, text: str) -> tuple[Problem, ...]:
        """As a client does; raises ApiError if it is refused."""
        writes = [Apply(raw=raw) for raw in yaml.safe_load_all(text) if raw]
        return (await self.admission.write(writes)).problems

    async def refusal(self, text: str) -> str:
        """Why the objects are refused."""
        try:
            await self.apply(text)
        except ApiError as error:
            return error.text
        raise AssertionError("the objects were not refused")

    async def delete(self, kind: str, name: str, namespace: str = "default") -> tuple[Problem, ...]:
        return (await self.admission.write([Delete(ref=Ref(kind, namespace, name))])).problems

    async def built(self) -> None:
        """Everything that is in the store is built."""
        await self.pipeline.wait_built(self.store.revision.value)

    def pods(self, app: str, namespace: str = "default") -> Sequence[Raw]:
        found = self.store.list("Pod", namespace)
        return [pod for pod in found if (meta(pod).get("labels") or {}).get("app") == app]

    def set_pod(self, pod: Raw, address: str, *, ready: bool = True) -> str:
        """The kubelet says that the pod runs; its proxy's id."""
        where = Ref("Pod", meta(pod)["namespace"], meta(pod)["name"])
        conditions = [{"type": "Ready", "status": "True" if ready else "False"}]
        status: dict[str, Any] = {"phase": "Running", "podIP": address, "conditions": conditions}
        self.store.transact([Modify(ref=where, change=lambda old: {**old, "status": status}, status=True)])
        return proxy_id(where.namespace, where.name)


@asynccontextmanager
async def running(directory: Path, overlay: IstioOperator | None = None) -> AsyncIterator[Rig]:
    rig = Rig(directory, overlay)
    async with asyncio.TaskGroup() as group:
        follow = group.create_task(rig.pipeline.run())
        try:
            await rig.built()
            yield rig
        finally:
            follow.cancel()
            await rig.ads.stop()
            rig.store.close()


def run(test: Callable[[Rig], Awaitable[None]], directory: Path, overlay: IstioOperator | None = None) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(DEADLINE_S), running(directory, overlay) as rig:
            await test(rig)

    asyncio.run(bounded())
