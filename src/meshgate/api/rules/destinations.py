"""Rules of destinations and their weights. istio:pkg/config/validation/validation.go#validateDestination"""

from __future__ import annotations

from collections.abc import Sequence

from meshgate.api.rules.finding import Finding, Findings
from meshgate.api.rules.host_names import host_hint, is_address, is_label, wildcard_host_fault
from meshgate.api.virtual_service import Destination


def destination(path: str, target: Destination | None) -> Findings:
    """A destination that must be given."""
    if target is None:
        yield Finding(path, "a route needs a destination")
        return
    if target.host == "*":
        yield Finding(f"{path}.host", '"*" is no destination')
    fault = wildcard_host_fault(target.host)
    if fault:
        hint = "make a ServiceEntry and name its host" if is_address(target.host) else host_hint(target.host)
        yield Finding(f"{path}.host", fault, hint)
    if target.subset:
        yield from subset_name(f"{path}.subset", target.subset)


def routed_destination(path: str, target: Destination | None, *, is_free: bool) -> Findings:
    """A route's destination. `is_free`: it must be there, but what it says is not checked."""
    if target is None or not is_free:
        yield from destination(path, target)


def subset_name(path: str, name: str) -> Findings:
    """The name of a subset."""
    if not name:
        yield Finding(path, "a subset needs a name")
    elif not is_label(name):
        yield Finding(path, f'"{name}" is no name of a subset', 'at most 63 letters, digits and "-"')


def weights(path: str, values: Sequence[int]) -> Findings:
    """Weights are relative; they need not sum up to 100, but to something."""
    for index, weight in enumerate(values):
        if weight < 0:
            yield Finding(f"{path}[{index}].weight", "a weight cannot be negative")
    if len(values) > 1 and sum(values) == 0:
        yield Finding(path, "the weights of several destinations sum up to 0", "give each its weight")
