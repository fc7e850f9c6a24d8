"""The run over Istio's verdicts: do we refuse exactly what istiod's webhook refuses?

The webhook reads leniently what our command line and a cluster's schema refuse: fields that do not exist, nulls in
lists, two members of a oneof. So these do not count here. What is refused for not being implemented yet, and for
nothing else, is skipped by its path.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from meshgate.api import EVERYTHING, IMPLEMENTED, KINDS, Decoder, Problem, codes, without_indices
from tests.conformance.cases import Raw
from tests.conformance.outcome import Outcome, summary, verdict
from tests.conformance.validation_cases import VerdictCase, verdict_files

_LENIENT = frozenset(
    {codes.SCHEMA, codes.DUPLICATE_KEY, codes.BAD_METADATA, codes.NOT_IMPLEMENTED, codes.REFUSED_BY_ENVOY}
)
"""What the webhook does not refuse: it looks neither at the schema, nor at the rules for names of all objects, nor at
Envoy's."""

_AS_USERS = Decoder(IMPLEMENTED, unknown="warning")
_AS_ISTIO = Decoder(EVERYTHING, unknown="warning")
_API_VERSIONS = {kind.kind: kind.api_version for kind in KINDS}
_MESH = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "istio", "namespace": "istio-system"}}


def run(paths: Iterable[Path]) -> Iterator[Outcome]:
    """The outcomes of all cases in these files and folders, in their order."""
    for file in verdict_files(paths):
        for case in file.cases:
            yield run_case(file.kind, case)


def run_case(kind: str, case: VerdictCase) -> Outcome:
    """Passed where we and the webhook agree."""
    raw = _object_of(kind, case)
    if raw is None:
        return Outcome(case=case.id, item=kind, status="skipped", text=f"kind {kind}")
    refusals = [str(problem) for problem in _refusals(raw)]
    if bool(refusals) == case.valid:
        expected = "valid" if case.valid else f"invalid: {case.error}"
        return verdict(case.id, kind, f"expected {expected}; got {'; '.join(refusals) or 'valid'}")
    missing = ", ".join(sorted(set(_not_implemented(kind, raw))))
    if case.valid and missing:
        return Outcome(case=case.id, item=kind, status="skipped", text=missing)
    return verdict(case.id, kind, "")


def _object_of(kind: str, case: VerdictCase) -> Raw | None:
    """The object as we read it; None for a kind that is not there yet."""
    if kind == "MeshConfig":
        text = case.input if isinstance(case.input, str) else msgspec.json.encode(case.input).decode()
        return {**_MESH, "data": {"mesh": text}}
    if kind not in _API_VERSIONS or case.object is None:
        return None
    return {**case.object, "apiVersion": _API_VERSIONS[kind]}  # the webhook does not look at the version


def _refusals(raw: Mapping[str, Any]) -> list[Problem]:
    _, problems = _AS_ISTIO.decode(raw)
    return [problem for problem in problems if problem.is_error and problem.code not in _LENIENT]


def _not_implemented(kind: str, raw: Mapping[str, Any]) -> Iterator[str]:
    _, problems = _AS_USERS.decode(raw)
    for problem in problems:
        if problem.code == codes.NOT_IMPLEMENTED:
            path, _, _ = without_indices(problem.path).removeprefix("data.mesh.").partition("[")
            yield f"{kind}.{path}"


def counts(outcomes: Iterable[Outcome]) -> Iterator[str]:
    """How many cases of each kind passed, and why others were skipped: each reason once."""
    by_kind: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        by_kind.setdefault(outcome.item, []).append(outcome)
    for kind, found in by_kind.items():
        yield f"{kind}: {summary(found)}"
        skipped = Counter(outcome.text for outcome in found if outcome.status == "skipped")
        yield from (f"  skipped {count}: {text}" for text, count in sorted(skipped.items()))
