"""What an nftables rule is made of, as the kernel wants it: bytes of expressions, written one after the other.

A rule is a run of expressions that work on registers: *load* something (a header field, a meta fact), *compare* it,
then give a *verdict*. The functions here write one such run each, so that a rule reads nearly as `nft` prints it:

    from_source(network) + to_port(15008) + verdict(RETURN)

All rules are for IPv4 (table family `ip`). Kernel side: net/netfilter/nf_tables_api.c, nft_*.c;
linux/netfilter/nf_tables.h.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network
from typing import Literal

from meshgate.host.network.netlink import attribute, be32, nested, text

Protocol = Literal["tcp", "udp"]

ACCEPT, DROP, RETURN = 1, 0, -5
_JUMP = -3
_ELEMENT, _EXPRESSION_NAME, _EXPRESSION_DATA = 1, 1, 2
_VALUE, _VERDICT = 1, 2
_VERDICT_REGISTER = 0
_REGISTER, _SECOND, _THIRD = 1, 9, 10  # words of four bytes in a row: where a concatenation is put together
_NETWORK_HEADER, _TRANSPORT_HEADER = 1, 2
_SOURCE_OFFSET, _DESTINATION_OFFSET, _PORT_OFFSET = 12, 16, 2
_META = {"mark": 3, "iifname": 6, "oifname": 7, "skgid": 11, "l4proto": 16}
_PROTOCOLS: dict[Protocol, int] = {"tcp": socket.IPPROTO_TCP, "udp": socket.IPPROTO_UDP}
_DNAT, _SNAT = 1, 0
_RANDOM = 1
_JENKINS, _SEED = 0, 1  # a seed of its own would give each new rule another order
_ICMP_UNREACHABLE, _TCP_RESET, _ICMP_PORT_UNREACHABLE = 0, 1, 3


def from_source(network: IPv4Network, *, negated: bool = False) -> bytes:
    """`ip saddr network`."""
    return _in_network(_SOURCE_OFFSET, network, negated)


def to_destination(network: IPv4Network, *, negated: bool = False) -> bytes:
    """`ip daddr network`."""
    return _in_network(_DESTINATION_OFFSET, network, negated)


def with_protocol(protocol: Protocol) -> bytes:
    """`meta l4proto protocol`."""
    return _meta("l4proto") + _compare(bytes([_PROTOCOLS[protocol]]))


def to_port(port: int, *, negated: bool = False) -> bytes:
    """`th dport port`; the protocol is matched by the rule before."""
    return _payload(_TRANSPORT_HEADER, _PORT_OFFSET, 2) + _compare(struct.pack(">H", port), negated)


def leaves_by(interface: str, *, negated: bool = False) -> bytes:
    """`oifname interface`."""
    return _meta("oifname") + _compare(interface.encode().ljust(16, b"\0"), negated)


def enters_by(interface: str, *, negated: bool = False) -> bytes:
    """`iifname interface`."""
    return _meta("iifname") + _compare(interface.encode().ljust(16, b"\0"), negated)


def of_group(gid: int, *, negated: bool = False) -> bytes:
    """`meta skgid gid`: the group that the sending process had when it made the socket."""
    return _meta("skgid") + _compare(struct.pack("=I", gid), negated)


def with_mark(mark: int, *, negated: bool = False) -> bytes:
    """`meta mark mark`."""
    return _meta("mark") + _compare(struct.pack("=I", mark), negated)


def to_port_in(name: str) -> bytes:
    """`th dport @name`."""
    return _payload(_TRANSPORT_HEADER, _PORT_OFFSET, 2) + _lookup(name)


def to_address_in(name: str) -> bytes:
    """`ip daddr @name`."""
    return _payload(_NETWORK_HEADER, _DESTINATION_OFFSET, 4) + _lookup(name)


def from_to_pair_in(name: str) -> bytes:
    """`ip saddr . ip daddr @name`."""
    source = _payload(_NETWORK_HEADER, _SOURCE_OFFSET, 4)
    return source + _payload(_NETWORK_HEADER, _DESTINATION_OFFSET, 4, _SECOND) + _lookup(name)


def service_verdict(name: str) -> bytes:
    """`ip daddr . meta l4proto . th dport vmap @name`."""
    load = _payload(_NETWORK_HEADER, _DESTINATION_OFFSET, 4) + _meta("l4proto", _SECOND)
    return load + _payload(_TRANSPORT_HEADER, _PORT_OFFSET, 2, _THIRD) + _lookup(name, _VERDICT_REGISTER)


def random_endpoint(count: int, name: str, set_id: int) -> bytes:
    """`dnat to numgen random mod count map @name`: the map gives address and port."""
    number = _expression("numgen", be32(1, _REGISTER), be32(2, count), be32(3, _RANDOM))
    choose = _lookup(name, _REGISTER, set_id)
    return number + choose + _nat(_DNAT, _REGISTER, _SECOND)


def endpoint_of_client(count: int, name: str, set_id: int) -> bytes:
    """`dnat to jhash ip saddr mod count seed 1 map @name`: a client comes to the same endpoint each time."""
    client = _payload(_NETWORK_HEADER, _SOURCE_OFFSET, 4)
    registers = be32(1, _REGISTER) + be32(2, _REGISTER)
    number = _expression("hash", registers, be32(3, 4), be32(4, count), be32(5, _SEED), be32(7, _JENKINS))
    return client + number + _lookup(name, _REGISTER, set_id) + _nat(_DNAT, _REGISTER, _SECOND)


def translate_to(address: IPv4Address, port: int) -> bytes:
    """`dnat to address:port`."""
    load = _load(address.packed) + _load(struct.pack(">H", port), _SECOND)
    return load + _nat(_DNAT, _REGISTER, _SECOND)


def source_becomes(address: IPv4Address) -> bytes:
    """`snat to address`."""
    return _load(address.packed) + _nat(_SNAT, _REGISTER)


def redirect_to(port: int) -> bytes:
    """`redirect to :port`: to the machine's own address, the original destination is kept by conntrack."""
    flags = be32(3, 2)  # NF_NAT_RANGE_PROTO_SPECIFIED
    return _load(struct.pack(">H", port)) + _expression("redir", be32(1, _REGISTER), flags)


