"""HTTPS servers of a port between which a client's connection may be reused, and whose hosts are then not found.

A browser sends requests for a host by any HTTP/2 connection to the same address whose certificate has the host. The
chain, and with it the routes, were chosen by the name in the handshake: what another server has is answered 404 there.
Neither Envoy nor Istio answers 421, after which the browser would connect anew. (RFC 9113 9.1.1; istio#13589)
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from meshgate.api import MeshConfig, Problem, ServerTLSMode, codes
from meshgate.mesh import BoundServer, at, is_wildcard, is_within, warning
from meshgate.plan.gateway_servers import PortServers, is_https, sni_hosts
from meshgate.plan.gateway_tls import certificates
from meshgate.plan.values import SecretReference

HINT = "let one server have the hosts of both, or give each a certificate that has no host of the other"


def reused_connections(ports: Iterable[PortServers], mesh: MeshConfig) -> tuple[Problem, ...]:
    """IST0138 where two servers show one certificate, MG0112 where one's hosts are within a wildcard of another."""
    return tuple(problem for port in ports for problem in _of_port(port, mesh))


def _of_port(port: PortServers, mesh: MeshConfig) -> Iterator[Problem]:
    shown: dict[SecretReference, BoundServer] = {}
    servers = [server for server in port.servers if _is_for_browsers(server)]
    for place, server in enumerate(servers):
        own = _certificates(server, mesh)
        twin = next((shown[one] for one in own if one in shown), None)
        if twin is not None:
            yield _one_certificate(server, twin)
        shown.update((one, server) for one in own if one not in shown)
        for other in servers[:place]:
            narrow, wide = (server, other) if _covered(server, other) else (other, server)
            host = _covered(narrow, wide)
            if host and not set(_certificates(narrow, mesh)) & set(_certificates(wide, mesh)):
                yield _within_wildcard(narrow, host, wide)


def _is_for_browsers(server: BoundServer) -> bool:
    """Proxies of the mesh, whom ISTIO_MUTUAL is for, reuse no connection that was opened for another name."""
    tls = server.server.tls
    return is_https(server.server) and tls is not None and tls.mode is not ServerTLSMode.ISTIO_MUTUAL


def _certificates(server: BoundServer, mesh: MeshConfig) -> tuple[SecretReference, ...]:
    assert server.server.tls is not None, "an HTTPS server"
    return certificates(server.server.tls, mesh)


def _covered(narrow: BoundServer, wide: BoundServer) -> str:
    """A host of one that a wildcard of the other covers; empty: none."""
    wildcards = [host for host in sni_hosts(wide) if is_wildcard(host)]
    hosts = ((host, wildcard) for host in sni_hosts(narrow) for wildcard in wildcards)
    return next((host for host, wildcard in hosts if host != wildcard and is_within(host, wildcard)), "")


def _one_certificate(server: BoundServer, twin: BoundServer) -> Problem:
    reuse = "a client that reuses its HTTP/2 connection gets 404 for the hosts here"
    text = f"{twin.origin} shows the same certificate: {reuse}"
    return warning(codes.ONE_CERTIFICATE, at(server.origin, "tls"), text, HINT)


def _within_wildcard(narrow: BoundServer, host: str, wide: BoundServer) -> Problem:
    if_covered = "if the certificate there has it too, a client that reuses its HTTP/2 connection gets 404"
    text = f'"{host}" is within a wildcard of {wide.origin}: {if_covered}'
    return Problem(codes.REUSED_CONNECTION, "info", narrow.origin.ref, at(narrow.origin, "hosts").path, text, HINT)
