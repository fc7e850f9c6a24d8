"""Scenario 1: one gateway, five ports. The two with TLS lack their certificates, and disturb nobody."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator

import pytest

from tests.e2e.tour_mesh import TourMesh

ABORTED = (ConnectionResetError, ssl.SSLEOFError)
"""The connection ended before any certificate was shown."""

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


@pytest.fixture(scope="module", autouse=True)
def applied(tour: TourMesh) -> Iterator[None]:
    with tour.applied("01-gateway-many-ports", "01-routes"):
        yield


@pytest.mark.parametrize("host", ["uk.bookinfo.com", "eu.bookinfo.com"])
@pytest.mark.parametrize("path", ["/productpage", "/productpage?user=a&b=c%20d", "/elsewhere", "/"])
def test_port_80_leads_to_https_at_the_same_host_and_path(tour: TourMesh, host: str, path: str) -> None:
    answer = tour.outside.get(f"http://{host}{path}")
    assert (answer.status, answer.headers["location"]) == (301, f"https://{host}{path}")


def test_port_80_knows_no_other_host(tour: TourMesh) -> None:
    for host in ("www.example.org", "us.bookinfo.com", "bookinfo.com"):
        assert tour.outside.status(f"http://{host}/productpage") == 404


def test_port_9080_has_the_route_of_its_host(tour: TourMesh) -> None:
    answer = tour.outside.get("http://www.example.org:9080/any/path")
    assert (answer.status, answer.instance) == (200, "prod-9080")
    assert answer.mirrored("host") == "www.example.org:9080"


def test_port_9080_knows_no_other_host(tour: TourMesh) -> None:
    assert tour.outside.status("http://nobody.example.org:9080/any/path") == 404


def test_port_2379_reaches_the_mongo_like_server_by_plain_tcp(tour: TourMesh) -> None:
    assert tour.say(2379, "hello") == "mongo hello"


@pytest.mark.parametrize(("port", "host"), [(443, "uk.bookinfo.com"), (9443, "eu.bookinfo.com")])
def test_a_server_without_its_certificate_refuses_its_own_connections_alone(
    tour: TourMesh, port: int, host: str
) -> None:
    context = ssl.create_default_context()
    with socket.create_connection((tour.address, port), timeout=10) as connection, pytest.raises(ABORTED):
        context.wrap_socket(connection, server_hostname=host)


def test_the_gateways_access_log_names_the_cluster(tour: TourMesh) -> None:
    tour.outside.get("http://www.example.org:9080/for-the-log")
    line = tour.mesh.access_log("app=my-gateway-controller", "/for-the-log", "some-config-namespace")
    assert '"GET /for-the-log HTTP/1.1" 200 - via_upstream' in line
    assert " outbound|9080||reviews.prod.svc.cluster.local " in line
