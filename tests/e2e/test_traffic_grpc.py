"""gRPC: over HTTP/2 without TLS from client to server, with matches, faults and retries of its own."""

from __future__ import annotations

import json
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import yaml

from tests.e2e.manifests import Object, deployment, istio, service
from tests.e2e.mesh import without_proxies
from tests.e2e.traffic_mesh import TrafficMesh, virtual_service

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

MODULE = "meshgate.apps.grpc_echo"
SERVER: list[Object] = [
    service("grpc-echo", {"grpc": 7000}),
    deployment("grpc-echo", {"app": "grpc-echo"}, ["python3", "-m", MODULE, "--port", "7000", "--name", "one"], 7000),
]
RULES = """
- match: [{uri: {exact: /echo.Echo/Faulty}}]
  fault: {abort: {grpcStatus: RESOURCE_EXHAUSTED, percentage: {value: 100}}}
  route: [{destination: {host: grpc-echo}}]
- match: [{uri: {prefix: /echo.Echo/}, headers: {user: {exact: nobody}}}]
  fault: {abort: {grpcStatus: PERMISSION_DENIED, percentage: {value: 100}}}
  route: [{destination: {host: grpc-echo}}]
- match: [{uri: {prefix: /echo.Echo/Fails-4}}]
  retries: {attempts: 4, retryOn: unavailable}
  route: [{destination: {host: grpc-echo}}]
- route: [{destination: {host: grpc-echo}}]
  headers: {request: {set: {x-seen: "yes"}}}
"""


@pytest.fixture(scope="module", autouse=True)
def _applied(traffic: TrafficMesh) -> Iterator[None]:
    at_gateway = RULES.replace("host: grpc-echo", "host: grpc-echo, port: {number: 7000}")
    routes = [
        virtual_service("grpc", yaml.safe_load(at_gateway)),
        istio("VirtualService", "grpc-echo", {"hosts": ["grpc-echo"], "http": yaml.safe_load(RULES)}),
    ]
    with traffic.applied([*SERVER, *routes]):
        traffic.mesh.wait_ready("app=grpc-echo")
        yield


Told = dict[str, object]


def outside(traffic: TrafficMesh, *methods: str, metadata: str = "user=one") -> list[Told]:
    """Calls through the gateway's HTTP port."""
    address = traffic.outside.curl[-1].removeprefix("::").removesuffix(":")
    given = [part for method in methods for part in ("--method", f"/echo.Echo/{method}")]
    client = (sys.executable, "-m", MODULE, "--call", f"{address}:80", "--authority", "grpc.test")
    done = subprocess.run(
        [*client, "--metadata", metadata, *given],
        capture_output=True,
        text=True,
        env=without_proxies(),
        timeout=60,
        check=True,
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def inside(traffic: TrafficMesh, *methods: str, metadata: str = "user=one") -> list[Told]:
    """Calls of a sidecar."""
    given = [part for method in methods for part in ("--method", f"/echo.Echo/{method}")]
    command = ("python3", "-m", MODULE, "--call", "grpc-echo:7000", "--metadata", metadata, *given)
    done = traffic.mesh.exec("deploy/sleep", *command)
    assert done.returncode == 0, done
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize("call", [outside, inside])
def test_calls_are_routed_failed_and_tried_again(traffic: TrafficMesh, call: Callable[..., list[Any]]) -> None:
    key = uuid.uuid4().hex
    said, faulty, twice, thrice, four = call(
        traffic, "Say", "Faulty", f"Fails-2-{key}", f"Fails-3-{key}", f"Fails-4-{key}"
    )
    assert (said["code"], said["told"]["name"], said["told"]["method"]) == ("OK", "one", "/echo.Echo/Say")
    assert (said["told"]["metadata"]["x-seen"], said["told"]["metadata"]["user"]) == ("yes", "one")
    assert faulty["code"] == "RESOURCE_EXHAUSTED"
    assert (twice["code"], thrice["code"]) == ("OK", "UNAVAILABLE"), "two retries are the default"
    assert four["code"] == "OK"
    (denied,) = call(traffic, "Say", metadata="user=nobody")
    assert denied["code"] == "PERMISSION_DENIED"
