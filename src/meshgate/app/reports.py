"""Problems told where users look: in the status of their objects, and refusals of proxies as events.

`status.validationMessages` has the form of Istio's analyzers (level, type with code and name), so tools that read it
from a cluster read it here. A status is written only when it changes, and taken back when a problem is
gone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from meshgate.api import CODES, KINDS, Problem, Ref
from meshgate.app.status import by_object
from meshgate.host.controllers.events import event
from meshgate.store.core import SetStatus, StatusFault, meta
from meshgate.store.sqlite import Store

REASON = "RefusedByProxy"
SETTLE_S = 0.1
"""Reports come after the traffic: changes that come together are reported together."""
LEVELS = {"error": "ERROR", "warning": "WARNING", "info": "INFO"}
REPORTED = tuple(kind for kind in KINDS if kind.group == "networking.istio.io")
Raw = Mapping[str, Any]


class Reports:
    """Writes problems to objects. One task (`run`)."""

    def __init__(
        self,
        store: Store,
        problems: Callable[[], Sequence[Problem]],
        refused: Callable[[], Sequence[Problem]],
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._store = store
        self._problems = problems
        self._refused = refused
        self._now = now
        self._told: set[Problem] = set()

    async def run(self, changed: asyncio.Event) -> None:
        """Report whenever `changed` is set, for ever."""
        while True:
            await changed.wait()  # no deadline: nothing to report as long as nothing changes
            changed.clear()
            await asyncio.sleep(SETTLE_S)
            self.report()

    def report(self) -> None:
        """Write what differs."""
        refused = tuple(self._refused())
        found = by_object((*self._problems(), *refused))
        for kind in REPORTED:
            for raw in self._store.list(kind.kind):
                self._report_object(raw, found.get(Ref(kind.kind, meta(raw)["namespace"], meta(raw)["name"]), ()))
        for problem in sorted(set(refused) - self._told, key=str):
            self._tell_event(problem)
        self._told = set(refused)

    def _report_object(self, raw: Raw, problems: Sequence[Problem]) -> None:
        messages = [message_of(problem) for problem in problems]
        status = dict(raw.get("status") or {})
        if status.get("validationMessages", []) == messages:
            return
        if messages:
            status["validationMessages"] = messages
            status["observedGeneration"] = str(meta(raw).get("generation", 1))
        else:
            status.pop("validationMessages", None)
        try:
            self._store.transact([SetStatus(raw={**raw, "status": status})])
        except StatusFault as fault:
            if fault.reason not in ("NotFound", "Conflict"):  # it was written or deleted meanwhile: the next report
                raise

    def _tell_event(self, problem: Problem) -> None:
        ref = problem.ref
        about = self._store.get(ref.kind, ref.namespace, ref.name) if ref is not None else None
        if about is None:
            return
        now = self._now().strftime("%Y-%m-%dT%H:%M:%SZ")
        self._store.transact([event(self._store, about, REASON, problem.text, now)])


def message_of(problem: Problem) -> dict[str, Any]:
    """A problem in the form of `istio.analysis.v1alpha1.AnalysisMessageBase`, with our text beside it."""
    return {
        "type": {"code": problem.code, "name": CODES[problem.code].name},
        "level": LEVELS[problem.severity],
        "path": problem.path,
        "message": f"{problem.text}{f'; {problem.hint}' if problem.hint else ''}",
        **({"position": problem.position} if problem.position else {}),
    }
