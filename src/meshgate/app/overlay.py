"""What `--set` says, as one IstioOperator that is laid over all others."""

from __future__ import annotations

from meshgate.api import IstioOperator, has_errors, set_values
from meshgate.errors import Refused


def overlay_of(settings: tuple[str, ...]) -> IstioOperator:
    """The settings together. Raises Refused with every wrong one."""
    overlay, problems = set_values(settings)
    if has_errors(problems):
        raise Refused("--set is wrong", problems=problems)
    return overlay
