"""Problems told where users look: in the status of their objects, and as events when they begin.

A status has the form that istiod writes with analysis enabled (`validationMessages` with type, level and
documentationUrl, a condition `PassedAnalysis`: istio.io/latest/docs/reference/config/config-status/), so tools that
read it from a cluster read it here; our text stands beside it. Only objects whose problems changed are written to, and
what was written is taken back when the problems are gone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice

from meshgate.api import CODES, KINDS, Problem, Ref
from meshgate.app.problems import MeshProblems
from meshgate.app.report_status import has_report, with_report
from meshgate.host.controllers.events import event, event_once
from meshgate.store.core import Raw, SetStatus, StatusFault, Write, meta
from meshgate.store.sqlite import Store

SETTLE_S = 0.1
"""Reports come after the traffic: changes that come together are reported together."""
AT_ONCE = 100
"""Objects that are written to before others get the event loop."""
MOST_EVENTS = 100
"""Of one report: whoever gets more problems at once reads them in the status."""
REPORTED = frozenset(kind.kind for kind in KINDS if kind.is_protobuf)
"""Kinds whose status has room for problems; those of other kinds are events, and in `meshgate status`."""

Told = tuple[str, Ref | None, str, str]
"""What makes a problem the same one, wherever its line is now."""


class Reports:
    """Writes problems to objects. One task (`run`)."""

    def __init__(
        self, store: Store, problems: MeshProblems, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._store = store
        self._problems = problems
        self._now = now
        self._written: dict[Ref, tuple[Raw, tuple[Problem, ...]]] | None = None
        """What each object with problems was when it was last seen to say so."""
        self._told: frozenset[Told] | None = None

    async def run(self, changed: asyncio.Event) -> None:
        """Report whenever `changed` is set, for ever."""
        while True:
            await changed.wait()  # no deadline: nothing to report as long as nothing changes
            changed.clear()
            await asyncio.sleep(SETTLE_S)
            await self.report()

    async def report(self) -> None:
        """Write what differs."""
        problems = self._problems.by_object()
        found = {ref: each for ref, each in problems.items() if ref.kind in REPORTED}
        if self._written is None:
            self._written = dict(self._left_behind())
        refs = [ref for ref in {**self._written, **found} if self._is_news(ref, found.get(ref, ()))]
        for some in _batches(refs):
            self._write([status for ref in some if (status := self._status(ref, found.get(ref, ()))) is not None])
            self._remember(some, found)
            await asyncio.sleep(0)
        self._tell([problem for each in problems.values() for problem in each])

    def _left_behind(self) -> Iterator[tuple[Ref, tuple[Raw, tuple[Problem, ...]]]]:
        """Objects to which a control plane before this one has written."""
        for kind in REPORTED:
            for raw in self._store.list(kind):
                if has_report(raw):
                    yield Ref(kind, meta(raw)["namespace"], meta(raw)["name"]), ({}, ())

    def _is_news(self, ref: Ref, problems: Sequence[Problem]) -> bool:
        assert self._written is not None
        known = self._written.get(ref)
        return known is None or known[1] != problems or known[0] is not self._get(ref)

    def _status(self, ref: Ref, problems: Sequence[Problem]) -> Write | None:
        raw = self._get(ref)
        if raw is None:
            return None
        wanted = with_report(raw, problems, self._time())
        return None if wanted.get("status") == raw.get("status") else SetStatus(raw=wanted)

    def _remember(self, refs: Iterable[Ref], found: dict[Ref, tuple[Problem, ...]]) -> None:
        assert self._written is not None
        for ref in refs:
            raw = self._get(ref)
            if raw is None or ref not in found:
                self._written.pop(ref, None)
            else:
                self._written[ref] = raw, found[ref]

    def _write(self, writes: Sequence[Write]) -> None:
        if writes:
            try:
                self._store.transact(writes)
            except StatusFault as fault:
                if fault.reason not in ("NotFound", "Conflict"):  # written or deleted meanwhile: the next report
                    raise

    def _tell(self, problems: Sequence[Problem]) -> None:
        """Events of problems that have just begun; those found first may have been told before we came."""
        present = {_told(problem): problem for problem in problems if problem.level != "info"}
        new = [problem for key, problem in present.items() if self._told is None or key not in self._told]
        writes = [write for problem in islice(new, MOST_EVENTS) for write in self._events(problem)]
        self._write(writes)
        self._told = frozenset(present)

    def _events(self, problem: Problem) -> list[Write]:
        about = self._get(problem.ref) if problem.ref is not None else None
        if about is None:
            return []
        reason, text = CODES[problem.code].name, f"{problem.path}: {problem.text}" if problem.path else problem.text
        if self._told is None:
            return event_once(self._store, about, reason, text, self._time())
        return [event(self._store, about, reason, text, self._time())]

    def _get(self, ref: Ref) -> Raw | None:
        return self._store.get(ref.kind, ref.namespace, ref.name)

    def _time(self) -> str:
        return self._now().strftime("%Y-%m-%dT%H:%M:%SZ")


def _told(problem: Problem) -> Told:
    return problem.code, problem.ref, problem.path, problem.text


def _batches(refs: Sequence[Ref]) -> Iterator[Sequence[Ref]]:
    return (refs[start : start + AT_ONCE] for start in range(0, len(refs), AT_ONCE))
