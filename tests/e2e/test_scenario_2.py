"""Scenario 2: gateway and `mesh` in one VirtualService; and its variant, where one destination lacks the port."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import yaml

from meshgate.tour import scenario_text
from tests.e2e.answers import Caller, share
from tests.e2e.tour_mesh import TourMesh

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

REQUESTS = 1000
POINTS = 6
OUTSIDE = "http://uk.bookinfo.com:9080"
INSIDE = "http://reviews.prod.svc.cluster.local:9080"
DEV = ("-H", "Cookie: user=dev-123")


@pytest.fixture(scope="module", autouse=True)
def _applied(tour: TourMesh) -> Iterator[None]:
    with tour.applied("01-gateway-many-ports", "02-virtualservice-gateway-and-mesh"):
        yield


@pytest.fixture(params=["outside", "inside"])
def caller(tour: TourMesh, request: pytest.FixtureRequest) -> tuple[Caller, str]:
    """Who asks, and the URL by which."""
    return (tour.outside, OUTSIDE) if request.param == "outside" else (tour.inside, INSIDE)


def test_the_developers_cookie_leads_to_qa(caller: tuple[Caller, str]) -> None:
    who, url = caller
    for path in ("/reviews/1", "/any/other/path"):
        answer = who.get(f"{url}{path}", *DEV)
        assert (answer.status, answer.instance) == (200, "qa-7777")
    assert who.status(f"{url}/other", "-H", "Cookie: user=dev-1234") == 404, "the match is exact"


def test_reviews_are_split_80_to_20(caller: tuple[Caller, str]) -> None:
    who, url = caller
    counted = who.count(REQUESTS, f"{url}/reviews/")
    assert {status for status, _ in counted} == {200}
    assert abs(share(counted, "prod-9080") - 80) <= POINTS
    assert abs(share(counted, "qa-9080") - 20) <= POINTS


def test_other_paths_are_not_found(caller: tuple[Caller, str]) -> None:
    who, url = caller
    assert [who.status(f"{url}{path}") for path in ("/", "/reviews")] == [404, 404]


def test_the_second_host_of_the_gateway_has_the_same_rules(tour: TourMesh) -> None:
    assert tour.outside.get("http://eu.bookinfo.com:9080/x", *DEV).instance == "qa-7777"
    assert tour.outside.status("http://us.bookinfo.com:9080/reviews/") == 404


@pytest.fixture(scope="module")
def variant(tour: TourMesh) -> Iterator[TourMesh]:
    """`qa` with 7777 only: a gateway takes the only port, a sidecar looks for the listener's."""
    documents = yaml.safe_load_all(scenario_text("gateway-workloads"))
    (qa,) = [each for each in documents if each["kind"] == "Service" and each["metadata"]["namespace"] == "qa"]
    qa["spec"]["ports"] = [port for port in qa["spec"]["ports"] if port["port"] == 7777]
    tour.apply(yaml.safe_dump(qa))
    yield tour
    tour.apply(scenario_text("gateway-workloads"))


def test_variant_outside_is_as_before(variant: TourMesh) -> None:
    counted = variant.outside.count(REQUESTS, f"{OUTSIDE}/reviews/")
    assert {status for status, _ in counted} == {200}
    assert abs(share(counted, "qa-7777") - 20) <= POINTS


def test_variant_inside_the_fifth_part_is_503_and_the_log_says_why(variant: TourMesh) -> None:
    counted = variant.inside.count(REQUESTS, f"{INSIDE}/reviews/variant")
    assert {status for status, _ in counted} == {200, 503}
    assert abs(share(counted, "prod-9080") - 80) <= POINTS
    assert counted[503, ""] == REQUESTS - counted[200, "prod-9080"]
    line = variant.mesh.access_log("app=sleep", '" 503 NC cluster_not_found')
    assert "GET /reviews/variant" in line


def test_variant_it_is_reported(variant: TourMesh) -> None:
    (line,) = [line for line in variant.mesh.problems() if "bookinfo-rule" in line]
    assert "spec.http[1].route[1].destination" in line
    assert '"reviews.qa.svc.cluster.local" has no port 9080' in line
    assert "ports: 7777" in line
    told = variant.mesh.meshgate("get", "vs", "bookinfo-rule", "-n", "bookinfo-namespace", "-o", "yaml").stdout
    assert "has no port 9080" in told
