"""What each code means to a user: `docs/reference/problems.md` is made from this table.

The level is Istio's where the code is. It says how bad a finding is, not whether the object is refused: a route to a
service that is missing is an error, and accepted, because the service may come.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from meshgate.api.code import Code
from meshgate.api.codes_of_istio import ISTIO
from meshgate.api.codes_of_ours import OURS

CODES: Final[Mapping[str, Code]] = {**OURS, **ISTIO}

ISTIO_PAGES: Final = "https://istio.io/latest/docs/reference/config/analysis"
OWN_PAGE: Final = "docs/reference/problems.md"


def documentation_url(code: str) -> str:
    """Where a code is explained: by Istio, or in the reference that comes with meshgate.

    >>> documentation_url("IST0101"), documentation_url("MG0103")
    ('https://istio.io/latest/docs/reference/config/analysis/ist0101/', 'docs/reference/problems.md#mg0103')
    """
    return f"{ISTIO_PAGES}/{code.lower()}/" if code.startswith("IST") else f"{OWN_PAGE}#{code.lower()}"
