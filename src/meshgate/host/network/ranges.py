"""The networks that a mesh uses, and the check that nothing on the host uses them already.

Three ranges, none of which may overlap another one, a route or an address of the host, or a name server of the host:

    pods            10.244.0.0/16   --pod-cidr       first address: the router; second: the host's end of the link to
    it services        10.96.0.0/16    --service-cidr   cluster addresses load balancers  10.245.0.0/24   --lb-cidr
    one address for each Service of type LoadBalancer

The default for load balancers lies outside of 10.96.0.0/12 (Kubernetes' own default for services), so that giving
only `--service-cidr 10.96.0.0/12` works. A second mesh on the machine needs ranges of its own; the error proposes
free ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network
from typing import NamedTuple

from meshgate.errors import EnvironmentFault, UsageError

_PRIVATE = (IPv4Network("10.0.0.0/8"), IPv4Network("172.16.0.0/12"), IPv4Network("192.168.0.0/16"))
_SMALLEST_POD_PREFIX = 28
_SMALLEST_PREFIX = 30
_SMALLER_PREFIX = 24  # proposed where a range of the default's size is not free


class Ranges(NamedTuple):
    """The networks of one mesh."""

    pods: IPv4Network = IPv4Network("10.244.0.0/16")
    services: IPv4Network = IPv4Network("10.96.0.0/16")
    load_balancers: IPv4Network = IPv4Network("10.245.0.0/24")

    @property
    def router(self) -> IPv4Address:
        """The router's address: the pods' next hop."""
        return self.pods[1]

    @property
    def host(self) -> IPv4Address:
        """The host's address on its link to the router: what pods see as the host."""
        return self.pods[2]


class Taken(NamedTuple):
    """A network that the host uses, and how to name it."""

    network: IPv4Network
    name: str
    """Such as `route 10.0.0.0/8 via 10.1.2.3 dev tun0`."""


def parse_ranges(pods: str = "", services: str = "", load_balancers: str = "") -> Ranges:
    """The ranges that the flags ask for; an empty text is the default. `UsageError` names the flag."""
    default = Ranges()
    ranges = Ranges(
        _parse("--pod-cidr", pods, default.pods, _SMALLEST_POD_PREFIX),
        _parse("--service-cidr", services, default.services, _SMALLEST_PREFIX),
        _parse("--lb-cidr", load_balancers, default.load_balancers, _SMALLEST_PREFIX),
    )
    flags = tuple(zip(("--pod-cidr", "--service-cidr", "--lb-cidr"), ranges, strict=True))
    for position, (flag, network) in enumerate(flags):
        for other_flag, other in flags[position + 1 :]:
            if network.overlaps(other):
                raise UsageError(
                    f"{flag} {network} and {other_flag} {other} overlap", hint="give each a network of its own"
                )
    return ranges


def check_ranges(ranges: Ranges, taken: Sequence[Taken]) -> None:
    """`EnvironmentFault` if one of the ranges overlaps what the host uses: names it, and proposes free ranges."""
    for flag, network in zip(("--pod-cidr", "--service-cidr", "--lb-cidr"), ranges, strict=True):
        for other in taken:
            if network.overlaps(other.network):
                free = free_ranges(taken)
                hint = f"try --pod-cidr {free.pods} --service-cidr {free.services} --lb-cidr {free.load_balancers}"
                raise EnvironmentFault(f"{flag} {network} overlaps a network of this host: {other.name}", hint=hint)


def free_ranges(taken: Iterable[Taken]) -> Ranges:
    """Ranges that overlap nothing of the host: the defaults' sizes where they fit. The same for equal input."""
    used = [network.network for network in taken]
    found: list[IPv4Network] = []
    for prefix in (Ranges().pods.prefixlen, Ranges().services.prefixlen, Ranges().load_balancers.prefixlen):
        network = _first_free(prefix, used + found)
        if network is None:
            raise EnvironmentFault(
                "no private network is free on this host", hint="remove a route that covers too much"
            )
        found.append(network)
    return Ranges(*found)


def _first_free(prefix: int, used: Sequence[IPv4Network]) -> IPv4Network | None:
    tries = ((private, length) for length in (prefix, _SMALLER_PREFIX) for private in _PRIVATE)
    found = (_highest_free(private, length, used) for private, length in tries)
    return next((network for network in found if network is not None), None)


def _highest_free(within: IPv4Network, prefix: int, used: Sequence[IPv4Network]) -> IPv4Network | None:
    """From the top: the low ones are what people number by hand."""
    size = 1 << (32 - prefix)
    start = int(within.broadcast_address) + 1 - size
    while start >= int(within.network_address):
        candidate = IPv4Network((start, prefix))
        obstacle = next((network for network in used if network.overlaps(candidate)), None)
        if obstacle is None:
            return candidate
        start = (min(start, int(obstacle.network_address)) - 1) // size * size
    return None


def _parse(flag: str, text: str, default: IPv4Network, smallest_prefix: int) -> IPv4Network:
    if not text:
        return default
    try:
        network = IPv4Network(text)
    except ValueError as fault:
        raise UsageError(
            f'{flag} "{text}": {fault}', hint=f'an IPv4 network is expected, such as "{default}"'
        ) from fault
    if network.prefixlen > smallest_prefix or network.prefixlen < 8:
        size = "small" if network.prefixlen > smallest_prefix else "large"
        raise UsageError(
            f"{flag} {network}: too {size}", hint=f'between /8 and /{smallest_prefix}, such as "{default}"'
        )
    if network.is_loopback or network.is_multicast or network.is_link_local or network.is_reserved:
        raise UsageError(f"{flag} {network}: not a network for hosts", hint=f'such as "{default}"')
    return network
