"""Runs the store's Pods on this machine: one worker for each, found again after a restart of the control plane.

Comes in: Pods (and the Secrets and ConfigMaps that their volumes show). Goes out: processes, and the pods' status. A
pod without a node gets this one, and its sidecar in the same write, so a pod never runs without the proxy that it is
to have. On start it first adopts what runs, ends what no pod wants, and starts what should run and does not.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Collection, Mapping, Sequence
from typing import Protocol

from meshgate.api import Pod, Ref, Resource, decode, of_type
from meshgate.errors import EnvironmentFault, MeshgateError
from meshgate.host.holder.requests import ChildState
from meshgate.host.pods.building import log_id, parse_container_id
from meshgate.host.pods.events import EventStore
from meshgate.host.pods.injection import injected, wants_sidecar
from meshgate.host.pods.status import is_done
from meshgate.host.pods.stored_status import stored_phase
from meshgate.host.pods.volume_files import object_names
from meshgate.host.pods.worker import PodDeps, PodWorker
from meshgate.store.core import Modify, Raw, SetStatus, StatusFault, meta
from meshgate.store.sqlite import Event

log = logging.getLogger(__name__)

_ADOPT_S = 60.0
"""By then every pod has its network back or says why not."""
_END_S = 30.0
_GONE = 410


class PodStore(EventStore, Protocol):
    """The store, as far as the kubelet uses it."""

    def list(self, kind: str, namespace: str | None = None) -> tuple[Raw, ...]: ...
    def watch(self, kinds: Collection[str], since: int | None = None) -> AsyncGenerator[Event, None]: ...


class Kubelet:
    """Owned by one event loop."""

    def __init__(self, store: PodStore, deps: PodDeps) -> None:
        self._store = store
        self._deps = deps
        self._workers: dict[str, PodWorker] = {}

    async def serve(self, ready: asyncio.Event) -> None:
        """Adopt, then follow the store until cancelled (which leaves everything running). `ready`: all is adopted."""
        adopted = await self._adopted()
        async with asyncio.TaskGroup() as group:
            for raw in self._store.list("Pod"):
                self._follow(raw, group, adopted.pop(meta(raw)["uid"], []))
            for pod_id, children in adopted.items():
                await self._end_unwanted(pod_id, children)
            await self._prune()
            ready.set()
            group.create_task(self._watch_volumes())
            while True:
                await self._follow_store(group)

    async def _follow_store(self, group: asyncio.TaskGroup) -> None:
        """Follow until the store says that we have missed something; then all is looked at again."""
        try:
            async for event in self._store.watch({"Pod"}):
                self._handle(event, group)
        except StatusFault as fault:
            if fault.code != _GONE:
                raise
        present = {meta(raw)["uid"] for raw in self._store.list("Pod")}
        for worker in list(self._workers.values()):
            if worker.uid not in present:
                worker.end(0.0)

    def worker(self, namespace: str, name: str) -> PodWorker | None:
        """Who runs this pod; None if it does not run here (yet)."""
        ref = Ref("Pod", namespace, name)
        return next((worker for worker in self._workers.values() if worker.ref == ref), None)

    # --- following the store ----------------------------------------------------------------------------------------

    def _handle(self, event: Event, group: asyncio.TaskGroup) -> None:
        if event.type == "BOOKMARK":
            return
        if event.type == "DELETED":
            worker = self._workers.get(meta(event.raw)["uid"])
            if worker is not None:
                worker.end(0.0)
            return
        self._follow(event.raw, group, [])

    def _follow(self, raw: Raw, group: asyncio.TaskGroup, children: Sequence[ChildState]) -> None:
        uid = meta(raw)["uid"]
        worker = self._workers.get(uid)
        if worker is not None:
            worker.update(raw)
        elif not raw["spec"].get("nodeName"):
            self._bind(raw)
        elif not is_done(stored_phase(raw)) or meta(raw).get("deletionTimestamp") or children:
            self._start(raw, group, children)

    def _start(self, raw: Raw, group: asyncio.TaskGroup, children: Sequence[ChildState]) -> None:
        try:
            worker = PodWorker(raw, self._deps)
        except EnvironmentFault as fault:  # the API lets none in; a file of an older version may
            log.error("a pod cannot be run", extra={"pod": meta(raw)["name"], "why": fault.text})
            status = {"phase": "Pending", "reason": "Unreadable", "message": fault.text}
            if raw.get("status") != status:
                self._store.transact([SetStatus(raw={**raw, "status": status})])
            return
        self._workers[worker.uid] = worker
        worker.update(raw)
        group.create_task(self._run(worker, children), name=f"pod {worker.ref.namespace}/{worker.ref.name}")

    async def _run(self, worker: PodWorker, children: Sequence[ChildState]) -> None:
        try:
            await worker.run(children)
        except Exception:  # one pod's fault is not the others'
            log.exception("a pod's worker failed; the pod is left as it is", extra={"pod": str(worker.ref)})
        finally:
            worker.attached.set()
            self._workers.pop(worker.uid, None)

    def _bind(self, raw: Raw) -> None:
        """Give the pod this node, and its sidecar."""
        ref = Ref("Pod", meta(raw).get("namespace", ""), meta(raw)["name"])
        labels = self._namespace_labels(ref.namespace)
        node = self._deps.mesh.node_name

        def bound(now: Raw) -> Raw:
            resource, _ = decode(now)
            pods = of_type([resource] if resource is not None else [], Pod)
            wants = any(wants_sidecar(pod.meta, pod.spec, labels) for pod in pods)
            changed = injected(now) if wants else now
            return {**changed, "spec": {**changed["spec"], "nodeName": node}}

        try:
            self._store.transact([Modify(ref=ref, change=bound)])
        except StatusFault as fault:  # deleted meanwhile
            log.debug("a pod is not bound", extra={"pod": str(ref), "why": str(fault)})
        except MeshgateError as fault:
            log.error("a pod cannot be bound to this node", extra={"pod": str(ref), "why": fault.text})

    def _namespace_labels(self, name: str) -> Mapping[str, str]:
        raw = self._store.get("Namespace", "", name)
        metadata = raw.get("metadata") if raw is not None else None
        return metadata.get("labels") or {} if isinstance(metadata, Mapping) else {}

    async def _watch_volumes(self) -> None:
        """Pods see a changed Secret or ConfigMap at once."""
        async for event in self._store.watch({"Secret", "ConfigMap"}):
            if event.type == "BOOKMARK":
                continue
            key = (event.raw["kind"], meta(event.raw)["name"])
            for worker in list(self._workers.values()):
                if worker.ref.namespace == meta(event.raw)["namespace"] and key in _mentions(worker.pod):
                    worker.refresh_volumes()

    # --- after a restart --------------------------------------------------------------------------------------------

    async def _adopted(self) -> dict[str, list[ChildState]]:
        """What runs or has ended since before our restart, by pod."""
        found: dict[str, list[ChildState]] = {}
        for child in await self._deps.runtime.adopt():
            parsed = parse_container_id(child.id)
            if parsed is not None:
                found.setdefault(parsed[0], []).append(child)
        return found

    async def _end_unwanted(self, pod_id: str, children: Sequence[ChildState]) -> None:
        """The pod was removed while nobody looked."""
        for child in children:
            async with asyncio.timeout(_END_S):
                await self._deps.runtime.stop(child.id, 0)
                await self._deps.runtime.forget(child.id)
        await self._deps.runtime.close_log(log_id(pod_id))
        await self._deps.door.close(pod_id)

    async def _prune(self) -> None:
        """Networks that no pod has any more go, once those that are wanted have been found again."""
        workers = list(self._workers.values())
        async with asyncio.timeout(_ADOPT_S):
            for worker in workers:
                await worker.attached.wait()
        await self._deps.network.prune([worker.uid for worker in self._workers.values()])
        for name in self._deps.runtime.logs(log_id("")):
            if name.removeprefix(log_id("")) not in self._workers:
                await self._deps.runtime.close_log(name)


def _mentions(pod: Resource[Pod]) -> set[tuple[str, str]]:
    return {named for volume in pod.spec.volumes for named in object_names(volume)}
