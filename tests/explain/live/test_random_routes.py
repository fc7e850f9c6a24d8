"""Random VirtualServices at a gateway and at a sidecar: Envoy takes them, and does what the simulation says."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from meshgate.api import Resource, decode
from meshgate.envoy import emit
from meshgate.explain import Configuration
from meshgate.mesh import Facts, build
from meshgate.plan import Proxy, plan
from tests.explain.live.agreement import Agreement, agreeing_envoy
from tests.explain.live.random_routes import GATEWAYS, HOST, HTTP_ROUTES, REQUESTS
from tests.explain.simulate.made import Fields, call

GATEWAY = Proxy(role="router", name="gw", namespace="edge", labels=(("istio", "edge"),), addresses=("10.0.0.1",))
SIDECAR = Proxy(role="sidecar", name="own", namespace="apps", labels=(("app", "own"),), addresses=("10.244.0.5",))

pytestmark = [pytest.mark.envoy, pytest.mark.slow]


@pytest.fixture(scope="module")
def agreement() -> Iterator[Agreement]:
    with agreeing_envoy() as found:
        yield found


def _istio(kind: str, name: str, spec: Fields) -> dict[str, Any]:
    metadata = {"name": name, "namespace": "edge"}
    return {"apiVersion": "networking.istio.io/v1", "kind": kind, "metadata": metadata, "spec": spec}


def _service(name: str, address: str, port: Fields) -> dict[str, Any]:
    metadata = {"name": name, "namespace": "apps"}
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata,
        "spec": {"clusterIP": address, "ports": [port]},
    }


SERVER = {"port": {"number": 80, "name": "http", "protocol": "HTTP"}, "hosts": [HOST]}
AROUND = [
    _istio("Gateway", "random", {"selector": {"istio": "edge"}, "servers": [SERVER]}),
    _istio("ServiceEntry", "random", {"hosts": [HOST], "resolution": "DNS", "ports": [SERVER["port"]]}),
    _service("web", "10.96.0.1", {"name": "http", "port": 80}),
    _service("auto", "10.96.0.2", {"name": "anything", "port": 81}),
]


def _compiled(routes: list[Fields], proxy: Proxy) -> Configuration | None:
    """None where the VirtualService is refused: an expression, or fields that do not go together."""
    virtual_service = _istio("VirtualService", "random", {"hosts": [HOST], "gateways": GATEWAYS, "http": routes})
    decoded: list[Resource[Any]] = []
    for raw in (*AROUND, virtual_service):
        resource, _ = decode(raw)
        if resource is None:
            return None
        decoded.append(resource)
    made, _ = plan(build(decoded, Facts())[0], proxy)
    return Configuration.of(emit(made))


@pytest.mark.parametrize("proxy", [GATEWAY, SIDECAR], ids=["gateway", "sidecar"])
def test_random_routes(agreement: Agreement, proxy: Proxy) -> None:
    arrival = "gateway" if proxy.role == "router" else "outbound"
    taken = 0

    @settings(max_examples=20, derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(HTTP_ROUTES, st.lists(REQUESTS, min_size=8, max_size=12))
    def agree(routes: list[Fields], requests: list[Fields]) -> None:
        nonlocal taken
        made = _compiled(routes, proxy)
        if made is not None:
            taken += 1
            asked = [call({**one, "address": "10.96.0.9", "arrival": arrival}) for one in requests]
            assert "\n".join(agreement.differences(made, asked)) == ""

    agree()
    assert taken >= 12, "most of what is generated must be acceptable"
