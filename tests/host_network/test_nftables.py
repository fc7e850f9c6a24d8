"""The encoder, judged by the kernel: what is sent is listed back, and what it refuses is named."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network

import pytest

from meshgate.host.network import NetworkNamespace
from meshgate.host.network.capture import TABLE, CaptureSpec, capture_batch
from meshgate.host.network.expressions import (
    ACCEPT,
    RETURN,
    endpoint_value,
    enters_by,
    from_source,
    from_to_pair_in,
    jump,
    jump_data,
    leaves_by,
    masquerade,
    of_group,
    random_endpoint,
    redirect_to,
    reject_as_unreachable,
    reject_with_reset,
    service_key,
    service_verdict,
    source_becomes,
    to_address_in,
    to_destination,
    to_port,
    to_port_in,
    translate_to,
    verdict,
    with_mark,
    with_protocol,
)
from meshgate.host.network.netlink import (
    NetlinkFault,
    attribute_list,
    attributes,
    message,
    messages,
    nested,
    text_of,
    u32,
)
from meshgate.host.network.nftables import (
    INET_PROTOCOL,
    IPV4_ADDRESS,
    NUMBER,
    PORT,
    Batch,
    Element,
    Hook,
    NftablesSocket,
    SetType,
    value_data,
)
from tests.host_network.machine import wait_until


@pytest.fixture
def nftables() -> Iterator[NftablesSocket]:
    """nf_tables of an empty namespace."""
    namespace = NetworkNamespace.create()
    opened = namespace.run(NftablesSocket)
    yield opened
    opened.close()
    namespace.close()


def expression_names(rule: bytes) -> list[str]:
    return [text_of(attributes(expression)[1]) for _, expression in attribute_list(rule)]


def test_attributes_and_messages_are_read_as_they_were_written() -> None:
    data = u32(1, 7) + nested(2, u32(3, 8))

    assert attributes(data) == {1: b"\x07\0\0\0", 2: u32(3, 8)}
    (read,) = messages(message(16, 5, 9, data))
    assert (read.kind, read.flags, read.sequence, read.body) == (16, 5, 9, data)


@pytest.mark.e2e
def test_the_capture_batch_is_listed_back(nftables: NftablesSocket) -> None:
    nftables.commit("capture", capture_batch(CaptureSpec()))

    assert nftables.tables() == [TABLE]
    chains = {chain.name: chain.hook for chain in nftables.chains()}
    assert chains == {
        "ISTIO_INBOUND": None,
        "ISTIO_IN_REDIRECT": None,
        "ISTIO_OUTPUT": None,
        "ISTIO_REDIRECT": None,
        "PREROUTING": 0,
        "OUTPUT": 3,
    }
    tcp = ["meta", "cmp"]
    rules = [(chain, expression_names(rule)) for chain, rule in nftables.rules(TABLE)]
    assert [rule for chain, rule in rules if chain == "ISTIO_INBOUND"] == [
        [*tcp, "payload", "cmp", "immediate"],  # 15008
        [*tcp, "payload", "cmp", "immediate"],  # 15090
        [*tcp, "payload", "cmp", "immediate"],  # 15021
        [*tcp, "payload", "cmp", "immediate"],  # 15020
        [*tcp, "immediate"],
    ]
    assert [rule for chain, rule in rules if chain == "ISTIO_OUTPUT"] == [
        ["meta", "cmp", "payload", "cmp", "immediate"],  # 127.0.0.6
        ["meta", "cmp", "payload", "cmp", *tcp, "payload", "cmp", "meta", "cmp", "immediate"],
        ["meta", "cmp", "meta", "cmp", "immediate"],
        ["meta", "cmp", "immediate"],
        ["payload", "cmp", "immediate"],  # 127.0.0.1
        ["immediate"],
    ]


@pytest.mark.e2e
@pytest.mark.parametrize(
    ("hook", "rule"),
    [
        pytest.param(Hook("nat", "output", -100), with_protocol("tcp") + redirect_to(15001), id="redirect"),
        pytest.param(Hook("nat", "output", -100), of_group(1337, negated=True) + verdict(RETURN), id="group"),
        pytest.param(Hook("nat", "output", -100), with_mark(1337) + verdict(ACCEPT), id="mark"),
        pytest.param(
            Hook("nat", "output", -100), with_protocol("udp") + to_port(53, negated=True) + jump("c"), id="jump"
        ),
        pytest.param(
            Hook("nat", "output", -100), with_protocol("tcp") + to_port_in("ports") + jump("c"), id="port set"
        ),
        pytest.param(Hook("nat", "output", -100), to_address_in("addresses") + jump("c"), id="address set"),
        pytest.param(Hook("nat", "prerouting", -100), enters_by("host0") + verdict(RETURN), id="interface"),
        pytest.param(Hook("nat", "postrouting", 100), leaves_by("eth0", negated=True) + masquerade(), id="masquerade"),
        pytest.param(Hook("nat", "prerouting", -100), translate_to(IPv4Address("10.1.0.1"), 80), id="destination"),
        pytest.param(Hook("nat", "postrouting", 100), source_becomes(IPv4Address("10.1.0.1")), id="source"),
        pytest.param(
            Hook("nat", "postrouting", 100), from_source(IPv4Network("10.0.0.0/8")) + masquerade(), id="network"
        ),
        pytest.param(Hook("filter", "prerouting", -90), with_protocol("tcp") + reject_with_reset(), id="reset"),
        pytest.param(
            Hook("filter", "prerouting", -90),
            to_destination(IPv4Network("10.96.0.0/16"), negated=True) + reject_as_unreachable(),
            id="unreachable",
        ),
    ],
)
def test_every_kind_of_rule_is_understood_by_the_kernel(nftables: NftablesSocket, hook: Hook, rule: bytes) -> None:
    batch = Batch()
    batch.add_table("t")
    batch.add_chain("t", "c")
    batch.add_chain("t", "base", hook)
    batch.add_set("t", "ports", SetType((PORT,)), [Element(b"\x00\x50"), Element(b"\x01\xbb")])
    batch.add_set("t", "addresses", SetType((IPV4_ADDRESS,)), [Element(IPv4Address("10.1.0.1").packed)])
    batch.add_rule("t", "base", rule)
    nftables.commit("test", batch)

    ((chain, listed),) = nftables.rules("t")
    assert chain == "base"
    assert expression_names(listed) == expression_names(rule)
    for (name, sent), (_, told) in zip(settings(rule), settings(listed), strict=True):
        # the kernel adds what it has by default; what was sent must be there
        assert sent.items() <= told.items(), name


HOLD_VALUES = {("cmp", 3), ("immediate", 2), ("bitwise", 4), ("bitwise", 5)}


def settings(rule: bytes) -> list[tuple[str, dict[int, object]]]:
    """Name and settings of each expression."""
    found = []
    for _, expression in attribute_list(rule):
        known = attributes(expression)
        name = text_of(known[1])
        listed = attribute_list(known.get(2, b""))
        found.append((name, {kind: value_of(data) if (name, kind) in HOLD_VALUES else data for kind, data in listed}))
    return found


def value_of(data: bytes) -> object:
    """A value, or a verdict with the chain that it names."""
    return {kind: attributes(inner) if kind == 2 else inner for kind, inner in attribute_list(data)}


@pytest.mark.e2e
def test_maps_with_verdicts_and_with_addresses(nftables: NftablesSocket) -> None:
    address = IPv4Address("10.96.0.10")
    batch = Batch()
    batch.add_table("t")
    batch.add_chain("t", "base", Hook("nat", "prerouting", -100))
    batch.add_chain("t", "web")
    key = (IPV4_ADDRESS, INET_PROTOCOL, PORT)
    entry = Element(service_key(address, "tcp", 80), jump_data("web"))
    batch.add_set("t", "services", SetType(key, "verdict"), [entry])
    batch.add_rule("t", "base", service_verdict("services"))
    endpoints = [
        Element(bytes([number, 0, 0, 0]), value_data(endpoint_value(IPv4Address("10.244.0.9"), 8000 + number)))
        for number in range(3)
    ]
    name, number = batch.add_anonymous_set("t", SetType((NUMBER,), (IPV4_ADDRESS, PORT)), endpoints)
    batch.add_rule("t", "web", with_protocol("tcp") + random_endpoint(3, name, number))
    batch.add_set("t", "pairs", SetType((IPV4_ADDRESS, IPV4_ADDRESS)), [Element(address.packed * 2)])
    batch.add_chain("t", "post", Hook("nat", "postrouting", 100))
    batch.add_rule("t", "post", from_to_pair_in("pairs") + masquerade())
    nftables.commit("test", batch)

    rules = {chain: expression_names(rule) for chain, rule in nftables.rules("t")}
    assert rules == {
        "base": ["payload", "meta", "payload", "lookup"],
        "web": ["meta", "cmp", "numgen", "lookup", "nat"],
        "post": ["payload", "payload", "lookup", "masq"],
    }

    in_use = Batch()
    in_use.delete_chain("t", "web")
    with pytest.raises(NetlinkFault, match="delete chain web"):
        nftables.commit("test", in_use)
    unused = Batch()
    unused.delete_elements("t", "services", [entry.key])
    unused.delete_chain("t", "web")  # with its rules
    nftables.commit("test", unused)
    assert "web" not in {chain.name for chain in nftables.chains()}


@pytest.mark.e2e
def test_a_large_set_is_sent_in_parts(nftables: NftablesSocket) -> None:
    batch = Batch()
    batch.add_table("t")
    elements = [Element(IPv4Address(0x0A000000 + number).packed) for number in range(5000)]
    batch.add_set("t", "addresses", SetType((IPV4_ADDRESS,)), elements)
    batch.add_chain("t", "base", Hook("nat", "prerouting", -100))
    batch.add_rule("t", "base", to_address_in("addresses") + verdict(ACCEPT))
    nftables.commit("test", batch)

    assert len(nftables.rules("t")) == 1


@pytest.mark.e2e
def test_a_refused_batch_changes_nothing_and_names_the_step(nftables: NftablesSocket) -> None:
    batch = Batch()
    batch.add_table("t")
    batch.add_chain("t", "base", Hook("nat", "output", -100))
    batch.add_rule("t", "base", jump("nowhere"))
    with pytest.raises(NetlinkFault, match="capture: rule of chain base: ") as caught:
        nftables.commit("capture", batch)

    assert caught.value.code == errno.ENOENT
    assert nftables.tables() == []


@pytest.mark.e2e
def test_an_owned_table_goes_with_its_socket() -> None:
    namespace = NetworkNamespace.create()
    owner, other = namespace.run(NftablesSocket), namespace.run(NftablesSocket)
    batch = Batch()
    batch.add_table("mine", owned=True)
    owner.commit("test", batch)
    assert other.tables() == ["mine"]
    stranger = Batch()
    stranger.delete_table("mine")
    with pytest.raises(NetlinkFault):
        other.commit("test", stranger)

    owner.close()
    wait_until(lambda: other.tables() == [], "the table is gone with its owner")
    other.close()
    namespace.close()


def test_an_empty_batch_is_nothing() -> None:
    assert not Batch()
    batch = Batch()
    batch.add_table("t")
    assert batch
    assert batch.steps() == ["table t"]
