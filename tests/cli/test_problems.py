"""Problems in the texts of commands: grouped by object, the worst first, with place, field, reason, hint and code."""

from __future__ import annotations

import pytest

from meshgate.api import Problem, Ref
from meshgate.app.problems import entry_of
from meshgate.cli.group import print_error
from meshgate.cli.problems import grouped, print_problems, print_warnings
from meshgate.errors import Refused

WEB, CART = Ref("VirtualService", "shop", "web"), Ref("Gateway", "shop", "cart")
REMARK = Problem("IST0131", "warning", CART, "spec.http[0].match[1]", "nothing gets here")
ERROR = Problem("IST0101", "warning", WEB, "spec.http[0].route[0]", 'no service "a"', 'nearest: "b"', "web.yaml:12")
WARNING = Problem("IST0132", "warning", WEB, "spec.hosts[0]", "not taken")
LOOSE = Problem("MG0001", "error", None, "", "not YAML", "", "broken.yaml:2")


def test_objects_with_errors_come_first_and_of_each_the_worst() -> None:
    found = grouped([entry_of(problem) for problem in (REMARK, WARNING, ERROR, LOOSE)])
    assert [(ref, [entry["code"] for entry in entries]) for ref, entries in found] == [
        ("", ["MG0001"]),
        ("VirtualService/shop/web", ["IST0101", "IST0132"]),
        ("Gateway/shop/cart", ["IST0131"]),
    ]


def test_a_problem_has_place_field_reason_hint_and_code(capsys: pytest.CaptureFixture[str]) -> None:
    print_problems([entry_of(ERROR), entry_of(LOOSE)])
    assert capsys.readouterr().out == (
        "  no object\n"
        "    error: broken.yaml:2: not YAML [MG0001]\n"
        "  VirtualService/shop/web\n"
        '    error: web.yaml:12: spec.http[0].route[0]: no service "a"; nearest: "b" [IST0101]\n'
    )


def test_the_wide_form_says_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    print_problems([entry_of(ERROR)], wide=True)
    told = capsys.readouterr().out
    assert "ReferencedResourceNotFound: Correct the name" in told
    assert "analysis/ist0101/" in told


def test_writes_warn_as_kubectl_does_and_keep_remarks_back(capsys: pytest.CaptureFixture[str]) -> None:
    print_warnings([ERROR, REMARK])
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err == (
        'Warning: web.yaml:12: VirtualService/shop/web spec.http[0].route[0]: no service "a"; nearest: "b" [IST0101]\n'
    )


def test_a_refusal_tells_errors_from_warnings(capsys: pytest.CaptureFixture[str]) -> None:
    print_error(Refused("refused", problems=[WARNING, LOOSE, REMARK]))
    assert capsys.readouterr().err == (
        "error: refused, and nothing was changed:\n"
        "  broken.yaml:2: not YAML [MG0001]\n"
        "Warning: VirtualService/shop/web spec.hosts[0]: not taken [IST0132]\n"
    )
