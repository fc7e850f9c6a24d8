"""meshgate's own resources for a case: all five arrows, as a running mesh would make them."""

from __future__ import annotations

import json

from meshgate.api import AnyResource, MeshConfig, MeshLayer, Problem, decode, mesh_config
from meshgate.api.decode import Decoder
from meshgate.api.implemented import IMPLEMENTED
from meshgate.envoy import emit
from meshgate.explain import Configuration
from meshgate.mesh import Facts, build
from meshgate.plan import Proxy, plan
from tests.conformance.cases import Case, CaseProxy, Raw

_BEHIND_VALIDATION = Decoder(IMPLEMENTED, rules=False)


class RefusedError(Exception):
    """Objects of the case were refused, though all they use is implemented."""


def compile_case(case: Case) -> Configuration:
    """The resources of the case's proxy. `RefusedError` if an object is not accepted."""
    facts = Facts(config_domain="", mesh=_mesh(case))
    resources = [decoded(raw) for raw in (*case.config, *case.kube)]
    snapshot, _ = build(resources, facts)
    made, _ = plan(snapshot, _proxy(case.proxy))
    return Configuration.of(emit(made))


def mesh_of(case: Case) -> tuple[MeshConfig, tuple[Problem, ...]]:
    """The mesh configuration: Istio's default and what the case replaces."""
    return mesh_config([MeshLayer(content=json.dumps(case.mesh), path="meshConfig")])


def _mesh(case: Case) -> MeshConfig:
    mesh, problems = mesh_of(case)
    refuse(problems)
    return mesh


def decoded(raw: Raw) -> AnyResource:
    """One object of a case. `RefusedError` if it is not accepted."""
    raw = _acceptable(raw)
    resource, problems = _BEHIND_VALIDATION.decode(raw) if _is_never_applied(raw) else decode(raw)
    refuse(problems)
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


def _is_never_applied(raw: Raw) -> bool:
    """Objects that no user could apply: what Istio makes of other APIs, with annotations that its webhook refuses, and
    pods without image or command, which stand for a cluster's own."""
    return raw["kind"] == "Pod" or any(
        name.startswith("internal.istio.io/") for name in raw["metadata"].get("annotations", {})
    )


def refuse(problems: tuple[Problem, ...]) -> None:
    """`RefusedError` if one of them is an error."""
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
