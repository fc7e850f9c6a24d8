"""The way of a client's write into the store: computed, asked about, committed; or refused with all reasons at once.

One at a time, so that what `admit` agreed to is what is committed; what controllers write meanwhile to other objects
does not matter, and if they wrote the same ones all of it is done again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Protocol

import msgspec

from meshgate.api import Problem, has_errors

from .core import Change, Result, Write, conflict, immutable_fault
from .core.refusal import refusal
from .sqlite import Prepared, Stale, Store

ATTEMPTS = 10


class Admit(Protocol):
    """Asked before every commit of a client's write: what would be wrong with the mesh after these changes?

    One problem of severity `error` and nothing is written; others travel back with the result.
    """

    async def __call__(self, changes: Sequence[Change]) -> tuple[Problem, ...]: ...


class Written(msgspec.Struct, frozen=True, kw_only=True):
    results: tuple[Result, ...]
    problems: tuple[Problem, ...] = ()
    """Warnings and remarks; errors would have kept the write from happening."""


class Admission:
    """The one door for what clients and files want written; controllers, whose writes nobody need admit, go past it."""

    def __init__(self, store: Store, admit: Admit) -> None:
        self._store = store
        self._admit = admit
        self._lock = asyncio.Lock()

    async def write(self, writes: Sequence[Write], *, dry_run: bool = False, receipt: str = "") -> Written:
        """Do all writes or none. Raises StatusFault. With a receipt's id the outcome can be asked for later."""
        async with self._lock:  # no deadline: each holder does bounded work
            for _ in range(ATTEMPTS):
                prepared = self._store.prepare(writes)
                _check_kept(prepared)
                problems = await self._admit(prepared.changes) if prepared.changes else ()
                if has_errors(problems):
                    raise refusal(self._store.kinds, problems)
                if dry_run:
                    return Written(results=prepared.dry_results, problems=problems)
                try:
                    results = self._store.commit(prepared, receipt_id=receipt, problems=problems)
                    return Written(results=results, problems=problems)
                except Stale:
                    continue
        change = prepared.changes[0]
        raise conflict(change.kind, change.ref.name)


def _check_kept(prepared: Prepared) -> None:
    """Raises StatusFault where a client would change what is set once."""
    for change in prepared.changes:
        fault = immutable_fault(change)
        if fault is not None:
            fault.write_index = next(
                (index for index, result in enumerate(prepared.results) if result.ref == change.ref), None
            )
            raise fault
