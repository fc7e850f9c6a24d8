"""Verdicts equal those of Istio: an object is refused exactly where istiod or the schema in a cluster refuses it.

The recorded objects have all of Istio's API, so all of it is accepted here, implemented or not.
"""

from __future__ import annotations

from typing import Any

import pytest

from meshgate.api import decode_all, has_errors
from tests.api.shared import needs_verdicts, verdicts

KINDS = ("Gateway", "VirtualService", "DestinationRule", "ServiceEntry", "WorkloadEntry")

ON_PURPOSE = {
    "Gateway-0237": "the number of a word: istiod takes it, only the schema does not",
    "Gateway-0250": "snake_case: istiod takes it, only the schema does not know it",
    "VirtualService-0843": "snake_case: istiod takes it, only the schema does not know it",
    "VirtualService-0819": "a number as text: istiod takes it, only the schema does not",
    "DestinationRule-0273": "a number as text: istiod takes it, only the schema does not",
    "DestinationRule-0068": "null for a list: istiod takes it, only the schema does not",
    "ServiceEntry-0048": "an empty list that must not be given: as if it were not given",
    "Gateway-0324": "a name that Kubernetes refuses for any object",
    "ServiceEntry-0251": "a name that Kubernetes refuses for any object",
    "VirtualService-0764": "an annotation that only Istio sets, on routes of the Gateway API",
}
"""Where we differ, and why."""


def _cases() -> list[Any]:
    return [
        pytest.param(case, id=f"{case['id']} {case['name'][:40]}")
        for kind in KINDS
        for case in verdicts(kind)
        if case["id"] not in ON_PURPOSE
    ]


@needs_verdicts
@pytest.mark.parametrize("case", _cases())
def test_verdict_is_that_of_istio(case: dict[str, Any]) -> None:
    is_admitted = case["valid"] and case["crd"]["valid"] is not False
    resource, problems = decode_all(case["object"])
    assert (resource is not None) == is_admitted, (case.get("error") or case["crd"].get("error"), problems)
    assert has_errors(problems) != is_admitted


DOUBTS_ON_PURPOSE = {
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
        _, problems = decode_all(case["object"])
        doubts = [problem for problem in problems if problem.severity == "warning"]
        if case["valid"] and not has_errors(problems) and bool(doubts) != bool(case.get("warnings")):
            differing[case["id"]] = (case.get("warnings"), doubts)
    assert set(differing) == {name for name in DOUBTS_ON_PURPOSE if name.startswith(f"{kind}-")}


@needs_verdicts
def test_what_differs_on_purpose_still_differs() -> None:
    differing = {
        case["id"]
        for kind in KINDS
        for case in verdicts(kind)
        if has_errors(decode_all(case["object"])[1]) == (case["valid"] and case["crd"]["valid"] is not False)
    }
    assert differing == set(ON_PURPOSE)
