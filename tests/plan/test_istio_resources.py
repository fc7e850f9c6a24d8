"""What we emit is what Istio makes, field by field, for all of its simulation cases that use what is implemented.

Stronger than the simulation, which only follows calls: names, filters, timeouts, retries, metadata must be equal, too.
What differs on purpose is taken out of both sides by `_comparable`, each with its reason. Endpoints are compared where
Istio's test made any.
"""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest

from meshgate.api import decode_all, unimplemented
from meshgate.envoy import Resource, emit, emit_load_assignment, resource_json
from meshgate.host.envoy_binary import load_schema
from meshgate.mesh import Facts, build
from meshgate.plan import Proxy, load_assignments, plan
from tests.conformance.cases import SIMULATION, Case, read_cases
from tests.conformance.compiled import mesh_of
from tests.conformance.transports import comparable_transports

Raw = dict[str, Any]

NOT_OURS = frozenset(
    {
        "tracing",  # comes with its own issue
        "access_log",  # the harness has none
        "sds_config",  # Istio's agent has a socket for secrets, ours come with everything else
        "http_protocol_options",  # an empty message
        "config",  # we also say which ServiceEntry a chain comes from
    }
)
TLS_CASES = frozenset(
    {
        "TestGatewayConflicts/duplicate_tls_gateway",
        "TestGatewayConflicts/duplicate_tls_virtual_service",
        "TestGatewayExternalSDSProviderSimulation",
        "TestHTTPGateway/httpsRedirect_on_https",
        "TestTLSRouteTermination/tlsroute_with_tls_passthrough",
        "TestTLSRouteTermination/tlsroute_with_tls_terminate",
    }
)
"""Servers with TLS are left out for now."""

OTHER_INPUTS = frozenset({"TestInboundClusters/single_service,_partial_instance#01"})
"""The data's objects have one of two ports only; Istio's test had both."""


def _cases() -> list[Case]:
    if not SIMULATION.exists():
        return []
    return [case for path in sorted((SIMULATION / "cases").glob("*.json")) for case in read_cases(path)]


def _is_in_scope(case: Case) -> bool:
    needs_more = any(unimplemented(raw) for raw in (*case.config, *case.kube))
    return not (case.skip or needs_more or mesh_of(case)[1] or case.id in TLS_CASES | OTHER_INPUTS)


CASES = [case for case in _cases() if _is_in_scope(case)]


def test_there_are_cases() -> None:
    if not SIMULATION.exists():
        pytest.skip(f"no {SIMULATION}")
    assert len(CASES) > 25


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_resources_are_those_of_istio(case: Case) -> None:
    load_schema()
    path = SIMULATION / "xds" / f"{case.id.split('/')[0].split('@')[0]}.json.gz"
    theirs = json.loads(gzip.decompress(path.read_bytes()))[case.id]
    ours = _resources(case)
    for kind in ("listeners", "clusters", "routes"):
        pair = comparable_transports([ours[kind], theirs[kind]]) if kind == "clusters" else [ours[kind], theirs[kind]]
        assert _by_name(pair[0]) == _by_name(pair[1])
    made = _by_name(theirs["endpoints"], "cluster_name")
    mine = _by_name(ours["endpoints"], "cluster_name")
    assert {name: mine[name] for name in made} == made


def _resources(case: Case) -> dict[str, list[Raw]]:
    resources = []
    for raw in (*case.config, *case.kube):
        resource, _ = decode_all(_with_names(raw))
        assert resource is not None
        resources.append(resource)
    snapshot, _ = build(resources, Facts(config_domain="", mesh=mesh_of(case)[0]))
    proxy = Proxy(
        role="sidecar" if case.proxy.type == "sidecar" else "router",
        name="app",
        namespace=case.proxy.namespace,
        labels=tuple(sorted(case.proxy.labels.items())),
        addresses=tuple(case.proxy.ips),
    )
    made, _ = plan(snapshot, proxy)
    emitted = emit(made)
    assigned = [emit_load_assignment(one) for one in load_assignments(snapshot.endpoints, made.clusters)]
    return {
        "listeners": _json(emitted.listeners),
        "clusters": _json(emitted.clusters),
        "routes": _json(emitted.route_configurations),
        "endpoints": _json(assigned),
    }


def _with_names(raw: Raw) -> Raw:
    """Istio's tests give two ports of a Service one name, which Kubernetes refuses; what is before the dash counts."""
    if raw["kind"] != "Service":
        return raw
    ports = raw["spec"].get("ports", [])
    named = [{**port, "name": f"{port['name']}-{place}"} for place, port in enumerate(ports)]
    return {**raw, "spec": {**raw["spec"], "ports": named}}


def _json(resources: Any) -> list[Raw]:
    found: list[Resource] = list(resources)
    return [resource_json(resource) for resource in found]


def _by_name(values: list[Raw], key: str = "name") -> dict[str, Any]:
    return {value[key]: _comparable(value) for value in values}


def _comparable(value: Any) -> Any:
    """The value without what is not ours; None where nothing is left of it."""
    if isinstance(value, list):
        return [found for one in value if (found := _comparable(one)) is not None]
    if not isinstance(value, dict):
        return value
    if str(value.get("name", "")).startswith("istio."):
        return None  # filters of Istio's own Envoy
    if value.get("name") == "envoy.filters.network.set_filter_state":
        return None  # in place of one of those
    if set(value) == {"fields"}:  # how a Struct inside of a list is written
        value = {key: next(iter(inner.values())) for key, inner in value["fields"].items()}
    if set(value) == {"host", "name", "namespace"}:  # the harness's own services have no names
        return {"host": value["host"]}
    if "alpn_protocols" in value:  # only Istio's Envoy can take part in this exchange
        value = {**value, "alpn_protocols": [one for one in value["alpn_protocols"] if one != "istio-peer-exchange"]}
    found = {key: _comparable(part) for key, part in value.items() if key not in NOT_OURS}
    return {key: part for key, part in found.items() if not _says_nothing(key, part)}


def _says_nothing(key: str, value: Any) -> bool:
    """Defaults that only one of the two writes out: empty messages, a weight of 1."""
    if key == "load_balancing_weight":
        return bool(value == 1)
    return value is None or value in ({}, [])
