"""The columns of pods: the status is put together from what its containers say, as kubectl does it.

`kubernetes:pkg/printers/internalversion/printers.go#printPod`: the reason of whatever keeps the pod from running,
the init containers' first.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from meshgate.store.core import Raw, meta

from .cells import NONE, UNKNOWN, Column, age, field, items


def ready(raw: Raw, now: datetime) -> str:
    statuses = _statuses(raw)
    count = sum(1 for status in statuses if status.get("ready"))
    return f"{count}/{len(items(raw, 'spec.containers')) + len(_sidecar_names(raw))}"


def restarts(raw: Raw, now: datetime) -> str:
    statuses = _statuses(raw)
    count = sum(int(status.get("restartCount") or 0) for status in statuses)
    ends = [field(status, "lastState.terminated.finishedAt") for status in statuses]
    last = max(filter(None, ends), default="")
    return f"{count} ({age(last, now)} ago)" if count and last else str(count)


def status(raw: Raw, now: datetime) -> str:
    reason = str(field(raw, "status.reason") or field(raw, "status.phase") or UNKNOWN)
    reason = _waiting_for_init(raw) or _of_containers(raw, reason)
    if "deletionTimestamp" in meta(raw):
        return UNKNOWN if field(raw, "status.reason") == "NodeLost" else "Terminating"
    return reason


def _sidecar_names(raw: Raw) -> set[str]:
    """Init containers that run on: they count as containers."""
    return {c.get("name", "") for c in items(raw, "spec.initContainers") if c.get("restartPolicy") == "Always"}


def _statuses(raw: Raw) -> list[Raw]:
    sidecars = _sidecar_names(raw)
    init = [status for status in items(raw, "status.initContainerStatuses") if status.get("name") in sidecars]
    return init + items(raw, "status.containerStatuses")


def _waiting_for_init(raw: Raw) -> str:
    """`Init:...` as long as an init container has not done its work."""
    sidecars = _sidecar_names(raw)
    statuses: Sequence[Raw] = items(raw, "status.initContainerStatuses")
    for number, container in enumerate(statuses):
        ended: Any = field(container, "state.terminated")
        waiting: Any = field(container, "state.waiting")
        if (ended and ended.get("exitCode") == 0) or (container.get("name") in sidecars and container.get("started")):
            continue
        if ended:
            return f"Init:{ended.get('reason') or _exit(ended)}"
        if waiting and waiting.get("reason") not in (None, "", "PodInitializing"):
            return f"Init:{waiting['reason']}"
        return f"Init:{number}/{len(items(raw, 'spec.initContainers'))}"
    return ""


def _of_containers(raw: Raw, reason: str) -> str:
    """The reason of the first container that does not run; else the pod's own."""
    running = False
    for container in reversed(items(raw, "status.containerStatuses")):
        waiting, ended = field(container, "state.waiting.reason"), field(container, "state.terminated")
        if waiting:
            reason = str(waiting)
        elif ended:
            reason = str(ended.get("reason") or _exit(ended))
        elif container.get("ready") and field(container, "state.running") is not None:
            running = True
    if reason == "Completed" and running:
        conditions = items(raw, "status.conditions")
        is_ready = any(c.get("type") == "Ready" and c.get("status") == "True" for c in conditions)
        return "Running" if is_ready else "NotReady"
    return reason


def _exit(ended: Raw) -> str:
    signal = ended.get("signal")
    return f"Signal:{signal}" if signal else f"ExitCode:{ended.get('exitCode', 0)}"


def readiness_gates(raw: Raw, now: datetime) -> str:
    gates = [gate.get("conditionType") for gate in items(raw, "spec.readinessGates")]
    if not gates:
        return NONE
    passed = [c for c in items(raw, "status.conditions") if c.get("type") in gates and c.get("status") == "True"]
    return f"{len(passed)}/{len(gates)}"


POD = (
    Column("Ready", ready),
    Column("Status", status),
    Column("Restarts", restarts),
    Column("IP", lambda raw, now: str(field(raw, "status.podIP") or NONE), wide=True),
    Column("Node", lambda raw, now: str(field(raw, "spec.nodeName") or NONE), wide=True),
    Column("Nominated Node", lambda raw, now: str(field(raw, "status.nominatedNodeName") or NONE), wide=True),
    Column("Readiness Gates", readiness_gates, wide=True),
)
