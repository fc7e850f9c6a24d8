"""The reference pages say what the tables say."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.api.reference import kinds_page, problems_page

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"


@pytest.mark.parametrize(
    ("name", "page"),
    [pytest.param("problems.md", problems_page, id="problems"), pytest.param("kinds.md", kinds_page, id="kinds")],
)
def test_page(name: str, page: Callable[[], str], request: pytest.FixtureRequest) -> None:
    path = REFERENCE / name
    if request.config.getoption("--update-golden"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(page())
    assert path.read_text() == page()