def masquerade() -> bytes:
    """`masquerade`."""
    return _expression("masq")


def reject_with_reset() -> bytes:
    """`reject with tcp reset`."""
    return _expression("reject", be32(1, _TCP_RESET))


def reject_as_unreachable() -> bytes:
    """`reject with icmp port-unreachable`."""
    return _expression("reject", be32(1, _ICMP_UNREACHABLE), attribute(2, bytes([_ICMP_PORT_UNREACHABLE])))


def verdict(code: int) -> bytes:
    """`accept`, `drop` or `return`."""
    return _expression("immediate", be32(1, _VERDICT_REGISTER), nested(2, verdict_data(code)))


def jump(chain: str) -> bytes:
    """`jump chain`."""
    return _expression("immediate", be32(1, _VERDICT_REGISTER), nested(2, jump_data(chain)))


def verdict_data(code: int) -> bytes:
    """A verdict as a value, as in the elements of a verdict map."""
    return nested(_VERDICT, be32(1, code))


def jump_data(chain: str) -> bytes:
    """A jump as a value, as in the elements of a verdict map."""
    return nested(_VERDICT, be32(1, _JUMP), text(2, chain))


def concatenated(parts: Iterable[bytes]) -> bytes:
    """The key or value of a concatenation: each part fills whole registers of four bytes."""
    return b"".join(part + bytes(-len(part) % 4) for part in parts)


def endpoint_value(address: IPv4Address, port: int) -> bytes:
    """`address . port`."""
    return concatenated((address.packed, struct.pack(">H", port)))


def service_key(address: IPv4Address, protocol: Protocol, port: int) -> bytes:
    """`address . protocol . port`."""
    return concatenated((address.packed, bytes([_PROTOCOLS[protocol]]), struct.pack(">H", port)))


def _expression(name: str, *data: bytes) -> bytes:
    return nested(_ELEMENT, text(_EXPRESSION_NAME, name), nested(_EXPRESSION_DATA, *data))


def _meta(fact: str, register: int = _REGISTER) -> bytes:
    return _expression("meta", be32(2, _META[fact]), be32(1, register))


def _payload(base: int, offset: int, length: int, register: int = _REGISTER) -> bytes:
    return _expression("payload", be32(1, register), be32(2, base), be32(3, offset), be32(4, length))


def _compare(data: bytes, negated: bool = False) -> bytes:
    return _expression("cmp", be32(1, _REGISTER), be32(2, int(negated)), nested(3, attribute(_VALUE, data)))


def _in_network(offset: int, network: IPv4Network, negated: bool) -> bytes:
    load = _payload(_NETWORK_HEADER, offset, 4)
    if network.prefixlen < 32:
        load += _masked(network.netmask.packed)
    return load + _compare(network.network_address.packed, negated)


def _masked(mask: bytes) -> bytes:
    keep, flip = nested(4, attribute(_VALUE, mask)), nested(5, attribute(_VALUE, bytes(len(mask))))
    return _expression("bitwise", be32(1, _REGISTER), be32(2, _REGISTER), be32(3, len(mask)), keep, flip)


def _lookup(name: str, destination: int | None = None, set_id: int = 0) -> bytes:
    into = be32(3, destination) if destination is not None else b""
    by_id = be32(4, set_id) if set_id else b""
    return _expression("lookup", text(1, name), be32(2, _REGISTER), into, by_id)


def _load(data: bytes, register: int = _REGISTER) -> bytes:
    return _expression("immediate", be32(1, register), nested(2, attribute(_VALUE, data)))


def _nat(kind: int, address_register: int, port_register: int | None = None) -> bytes:
    port = be32(5, port_register) if port_register is not None else b""
    return _expression("nat", be32(1, kind), be32(2, socket.AF_INET), be32(3, address_register), port)
