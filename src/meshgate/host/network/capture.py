"""Which connections of a pod go through its sidecar: Istio's rules, to the letter, as one nftables batch.

`parse_capture` reads the pod's `traffic.sidecar.istio.io/*` annotations into a `CaptureSpec`; `capture_batch` writes
the rules of `istio-iptables` in REDIRECT mode for it: TCP that the application sends goes to 15001, TCP that reaches
the pod to 15006; conntrack keeps the original destination for Envoy. Both are pure.

Left as they are: the sidecar's own connections (known by its group 1337, or by the socket mark 1337 where all
processes share one uid), what stays on 127.0.0.1, and the ports of the sidecar itself. IPv6 needs no rules: eth0 has
none in a pod (`::1` stays on lo, and Istio doesn't redirect loopback either).

Rules and their order: istio:tools/istio-iptables/pkg/capture/run.go; annotations: istio:pkg/kube/inject/validate.go,
https://istio.io/latest/docs/reference/config/annotations/
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from ipaddress import IPv4Network, ip_network
from typing import Final, Literal, TypeVar

import msgspec

from meshgate.api import Problem, Ref, codes
from meshgate.host.network.expressions import (
    RETURN,
    from_source,
    jump,
    leaves_by,
    of_group,
    redirect_to,
    to_destination,
    to_port,
    verdict,
    with_mark,
    with_protocol,
)
from meshgate.host.network.nftables import DESTINATION_NAT, Batch, Hook

T = TypeVar("T")

SIDECAR_GID: Final = 1337
SIDECAR_MARK: Final = 1337
TABLE: Final = "meshgate"

_OUTBOUND_PORT: Final = 15001
_INBOUND_PORT: Final = 15006
_TUNNEL_PORT: Final = 15008
_SIDECAR_PORTS: Final = (15090, 15021, 15020)
_INBOUND_PASSTHROUGH: Final = IPv4Network("127.0.0.6")
_LOCALHOST: Final = IPv4Network("127.0.0.1")
_LOOPBACK: Final = IPv4Network("127.0.0.0/8")
_PREFIX: Final = "traffic.sidecar.istio.io/"


class CaptureSpec(msgspec.Struct, frozen=True, kw_only=True, cache_hash=True):
    """What is captured. The default is Istio's: everything."""

    sidecar_known_by: Literal["group", "mark"] = "group"
    """How its connections are told from the application's: gid 1337, or (without root) socket mark 1337."""
    include_outbound_ranges: tuple[IPv4Network, ...] | Literal["*"] = "*"
    exclude_outbound_ranges: tuple[IPv4Network, ...] = ()
    include_outbound_ports: tuple[int, ...] = ()
    """Captured also where `include_outbound_ranges` doesn't have the address."""
    exclude_outbound_ports: tuple[int, ...] = ()
    include_inbound_ports: tuple[int, ...] | Literal["*"] = "*"
    exclude_inbound_ports: tuple[int, ...] = ()
    """Of effect only with all inbound ports, as with Istio."""


def parse_capture(
    annotations: Mapping[str, str], ref: Ref, *, sidecar_known_by: Literal["group", "mark"] = "group"
) -> tuple[CaptureSpec | None, tuple[Problem, ...]]:
    """The spec that the annotations of a pod ask for; None if one of them is wrong."""
    reader = _Reader(annotations, ref)
    spec = CaptureSpec(
        sidecar_known_by=sidecar_known_by,
        include_outbound_ranges=reader.all_or("includeOutboundIPRanges", _ranges),
        exclude_outbound_ranges=reader.some("excludeOutboundIPRanges", _ranges),
        include_outbound_ports=reader.some("includeOutboundPorts", _ports),
        exclude_outbound_ports=reader.some("excludeOutboundPorts", _ports),
        include_inbound_ports=reader.all_or("includeInboundPorts", _ports),
        exclude_inbound_ports=reader.some("excludeInboundPorts", _ports),
    )
    return (None if reader.problems else spec), tuple(reader.problems)


def capture_batch(spec: CaptureSpec) -> Batch:
    """The rules for an empty namespace. Chains have Istio's names, so that people find what they know."""
    batch = Batch()
    batch.add_table(TABLE)
    for chain in ("ISTIO_INBOUND", "ISTIO_IN_REDIRECT", "ISTIO_OUTPUT", "ISTIO_REDIRECT"):
        batch.add_chain(TABLE, chain)
    batch.add_chain(TABLE, "PREROUTING", Hook("nat", "prerouting", DESTINATION_NAT))
    batch.add_chain(TABLE, "OUTPUT", Hook("nat", "output", DESTINATION_NAT))
    for chain, rules in (
        ("ISTIO_REDIRECT", [with_protocol("tcp") + redirect_to(_OUTBOUND_PORT)]),
        ("ISTIO_IN_REDIRECT", [with_protocol("tcp") + redirect_to(_INBOUND_PORT)]),
        ("ISTIO_INBOUND", list(_inbound(spec))),
        ("ISTIO_OUTPUT", list(_outbound(spec))),
        ("PREROUTING", [with_protocol("tcp") + jump("ISTIO_INBOUND")]),
        ("OUTPUT", [jump("ISTIO_OUTPUT")]),
    ):
        for rule in rules:
            batch.add_rule(TABLE, chain, rule)
    return batch


