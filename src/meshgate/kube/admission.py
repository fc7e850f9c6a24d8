"""The way of a client's write into the store: computed, asked about, committed; or refused with all reasons at once.

One at a time, so that what `admit` agreed to is what is committed; what controllers write meanwhile to other objects
does not matter, and if they wrote the same ones all of it is done again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import msgspec

from meshgate.api import Problem, has_errors
from meshgate.store.core import Cause, Kinds, Result, StatusFault, Write, conflict, invalid
from meshgate.store.sqlite import Stale, Store

from .answers import Inadmissible
from .deps import Admit

ATTEMPTS = 10


class Written(msgspec.Struct, frozen=True, kw_only=True):
    results: tuple[Result, ...]
    problems: tuple[Problem, ...] = ()
    """Warnings and remarks; errors would have kept the write from happening."""


class Admission:
    """Shared by all requests of a server."""

    def __init__(self, store: Store, admit: Admit) -> None:
        self._store = store
        self._admit = admit
        self._lock = asyncio.Lock()

    async def write(self, writes: Sequence[Write], *, dry_run: bool = False, receipt: str = "") -> Written:
        """Do all writes or none. Raises StatusFault. With a receipt's id the outcome can be asked for later."""
        async with self._lock:  # no deadline: each holder does bounded work
            for _ in range(ATTEMPTS):
                prepared = self._store.prepare(writes)
                problems = await self._admit(prepared.changes) if prepared.changes else ()
                if has_errors(problems):
                    raise refusal(self._store.kinds, problems)
                if dry_run:
                    return Written(results=prepared.results, problems=problems)
                try:
                    results = self._store.commit(prepared, receipt_id=receipt, problems=problems)
                    return Written(results=results, problems=problems)
                except Stale:
                    continue
        change = prepared.changes[0]
        raise conflict(change.kind, change.ref.name)


def refusal(kinds: Kinds, problems: Sequence[Problem]) -> StatusFault:
    """What a client is told whose objects have errors, in the words of Kubernetes' `Invalid`."""
    errors = [problem for problem in problems if problem.is_error]
    ref = errors[0].ref
    own = [problem for problem in errors if problem.ref == ref]
    causes = [Cause(field=problem.path, message=_message(problem)) for problem in own]
    causes += [Cause(field=f"{p.ref}: {p.path}", message=_message(p)) for p in errors if p.ref != ref]
    if ref is not None and ref.kind in kinds:
        return Inadmissible(invalid(kinds[ref.kind], ref.name, causes), problems)
    text = "; ".join(str(problem) for problem in errors)
    return Inadmissible(StatusFault(text, code=422, reason="Invalid"), problems)


def _message(problem: Problem) -> str:
    place = f" ({problem.position})" if problem.position else ""
    return f"{problem.text}{'; ' + problem.hint if problem.hint else ''}{place}"
