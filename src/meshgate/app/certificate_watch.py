"""Tells when a certificate expires or becomes valid: the one change of a mesh that nobody writes."""

from __future__ import annotations

import asyncio
import contextlib

from meshgate.app.pipeline import Built, Pipeline
from meshgate.mesh import next_change

_LONGEST_SLEEP_S = 60.0
"""A clock may be set, and a machine may sleep."""


async def watch_certificates(pipeline: Pipeline, *, longest_s: float = _LONGEST_SLEEP_S) -> None:
    """Build anew whenever the time changes what is true of a certificate, for ever."""
    async for built in pipeline.built:
        if built.snapshot is not None:
            await _wait_for_change(pipeline, built, longest_s)


async def _wait_for_change(pipeline: Pipeline, built: Built, longest_s: float) -> None:
    """Return when there is another build, be it that it was made here."""
    assert built.snapshot is not None
    change = next_change(built.snapshot.validities, built.moment)
    while pipeline.built.value is built:
        left_s = (change - pipeline.clock()).total_seconds() if change is not None else longest_s
        if left_s <= 0:
            pipeline.refresh()
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(min(left_s, longest_s)):
                await pipeline.built.wait_for(lambda newer: newer is not built)
