"""What is lost where several VirtualServices are joined at a gateway: rules that others stand before.

Rules of one object are compared when it is read; here are those of different ones. A match counts as taken only where
every request that it takes is certainly taken before: by an equal match, by a path prefix without further conditions,
by a route that takes everything.
"""

from __future__ import annotations

from collections.abc import Iterable

from meshgate.api import Origin, Problem, codes
from meshgate.mesh import Memo, warning
from meshgate.plan.route_matches import is_catch_all
from meshgate.plan.values import (
    PathExact,
    PathPrefix,
    RouteConfigurationPlan,
    RouteMatch,
    RoutePlan,
    VirtualHostPlan,
)

Shadow = tuple[Origin, Origin]
"""A rule's match, and what takes its requests."""


def shadowed_rules(memo: Memo, configuration: RouteConfigurationPlan) -> tuple[Problem, ...]:
    """IST0130 for rules that nothing reaches, because a rule of another VirtualService comes first."""
    hosts: dict[Shadow, list[str]] = {}
    for host in configuration.virtual_hosts:
        for shadow in memo.get(_shadows, host):
            hosts.setdefault(shadow, []).extend(host.domains)
    return tuple(_problem(shadow, names) for shadow, names in hosts.items())


def _problem(shadow: Shadow, hosts: Iterable[str]) -> Problem:
    lost, winner = shadow
    names = ", ".join(f'"{name}"' for name in dict.fromkeys(hosts))
    text = f"nothing reaches this at a gateway for host {names}: {winner} takes it before"
    hint = "of several VirtualServices for a host the oldest goes first; join them, or make this match narrower"
    return warning(codes.UNREACHABLE_RULE, lost, text, hint)


def _shadows(host: VirtualHostPlan) -> tuple[Shadow, ...]:
    found: list[Shadow] = []
    earlier = _Earlier()
    for route in host.routes:
        origin, winner = route.origin, earlier.taking(route.match)
        if origin is None:
            continue
        if winner is None:
            earlier.add(route, origin)
        elif winner.ref != origin.ref:
            found.append((origin, winner))
    return tuple(found)


class _Earlier:
    """Routes that come first, found by what they match."""

    def __init__(self) -> None:
        self._equal: dict[RouteMatch, Origin] = {}
        self._prefixes: dict[str, Origin] = {}
        """Path prefixes without other conditions; the empty one takes everything."""

    def add(self, route: RoutePlan, origin: Origin) -> None:
        self._equal[route.match] = origin
        if is_catch_all(route):
            self._prefixes[""] = origin
        elif isinstance(route.match.path, PathPrefix) and route.match == RouteMatch(
            path=route.match.path, case_sensitive=True
        ):
            self._prefixes[route.match.path.value] = origin

    def taking(self, match: RouteMatch) -> Origin | None:
        found = self._equal.get(match) or self._prefixes.get("")
        if found is None and isinstance(match.path, PathPrefix | PathExact) and match.case_sensitive is not False:
            path = match.path.value
            prefixes = (path[:length] for length in range(1, len(path) + 1))
            found = next((self._prefixes[prefix] for prefix in prefixes if prefix in self._prefixes), None)
        return found
