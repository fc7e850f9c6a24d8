"""Scenario 3: TCP through the gateway only."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.tour_mesh import TourMesh

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

SAY = """
import socket, sys
connection = socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=10)
connection.sendall(b"inside\\n")
print(connection.makefile().readline(), end="")
"""


@pytest.fixture(scope="module", autouse=True)
def _applied(tour: TourMesh) -> Iterator[None]:
    with tour.applied("03-gateway", "03-virtualservice-tcp"):
        yield


def test_a_client_outside_talks_to_mongo_through_the_gateways_port(tour: TourMesh) -> None:
    assert tour.say(27017, "outside") == "mongo outside"
    line = tour.mesh.access_log("app=my-gateway-controller", "outbound|5555||", "some-config-namespace")
    assert " outbound|5555||mongo.prod.svc.cluster.local " in line


@pytest.mark.parametrize(
    ("service", "port", "answer"),
    [("mongosvr.prod", "27017", "mongosvr inside"), ("mongo.prod", "5555", "mongo inside")],
)
def test_inside_the_mesh_the_rule_does_not_apply(tour: TourMesh, service: str, port: str, answer: str) -> None:
    done = tour.mesh.exec("deploy/sleep", "python3", "-c", SAY, service, port)
    assert done.stdout == f"{answer}\n", done


def test_nothing_is_wrong(tour: TourMesh) -> None:
    assert tour.mesh.problems() == []
