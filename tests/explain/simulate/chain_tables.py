"""Filter chains and connections: what Envoy must choose, and the simulation with it."""

from __future__ import annotations

from hypothesis import strategies as st

from meshgate.explain import Failure
from tests.explain.simulate.made import Fields


def cidr(text: str) -> Fields:
    address, _, length = text.partition("/")
    return {"address_prefix": address, "prefix_len": int(length)}


CHAINS: list[tuple[str, dict[str, Fields], Fields, str | Failure]] = [
    ("nothing to match takes all", {"any": {}}, {}, "any"),
    ("port", {"80": {"destination_port": 80}, "any": {}}, {}, "80"),
    ("another port", {"81": {"destination_port": 81}, "any": {}}, {}, "any"),
    ("no chain", {"81": {"destination_port": 81}}, {}, Failure.NO_FILTER_CHAIN),
    (
        "longest range",
        {"8": {"prefix_ranges": [cidr("10.0.0.0/8")]}, "16": {"prefix_ranges": [cidr("10.0.0.0/16")]}, "any": {}},
        {},
        "16",
    ),
    ("host bits of a range are ignored", {"8": {"prefix_ranges": [cidr("10.9.9.9/8")]}}, {}, "8"),
    ("a range of length 0 is as unspecific as none", {"0": {"prefix_ranges": [cidr("0.0.0.0/0")]}}, {}, "0"),
    ("ranges of the other family", {"6": {"prefix_ranges": [cidr("::/0")]}, "any": {}}, {}, "any"),
    (
        "port before range, and no way back",
        {
            "80": {"destination_port": 80, "prefix_ranges": [cidr("10.9.0.0/16")]},
            "8": {"prefix_ranges": [cidr("10.0.0.0/8")]},
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
        {"in": {"source_prefix_ranges": [cidr("10.1.0.0/16")]}, "any": {}},
        {"source_address": "10.1.2.3"},
        "in",
    ),
    ("client unknown", {"in": {"source_prefix_ranges": [cidr("10.0.0.0/8")]}, "any": {}}, {}, "any"),
    ("client's port", {"5": {"source_ports": [5]}, "any": {}}, {"source_port": 5}, "5"),
    ("local client", {"l": {"source_type": "SAME_IP_OR_LOOPBACK"}, "any": {}}, {"source_address": "127.0.0.1"}, "l"),
    ("itself", {"l": {"source_type": "SAME_IP_OR_LOOPBACK"}, "any": {}}, {"source_address": "10.0.0.1"}, "l"),
    ("stranger", {"e": {"source_type": "EXTERNAL"}, "any": {}}, {"source_address": "10.0.0.2"}, "e"),
    ("twice the same", {"a": {"server_names": ["x"]}, "b": {}, "c": {}}, {}, Failure.MULTIPLE_FILTER_CHAINS),
]
"""What it shows, matches by name of the chain, the call, the chosen chain."""


def _some(*values: str, most: int = 2) -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(values), min_size=1, max_size=most, unique=True)


def _ranges(*values: str, most: int = 2) -> st.SearchStrategy[list[Fields]]:
    return _some(*values, most=most).map(lambda texts: [cidr(text) for text in texts])


def _own_family(call: dict[str, object]) -> Fields:
    """A client is of its server's family."""
    return {**call, "source_address": "2001:db8::2"} if ":" in str(call["address"]) else call


# No range of length 0: beside a chain without ranges, the order of a hash table decides in Envoy which of both counts.
MATCHES: st.SearchStrategy[Fields] = st.fixed_dictionaries(
    {},
    optional={
        "destination_port": st.sampled_from([80, 81]),
        "prefix_ranges": _ranges("10.0.0.0/8", "10.0.0.0/16", "10.0.0.1/32", "2001:db8::/32"),
        "server_names": _some("a.b.test", "*.b.test", "*.test", "b.test"),
        "transport_protocol": st.sampled_from(["tls", "raw_buffer"]),
        "application_protocols": _some("h2", "http/1.1", "h2c"),
        "source_prefix_ranges": _ranges("10.0.0.0/8", "10.0.0.2/32", most=1),
        "source_ports": st.lists(st.sampled_from([5, 6]), min_size=1, max_size=1),
        "source_type": st.sampled_from(["SAME_IP_OR_LOOPBACK", "EXTERNAL"]),
    },
)
CALLS: st.SearchStrategy[Fields] = st.fixed_dictionaries(
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
).map(_own_family)
