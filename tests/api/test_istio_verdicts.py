"""Verdicts equal those of Istio: an object is refused exactly where istiod or the schema in a cluster refuses it.

The recorded objects have all of Istio's API, so all of it is accepted here, implemented or not.
"""

from __future__ import annotations

import pytest

from meshgate.api import decode_all, has_errors
from tests.api.shared import needs_verdicts
from tests.conformance.validation import run_case
from tests.conformance.validation_cases import verdicts

KINDS = (
    "Gateway",
    "VirtualService",
    "DestinationRule",
    "ServiceEntry",
    "WorkloadEntry",
    "Sidecar",
    "PeerAuthentication",
)

ON_PURPOSE = {
    "Gateway-0237": "the number of a word: istiod takes it, only the schema does not",
    "Gateway-0250": "snake_case: istiod takes it, only the schema does not know it",
    "VirtualService-0843": "snake_case: istiod takes it, only the schema does not know it",
    "VirtualService-0819": "a number as text: istiod takes it, only the schema does not",
    "VirtualService-0054": "status 600: istiod takes it, Envoy does not",
    "VirtualService-0589": "status 600: istiod takes it, Envoy does not",
    "VirtualService-0816": 'the form of a header value is right, but Envoy has no command "A"',
    "DestinationRule-0273": "a number as text: istiod takes it, only the schema does not",
    "DestinationRule-0068": "null for a list: istiod takes it, only the schema does not",
    "ServiceEntry-0048": "an empty list that must not be given: as if it were not given",
    "Gateway-0324": "a name that Kubernetes refuses for any object",
    "ServiceEntry-0251": "a name that Kubernetes refuses for any object",
}
"""Where we differ from a cluster, and why."""


@needs_verdicts
@pytest.mark.parametrize("kind", KINDS)
def test_what_istiod_refuses_is_refused(kind: str) -> None:
    """The webhook's verdict alone; `python -m tests.conformance validation` runs the same."""
    outcomes = [run_case(kind, case) for case in verdicts(kind)]
    assert [str(outcome) for outcome in outcomes if outcome.status == "failed"] == []


@needs_verdicts
@pytest.mark.parametrize("kind", KINDS)
def test_what_a_cluster_refuses_is_refused(kind: str) -> None:
    """The webhook's verdict and that of the schema together, with unknown fields as errors."""
    differing = {}
    for case in verdicts(kind):
        assert case.object is not None
        resource, problems = decode_all(case.object)
        assert has_errors(problems) == (resource is None)
        if (resource is not None) != case.is_admitted:
            differing[case.id] = (case.error or case.crd.error, problems)
    assert set(differing) == {name for name in ON_PURPOSE if name.startswith(f"{kind}-")}, differing


DOUBTS_ON_PURPOSE = {
    "Gateway-0242": "the oldest version of TLS is newer than the newest: no handshake succeeds",
    "VirtualService-0723": "a path below a prefix is unreachable, which Istio does not see",
    "VirtualService-0726": "a method below a prefix is, too",
    "VirtualService-0728": "an authority below a prefix is, too",
    "VirtualService-0788": "and so is what shuts out headers",
    "VirtualService-0794": "and the same prefix with a header",
    "VirtualService-0731": "Istio does not look at gateways: the rule can be reached from others",
    "VirtualService-0779": "Istio compares the values of parameters the wrong way round",
}


@needs_verdicts
@pytest.mark.parametrize("kind", KINDS)
def test_doubts_are_those_of_istio(kind: str) -> None:
    differing = {}
    for case in verdicts(kind):
        assert case.object is not None
        _, problems = decode_all(case.object)
        doubts = [problem for problem in problems if problem.severity == "warning"]
        if case.valid and not has_errors(problems) and bool(doubts) != bool(case.warnings):
            differing[case.id] = (case.warnings, doubts)
    assert set(differing) == {name for name in DOUBTS_ON_PURPOSE if name.startswith(f"{kind}-")}
