"""What several modules of whole-mesh tests share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.tour_mesh import TourMesh, started_tour


@pytest.fixture(scope="session")
def tour() -> Iterator[TourMesh]:
    """One mesh for scenarios 1 to 4; each applies its objects and takes them away again."""
    with started_tour() as tour:
        yield tour
