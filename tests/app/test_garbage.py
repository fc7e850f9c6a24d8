"""What is there when a mesh has grown is set aside from the collector, and only then."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterator

import pytest

from meshgate.aio import Latest
from meshgate.api import AnyResource, Meta, Namespace, Resource
from meshgate.app import garbage
from meshgate.app.pipeline import Built


@pytest.fixture(autouse=True)
def collector() -> Iterator[None]:
    """As it was, afterwards."""
    before = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*before)


def objects(count: int) -> tuple[AnyResource, ...]:
    made = (
        Resource(api_version="v1", kind="Namespace", meta=Meta(name=str(n)), spec=Namespace()) for n in range(count)
    )
    return tuple(made)


def test_growth_is_set_aside(monkeypatch: pytest.MonkeyPatch) -> None:
    frozen: list[int] = []

    async def test() -> None:
        builds = Latest(Built(revision=0))
        monkeypatch.setattr(gc, "freeze", lambda: frozen.append(len(builds.value.resources)))
        async with asyncio.TaskGroup() as group:
            following = group.create_task(garbage.set_aside(builds))
            for revision, count in enumerate((10, garbage.FEWEST, garbage.FEWEST + 1, 2 * garbage.FEWEST), 1):
                builds.set(Built(revision=revision, resources=objects(count)))
                for _ in range(3):
                    await asyncio.sleep(0)
            following.cancel()

    asyncio.run(test())
    assert frozen == [garbage.FEWEST, 2 * garbage.FEWEST]
    assert gc.get_threshold()[0] == garbage.YOUNG
