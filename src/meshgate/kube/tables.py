"""The Table form of objects: what `kubectl get` prints, a row each.

Columns and cells are Kubernetes' own (`kubernetes:pkg/printers/internalversion/printers.go`) and, for Istio's kinds,
the printer columns of its custom resource definitions; `columns` and `istio_columns` hold them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from meshgate.api import Problem
from meshgate.store.core import Raw, meta

from .cells import NONE, Column, age
from .columns import BUILT_IN
from .istio_columns import ISTIO

NAME = Column("Name", lambda raw, now: meta(raw).get("name", ""), format="name")
AGE = Column("Age", lambda raw, now: age(meta(raw).get("creationTimestamp"), now))
PLAIN = (NAME, AGE)
WITH_PROBLEMS = frozenset(
    {"Service", "Deployment", "Pod", "Namespace", "ConfigMap", "Gateway", "WorkloadEntry", *ISTIO}
)
"""Kinds with a column `Problems` in the wide form: the codes of what is wrong with the object."""

Shown = Callable[[Raw], Raw | None]
Problems = Callable[[Raw], Sequence[Problem]]


def columns_of(kind: str) -> Sequence[Column]:
    """The columns of a kind, wide ones included; name first, and age last of those always shown."""
    given = BUILT_IN.get(kind) or ISTIO.get(kind)
    if given is None:
        return PLAIN
    if kind == "Event":
        return given  # the only kind whose name and age are not shown
    shown = [column for column in given if not column.wide]
    return NAME, *shown, AGE, *(column for column in given if column.wide)


def table(
    kind: str,
    objects: Sequence[Raw],
    now: datetime,
    *,
    shown: Shown = lambda raw: raw,
    problems: Problems | None = None,
    heads: bool = True,
) -> Raw:
    """A `Table` of the objects. `shown` is what each row carries of its object; `heads`: whether columns are named."""
    columns = list(columns_of(kind))
    if problems is not None and kind in WITH_PROBLEMS:
        columns.append(_problems_column(problems))
    rows = [
        {"cells": [column.cell(raw, now) for column in columns], **({"object": part} if (part := shown(raw)) else {})}
        for raw in objects
    ]
    version = {"resourceVersion": meta(objects[0]).get("resourceVersion", "")} if len(objects) == 1 else {}
    return {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": version,
        "columnDefinitions": [_definition(column) for column in columns] if heads else [],
        "rows": rows,
    }


def _problems_column(problems: Problems) -> Column:
    def cell(raw: Raw, now: datetime) -> str:
        return ",".join(dict.fromkeys(problem.code for problem in problems(raw))) or NONE

    return Column("Problems", cell, wide=True)


def _definition(column: Column) -> dict[str, Any]:
    return {
        "name": column.name,
        "type": column.type,
        "format": column.format,
        "description": "",
        "priority": 1 if column.wide else 0,
    }
