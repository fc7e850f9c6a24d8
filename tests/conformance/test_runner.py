"""The runner itself: it sees what fails, says why it skips, and exits as promised."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from meshgate.host.envoy_binary import load_schema
from tests.conformance.__main__ import main
from tests.conformance.cases import Case, Raw
from tests.conformance.outcome import Outcome, summary
from tests.conformance.simulation import run_case

SERVICE_ENTRY: Raw = {
    "apiVersion": "networking.istio.io/v1",
    "kind": "ServiceEntry",
    "metadata": {"name": "se", "namespace": "default"},
    "spec": {"hosts": ["a.test"], "ports": [{"number": 80, "name": "http", "protocol": "HTTP"}], "resolution": "DNS"},
}
CALL: Raw = {
    "name": "web",
    "call": {"port": 80, "protocol": "http", "host_header": "a.test"},
    "effective": {"headers": {"Host": ["a.test"]}, "tls": "plaintext", "path": "/", "address": "1.3.3.7"},
    "expect": {"error": None, "cluster": "outbound|80||a.test"},
    "observed": {},
}
CASE: Raw = {
    "id": "T/case",
    "proxy": {"type": "sidecar", "namespace": "default", "ips": ["1.1.1.1"]},
    "config": [SERVICE_ENTRY],
    "calls": [CALL],
}


def _outcomes(raw: Raw) -> list[Outcome]:
    load_schema()
    return list(run_case(msgspec.convert(raw, Case)))


def _with_expect(expect: Raw) -> Raw:
    return {**CASE, "calls": [{**CALL, "expect": expect}]}


def test_calls_and_validity_pass() -> None:
    assert [(one.item, one.status) for one in _outcomes(CASE)] == [
        ("call web", "passed"),
        ("valid resources", "passed"),
    ]


@pytest.mark.parametrize(
    "expect",
    [
        {"error": "ErrNoRoute"},
        {"error": None, "cluster": "outbound|81||a.test"},
        {"error": None, "virtual_host": "b.test:80"},
        {"error": None, "strict": True, "listener": "0.0.0.0_80", "route_config": "81"},
        {"error": None, "tls_context": {"first_sds_secret": "default", "require_client_certificate": True}},
    ],
)
def test_a_wrong_call_fails(expect: Raw) -> None:
    failed = _outcomes(_with_expect(expect))[0]
    assert failed.status == "failed"
    assert "expected" in failed.text


@pytest.mark.parametrize(
    ("asserted", "item"),
    [
        ({"expect_route_config": "80", "expect_virtual_hosts": {"a.test": ["x"]}}, "routes of a.test in 80"),
        ({"expect_route_config": "80", "expect_virtual_hosts": {"b.test": ["x"]}}, "routes of b.test in 80"),
        ({"expect_inbound_clusters": {"inbound|80||": None}}, "inbound clusters"),
        ({"expect_cluster_services": {"outbound|80||a.test": ["b.test"]}}, "services of outbound|80||a.test"),
        ({"expect_cluster_services": {"gone": ["b.test"]}}, "services of gone"),
    ],
)
def test_other_wrong_assertions_fail(asserted: Raw, item: str) -> None:
    assert [one.item for one in _outcomes({**CASE, **asserted}) if one.status == "failed"] == [item]


def test_right_assertions_pass() -> None:
    asserted = {
        "expect_route_config": "80",
        "expect_virtual_hosts": {"a.test": ["outbound|80||a.test"], "b.test": None},
        "expect_inbound_clusters": {},
        "expect_cluster_services": {"outbound|80||a.test": ["a.test"]},
    }
    assert {one.status for one in _outcomes({**CASE, **asserted})} == {"passed"}


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"config": [{**SERVICE_ENTRY, "kind": "ProxyConfig", "spec": {}}]}, "ProxyConfig"),
        ({"mesh": {"caCertificates": [{"pem": "x"}]}}, "MeshConfig.caCertificates"),
        ({"features": {"PILOT_ENABLE_SOMETHING": True}}, "feature PILOT_ENABLE_SOMETHING"),
        ({"skip": "not for us"}, "skipped by Istio: not for us"),
    ],
)
def test_what_is_not_implemented_is_skipped_with_its_reason(changed: Raw, reason: str) -> None:
    outcomes = _outcomes({**CASE, **changed})
    assert {(one.status, one.text) for one in outcomes} == {("skipped", reason)}
    assert len(outcomes) == 2


def test_a_call_that_only_a_refused_listener_answers_is_skipped() -> None:
    twice = {**CALL, "expect": {"error": "ErrMultipleFilterChain"}}
    (outcome,) = _outcomes({**CASE, "skip_xds_validation": True, "calls": [twice]})
    assert outcome.status == "skipped"
    assert "Envoy would refuse" in outcome.text


def test_refused_objects_fail() -> None:
    broken = {**SERVICE_ENTRY, "spec": {**SERVICE_ENTRY["spec"], "hosts": []}}
    assert {one.status for one in _outcomes({**CASE, "config": [broken]})} == {"failed"}


def test_assertions_of_later_parts_are_skipped() -> None:
    assert _outcomes({**CASE, "expect_failover": {"listener": "x"}})[-1].status == "skipped"


@pytest.mark.parametrize(("expect", "code"), [(CALL["expect"], 0), ({"error": "ErrNoRoute"}, 1)])
def test_exit_code_and_last_line(expect: Raw, code: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "T.json").write_text(json.dumps([_with_expect(expect)]))
    assert main(["simulation", str(tmp_path)]) == code
    assert capsys.readouterr().out.splitlines()[-1] == f"{2 - code} passed, {code} failed, 0 skipped"


@pytest.mark.parametrize("arguments", [[], ["other"], ["simulation", "/nowhere"]])
def test_wrong_use(arguments: list[str]) -> None:
    assert main(arguments) == 64


def test_summary_counts() -> None:
    outcome = Outcome(case="c", item="i", status="skipped", text="why")
    assert summary([outcome, outcome]) == "0 passed, 0 failed, 2 skipped"
    assert str(outcome) == "skipped c i: why"
