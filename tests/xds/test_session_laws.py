"""Laws of delivery, for any interleaving of changes, messages on the way, broken streams and refusals."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshgate.envoy import CLUSTER, ENDPOINTS, LISTENER, ROUTES, Resource
from meshgate.xds.session import DeltaSession, Layers, ResourceTable, Response, table_of
from tests.xds.model_envoy import ModelEnvoy, is_bad

CLUSTERS = ("e1", "e2", "e3", "d1")
ROUTE_NAMES = ("80", "81")
STEPS = 3000


def made(type_url: str, name: str, version: str, refers: Sequence[str] = ()) -> Resource:
    body = " ".join(refers).encode()
    return Resource(name=name, version=f"{version}:{'+'.join(refers)}", type_url=type_url, body=body, origin=None)


@st.composite
def tables(draw: st.DrawFn, *, with_bad: bool) -> ResourceTable:
    versions = st.sampled_from(["1", "2", "3", *(["bad"] if with_bad else [])])
    clusters = sorted(draw(st.sets(st.sampled_from(CLUSTERS), min_size=1)))
    resources = [made(CLUSTER, name, draw(versions)) for name in clusters]
    resources += [made(ENDPOINTS, name, draw(versions)) for name in clusters if name.startswith("e")]
    routes = sorted(draw(st.sets(st.sampled_from(ROUTE_NAMES))))
    for name in routes:
        refers = sorted(draw(st.sets(st.sampled_from(clusters), min_size=1)))
        resources.append(made(ROUTES, name, draw(versions), refers))
        resources.append(made(LISTENER, f"l{name}", draw(versions), [name]))
    return layered(table_of(resources), draw(st.sets(st.sampled_from((*CLUSTERS, *ROUTE_NAMES)))))


def layered(table: ResourceTable, own: set[str]) -> ResourceTable:
    """The table with some resources in a layer of their own, as what a proxy does not share."""
    types: dict[str, Mapping[str, Resource]] = {}
    for url, named in table.types.items():
        parts = ({name: named[name] for name in named if (name in own) is mine} for mine in (False, True))
        types[url] = Layers(tuple(part for part in parts if part))
    return ResourceTable(types=types)


def traces(*, with_bad: bool) -> st.SearchStrategy[list[ResourceTable | str]]:
    steps = st.one_of(
        tables(with_bad=with_bad), st.sampled_from(["to client", "to server", "to client", "to server", "break"])
    )
    return st.lists(steps, min_size=1, max_size=40)


class Wire:
    """One client, the session of its present stream, and what is on the way between them."""

    def __init__(self) -> None:
        self.client = ModelEnvoy()
        self.table: ResourceTable | None = None
        self.connect()

    def connect(self) -> None:
        self.session = DeltaSession()
        self.down: deque[Response] = deque()
        self.client.connect()
        if self.table is not None:
            self.send(self.session.offer(self.table))

    def send(self, responses: Sequence[Response]) -> None:
        for response in responses:
            assert all(response.type_url != other.type_url for other in self.down), "two of a type on the way"
        self.down.extend(responses)

    def step(self, what: ResourceTable | str) -> None:
        match what:
            case ResourceTable():
                self.table = what
                self.send(self.session.offer(what))
            case "to client" if self.down:
                self.client.deliver(self.down.popleft())
            case "to server" if self.client.out:
                self.send(self.session.receive(self.client.out.popleft()))
            case "break":
                self.connect()

    def drain(self) -> None:
        for _ in range(STEPS):
            if not self.down and not self.client.out:
                return
            self.step("to client")
            self.step("to server")
        raise AssertionError("the conversation does not end")

    def check_routes(self) -> None:
        missing = self.client.used_clusters - self.client.held[CLUSTER].keys()
        assert not missing, f"a route names clusters that the client doesn't hold: {missing}"


def good(resources: Mapping[str, Resource]) -> dict[str, str]:
    return {name: each.version for name, each in resources.items() if not is_bad(each)}


@settings(max_examples=300, deadline=None)
@given(trace=traces(with_bad=False))
@pytest.mark.slow
def test_every_interleaving_converges_and_no_route_ever_lacks_its_cluster(trace: list[ResourceTable | str]) -> None:
    wire = Wire()
    for what in trace:
        wire.step(what)
        wire.check_routes()
    if wire.table is None:
        return
    wire.drain()
    assert wire.session.synced
    for type_url, held in wire.client.held.items():
        assert good(held) == good(wire.table.of(type_url))


@settings(max_examples=300, deadline=None)
@given(trace=traces(with_bad=True))
@pytest.mark.slow
def test_what_is_refused_harms_nothing_else(trace: list[ResourceTable | str]) -> None:
    wire = Wire()
    for what in trace:
        wire.step(what)
    if wire.table is None:
        return
    wire.drain()
    assert wire.session.settled
    refused = {(nack.type_url, nack.name) for nack in wire.session.nacks}
    for type_url, held in wire.client.held.items():
        offered = wire.table.of(type_url)
        for name, each in offered.items():
            if is_bad(each):
                assert (type_url, name) in refused or name not in wire.client.wanted.get(type_url, {name})
            elif type_url in (CLUSTER, LISTENER) or name in wire.client.wanted[type_url]:
                assert held[name].version == each.version


@settings(max_examples=100, deadline=None)
@given(table=tables(with_bad=False))
def test_a_stream_that_breaks_without_a_change_costs_nothing(table: ResourceTable) -> None:
    wire = Wire()
    wire.step(table)
    wire.drain()
    received = wire.client.received
    wire.step("break")
    wire.drain()
    assert wire.client.received == received
    assert wire.session.synced
