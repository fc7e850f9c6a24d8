"""The runner itself: it sees what fails, says why it skips, and no data makes it fall over."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.conformance.__main__ import main
from tests.conformance.cases import Raw

POD: Raw = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "a-v1-0", "namespace": "echo", "labels": {"app": "a"}},
    "spec": {"containers": [{"name": "app"}]},
    "status": {"podIPs": [{"ip": "10.0.0.1"}]},
}
FILTER: Raw = {
    "apiVersion": "networking.istio.io/v1alpha3",
    "kind": "EnvoyFilter",
    "metadata": {"name": "base", "namespace": "echo"},
    "spec": {},
}
APP: Raw = {"service": "a", "namespace": "echo", "fqdn": "a.echo.svc.cluster.local", "locality": ""}
GATEWAY: Raw = {"ip": "10.0.0.9", "service": "istio-ingressgateway.istio-system", "labels": {"istio": "ingressgateway"}}
ENVIRONMENT: Raw = {"apps": [APP], "kube": [POD], "base_config": [FILTER], "gateway": GATEWAY}
ENTRY: Raw = {
    "apiVersion": "networking.istio.io/v1",
    "kind": "ServiceEntry",
    "metadata": {"name": "web", "namespace": "echo"},
    "spec": {
        "hosts": ["web.test"],
        "addresses": ["10.1.1.1"],
        "ports": [{"number": 80, "name": "http", "protocol": "HTTP"}],
        "resolution": "DNS",
    },
}
WEB = "outbound|80||web.test"
WALK: Raw = {"address": "10.1.1.1", "port": 80, "protocol": "http", "call_mode": "outbound", "host_header": "web.test"}
OBSERVED: Raw = {"listener": "0.0.0.0_80", "route_config": "80", "virtual_host": "web.test:80", "route": "default"}
CALL: Raw = {
    "from": "a",
    "address": "web.test",
    "port": 80,
    "expect": {"status": 200, "host_seen": "web.test"},
    "simulated": [{"proxy": "sidecar a", "call": WALK, "observed": {**OBSERVED, "cluster": WEB}}],
}
CASE: Raw = {"id": "area/one", "area": "area", "config": [ENTRY], "calls": [CALL]}


def _run(folder: Path, case: Raw, *arguments: str, extract: Raw | None = None) -> int:
    (folder / "environment.json").write_text(json.dumps(ENVIRONMENT))
    (folder / "cases.json").write_text(json.dumps([case]))
    (folder / "xds_extract.json").write_text(json.dumps({case.get("id", ""): extract or {}}))
    return main(["integration", str(folder), *arguments])


def _with(**fields: object) -> Raw:
    return {**CASE, **fields}


def _walking(**fields: object) -> Raw:
    return _with(calls=[{**CALL, "simulated": [{**CALL["simulated"][0], **fields}]}])


def test_all_of_a_right_case_passes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _run(tmp_path, CASE) == 0
    assert capsys.readouterr().out.splitlines() == [
        "skipped environment base: left out of all cases: EnvoyFilter",
        "3 passed, 0 failed, 1 skipped",
    ]


@pytest.mark.parametrize(
    "case",
    [
        _walking(observed={**OBSERVED, "cluster": "outbound|81||web.test"}),
        _walking(observed={**OBSERVED, "cluster": WEB, "error": "ErrNoRoute"}),
        _with(calls=[{**CALL, "expect": {"status": 404}}]),
        _with(calls=[{**CALL, "expect": {"host_seen": "other.test"}}]),
        _with(config=[{**ENTRY, "spec": {**ENTRY["spec"], "hosts": []}}]),
        _walking(call={**WALK, "protocol": "smoke signals"}),
        _with(config=[{"apiVersion": "v1", "kind": "Service"}]),
        _with(calls="none"),
        {"calls": []},
    ],
)
def test_what_is_wrong_or_broken_fails(case: Raw, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _run(tmp_path, case) == 1
    assert "0 failed" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("case", "reason"),
    [
        (_with(skip="not today"), "skipped by Istio: not today"),
        (_with(config=[FILTER]), "EnvoyFilter"),
        (_with(config=[{"apiVersion": "example.com/v1", "kind": "Thing", "metadata": {"name": "x"}}]), "Thing"),
        (_walking(proxy="sidecar z"), "no sidecar z in the environment"),
    ],
)
def test_what_is_not_there_yet_is_skipped(
    case: Raw, reason: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run(tmp_path, case) == 0
    assert reason in capsys.readouterr().out


@pytest.mark.parametrize(("filters", "passed"), [(["area"], 3), (["one"], 3), (["two", "one"], 3), (["two"], 0)])
def test_filters(filters: list[str], passed: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _run(tmp_path, CASE, *filters)
    assert capsys.readouterr().out.splitlines()[-1] == f"{passed} passed, 0 failed, 1 skipped"


def test_istios_resources_are_compared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cluster = {"name": WEB, "type": "STRICT_DNS", "connect_timeout": "99s", "filters": [{"name": "istio.x"}]}
    extract = {"sidecar a": {"clusters": {WEB: cluster, "gone": {"name": "gone"}}}}
    assert _run(tmp_path, CASE, extract=extract) == 1
    told = capsys.readouterr().out
    assert 'connect_timeout: expected "99s", got "10s"' in told
    assert "cluster gone of sidecar a: missing" in told
    assert "istio.x" not in told


def test_a_folder_that_is_not_there() -> None:
    assert main(["integration", "/nowhere"]) == 64
