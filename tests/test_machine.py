"""Tools that a machine may lack, and CI may not."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.machine import has_tool

ROOT = Path(__file__).resolve().parent.parent
SHELL = "sh"
CALL = re.compile(r'has_tool\("([\w-]+)"\)')


def test_a_missing_tool_is_a_failure_only_where_all_is_required(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MESHGATE_REQUIRE_E2E", raising=False)
    assert has_tool(SHELL)
    assert not has_tool("no such tool")
    monkeypatch.setenv("MESHGATE_REQUIRE_E2E", "1")
    assert has_tool(SHELL)
    with pytest.raises(AssertionError, match="call no such tool, which is not installed"):
        has_tool("no such tool")


def test_ci_installs_what_the_tests_ask_for() -> None:
    asked = {name for path in (ROOT / "tests").rglob("*.py") for name in CALL.findall(path.read_text())}
    [packages] = re.findall(r"^TEST_APT := (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert "wrk" in asked
    assert asked <= set(packages.split())
    assert "TEST_APT" in (ROOT / ".ci/run").read_text()
