"""A client that behaves as Envoy does where it matters for delivery: warming, withheld ACKs, late questions, refusals.

A resource's body names what it refers to (routes of a listener, clusters of a route); a version that begins with "bad"
is refused, together with the whole response, of which the good resources are applied all the same.
"""

from __future__ import annotations

from collections import deque

from meshgate.envoy import CLUSTER, ENDPOINTS, LISTENER, ROUTES, Resource
from meshgate.xds.session import Request, Response


def is_bad(resource: Resource) -> bool:
    return resource.version.startswith("bad")


def references(resource: Resource) -> set[str]:
    return set(resource.body.decode().split())


class ModelEnvoy:
    def __init__(self) -> None:
        self.out: deque[Request] = deque()
        self.held: dict[str, dict[str, Resource]] = {
            type_url: {} for type_url in (CLUSTER, ENDPOINTS, LISTENER, ROUTES)
        }
        self.wanted: dict[str, set[str]] = {ENDPOINTS: set(), ROUTES: set()}
        self.warming: set[str] = set()
        self.listening = False
        self.withheld: Request | None = None
        self.received = 0

    def connect(self) -> None:
        """A new stream: what was on the way is lost; Envoy says nothing of clusters while one warms."""
        self.out.clear()
        self.withheld = None
        first = self._first(CLUSTER, ())
        if self.warming:
            self.withheld = first
        else:
            self.out.append(first)
        for type_url, names in self.wanted.items():
            if type_url == ROUTES and self.listening:
                self.out.append(self._first(LISTENER, ()))
            if names:
                self.out.append(self._first(type_url, sorted(names)))

    def deliver(self, response: Response) -> None:
        self.received += len(response.resources)
        bad = [each for each in response.resources if is_bad(each)]
        verdict = Request(
            type_url=response.type_url,
            nonce=response.nonce,
            error=" ".join(f"{each.name} is bad" for each in bad) or None,
        )
        good = [each for each in response.resources if each not in bad]
        match response.type_url:
            case url if url == CLUSTER:
                self._clusters(good, response.removed, verdict)
            case url if url == ENDPOINTS:
                self._endpoints(response, good, verdict)
            case url if url == LISTENER:
                self._listeners(good, response.removed, verdict)
            case _:
                self._routes(good, verdict)

    @property
    def used_clusters(self) -> set[str]:
        return {name for route in self.held[ROUTES].values() for name in references(route)}

    def _first(self, type_url: str, names: list[str] | tuple[()]) -> Request:
        held = {name: each.version for name, each in self.held[type_url].items()}
        return Request(type_url=type_url, subscribe=tuple(names), held=held)

    def _clusters(self, good: list[Resource], removed: tuple[str, ...], verdict: Request) -> None:
        clusters = self.held[CLUSTER]
        for name in removed:
            clusters.pop(name, None)
            self.warming.discard(name)
            self._want(ENDPOINTS, self.wanted[ENDPOINTS] - {name})
        for each in good:
            clusters[each.name] = each
            if each.name.startswith("e"):
                self.warming.add(each.name)
                self._want(ENDPOINTS, self.wanted[ENDPOINTS] | {each.name})
        self.withheld = verdict
        self._maybe_warm()

    def _endpoints(self, response: Response, good: list[Resource], verdict: Request) -> None:
        for each in good:
            if each.name in self.wanted[ENDPOINTS]:
                self.held[ENDPOINTS][each.name] = each
        # a refused or missing assignment ends the warming too
        self.warming -= {each.name for each in response.resources} | set(response.removed)
        for name in response.removed:
            self.held[ENDPOINTS].pop(name, None)
        self.out.append(verdict)
        self._maybe_warm()

    def _listeners(self, good: list[Resource], removed: tuple[str, ...], verdict: Request) -> None:
        for name in removed:
            self.held[LISTENER].pop(name, None)
        for each in good:
            self.held[LISTENER][each.name] = each
        self.out.append(verdict)
        self._want(ROUTES, {name for each in self.held[LISTENER].values() for name in references(each)})

    def _routes(self, good: list[Resource], verdict: Request) -> None:
        for each in good:
            if each.name in self.wanted[ROUTES]:
                self.held[ROUTES][each.name] = each
        self.out.append(verdict)

    def _want(self, type_url: str, names: set[str]) -> None:
        came, went = names - self.wanted[type_url], self.wanted[type_url] - names
        self.wanted[type_url] = names
        for name in went:
            self.held[type_url].pop(name, None)
        if came or went:
            self.out.append(Request(type_url=type_url, subscribe=tuple(sorted(came)), unsubscribe=tuple(sorted(went))))

    def _maybe_warm(self) -> None:
        # before its first listeners Envoy ACKs clusters at once
        if self.withheld is not None and not (self.warming and self.listening):
            self.out.append(self.withheld)
            self.withheld = None
        if not self.warming and not self.listening:
            self.listening = True
            self.out.append(self._first(LISTENER, ()))
