"""The status of an object with problems, in the form of `istio.meta.v1alpha1.IstioStatus`. Pure.

What others have in a status (addresses, conditions of other types) stays.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from meshgate.api import CODES, Problem, codes, documentation_url
from meshgate.app.problems import LEVELS
from meshgate.store.core import Raw, meta

PASSED_ANALYSIS = "PassedAnalysis"
RECONCILED = "Reconciled"
OURS = frozenset({PASSED_ANALYSIS, RECONCILED})
MESSAGES = "validationMessages"
GENERATION = "observedGeneration"


def has_report(raw: Raw) -> bool:
    """Whether the object's status tells of problems."""
    return MESSAGES in (raw.get("status") or {})


def with_report(raw: Raw, problems: Sequence[Problem], now: str) -> dict[str, Any]:
    """The object with these problems in its status, and with none of before."""
    before = raw.get("status") or {}
    others = [each for each in before.get("conditions", ()) if each.get("type") not in OURS]
    conditions = [*others, *_conditions(problems, before.get("conditions", ()), now)]
    kept = {key: value for key, value in before.items() if key not in ("conditions", MESSAGES, GENERATION)}
    status = kept | ({"conditions": conditions} if conditions else {})
    if problems:
        status[MESSAGES] = [message_of(problem) for problem in problems]
        status[GENERATION] = str(meta(raw).get("generation", 1))
    rest = {key: value for key, value in raw.items() if key != "status"}
    return {**rest, "status": status} if status else rest


def message_of(problem: Problem) -> dict[str, Any]:
    """A problem in the form of `istio.analysis.v1alpha1.AnalysisMessageBase`, with our text beside it."""
    return {
        "type": {"code": problem.code, "name": CODES[problem.code].name},
        "level": problem.level.upper(),
        "documentationUrl": documentation_url(problem.code),
        "path": problem.path,
        "message": f"{problem.text}{f'; {problem.hint}' if problem.hint else ''}",
        **({"position": problem.position} if problem.position else {}),
    }


def _conditions(problems: Sequence[Problem], before: Sequence[Raw], now: str) -> list[dict[str, Any]]:
    if not problems:
        return []
    counts = Counter(problem.level for problem in problems)
    is_passed = counts.keys() <= {"info"}
    told = " and ".join(_count(counts[level], level) for level in LEVELS if counts[level])
    found = [
        _condition(
            PASSED_ANALYSIS,
            passed=is_passed,
            reason="noErrorsFound" if is_passed else "errorsFound",
            message=f"{told} found. See {MESSAGES} field for details",
        )
    ]
    refusals = sum(problem.code == codes.REFUSED_BY_PROXY for problem in problems)
    if refusals:
        text = f"{_count(refusals, 'refusal')} by proxies, which go on with what they had"
        found.append(_condition(RECONCILED, passed=False, reason="refusedByProxy", message=text))
    since = {each.get("type"): each for each in before}
    return [_dated(condition, since.get(condition["type"]), now) for condition in found]


def _condition(name: str, *, passed: bool, reason: str, message: str) -> dict[str, Any]:
    return {"type": name, "status": "True" if passed else "False", "reason": reason, "message": message}


def _dated(condition: dict[str, Any], before: Raw | None, now: str) -> dict[str, Any]:
    """With the time since when it is so."""
    is_same = before is not None and before.get("status") == condition["status"]
    since = before.get("lastTransitionTime", now) if is_same and before is not None else now
    return {**condition, "lastTransitionTime": since}


def _count(number: int, what: str) -> str:
    """
    >>> _count(1, "error"), _count(2, "info")
    ('1 Error', '2 Infos')
    """
    return f"{number} {what.capitalize()}{'' if number == 1 else 's'}"
