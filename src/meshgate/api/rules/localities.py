"""Rules of localities such as `region/zone/*` and of weights between them.

istio:pkg/config/validation/validation.go#validateLocalities, #ValidateLocalityLbSetting
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from meshgate.api.locality import LocalityDistribute
from meshgate.api.rules.finding import Finding, Findings, at_key

WHOLE: Final = 100
"""Per cent, all weights together."""


def distribution(path: str, distribute: tuple[LocalityDistribute, ...]) -> Findings:
    """Weights by locality, and the localities they are from: none may cover another."""
    for index, part in enumerate(distribute):
        at = f"{path}[{index}]"
        for locality, weight in part.to:
            if not 1 <= weight <= WHOLE:
                yield Finding(at_key(f"{at}.to", locality), "a weight must be 1 to 100")
        total = sum(weight for _, weight in part.to)
        if total != WHOLE:
            yield Finding(f"{at}.to", f"the weights sum up to {total}", "they must sum up to 100")
        yield from _localities(f"{at}.to", [locality for locality, _ in part.to])
    yield from _localities(path, [part.from_ for part in distribute])


def _localities(path: str, localities: Iterable[str]) -> Findings:
    seen: list[str] = []
    for locality in localities:
        fault = _fault(locality)
        if fault:
            yield Finding(path, fault)
            return
        overlapping = next((other for other in seen if _overlap(other, locality)), None)
        if overlapping is not None:
            yield Finding(path, f'"{locality}" overlaps with "{overlapping}"')
            return
        seen.append(locality)


def _fault(locality: str) -> str:
    if locality.count("*") > 1 or ("*" in locality and not locality.endswith("*")):
        return f'"{locality}" has a wildcard that is not at the end'
    if not all(_parts(locality)) and locality != "*":
        return f'"{locality}" has an empty region, zone or subzone'
    return ""


def _overlap(before: str, locality: str) -> bool:
    """Whether one is within the other. A wildcard may follow what it covers: then it means the rest."""
    if before == "*" or before.removesuffix("/*") in _prefixes(locality):
        return True
    return locality in _prefixes(before)


def _parts(locality: str) -> list[str]:
    """Region, zone and subzone; a slash in a subzone is part of its name."""
    return locality.split("/", 2)


def _prefixes(locality: str) -> Iterator[str]:
    parts = _parts(locality)
    for length in range(1, len(parts) + 1):
        yield "/".join(parts[:length])
