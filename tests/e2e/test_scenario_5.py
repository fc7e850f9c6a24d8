"""Scenario 5: who answers, and what the access log tells of it. The delays themselves the tour sees (`test_tour`)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.tour_mesh import TourMesh

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

FROM_THE_END = '{"message": "i am service c, come from service b or a."}'


@pytest.fixture(scope="module", autouse=True)
def _applied(tour: TourMesh) -> Iterator[None]:
    with tour.applied("05-mesh-gateway"):
        yield


@pytest.mark.parametrize("path", ["/api/v1/testA/", "/api/v1/testB/", "/api/v1/testC/"])
def test_the_answer_comes_from_the_end_of_the_chain(tour: TourMesh, path: str) -> None:
    answer = tour.inside.get(f"http://service-a:8000{path}")
    assert (answer.status, answer.body) == (200, FROM_THE_END)


def test_the_access_log_names_route_and_cluster(tour: TourMesh) -> None:
    assert tour.inside.status("http://service-a:8000/api/v1/testA/marked") == 200
    line = tour.mesh.access_log("app=sleep", "/api/v1/testA/marked")
    assert '"GET /api/v1/testA/marked HTTP/1.1" 200 ' in line
    assert "outbound|8000||service-a.default.svc.cluster.local" in line
