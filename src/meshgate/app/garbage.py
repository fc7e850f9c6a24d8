"""Python's garbage collector, kept from going through a whole mesh again and again.

A mesh of 1,000 services is half a million objects that live as long as the mesh; a full collection goes through all of
them, which takes longer than a changed route. So what is there when the mesh has grown by a quarter is set aside: it
is freed as ever when nothing refers to it, and only cycles among it would stay.
"""

from __future__ import annotations

import gc

from meshgate.aio import Latest
from meshgate.app.pipeline import Built

FEWEST = 100
"""Objects: what is smaller is not worth setting aside."""
GROWTH = 1.25
YOUNG = 20_000
"""Allocations between collections of what is young: as many as a small change makes."""


async def set_aside(builds: Latest[Built]) -> None:
    """Follow the builds, for ever."""
    gc.set_threshold(YOUNG, *gc.get_threshold()[1:])
    size = 0
    async for built in builds:
        if len(built.resources) >= max(FEWEST, size * GROWTH):
            size = len(built.resources)
            gc.collect()
            gc.freeze()
