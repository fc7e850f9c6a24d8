"""Redirects: status and location."""

from __future__ import annotations

import pytest

from meshgate.explain import Failure, Redirect, simulate
from tests.explain.simulate.made import Fields, call, chain, configuration, http, listener
from tests.explain.simulate.redirect_table import REDIRECTS, redirecting


@pytest.mark.parametrize(("action", "fields", "expected"), REDIRECTS)
def test_location(action: Fields, fields: Fields, expected: Redirect) -> None:
    made = listener(chain("c", http({"routes": [redirecting(action)]})))
    assert simulate(configuration(made), call(fields)).action == expected


def test_path_rewrite_is_not_simulated() -> None:
    made = listener(chain("c", http({"routes": [{"match": {"prefix": "/"}, "redirect": {"path_rewrite": "x"}}]})))
    assert simulate(configuration(made), call()).error is Failure.NOT_SIMULATED
