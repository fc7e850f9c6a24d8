"""How problems are printed: as warnings of what was just done, and grouped by object in longer texts."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

import click

from meshgate.api import Problem

Entry = Mapping[str, Any]
"""A problem as the status tells it."""

COLOURS = {"error": "red", "warning": "yellow"}
ORDER = {"error": 0, "warning": 1, "info": 2}


def print_warnings(problems: Iterable[Problem]) -> None:
    """On standard error, as kubectl prints what a server warns of; remarks are for the status."""
    for problem in problems:
        if problem.level != "info":
            print(f"Warning: {problem}", file=sys.stderr)


def print_refusal(problems: Iterable[object]) -> None:
    """On standard error: what the objects were refused for; then warnings, as where they are accepted."""
    found = [problem for problem in problems if isinstance(problem, Problem)]
    print("error: refused, and nothing was changed:", file=sys.stderr)
    for problem in found:
        if problem.is_error:
            print(f"  {problem}", file=sys.stderr)
    print_warnings(problem for problem in found if not problem.is_error)


def print_problems(entries: Iterable[Entry], *, wide: bool = False) -> None:
    """Object by object, those with the worst problems first; `wide` says of each what to do."""
    for ref, found in grouped(entries):
        click.echo(f"  {ref or 'no object'}")
        for entry in found:
            severity = str(entry["severity"])
            click.secho(f"    {severity}: {problem_text(entry)}", fg=COLOURS.get(severity))
            if wide:
                click.echo(f"      {entry['name']}: {entry['whatToDo']} {entry['documentationUrl']}")


def grouped(entries: Iterable[Entry]) -> list[tuple[str, list[Entry]]]:
    """The problems of each object, the worst first."""
    in_order = sorted(entries, key=lambda entry: (entry["ref"], *_order(entry)))
    groups = [(str(ref), list(found)) for ref, found in groupby(in_order, key=lambda entry: entry["ref"])]
    return sorted(groups, key=lambda group: (ORDER[group[1][0]["severity"]], group[0]))


def problem_text(entry: Entry) -> str:
    """Place, field, what is wrong, hint and code."""
    return "".join(_parts(entry))


def counts_text(entries: Sequence[Entry]) -> str:
    """How many of each severity.

    >>> counts_text([{"severity": "info"}, {"severity": "error"}, {"severity": "info"}]), counts_text([])
    ('1 error, 2 infos', 'none')
    """
    counts = Counter(str(entry["severity"]) for entry in entries)
    told = [f"{counts[word]} {word}{'' if counts[word] == 1 else 's'}" for word in ORDER if counts[word]]
    return ", ".join(told) or "none"


def _parts(entry: Entry) -> Iterator[str]:
    if entry.get("position"):
        yield f"{entry['position']}: "
    if entry["path"]:
        yield f"{entry['path']}: "
    yield str(entry["text"])
    if entry.get("hint"):
        yield f"; {entry['hint']}"
    yield f" [{entry['code']}]"


def _order(entry: Entry) -> tuple[int, str, str]:
    return ORDER[entry["severity"]], entry["path"], entry["code"]
