"""Which listener: bound sockets, redirection, hand-over by original destination, switched-off listener filters."""

from __future__ import annotations

import pytest

from meshgate.explain import Deviations, Failure, simulate
from meshgate.proto import v3
from tests.explain.simulate.made import Fields, call, chain, configuration, inspectors, listener, listener_filter

CLUSTERS = ["wild", "exact", "six", "out", "in", "default", "80", "tls", "any", "http"]


def _sidecar() -> list[v3.Listener]:
    original_dst = [listener_filter(v3.OriginalDst())]
    capture = {"use_original_dst": True}
    unbound = {"bind_to_port": False}
    return [
        listener(chain("out"), name="virtualOutbound", at=("0.0.0.0", 15001), filters=[], fields=capture),
        listener(
            chain("80", match={"destination_port": 80}),
            name="virtualInbound",
            at=("0.0.0.0", 15006),
            filters=original_dst,
            default=chain("in"),
        ),
        listener(chain("wild"), name="wild", fields=unbound),
        listener(chain("exact"), name="exact", at=("10.0.0.9", 80), fields=unbound),
        listener(chain("six"), name="six", at=("::", 80), fields=unbound),
    ]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"arrival": "outbound"}, "wild"),
        ({"arrival": "outbound", "address": "10.0.0.9"}, "exact"),
        ({"arrival": "outbound", "address": "2001:db8::1"}, "six"),
        ({"arrival": "outbound", "port": 81}, "out"),
        ({"arrival": "inbound"}, "80"),
        ({"arrival": "inbound", "port": 81}, "in"),
    ],
)
def test_redirected_connections(fields: Fields, expected: str) -> None:
    result = simulate(configuration(*_sidecar(), clusters=CLUSTERS), call(fields))
    assert result.cluster == expected


def test_nothing_is_bound_where_only_hand_over_reaches() -> None:
    assert simulate(configuration(*_sidecar()), call()).error is Failure.NO_LISTENER


@pytest.mark.parametrize(
    ("at", "fields", "address", "is_reached"),
    [
        (("0.0.0.0", 80), {}, "10.0.0.1", True),
        (("10.0.0.1", 80), {}, "10.0.0.1", True),
        (("10.0.0.2", 80), {}, "10.0.0.1", False),
        (("0.0.0.0", 81), {}, "10.0.0.1", False),
        (("0.0.0.0", 80), {}, "::1", False),
        (("::", 80), {}, "::1", True),
        (("0.0.0.0", 80), {"bind_to_port": True}, "10.0.0.1", True),
        (("10.0.0.2", 80), {"additional_addresses": [{"address": {"pipe": {"path": "/a"}}}]}, "10.0.0.1", False),
    ],
)
def test_bound_sockets(at: tuple[str, int], fields: Fields, address: str, is_reached: bool) -> None:
    made = configuration(listener(chain("any"), at=at, fields=fields), clusters=CLUSTERS)
    assert simulate(made, call({"address": address})).cluster == ("any" if is_reached else "")


def test_a_dual_stack_socket_takes_ipv4() -> None:
    address = {"socket_address": {"address": "::", "port_value": 80, "ipv4_compat": True}}
    made = listener(chain("any"), at=("192.0.2.1", 9), fields={"additional_addresses": [{"address": address}]})
    assert simulate(configuration(made, clusters=CLUSTERS), call()).cluster == "any"


PORT_80: Fields = {"destination_port_range": {"start": 80, "end": 81}}


@pytest.mark.parametrize(
    ("disabled", "expected"),
    [
        (PORT_80, "any"),
        ({"destination_port_range": {"start": 79, "end": 80}}, "http"),
        ({"not_match": PORT_80}, "http"),
        ({"or_match": {"rules": [{"not_match": PORT_80}, PORT_80]}}, "any"),
        ({"and_match": {"rules": [{"not_match": PORT_80}, PORT_80]}}, "http"),
        ({"any_match": True}, "any"),
    ],
)
def test_listener_filters_can_be_switched_off(disabled: Fields, expected: str) -> None:
    filters = [listener_filter(v3.HttpInspector(), disabled)]
    http = chain("http", match={"application_protocols": ["http/1.1"]})
    made = configuration(listener(http, chain("any"), filters=filters), clusters=CLUSTERS)
    assert simulate(made, call()).cluster == expected


def test_without_tls_inspector_all_is_raw() -> None:
    chains = [
        chain("tls", match={"transport_protocol": "tls"}),
        chain("any", match={"transport_protocol": "raw_buffer"}),
    ]
    asked = call({"tls": "tls", "sni": "a.test"})
    assert simulate(configuration(listener(*chains, filters=[]), clusters=CLUSTERS), asked).cluster == "any"
    assert simulate(configuration(listener(*chains), clusters=CLUSTERS), asked).cluster == "tls"


def test_http_inspector_leaves_tls_alone() -> None:
    chains = [chain("http", match={"application_protocols": ["http/1.1"]}), chain("any")]
    made = configuration(listener(*chains, filters=inspectors()[1:]), clusters=CLUSTERS)
    assert simulate(made, call({"tls": "tls", "alpn": ["http/1.1"]})).cluster == "any"


def test_istios_harness_finds_listeners_by_name() -> None:
    harness = Deviations.istio_harness()
    made = configuration(*_sidecar()[:3])
    assert simulate(made, call({"address": "2001:db8::1"}), harness).listener == "wild"
    assert simulate(made, call({"port": 81}), harness).listener == "virtualOutbound"
    assert simulate(made, call({"arrival": "inbound"}), harness).filter_chain == "80"
