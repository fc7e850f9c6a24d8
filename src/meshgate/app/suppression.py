"""`galley.istio.io/analyze-suppress`: problems that the author of an object does not want to hear of.

Codes with commas between them, or `*`, as istioctl reads it. What keeps an object from being accepted is told anyway,
and so is what a proxy has refused.
"""

from __future__ import annotations

from meshgate.api import Problem
from meshgate.store.core import Raw, meta

ANNOTATION = "galley.istio.io/analyze-suppress"


def is_suppressed(problem: Problem, raw: Raw | None) -> bool:
    """Whether the object that a problem is about says so.

    >>> from meshgate.api import Ref
    >>> problem = Problem("IST0118", "warning", Ref("Service", "shop", "web"), "", "no protocol")
    >>> is_suppressed(problem, {"metadata": {"annotations": {ANNOTATION: "IST0108, IST0118"}}})
    True
    >>> is_suppressed(problem, {"metadata": {"annotations": {ANNOTATION: "IST0108"}}}), is_suppressed(problem, None)
    (False, False)
    """
    annotations = meta(raw).get("annotations") if raw is not None and not problem.is_error else None
    said = str((annotations or {}).get(ANNOTATION, ""))
    codes = {code.strip() for code in said.split(",")}
    return bool(codes & {problem.code, "*"})
