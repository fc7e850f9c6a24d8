"""A fault, a doubt or a remark about what a user wrote: a value that travels with results, never an exception.

The text says what is wrong and what was expected, the hint what to do; both in lower case, without a full stop,
values quoted. The codes are in `codes.py`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import msgspec

from meshgate.api.code import Level
from meshgate.api.code_table import CODES
from meshgate.api.ref import Ref

Severity = Literal["error", "warning", "info"]
_NO_OBJECT = Ref("", "", "")


class Problem(msgspec.Struct, frozen=True, order=True, cache_hash=True, gc=False):
    """One finding. An `error` keeps the object from being accepted; `warning` and `info` do not.

    >>> str(Problem("MG0005", "error", Ref("Gateway", "shop", "web"), "spec.htp", "unknown field", 'nearest: "http"'))
    'Gateway/shop/web spec.htp: unknown field; nearest: "http" [MG0005]'
    """

    code: str
    severity: Severity
    ref: Ref | None
    """None where no object could be made out, as in a file that is not YAML."""
    path: str
    """Such as `spec.http[2].timeout`; empty where the whole object is meant."""
    text: str
    hint: str = ""
    position: str = ""
    """`file:line` where the object came from a file."""

    def __str__(self) -> str:
        where = " ".join(part for part in (str(self.ref or ""), self.path) if part)
        place = f"{self.position}: " if self.position else ""
        hint = f"; {self.hint}" if self.hint else ""
        return f"{place}{where + ': ' if where else ''}{self.text}{hint} [{self.code}]"

    @property
    def by_object(self) -> tuple[Ref, str, str, str]:
        """A key to sort by: object, field, code."""
        return self.ref or _NO_OBJECT, self.path, self.code, self.text

    @property
    def is_error(self) -> bool:
        """Whether it keeps the object from being accepted."""
        return self.severity == "error"

    @property
    def level(self) -> Level:
        """How bad it is: what is refused is an error, else as the code's entry in the table says.

        >>> Problem("IST0101", "warning", None, "", "no service").level, Problem("MG0010", "info", None, "", "").level
        ('error', 'error')
        """
        entry = CODES.get(self.code)
        return self.severity if self.severity == "error" or entry is None else entry.level


def has_errors(problems: Iterable[Problem]) -> bool:
    """Whether one of the problems is an error."""
    return any(problem.severity == "error" for problem in problems)
