"""Filter chain matching: Envoy's order, most specific first, and no way back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshgate.explain import Call, Deviations, Failure
from meshgate.explain.simulate.chains import choose_filter_chain
from meshgate.explain.simulate.connection import dialled
from meshgate.explain.simulate.listener_filters import run_listener_filters
from meshgate.explain.simulate.result import Stop
from meshgate.proto import v3
from tests.explain.simulate.made import Fields, call, chain, listener
from tests.explain.simulate.nested_maps import choose_by_nested_maps

ENVOY = Deviations()


def _range(text: str) -> Fields:
    address, _, length = text.partition("/")
    return {"address_prefix": address, "prefix_len": int(length)}


def _chosen(made: v3.Listener, asked: Call) -> str | Failure:
    connection = run_listener_filters(made, dialled(asked), asked)
    found = choose_filter_chain(made, connection, asked, ENVOY)
    return found.failure if isinstance(found, Stop) else found.name


TABLE: list[tuple[str, dict[str, Fields], Fields, str | Failure]] = [
    ("nothing to match takes all", {"any": {}}, {}, "any"),
    ("port", {"80": {"destination_port": 80}, "any": {}}, {}, "80"),
    ("another port", {"81": {"destination_port": 81}, "any": {}}, {}, "any"),
    ("no chain", {"81": {"destination_port": 81}}, {}, Failure.NO_FILTER_CHAIN),
    (
        "longest range",
        {"8": {"prefix_ranges": [_range("10.0.0.0/8")]}, "16": {"prefix_ranges": [_range("10.0.0.0/16")]}, "any": {}},
        {},
        "16",
    ),
    ("host bits of a range are ignored", {"8": {"prefix_ranges": [_range("10.9.9.9/8")]}}, {}, "8"),
    ("a range of length 0 is as unspecific as none", {"0": {"prefix_ranges": [_range("0.0.0.0/0")]}}, {}, "0"),
    ("ranges of the other family", {"6": {"prefix_ranges": [_range("::/0")]}, "any": {}}, {}, "any"),
    (
        "port before range, and no way back",
        {
            "80": {"destination_port": 80, "prefix_ranges": [_range("10.9.0.0/16")]},
            "8": {"prefix_ranges": [_range("10.0.0.0/8")]},
        },
        {},
        Failure.NO_FILTER_CHAIN,
    ),
    (
        "exact name",
        {"exact": {"server_names": ["a.b.test"]}, "wild": {"server_names": ["*.b.test"]}},
        {"tls": "tls", "sni": "a.b.test"},
        "exact",
    ),
    (
        "longest wildcard",
        {"b": {"server_names": ["*.b.test"]}, "test": {"server_names": ["*.test"]}},
        {"tls": "tls", "sni": "x.a.b.test"},
        "b",
    ),
    (
        "a wildcard needs a label",
        {"b": {"server_names": ["*.b.test"]}},
        {"tls": "tls", "sni": "b.test"},
        Failure.NO_FILTER_CHAIN,
    ),
    ("names in any case", {"a": {"server_names": ["a.test"]}}, {"tls": "tls", "sni": "A.Test"}, "a"),
    ("no name is seen without TLS", {"a": {"server_names": ["a.test"]}, "any": {}}, {"sni": "a.test"}, "any"),
    (
        "name before protocol, and no way back",
        {
            "a": {"server_names": ["a.test"], "application_protocols": ["h2"]},
            "http": {"application_protocols": ["http/1.1"]},
        },
        {"tls": "tls", "sni": "a.test", "alpn": ("http/1.1",)},
        Failure.NO_FILTER_CHAIN,
    ),
    ("tls", {"tls": {"transport_protocol": "tls"}, "raw": {"transport_protocol": "raw_buffer"}}, {"tls": "tls"}, "tls"),
    ("raw", {"tls": {"transport_protocol": "tls"}, "raw": {"transport_protocol": "raw_buffer"}}, {}, "raw"),
    ("offered protocol", {"h2": {"application_protocols": ["h2"]}, "any": {}}, {"tls": "tls", "alpn": ("h2",)}, "h2"),
    (
        "the client's order of protocols",
        {"h2": {"application_protocols": ["h2"]}, "1.1": {"application_protocols": ["http/1.1"]}},
        {"tls": "tls", "alpn": ("spdy", "http/1.1", "h2")},
        "1.1",
    ),
    ("sniffed HTTP/1.1", {"1.1": {"application_protocols": ["http/1.1"]}, "any": {}}, {}, "1.1"),
    ("sniffed HTTP/2", {"h2c": {"application_protocols": ["h2c"]}, "any": {}}, {"protocol": "http2"}, "h2c"),
    ("nothing sniffed", {"1.1": {"application_protocols": ["http/1.1"]}, "any": {}}, {"protocol": "tcp"}, "any"),
    (
        "client's range",
        {"in": {"source_prefix_ranges": [_range("10.1.0.0/16")]}, "any": {}},
        {"source_address": "10.1.2.3"},
        "in",
    ),
    ("client unknown", {"in": {"source_prefix_ranges": [_range("10.0.0.0/8")]}, "any": {}}, {}, "any"),
    ("client's port", {"5": {"source_ports": [5]}, "any": {}}, {"source_port": 5}, "5"),
    ("local client", {"l": {"source_type": "SAME_IP_OR_LOOPBACK"}, "any": {}}, {"source_address": "127.0.0.1"}, "l"),
    ("itself", {"l": {"source_type": "SAME_IP_OR_LOOPBACK"}, "any": {}}, {"source_address": "10.0.0.1"}, "l"),
    ("stranger", {"e": {"source_type": "EXTERNAL"}, "any": {}}, {"source_address": "10.0.0.2"}, "e"),
    ("twice the same", {"a": {"server_names": ["x"]}, "b": {}, "c": {}}, {}, Failure.MULTIPLE_FILTER_CHAINS),
]


@pytest.mark.parametrize(("chains", "fields", "expected"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
def test_most_specific_chain_wins(chains: dict[str, Fields], fields: Fields, expected: str | Failure) -> None:
    made = [chain(name, match=match) for name, match in chains.items()]
    assert _chosen(listener(*made), call(fields)) == expected
    assert _chosen(listener(*reversed(made)), call(fields)) == expected


def test_default_chain_takes_what_no_chain_takes() -> None:
    made = listener(chain("81", match={"destination_port": 81}), default=chain("default"))
    assert _chosen(made, call()) == "default"
    assert _chosen(made, call({"port": 81})) == "81"


def test_matcher_tree_is_not_simulated() -> None:
    made = listener(chain("a"), fields={"filter_chain_matcher": {}})
    assert _chosen(made, call()) == Failure.NOT_SIMULATED


MATCHES = st.fixed_dictionaries(
    {},
    optional={
        "destination_port": st.sampled_from([80, 81]),
        "prefix_ranges": st.lists(
            st.sampled_from(["10.0.0.0/8", "10.0.0.0/16", "10.0.0.1/32", "0.0.0.0/0", "::/0"]).map(_range),
            min_size=1,
            max_size=2,
        ),
        "server_names": st.lists(
            st.sampled_from(["a.b.test", "*.b.test", "*.test", "b.test"]), min_size=1, max_size=2, unique=True
        ),
        "transport_protocol": st.sampled_from(["tls", "raw_buffer"]),
        "application_protocols": st.lists(
            st.sampled_from(["h2", "http/1.1", "h2c"]), min_size=1, max_size=2, unique=True
        ),
        "source_prefix_ranges": st.lists(
            st.sampled_from(["10.0.0.0/8", "10.0.0.2/32"]).map(_range), min_size=1, max_size=1
        ),
        "source_ports": st.lists(st.sampled_from([5, 6]), min_size=1, max_size=1),
        "source_type": st.sampled_from(["SAME_IP_OR_LOOPBACK", "EXTERNAL"]),
    },
)
CALLS = st.fixed_dictionaries(
    {
        "address": st.sampled_from(["10.0.0.1", "10.0.9.9", "10.9.9.9", "192.0.2.1", "2001:db8::1"]),
        "port": st.sampled_from([80, 81, 82]),
        "protocol": st.sampled_from(["http", "http2", "tcp"]),
        "tls": st.sampled_from(["plaintext", "tls"]),
        "sni": st.sampled_from(["", "a.b.test", "x.a.b.test", "b.test", "test"]),
        "alpn": st.sampled_from([(), ("h2",), ("http/1.1", "h2"), ("x", "h2")]),
        "source_address": st.sampled_from(["10.0.0.2", "10.0.0.1", "192.0.2.9"]),
        "source_port": st.sampled_from([5, 7]),
    }
)


@given(st.lists(MATCHES, max_size=6), CALLS)
def test_sieve_is_envoys_nested_maps(matches: list[Fields], fields: Fields) -> None:
    made = listener(*(chain(str(number), match=match) for number, match in enumerate(matches)))
    asked = call(fields)
    chosen = _chosen(made, asked)
    if chosen is not Failure.MULTIPLE_FILTER_CHAINS:
        assert chosen == choose_by_nested_maps(made, run_listener_filters(made, dialled(asked), asked), asked)
