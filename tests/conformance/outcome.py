"""What became of one assertion of a case."""

from __future__ import annotations

import traceback
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from msgspec import Struct

Status = Literal["passed", "failed", "skipped"]


class Outcome(Struct, frozen=True, kw_only=True):
    """One call, virtual host, set of clusters or validation of one case."""

    case: str
    item: str
    """Which assertion, such as `call http-80`."""
    status: Status
    text: str = ""
    """Why it was skipped, or what was expected and what came."""

    def __str__(self) -> str:
        return (
            f"{self.status} {self.case} {self.item}: {self.text}"
            if self.text
            else f"{self.status} {self.case} {self.item}"
        )


def verdict(case: str, item: str, difference: str) -> Outcome:
    """Passed if there is no difference."""
    return Outcome(case=case, item=item, status="failed" if difference else "passed", text=difference)


def broken(case: str, error: Exception) -> Outcome:
    """A case that could not be run to its end."""
    where = traceback.extract_tb(error.__traceback__)[-1]
    text = f"{type(error).__name__}: {error} ({Path(where.filename).name}:{where.lineno})"
    return Outcome(case=case, item="case", status="failed", text=text)


def summary(outcomes: Iterable[Outcome]) -> str:
    """The last line of a run."""
    counts = Counter(outcome.status for outcome in outcomes)
    return f"{counts['passed']} passed, {counts['failed']} failed, {counts['skipped']} skipped"
