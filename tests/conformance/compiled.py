"""meshgate's own resources for a case: all five arrows, as a running mesh would make them."""

from __future__ import annotations

import json

from meshgate.api import AnyResource, MeshConfig, MeshLayer, Problem, decode, mesh_config
from meshgate.envoy import emit
from meshgate.explain import Configuration
from meshgate.mesh import Facts, build
from meshgate.plan import Proxy, plan
from tests.conformance.cases import Case, CaseProxy, Raw


class RefusedError(Exception):
    """Objects of the case were refused, though all they use is implemented."""


def compile_case(case: Case) -> Configuration:
    """The resources of the case's proxy. `RefusedError` if an object is not accepted."""
    facts = Facts(config_domain="", mesh=_mesh(case))
    resources = [_decoded(raw) for raw in (*case.config, *case.kube)]
    snapshot, _ = build(resources, facts)
    made, _ = plan(snapshot, _proxy(case.proxy))
    return Configuration.of(emit(made))


def mesh_of(case: Case) -> tuple[MeshConfig, tuple[Problem, ...]]:
    """The mesh configuration: Istio's default and what the case replaces."""
    return mesh_config([MeshLayer(content=json.dumps(case.mesh), path="meshConfig")])


def _mesh(case: Case) -> MeshConfig:
    mesh, problems = mesh_of(case)
    _refuse(problems)
    return mesh


def _decoded(raw: Raw) -> AnyResource:
    resource, problems = decode(_acceptable(raw))
    _refuse(problems)
    assert resource is not None, "refused without a reason"
    return resource


def _acceptable(raw: Raw) -> Raw:
    """Istio's tests go around Kubernetes' validation, which refuses two ports of one name: the second gets another.

    The part before the first dash says the protocol, so the meaning stays.
    """
    ports = raw["spec"].get("ports", []) if raw["kind"] == "Service" else []
    names = [port.get("name", "") for port in ports]
    if len(set(names)) == len(names):
        return raw
    distinct = [name if name not in names[:at] else f"{name}-{at}" for at, name in enumerate(names)]
    renamed = [{**port, "name": name} for port, name in zip(ports, distinct, strict=True)]
    return {**raw, "spec": {**raw["spec"], "ports": renamed}}


def _refuse(problems: tuple[Problem, ...]) -> None:
    errors = [str(problem) for problem in problems if problem.severity == "error"]
    if errors:
        raise RefusedError("; ".join(errors))


def _proxy(proxy: CaseProxy) -> Proxy:
    assert proxy.type in ("sidecar", "router")
    return Proxy(
        role="sidecar" if proxy.type == "sidecar" else "router",
        name="app",
        namespace=proxy.namespace,
        labels=tuple(sorted(proxy.labels.items())),
        addresses=tuple(proxy.ips),
    )
