"""Laws of compiling: what is remembered is what would be made anew, order never matters, all names lead somewhere."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from meshgate.api import AnyResource, Pod, Problem, decode
from meshgate.app.compiler import Compiler
from meshgate.app.proxies import proxies_of
from meshgate.envoy import CLUSTER, ENDPOINTS, LISTENER, ROUTES, resource_json
from meshgate.mesh import Facts
from meshgate.plan import Proxy
from meshgate.xds import ResourceTable

pytestmark = pytest.mark.slow

NAMES = ("a", "b", "c")
POD = """
apiVersion: v1
kind: Pod
metadata: {{name: {name}, namespace: {ns}, labels: {{app: {name}, version: v{number}}}}}
spec: {{containers: [{{name: c, command: [x]}}, {{name: istio-proxy, args: [proxy, {role}]}}]}}
status: {{phase: Running, podIP: 10.0.{ns_number}.{address}, conditions: [{{type: Ready, status: "True"}}]}}
"""
SERVICE = """
apiVersion: v1
kind: Service
metadata: {{name: {name}, namespace: {ns}}}
spec:
  clusterIP: 10.96.{ns_number}.{address}
  selector: {{app: {name}}}
  ports: [{{name: {protocol}, port: {port}, targetPort: 8080}}]
"""
SLICE = """
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {{name: {name}, namespace: {ns}, labels: {{kubernetes.io/service-name: {name}}}}}
addressType: IPv4
endpoints: [{{addresses: [10.0.{ns_number}.{address}], conditions: {{ready: {ready}}}}}]
ports: [{{name: {protocol}, port: 8080}}]
"""
GATEWAY = """
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {{name: {name}, namespace: {ns}}}
spec:
  selector: {{app: {name}}}
  servers: [{{port: {{number: {port}, name: {protocol}, protocol: {PROTOCOL}}}, hosts: ["*"]}}]
"""
VIRTUAL_SERVICE = """
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: {name}, namespace: {ns}}}
spec:
  hosts: ["{name}.example.com", "{name}"]
  gateways: [{name}, mesh]
  http: [{{route: [{{destination: {{host: {name}, port: {{number: {port}}}}}}}]}}]
"""
DESTINATION_RULE = """
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {{name: {name}, namespace: {ns}}}
spec: {{host: {name}, subsets: [{{name: v1, labels: {{version: v{number}}}}}]}}
"""
SERVICE_ENTRY = """
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {{name: {name}, namespace: {ns}}}
spec:
  hosts: [{name}.example.org]
  resolution: {resolution}
  ports: [{{number: {port}, name: {protocol}, protocol: {PROTOCOL}}}]
"""
STATIC_ENTRY = """
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {{name: static-{name}, namespace: {ns}}}
spec:
  hosts: [{name}.{ns}.svc.cluster.local]
  resolution: STATIC
  location: MESH_INTERNAL
  ports: [{{number: {port}, name: {protocol}, protocol: {PROTOCOL}}}]
  endpoints: [{{address: 10.9.0.{address}, labels: {{version: v{number}}}}}, {{address: 10.9.1.{number}}}]
