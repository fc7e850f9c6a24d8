"""Refused calls where users look: events on the pod, counted, and the status."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from meshgate.app import blocked
from meshgate.app.blocked import BlockedCalls
from meshgate.xds.blocked import BlockedCall
from tests.app.rig import Rig, run

POD = """
apiVersion: v1
kind: Pod
metadata: {name: client, namespace: default}
spec: {containers: [{name: app, command: [app]}]}
"""
WEB = BlockedCall(host="web.org", address="192.0.2.1", port=80, is_http=True)
BARE = BlockedCall(address="192.0.2.2", port=443)


def noon() -> datetime:
    return datetime(2026, 1, 1, 12, tzinfo=UTC)


def events(rig: Rig) -> list[tuple[str, int]]:
    found: list[Any] = [one for one in rig.store.list("Event") if one["reason"] == blocked.REASON]
    return sorted((one["message"].partition(" was refused")[0], one["count"]) for one in found)


def of(rig: Rig) -> BlockedCalls:
    names = {"192.0.2.2": "api.org"}
    return BlockedCalls(rig.store, lambda address: names.get(address, ""), noon)


def test_a_call_is_an_event_on_its_pod(tmp_path: Path) -> None:
    async def test(rig: Rig) -> None:
        await rig.apply(POD)
        calls = of(rig)
        calls.note("client.default", WEB)
        calls.note("client.default", BARE)
        expected = [
            ('a call to "web.org" port 80', 1),
            ('a call to 192.0.2.2 port 443, looked up as "api.org"', 1),
        ]
        calls.write()
        assert events(rig) == expected
        for _ in range(3):
            calls.note("client.default", WEB)
        calls.write()
        assert events(rig) == [('a call to "web.org" port 80', 2), expected[1]]
        assert calls.told() == [
            {"proxy": "client.default", "call": '"web.org" port 80', "count": 4, "last": "2026-01-01T12:00:00Z"},
            {
                "proxy": "client.default",
                "call": '192.0.2.2 port 443, looked up as "api.org"',
                "count": 1,
                "last": "2026-01-01T12:00:00Z",
            },
        ]

    run(test, tmp_path)


def test_pods_that_are_gone_are_forgotten(tmp_path: Path) -> None:
    async def test(rig: Rig) -> None:
        calls = of(rig)
        calls.note("gone.default", WEB)
        calls.write()
        assert (events(rig), calls.told()) == ([], [])

    run(test, tmp_path)


def test_little_is_kept_however_much_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocked, "MOST_HOSTS", 2)
    monkeypatch.setattr(blocked, "MOST_PODS", 2)

    async def test(rig: Rig) -> None:
        calls = of(rig)
        for number in range(4):
            calls.note("client.default", BlockedCall(host=f"{number}.org", port=80))
        assert [one["call"] for one in calls.told()] == ['"3.org" port 80', '"2.org" port 80']
        calls.note("b.default", WEB)
        calls.note("c.default", WEB)
        assert [one["proxy"] for one in calls.told()] == ["b.default", "c.default"]

    run(test, tmp_path)
