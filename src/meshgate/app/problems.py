"""All problems of the mesh, from wherever they were found, each once: for the status, for tables, for the objects."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from meshgate.api import CODES, Level, Problem, Ref, documentation_url

Source = Callable[[], Sequence[Problem]]

LEVELS: Sequence[Level] = ("error", "warning", "info")
"""The worst first."""


class MeshProblems:
    """Asks its sources each time; what follows from their answers is made only when they differ."""

    def __init__(self, *sources: Source) -> None:
        self._sources = sources
        self._seen: tuple[tuple[Problem, ...], ...] | None = None
        self._all: tuple[Problem, ...] = ()
        self._by_object: Mapping[Ref, tuple[Problem, ...]] = {}

    def all(self) -> tuple[Problem, ...]:
        """Every problem, by object."""
        self._look()
        return self._all

    def by_object(self) -> Mapping[Ref, tuple[Problem, ...]]:
        """The problems of objects, the worst of each first. Equal as long as nothing changes."""
        self._look()
        return self._by_object

    def _look(self) -> None:
        seen = tuple(tuple(source()) for source in self._sources)
        if seen != self._seen:
            self._seen = seen
            self._all = tuple(sorted({problem for found in seen for problem in found}, key=_order))
            self._by_object = MappingProxyType(by_object(self._all))


def by_object(problems: Sequence[Problem]) -> dict[Ref, tuple[Problem, ...]]:
    """Problems of objects, by object, in the order given."""
    found: dict[Ref, list[Problem]] = defaultdict(list)
    for problem in problems:
        if problem.ref is not None:
            found[problem.ref].append(problem)
    return {ref: tuple(each) for ref, each in found.items()}


def entry_of(problem: Problem) -> dict[str, Any]:
    """A problem as JSON: what `meshgate status` prints."""
    return {
        "code": problem.code,
        "name": CODES[problem.code].name,
        "severity": problem.level,
        "ref": str(problem.ref or ""),
        "path": problem.path,
        "position": problem.position,
        "text": problem.text,
        "hint": problem.hint,
        "whatToDo": CODES[problem.code].instead,
        "documentationUrl": documentation_url(problem.code),
    }


def _order(problem: Problem) -> tuple[Ref, int, str, str, str]:
    ref, path, code, text = problem.by_object
    return ref, LEVELS.index(problem.level), path, code, text
