"""The order of HTTP filters."""

from __future__ import annotations

import itertools

import pytest

from meshgate.envoy import Memo
from meshgate.envoy.http_filters import http_filters
from meshgate.envoy.http_filters.order import ORDER
from meshgate.plan.values import DynamicForwardProxyFilter, HttpFilter, RouterFilter
from tests.envoy.case import ISTIO_FILTERS


def test_istios_filters_are_in_istios_order() -> None:
    names = [item["name"].removeprefix("envoy.filters.http.") for item in http_filters(ISTIO_FILTERS, Memo())]
    assert names == ["grpc_stats", "fault", "cors", "router"]


def test_any_other_order_is_a_bug() -> None:
    for order in itertools.permutations(ISTIO_FILTERS):
        if order == ISTIO_FILTERS:
            continue
        with pytest.raises(AssertionError, match="out of order"):
            http_filters(order, Memo())


def test_no_filter_twice() -> None:
    with pytest.raises(AssertionError, match="come twice"):
        http_filters((RouterFilter(), RouterFilter()), Memo())


def test_a_lookup_for_each_cache() -> None:
    lookups = (DynamicForwardProxyFilter(dns_cache="a"), DynamicForwardProxyFilter(dns_cache="b"))
    names = [item["name"] for item in http_filters((*lookups, RouterFilter()), Memo())]
    assert names[0] == names[1] == "envoy.filters.http.dynamic_forward_proxy"


def test_every_filter_of_a_plan_has_a_place_and_a_reason() -> None:
    assert {place.plan_type for place in ORDER} == set(HttpFilter.__args__)
    assert all(place.reason for place in ORDER)
    assert ORDER[-1].plan_type is RouterFilter
