"""The runner over Istio's verdicts: it sees disagreement, and tells what is missing apart from it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.api.objects import VIRTUAL_SERVICE, changed
from tests.conformance.__main__ import main
from tests.conformance.outcome import Status
from tests.conformance.validation import run_case
from tests.conformance.validation_cases import VALIDATION, VerdictCase

SUBNET = [{"match": [{"sourceSubnet": "10.0.0.0/8"}], "route": [{"destination": {"host": "web"}}]}]


@pytest.mark.parametrize(
    ("path", "value", "valid", "status", "words"),
    [
        pytest.param("spec.hosts", ["web"], True, "passed", "", id="both take it"),
        pytest.param("spec.hosts", ["a b"], False, "passed", "", id="both refuse it"),
        pytest.param("spec.hosts", ["a b"], True, "failed", "a b", id="only we refuse it"),
        pytest.param("spec.hosts", ["web"], False, "failed", "expected invalid", id="only Istio refuses it"),
        pytest.param("spec.tcp", SUBNET, True, "skipped", "sourceSubnet", id="not implemented"),
        pytest.param("spec.tcp", [{**SUBNET[0], "route": []}], False, "passed", "", id="refused, and not implemented"),
        pytest.param("spec.htp", [], True, "passed", "", id="unknown field"),
        pytest.param("htp", [], False, "passed", "", id="unknown field at the top"),
        pytest.param("apiVersion", "networking.istio.io/v9", True, "passed", "", id="any API version"),
    ],
)
def test_verdicts_are_compared(path: str, value: object, valid: bool, status: Status, words: str) -> None:
    case = VerdictCase(id="x", object=changed(VIRTUAL_SERVICE, path, value), valid=valid)
    outcome = run_case("VirtualService", case)
    assert (outcome.status, words in outcome.text) == (status, True)


def test_a_kind_that_is_not_there_is_skipped() -> None:
    outcome = run_case("EnvoyFilter", VerdictCase(id="x", object={}, valid=True))
    assert (outcome.status, outcome.text) == ("skipped", "kind EnvoyFilter")


def test_counts_come_last(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    case = {"id": "x", "object": VIRTUAL_SERVICE, "valid": True}
    (tmp_path / "VirtualService.json").write_text(
        json.dumps({"kind": "VirtualService", "cases": [case, {**case, "valid": False}]})
    )
    assert main(["validation", str(tmp_path)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[-2:] == ["VirtualService: 1 passed, 1 failed, 0 skipped", "1 passed, 1 failed, 0 skipped"]


def test_a_path_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["validation", "/nowhere"]) == 64
    assert "/nowhere" in capsys.readouterr().err


@pytest.mark.skipif(not VALIDATION.exists(), reason="the recorded verdicts of Istio are not here")
def test_all_given_cases_of_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["validation"]) == 0, capsys.readouterr().out
