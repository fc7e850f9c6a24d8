"""Which cases and calls are in scope: those whose objects decode takes, by its own table of what is implemented.

A case that needs more is skipped with the kind or field path that it needs.
"""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.api import codes, unimplemented
from tests.conformance.cases import Case, CaseCall
from tests.conformance.compiled import mesh_of

_FEATURES_WITHOUT_EFFECT = frozenset({"PILOT_ENABLE_IP_AUTOALLOCATE", "ENABLE_TLS_ON_SIDECAR_INGRESS"})
"""No ServiceEntry of the data has addresses in its status, so none is in use whatever the first switch says; the second
is always on."""


def why_case_is_out(case: Case) -> str:
    """What the case needs and is not implemented; empty if it is in scope."""
    return f"skipped by Istio: {case.skip}" if case.skip else ", ".join(sorted(set(_needs(case))))


def why_call_is_out(case: Case, call: CaseCall) -> str:
    """Empty if the call is in scope."""
    if call.expect.error == "ErrMultipleFilterChain" and case.skip_xds_validation:
        return "Envoy would refuse Istio's listener for two equal filter chains; ours has the first one"
    return ""


def _needs(case: Case) -> Iterator[str]:
    for raw in (*case.config, *case.kube):
        yield from unimplemented(raw)
    _, problems = mesh_of(case)
    yield from (
        f"MeshConfig.{problem.path.removeprefix('meshConfig.')}"
        for problem in problems
        if problem.code == codes.NOT_IMPLEMENTED
    )
    for name, is_on in case.features.items():
        if is_on in (True, "true") and name not in _FEATURES_WITHOUT_EFFECT:
            yield f"feature {name}"
