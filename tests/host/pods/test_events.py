"""Warnings about pods are counted, not repeated."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from meshgate.api import Ref
from meshgate.host.pods import events
from meshgate.host.pods.events import PodEvents
from meshgate.store.core import Delete
from meshgate.store.sqlite import Store

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
POD = Ref("Pod", "default", "web")


@pytest.fixture
def eager(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "_PAUSE_S", 0.0)


def test_same_warning_is_one_event_that_counts(tmp_path: Path, eager: None) -> None:
    store = Store(tmp_path)
    warnings = PodEvents(store, POD, "u-1", lambda: NOW)
    for _ in range(3):
        warnings.warn("Unhealthy", "connection refused")
    warnings.warn("BackOff", "back-off 10s")
    found = {event["reason"]: event for event in store.list("Event")}
    assert {reason: event["count"] for reason, event in found.items()} == {"Unhealthy": 3, "BackOff": 1}
    event = found["Unhealthy"]
    assert event["involvedObject"] == {
        "apiVersion": "v1",
        "kind": "Pod",
        "namespace": "default",
        "name": "web",
        "uid": "u-1",
    }
    assert (event["type"], event["message"]) == ("Warning", "connection refused")
    assert event["lastTimestamp"] == "2026-01-02T03:04:05Z"
    store.close()


def test_flood_of_one_warning_is_written_once(tmp_path: Path) -> None:
    store = Store(tmp_path)
    warnings = PodEvents(store, POD, "u-1", lambda: NOW)
    before = store.revision.value
    for _ in range(100):
        warnings.warn("Unhealthy", "connection refused")
    assert store.revision.value == before + 1
    store.close()


def test_warning_in_a_namespace_that_is_gone_is_dropped(tmp_path: Path, eager: None) -> None:
    store = Store(tmp_path)
    PodEvents(store, Ref("Pod", "gone", "web"), "u-1", lambda: NOW).warn("Failed", "x")
    assert store.list("Event") == ()
    store.transact([Delete(ref=Ref("Event", "default", "none"), missing_ok=True)])
    store.close()
