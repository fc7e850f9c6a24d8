"""What several modules of whole-mesh tests share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.samples_mesh import SamplesMesh, started_samples
from tests.e2e.tour_mesh import TourMesh, started_tour
from tests.e2e.traffic_mesh import TrafficMesh, started_traffic


@pytest.fixture(scope="session")
def tour() -> Iterator[TourMesh]:
    """One mesh for scenarios 1 to 4; each applies its objects and takes them away again."""
    with started_tour() as tour:
        yield tour


@pytest.fixture(scope="session")
def traffic() -> Iterator[TrafficMesh]:
    """One mesh for what VirtualServices and DestinationRules can do; each module applies its own."""
    with started_traffic() as traffic:
        yield traffic


@pytest.fixture(scope="session")
def samples() -> Iterator[SamplesMesh]:
    """One mesh for the examples; each module applies its own routes."""
    with started_samples() as samples:
        yield samples
