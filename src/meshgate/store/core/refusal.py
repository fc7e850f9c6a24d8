"""Objects that are refused because something is wrong with them: problems, in the shape of Kubernetes' `Invalid`."""

from __future__ import annotations

from collections.abc import Sequence

from meshgate.api import Problem

from .faults import Cause, StatusFault, invalid
from .kinds import Kinds


class Inadmissible(StatusFault):
    """422 with every error as a cause; `problems` are all of them as they were found, warnings too."""

    def __init__(self, fault: StatusFault, problems: Sequence[Problem]) -> None:
        super().__init__(fault.text, code=fault.code, reason=fault.reason, details=fault.details)
        self.problems = tuple(problems)


def refusal(kinds: Kinds, problems: Sequence[Problem]) -> Inadmissible:
    """What a client is told whose objects have errors, in the words of Kubernetes' `Invalid`."""
    errors = [problem for problem in problems if problem.is_error]
    ref = errors[0].ref
    own = [problem for problem in errors if problem.ref == ref]
    causes = [Cause(field=problem.path, message=_message(problem)) for problem in own]
    causes += [Cause(field=f"{p.ref}: {p.path}", message=_message(p)) for p in errors if p.ref != ref]
    if ref is not None and ref.kind in kinds:
        return Inadmissible(invalid(kinds[ref.kind], ref.name, causes), problems)
    text = "; ".join(str(problem) for problem in errors)
    return Inadmissible(StatusFault(text, code=422, reason="Invalid"), problems)


def _message(problem: Problem) -> str:
    place = f" ({problem.position})" if problem.position else ""
    return f"{problem.text}{'; ' + problem.hint if problem.hint else ''}{place}"
