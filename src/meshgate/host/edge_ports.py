"""Which ports of the host the edge listens on, and where each leads. Pure.

For each port of the default ingress gateway's Service on which a Gateway's server listens there is one port of the
host: 80 and 443 become `--http-port` and `--https-port` (0: none), the others keep their number. It leads to the
sockets of all ready pods of the gateway for the target port, over which the edge's Envoy delivers with a PROXY header.
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import ip_address
from typing import Final

from msgspec import Struct

from meshgate.envoy import EdgePort, JoiningPort
from meshgate.errors import UsageError
from meshgate.plan.names import edge_listener, edge_socket_path

EDGE_PROXY: Final = "edge"
"""Its name at the ADS server."""

EDGE_SOCKET: Final = "listener"
"""In a gateway's directory for the edge; `plan.Proxy.edge_socket` of every gateway ends with it."""

_LISTENER_PREFIX = edge_listener(0).removesuffix("0")


class EdgeOptions(Struct, frozen=True, kw_only=True):
    """From the command line."""

    host_address: str = "127.0.0.1"
    http_port: int = 80
    https_port: int = 443
    joining_port: int = 0
    """Where proxies elsewhere join; 0: nowhere."""


class EdgeGateway(Struct, frozen=True, kw_only=True, order=True):
    """A ready pod of the default ingress gateway."""

    uid: str
    ports: frozenset[int]
    """Target ports on which it listens for the edge (`listening_ports`)."""


class EdgeFacts(Struct, frozen=True, kw_only=True):
    """All that decides the host's ports, but for the options."""

    service_ports: tuple[tuple[int, int], ...] = ()
    """Port and target port of the Service `istio-ingressgateway` in `istio-system`."""
    gateways: tuple[EdgeGateway, ...] = ()


def listening_ports(listener_names: Iterable[str]) -> frozenset[int]:
    """The target ports for which a gateway has listeners for the edge, by the names of all its listeners.

    >>> sorted(listening_ports(["0.0.0.0_8080", "edge_8080", "edge_8443"]))
    [8080, 8443]
    """
    found = (name.removeprefix(_LISTENER_PREFIX) for name in listener_names if name.startswith(_LISTENER_PREFIX))
    return frozenset(int(port) for port in found if port.isdigit())


def edge_ports(facts: EdgeFacts, options: EdgeOptions, directory: str, socket: str) -> tuple[EdgePort, ...]:
    """The host's ports in their order. `directory` holds a directory for each gateway pod with `socket`.PORT in it."""
    found: dict[int, EdgePort] = {}
    for port, target in sorted(facts.service_ports):
        number = host_port(port, options)
        sockets = tuple(
            edge_socket_path(f"{directory}/{gateway.uid}/{socket}", target)
            for gateway in sorted(facts.gateways)
            if target in gateway.ports
        )
        if sockets and number:
            port_of_host = EdgePort(address=options.host_address, port=number, target=target, sockets=sockets)
            found.setdefault(number, port_of_host)
    return tuple(found[number] for number in sorted(found))


def host_port(port: int, options: EdgeOptions) -> int:
    """The host's port for a port of the gateway's Service; 0: none."""
    return {80: options.http_port, 443: options.https_port}.get(port, port)


def check_options(options: EdgeOptions) -> None:
    """`UsageError` for values that can't be."""
    try:
        ip_address(options.host_address)
    except ValueError as fault:
        raise UsageError(
            f'--host-address "{options.host_address}" is not an address', hint='such as "127.0.0.1" or "0.0.0.0"'
        ) from fault
    given: dict[int, str] = {}
    flags = ("--http-port", "--https-port", "--xds-tls-port")
    for flag, port in zip(flags, (options.http_port, options.https_port, options.joining_port), strict=True):
        if not 0 <= port < 65536:
            raise UsageError(f"{flag} {port} is not a port", hint="1 to 65535, or 0 for none")
        if port and port in given:
            raise UsageError(f"{given[port]} and {flag} are both {port}", hint="give them different ports")
        given[port] = flag


def joining_port(options: EdgeOptions, socket: str) -> JoiningPort | None:
    """Where proxies elsewhere join, if they may: at the address of the host's other ports."""
    if not options.joining_port:
        return None
    return JoiningPort(address=options.host_address, port=options.joining_port, socket=socket)
