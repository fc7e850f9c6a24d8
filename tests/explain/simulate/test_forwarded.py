"""What is done to a request on its way, and who answers it before it goes anywhere."""

from __future__ import annotations

import pytest

from meshgate.explain import Configuration, DirectResponse, Forwarded, Mirror, Result, ToCluster, simulate
from tests.explain.simulate.filter_table import FILTERED, filtered, filters
from tests.explain.simulate.forwarded_table import FORWARDED, WEIGHTED, adding, forwarding
from tests.explain.simulate.made import NOTHING, Fields, call, chain, configuration, http, listener, to


def _made(*routes: Fields, fields: Fields = NOTHING) -> Configuration:
    return configuration(listener(chain("c", http({"routes": [*routes]}, fields=fields))), clusters=["yes", "no"])


def _result(route: Fields, asked: Fields = NOTHING, fields: Fields = NOTHING) -> Result:
    return simulate(_made(route, fields=fields), call(asked))


@pytest.mark.parametrize(("action", "route", "asked", "expected"), FORWARDED)
def test_forwarded(action: Fields, route: Fields, asked: Fields, expected: Forwarded) -> None:
    assert _result(forwarding(action, route), asked).forwarded == expected


def test_the_route_has_the_last_word_on_the_host() -> None:
    by = (("x-by", ("weighted", "route")),)
    assert _result(WEIGHTED).forwarded == Forwarded(cluster="yes", host="route.test", path="/", headers=by)


def test_the_random_number_chooses_the_cluster() -> None:
    weighted = {"clusters": [{"name": "yes", "weight": 1}, {"name": "no", "weight": 3}]}
    route = {"match": {"prefix": "/"}, "route": {"weighted_clusters": weighted}}
    chosen = [found.cluster for random in range(5) if (found := _result(route, {"random": random}).forwarded)]
    assert chosen == ["yes", "no", "no", "no", "yes"]


def test_mirrors() -> None:
    half = {"default_value": {"numerator": 50, "denominator": "HUNDRED"}}
    policies = [{"cluster": "no"}, {"cluster": "no", "runtime_fraction": half}]
    found = _result(forwarding({"request_mirror_policies": policies}, NOTHING), {"path": "/old/"}).forwarded
    assert found is not None
    assert found.mirrors == (Mirror("no", 1_000_000), Mirror("no", 500_000))


def test_response_headers() -> None:
    route = {
        **to("yes"),
        "response_headers_to_remove": ["X-Gone", "Server"],
        "response_headers_to_add": [adding("X-New", "1")],
    }
    assert _result(route).response == (("x-gone", ()), ("x-new", ("1",)))


@pytest.mark.parametrize(("name", "config", "asked", "expected"), FILTERED)
def test_filters_that_answer(name: str, config: Fields, asked: Fields, expected: DirectResponse | None) -> None:
    result = _result(filtered(name, config), asked, filters())
    assert result.action == (expected or ToCluster("yes"))
    assert (result.forwarded is None) == (expected is not None)


def test_a_filter_that_is_not_there_answers_nothing() -> None:
    name, config, asked, _ = FILTERED[0]
    assert _result(filtered(name, config), asked).action == ToCluster("yes")
