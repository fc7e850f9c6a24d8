"""Scenario 4: a gateway's hosts limited by namespace; who is left out is told why."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.tour_mesh import TourMesh

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

LEFT_OUT = (("ns2", "refused-host", "other.bar.com"), ("ns3", "refused-namespace", "third.example.com"))


@pytest.fixture(scope="module", autouse=True)
def _applied(tour: TourMesh) -> Iterator[None]:
    with tour.applied("04-gateway-hosts-by-namespace", "04-routes"):
        yield


@pytest.mark.parametrize("host", ["anything.example.com", "foo.bar.com"])
def test_hosts_of_the_right_namespace_are_served(tour: TourMesh, host: str) -> None:
    answer = tour.outside.get(f"http://{host}/api/v1/testA/")
    assert (answer.status, answer.body) == (200, '{"message": "i am service c, come from service b or a."}')


@pytest.mark.parametrize(("namespace", "name", "host"), LEFT_OUT)
def test_others_are_not_and_the_virtual_service_says_why(tour: TourMesh, namespace: str, name: str, host: str) -> None:
    assert tour.outside.status(f"http://{host}/api/v1/testA/") == 404
    reason = f'does not take host "{host}" from namespace "{namespace}"'
    (line,) = [line for line in tour.mesh.problems() if f"VirtualService/{namespace}/{name} " in line]
    assert "spec.hosts[0]" in line
    assert reason in line
    assert "its hosts: ns1/*, ns2/foo.bar.com" in line
    status = tour.mesh.get("vs", name, "-n", namespace)["status"]
    assert isinstance(status, dict)
    (message,) = status["validationMessages"]
    assert reason in message["message"]


def test_nothing_else_is_wrong(tour: TourMesh) -> None:
    assert len(tour.mesh.problems()) == len(LEFT_OUT)
