"""The tables of the recorded dump, as files; `--update-golden` writes them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.explain.dump.recorded import recorded_dump, recorded_hosts
from tests.explain.dump.shown import shown

TABLES = Path(__file__).parent / "tables"
NAMES = ["bootstrap", "cluster", "endpoint", "listener", "listener-brief", "load-assignment", "route", "route-brief"]
NAMES += ["secret", "secret-wide"]


@pytest.mark.parametrize("name", NAMES)
def test_table(name: str, update_golden: bool) -> None:
    text = shown(recorded_dump(), recorded_hosts())[name]
    path = TABLES / f"{name}.txt"
    if update_golden:
        path.write_text(text)
    assert text == path.read_text()


def test_there_is_a_file_for_each_table() -> None:
    assert sorted(NAMES) == sorted(shown(recorded_dump(), recorded_hosts()))
    assert sorted(f"{name}.txt" for name in NAMES) == sorted(path.name for path in TABLES.iterdir())
