"""Laws of the store, over random sequences of writes."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshgate.api import Ref
from meshgate.store.core import (
    Apply,
    Create,
    Delete,
    Modify,
    Raw,
    Selector,
    ServerApply,
    SetStatus,
    StatusFault,
    Update,
    Write,
    exact_labels,
    meta,
)
from meshgate.store.sqlite import Event, Store
from tests.store.objects import config_map, namespace, pod, virtual_service

pytestmark = pytest.mark.slow

NAMES = st.sampled_from(["a", "b"])
NAMESPACES = st.sampled_from(["default", "shop"])
KINDS = {"ConfigMap", "Namespace", "Pod", "VirtualService"}


@st.composite
def objects(draw: st.DrawFn) -> dict[str, Any]:
    metadata: dict[str, Any] = {"namespace": draw(NAMESPACES)}
    if draw(st.booleans()):
        metadata["labels"] = {"tier": draw(st.sampled_from(["front", "back"]))}
    match draw(st.integers(0, 3)):
        case 0:
            return config_map(draw(NAMES), {"v": draw(st.sampled_from("12"))}, **metadata)
        case 1:
            finalizers = draw(st.lists(st.sampled_from("fg"), max_size=1))
            return virtual_service(draw(NAMES), draw(NAMES), finalizers=finalizers, **metadata)
        case 2:
            return pod(draw(NAMES), node=draw(st.sampled_from(["", "here"])), **metadata)
        case _:
            return namespace("shop")


@st.composite
def writes(draw: st.DrawFn) -> Write:
    raw = draw(objects())
    ref = Ref(raw["kind"], raw["metadata"].get("namespace", ""), raw["metadata"]["name"])
    choices: list[Write] = [
        Create(raw=raw),
        Update(raw=raw),
        Apply(raw=raw, owner="f.yaml"),
        ServerApply(raw=raw, manager="me"),
        SetStatus(raw={**raw, "status": {"n": 1}}),
        Modify(ref=ref, change=_with_owner),
        Delete(ref=ref),
        Delete(ref=ref, propagation="Foreground"),
        Delete(ref=ref, grace_s=0, missing_ok=True),
    ]
    return draw(st.sampled_from(choices))


def _with_owner(raw: Raw) -> Raw:
    """The object owned by the ConfigMap `a` of its namespace, if that were its uid."""
    owner = {"apiVersion": "v1", "kind": "ConfigMap", "name": "a", "uid": "0"}
    return {**raw, "metadata": {**meta(raw), "ownerReferences": [owner]}}


TRANSACTIONS = st.lists(st.lists(writes(), min_size=1, max_size=4), max_size=12)
State = dict[Ref, Raw]


@contextmanager
def opened() -> Iterator[tuple[Store, Path]]:
    with tempfile.TemporaryDirectory() as name:
        store = Store(Path(name))
        try:
            yield store, Path(name)
        finally:
            store.close()


def state_of(store: Store) -> State:
    return {ref_of(raw): raw for kind in KINDS for raw in store.list(kind)}


def ref_of(raw: Raw) -> Ref:
    return Ref(raw["kind"], meta(raw).get("namespace", ""), meta(raw)["name"])


def run(store: Store, transactions: Sequence[Sequence[Write]]) -> None:
    for listed in transactions:
        before, revision = state_of(store), store.revision.value
        try:
            results = store.transact(listed)
        except StatusFault:
            assert state_of(store) == before, "a refused transaction changed something"
            assert store.revision.value == revision
        else:
            assert len(results) == len(listed)


def replayed(start: State, events: Sequence[Event]) -> State:
    state = dict(start)
    for event in events:
        ref = ref_of(event.raw)
        if event.type == "DELETED":
            assert ref in state
            del state[ref]
        else:
            assert (event.type == "ADDED") is (ref not in state)
            state[ref] = event.raw
    return state


async def events_since(store: Store, since: int, selector: Selector) -> list[Event]:
    events: list[Event] = []
    async for event in store.watch(KINDS, since, selector=selector, bookmark_every_s=0):
        if event.type == "BOOKMARK":
            return events
        events.append(event)
    raise AssertionError("a watch never ends")


@given(TRANSACTIONS, st.booleans())
def test_law_a_watch_replayed_is_the_state(transactions: list[list[Write]], labelled: bool) -> None:
    selector = Selector(exact_labels({"tier": "front"}) if labelled else ())
    with opened() as (store, _):
        start = {ref: raw for ref, raw in state_of(store).items() if selector.matches(raw)}
        since = store.revision.value
        run(store, transactions)
        events = asyncio.run(events_since(store, since, selector))
        assert replayed(start, events) == {ref: raw for ref, raw in state_of(store).items() if selector.matches(raw)}
        assert [event.revision for event in events] == sorted({event.revision for event in events})
        assert all(meta(event.raw)["resourceVersion"] == str(event.revision) for event in events)


@given(TRANSACTIONS)
def test_law_what_is_read_again_from_disk_is_the_same(transactions: list[list[Write]]) -> None:
    with opened() as (store, directory):
        run(store, transactions)
        again = Store(directory)
        try:
            assert state_of(again) == state_of(store)
            assert again.revision.value == store.revision.value
            assert again.owners() == store.owners()
        finally:
            again.close()


@given(TRANSACTIONS)
def test_law_invariants_hold(transactions: list[list[Write]]) -> None:
    with opened() as (store, _):
        uids: dict[str, Ref] = {}
        run(store, transactions)
        for ref, raw in state_of(store).items():
            assert uids.setdefault(meta(raw)["uid"], ref) == ref
            assert int(meta(raw)["resourceVersion"]) <= store.revision.value
            assert not ref.namespace or store.get("Namespace", "", ref.namespace) is not None
            held = meta(raw).get("finalizers") or meta(raw).get("deletionGracePeriodSeconds")
            waits = ref.kind == "Namespace" and any(other.namespace == ref.name for other in state_of(store))
            assert "deletionTimestamp" not in meta(raw) or held or waits
