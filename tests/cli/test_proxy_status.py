"""`meshgate proxy-status`: istioctl's columns and words, and what differs for one proxy."""

from __future__ import annotations

import asyncio
import doctest
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import meshgate.cli.proxy_status
from meshgate.cli.group import main
from meshgate.cli.proxy_status import status_table
from meshgate.store.core import Create
from tests.explain.dump.recorded import CONFIG_DUMP
from tests.kube.running_api import pod, run, running_api

NOW = datetime(2026, 12, 1, 0, 1, tzinfo=UTC)


def state(word: str = "synced", resources: int = 1, sent: str = "2026-12-01T00:00:13Z") -> Mapping[str, Any]:
    return {"state": word, "resources": resources, **({"sent": sent} if sent else {})}


def proxy(name: str, types: Mapping[str, Any], *, connected: bool = True) -> Mapping[str, Any]:
    return {"name": name, "connected": connected, "clusterId": "Kubernetes", "version": "1.30.0", "types": types}


PROXIES = [
    proxy("edge", {"clusters": state(), "listeners": state("stale")}),
    proxy(
        "web.shop",
        {
            "routes": state("refused"),
            "clusters": state(),
            "secrets": state(sent=""),
            "listeners": state(resources=0),
        },
    ),
    proxy("x.shop", {"clusters": state(resources=0, sent=""), "type.googleapis.com/a.b.Odd": state()}),
    proxy("gone.shop", {}, connected=False),
]


def test_who_has_asked_for_what() -> None:
    assert status_table(PROXIES[:3], NOW, verbosity=0).splitlines() == [
        "NAME         CLUSTER        ISTIOD       VERSION     SUBSCRIBED TYPES",
        "edge         Kubernetes     meshgate     1.30.0      2 (CDS,LDS)",
        "web.shop     Kubernetes     meshgate     1.30.0      4 (CDS,LDS,RDS,SDS)",
        "x.shop       Kubernetes     meshgate     1.30.0      2 (CDS,Odd)",
    ]


def test_what_was_sent_and_accepted() -> None:
    lines = [line.split("  ") for line in status_table(PROXIES[:3], NOW, verbosity=1).splitlines()]
    cells = [[cell.strip() for cell in line if cell] for line in lines]
    assert cells[0] == ["NAME", "CLUSTER", "CDS", "ECDS", "EDS", "LDS", "ODD", "RDS", "SDS", "ISTIOD", "VERSION"]
    none = "IGNORED"
    assert [line[2:9] for line in cells[1:]] == [
        ["SYNCED (47s)", none, none, "STALE (47s)", none, none, none],
        ["SYNCED (47s)", none, none, "SYNCED (47s)", none, "ERROR (47s)", "SYNCED"],
        ["NOT SENT", none, none, none, "SYNCED (47s)", none, none],
    ]


def call(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ending:
        main(arguments)
    assert isinstance(ending.value.code, int)
    return ending.value.code


def told(directory: Path, *arguments: str, wanted: Mapping[str, Any] | None = None) -> int:
    async def scenario() -> int:
        async with running_api(directory) as api:
            api.store.transact([Create(raw=pod())])
            api.mesh.proxies += PROXIES
            api.proxies.dump, api.proxies.wanted = CONFIG_DUMP.read_bytes(), wanted or {}
            return await asyncio.to_thread(call, *arguments, "--data-dir", str(directory))

    return run(scenario)


def test_connected_proxies_of_a_namespace(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert told(tmp_path, "ps", "-n", "shop") == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == ["NAME", "web.shop", "x.shop"]


def test_as_istioctls_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert told(tmp_path, "proxy-status", "-o", "json") == 0
    value = json.loads(capsys.readouterr().out)
    assert value["versionInfo"] == "7"
    assert [each["node"]["id"] for each in value["resources"]] == ["edge", "web.shop", "x.shop"]
    configs = value["resources"][1]["genericXdsConfigs"]
    assert [(each["typeUrl"].rpartition(".")[2], each["configStatus"]) for each in configs] == [
        ("Cluster", "SYNCED"),
        ("Listener", "SYNCED"),
        ("RouteConfiguration", "ERROR"),
        ("Secret", "SYNCED"),
    ]
    assert value["resources"][2]["genericXdsConfigs"][0]["configStatus"] == "NOT_SENT"


def test_what_differs_for_one_proxy(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    held = json.loads(CONFIG_DUMP.read_bytes())
    [clusters] = [each for each in held["configs"] if each["@type"].endswith(".ClustersConfigDump")]
    wanted = [each["cluster"] for each in clusters["dynamic_active_clusters"]]
    wanted = [{key: value for key, value in each.items() if key != "@type"} for each in wanted]
    assert told(tmp_path, "ps", "pod/web.default", wanted={"clusters": [*wanted, {"name": "zz"}]}) == 0
    out = capsys.readouterr().out
    assert out.startswith("--- Istiod Clusters\n+++ Envoy Clusters\n@@ ")
    assert '-      "name": "zz"\n' in out
    assert "--- Istiod Listeners\n" in out


def test_a_dump_in_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("ps", "--file", "x") == 64
    assert "--file goes with the name of a pod" in capsys.readouterr().err
    assert told(tmp_path, "ps", "web", "--file", str(CONFIG_DUMP)) == 0
    assert "+++ Envoy Routes\n" in capsys.readouterr().out


def test_a_pod_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert told(tmp_path, "ps", "gone") == 1
    assert 'pods "gone" not found' in capsys.readouterr().err


def test_examples_hold() -> None:
    assert doctest.testmod(meshgate.cli.proxy_status).failed == 0