def _inbound(spec: CaptureSpec) -> Iterable[bytes]:
    tcp = with_protocol("tcp")
    yield tcp + to_port(_TUNNEL_PORT) + verdict(RETURN)
    if spec.include_inbound_ports == "*":
        for port in dict.fromkeys((*_SIDECAR_PORTS, *spec.exclude_inbound_ports)):
            yield tcp + to_port(port) + verdict(RETURN)
        yield tcp + jump("ISTIO_IN_REDIRECT")
        return
    for port in spec.include_inbound_ports:
        yield tcp + to_port(port) + jump("ISTIO_IN_REDIRECT")


def _outbound(spec: CaptureSpec) -> Iterable[bytes]:
    tcp = with_protocol("tcp")
    # before the rules for connections to oneself
    for port in spec.exclude_outbound_ports:
        yield tcp + to_port(port) + verdict(RETURN)
    # the inbound passthrough cluster binds to 127.0.0.6
    yield leaves_by("lo") + from_source(_INBOUND_PASSTHROUGH) + verdict(RETURN)
    sidecar, other = _sidecar(spec, negated=False), _sidecar(spec, negated=True)
    # application -> sidecar -> own service: in again through the sidecar
    to_itself = leaves_by("lo") + to_destination(_LOCALHOST, negated=True)
    yield to_itself + tcp + to_port(_TUNNEL_PORT, negated=True) + sidecar + jump("ISTIO_IN_REDIRECT")
    # application -> its own address: stays as it is, unless loopback is asked for by name
    if not _names_loopback(spec):
        yield leaves_by("lo") + other + verdict(RETURN)
    yield sidecar + verdict(RETURN)
    yield to_destination(_LOCALHOST) + verdict(RETURN)
    for network in spec.exclude_outbound_ranges:
        yield to_destination(network) + verdict(RETURN)
    for port in spec.include_outbound_ports:
        yield tcp + to_port(port) + jump("ISTIO_REDIRECT")
    if spec.include_outbound_ranges == "*":
        yield jump("ISTIO_REDIRECT")
        return
    for network in spec.include_outbound_ranges:
        yield to_destination(network) + jump("ISTIO_REDIRECT")


def _sidecar(spec: CaptureSpec, *, negated: bool) -> bytes:
    if spec.sidecar_known_by == "mark":
        return with_mark(SIDECAR_MARK, negated=negated)
    return of_group(SIDECAR_GID, negated=negated)


def _names_loopback(spec: CaptureSpec) -> bool:
    ranges = spec.include_outbound_ranges
    return ranges != "*" and any(network.network_address in _LOOPBACK for network in ranges)


class _Reader:
    """Reads annotations one by one and collects what is wrong with them."""

    def __init__(self, annotations: Mapping[str, str], ref: Ref) -> None:
        self._annotations = annotations
        self._ref = ref
        self.problems: list[Problem] = []

    def all_or(self, name: str, parse: Callable[[str], tuple[T, ...]]) -> tuple[T, ...] | Literal["*"]:
        """The values, where absence and `*` mean all."""
        if self._annotations.get(_PREFIX + name, "*").strip() == "*":
            return "*"
        return self.some(name, parse)

    def some(self, name: str, parse: Callable[[str], tuple[T, ...]]) -> tuple[T, ...]:
        """The values, where absence means none."""
        value = self._annotations.get(_PREFIX + name, "").strip()
        try:
            return parse(value)
        except ValueError as fault:
            path = f'metadata.annotations["{_PREFIX}{name}"]'
            self.problems.append(
                Problem(codes.BAD_METADATA, "error", self._ref, path, f'{fault} in "{value}"', _hint(parse))
            )
            return ()


def _hint(parse: object) -> str:
    if parse is _ports:
        return 'a list of ports is expected, such as "8080,9090"'
    return 'a list of networks is expected, such as "10.0.0.0/8,192.168.1.7/32"'


def _ports(value: str) -> tuple[int, ...]:
    return tuple(dict.fromkeys(_port(part.strip()) for part in value.split(","))) if value else ()


def _port(part: str) -> int:
    if not re.fullmatch("[0-9]{1,5}", part) or int(part) > 65535:
        raise ValueError(f'"{part}" is not a port')
    return int(part)


def _ranges(value: str) -> tuple[IPv4Network, ...]:
    networks = [_network(part.strip()) for part in value.split(",")] if value else []
    # IPv6 is allowed, as with Istio, and without effect: pods have none
    return tuple(dict.fromkeys(network for network in networks if isinstance(network, IPv4Network)))


def _network(part: str) -> object:
    if "/" not in part:
        raise ValueError(f'"{part}" is not a network in CIDR notation')
    try:
        return ip_network(part, strict=False)
    except ValueError as fault:
        raise ValueError(f'"{part}" is not a network in CIDR notation') from fault