"""
TEMPLATES = (POD, SERVICE, SLICE, GATEWAY, VIRTUAL_SERVICE, DESTINATION_RULE, SERVICE_ENTRY, STATIC_ENTRY)
State = dict[tuple[str, str, str], AnyResource]


def resource(text: str) -> AnyResource:
    raw: Mapping[str, Any] = yaml.safe_load(text)
    found, problems = decode(raw)
    assert found is not None, problems
    return found


@st.composite
def resources(draw: st.DrawFn) -> AnyResource:
    protocol = draw(st.sampled_from(["http", "tcp"]))
    ns_number = draw(st.integers(0, 1))
    return resource(
        draw(st.sampled_from(TEMPLATES)).format(
            name=draw(st.sampled_from(NAMES)),
            ns=("default", "other")[ns_number],
            ns_number=ns_number,
            number=draw(st.integers(1, 2)),
            address=draw(st.integers(1, 3)),
            port=draw(st.sampled_from([80, 9000])),
            protocol=protocol,
            PROTOCOL=protocol.upper(),
            role=draw(st.sampled_from(["sidecar", "router"])),
            ready=draw(st.sampled_from(["true", "false"])),
            resolution=draw(st.sampled_from(["DNS", "NONE"])),
        )
    )


Change = tuple[AnyResource, bool]
changes = st.lists(st.tuples(resources(), st.booleans()), min_size=1, max_size=25)


def after(state: State, change: Change) -> State:
    """The object written, or deleted."""
    written, is_deleted = change
    ref = written.ref
    key = (ref.kind, ref.namespace, ref.name)
    rest = {known: value for known, value in state.items() if known != key}
    return rest if is_deleted else rest | {key: written}


GUEST = Proxy(role="sidecar", name="guest", namespace="other", addresses=("10.8.0.1",))
"""A proxy that is no pod."""
NEIGHBOUR = msgspec.structs.replace(GUEST, name="neighbour", namespace="default")


def tables(compiler: Compiler, found: Sequence[AnyResource]) -> dict[str, ResourceTable]:
    proxies = proxies_of(found) | {"guest.other": GUEST}
    compiled = compiler.compile(found, proxies.values())
    return {proxy_id: compiled.tables[proxy] for proxy_id, proxy in proxies.items()}


def problems(compiler: Compiler, found: Sequence[AnyResource]) -> tuple[Problem, ...]:
    return compiler.compile(found, (proxies_of(found) | {"guest.other": GUEST}).values()).problems


def contents(found: Mapping[str, ResourceTable]) -> dict[str, dict[str, dict[str, bytes]]]:
    return {
        proxy_id: {url: {name: each.body for name, each in named.items()} for url, named in table.types.items()}
        for proxy_id, table in found.items()
    }


@given(changes)
def test_what_is_remembered_is_what_would_be_made_anew(steps: list[Change]) -> None:
    compiler = Compiler(Facts())
    state: State = {}
    for step in steps:
        state = after(state, step)
        anew, found = Compiler(Facts()), [*state.values()]
        assert contents(tables(compiler, found)) == contents(tables(anew, found))
        assert problems(compiler, found) == problems(anew, found)
        assert contents({"": compiler.table_of(NEIGHBOUR)}) == contents({"": anew.table_of(NEIGHBOUR)})


@given(changes, st.integers(0, 1000))
def test_the_order_of_objects_never_matters(steps: list[Change], seed: int) -> None:
    state: State = {}
    for step in steps:
        state = after(state, (step[0], False))
    found = [*state.values()]
    shuffled = random.Random(seed).sample(found, len(found))
    assert contents(tables(Compiler(Facts()), found)) == contents(tables(Compiler(Facts()), shuffled))


@given(changes)
def test_all_names_lead_somewhere(steps: list[Change]) -> None:
    state: State = {}
    for step in steps:
        state = after(state, (step[0], False))
    for table in tables(Compiler(Facts()), [*state.values()]).values():
        listeners = str([resource_json(each) for each in table.of(LISTENER).values()])
        for name in table.of(ROUTES):
            assert f"'route_config_name': '{name}'" in listeners, "`wait applied` waits until every route is asked for"
        by_eds = {name for name, each in table.of(CLUSTER).items() if resource_json(each).get("type") == "EDS"}
        assert by_eds == set(table.of(ENDPOINTS))
        for each in table.of(ROUTES).values():
            for virtual_host in resource_json(each).get("virtual_hosts", []):  # type: ignore[union-attr]
                for route in virtual_host.get("routes", []):  # type: ignore[union-attr]
                    named = str(route)
                    assert "'cluster'" in named or "direct_response" in named or "redirect" in named


def test_pods_without_a_proxy_or_an_address_are_no_proxies() -> None:
    with_proxy = POD.format(name="a", ns="default", ns_number=0, number=1, address=1, role="sidecar")
    without_address = with_proxy.replace("podIP: 10.0.0.1, ", "").replace("name: a,", "name: b,")
    plain = POD.format(name="c", ns="default", ns_number=0, number=1, address=1, role="x").replace("istio-proxy", "p")
    found = [resource(text) for text in (with_proxy, without_address, plain)]
    assert all(isinstance(each.spec, Pod) for each in found)
    assert list(proxies_of(found)) == ["a.default"]
