"""Objects of a mesh in memory, controllers run on them, and a kubelet that does what a test says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from meshgate.api import Ref, decode
from meshgate.host.controllers import Settings, reconcile
from meshgate.host.controllers.memory import MemoryStore
from meshgate.store.core import Apply, Delete, Modify, Raw, StatusFault, meta

NOW = "2026-01-01T00:00:00Z"


class World:
    def __init__(self, text: str = "", settings: Settings | None = None) -> None:
        self.store = MemoryStore()
        self.settings = settings or Settings()
        self.refused: list[StatusFault] = []
        self.now = NOW
        self.apply(text)

    def apply(self, text: str) -> frozenset[str]:
        """Apply YAML as a user; the kinds that controllers then wrote."""
        self.store.transact(Apply(raw=raw) for raw in yaml.safe_load_all(text) if raw)
        return self.reconcile()

    def reconcile(self) -> frozenset[str]:
        return reconcile(
            self.store, self.settings, self.now, report=lambda _controller, fault: self.refused.append(fault)
        )

    def delete(self, kind: str, namespace: str, name: str, **more: Any) -> frozenset[str]:
        self.store.transact([Delete(ref=Ref(kind, namespace, name), **more)])
        return self.reconcile()

    def get(self, kind: str, name: str, namespace: str = "default") -> Raw:
        raw = self.store.get(kind, namespace, name)
        assert raw is not None, f"there is no {kind} {namespace}/{name}"
        return raw

    def names(self, kind: str, namespace: str | None = None) -> list[str]:
        return [meta(raw)["name"] for raw in self.store.list(kind, namespace)]

    def pods(self, namespace: str = "default") -> list[Raw]:
        return [pod for pod in self.store.list("Pod", namespace) if "deletionTimestamp" not in meta(pod)]

    def start(self, pod: Raw, address: str = "10.244.0.1", *, ready: bool = True, node: str = "here") -> None:
        """The kubelet takes the pod and says that it runs; the caller reconciles."""
        where = Ref("Pod", meta(pod)["namespace"], meta(pod)["name"])
        status = {
            "phase": "Running",
            "podIP": address,
            "podIPs": [{"ip": address}],
            "conditions": [{"type": "Ready", "status": "True" if ready else "False"}],
        }
        self.store.transact(
            [
                Modify(ref=where, change=lambda old: {**old, "spec": {**old["spec"], "nodeName": node}}),
                Modify(ref=where, change=lambda old: {**old, "status": status}, status=True),
            ]
        )

    def start_all(self, namespace: str = "default") -> None:
        """All pods run and are ready."""
        for number, pod in enumerate(self.pods(namespace), 1):
            self.start(pod, str(meta(pod).get("address") or f"10.244.0.{number}"))
        self.reconcile()

    def end(self, pod: Raw) -> None:
        """The kubelet has ended a pod that was marked for deletion."""
        self.store.transact(
            [Delete(ref=Ref("Pod", meta(pod)["namespace"], meta(pod)["name"]), grace_s=0, missing_ok=True)]
        )
        self.reconcile()

    def check_decodable(self) -> None:
        """Whatever controllers made is what users could have written."""
        for kind in ("ServiceAccount", "Service", "Deployment", "Pod", "EndpointSlice", "Event"):
            for raw in self.store.list(kind):
                resource, problems = decode(raw)
                assert resource is not None, problems


def spec(raw: Raw) -> Mapping[str, Any]:
    value = raw["spec"]
    assert isinstance(value, Mapping)
    return value


def status(raw: Raw) -> Mapping[str, Any]:
    value = raw.get("status", {})
    assert isinstance(value, Mapping)
    return value
