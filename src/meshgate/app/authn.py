"""Who must prove what to whom at one proxy, with the object that decides it: for `meshgate authn`.

What is so comes from the resources that the proxy is told (`explain.authn`), why it is so from the planner's rules.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from msgspec import Struct

from meshgate.api import Origin
from meshgate.envoy import CLUSTER, ENDPOINTS, LISTENER
from meshgate.explain.authn import Accepted, Kind, Sent, Transport, accepted, sent
from meshgate.mesh import Snapshot, spiffe_id
from meshgate.plan import Proxy
from meshgate.plan.tls_reasons import Reason, TlsReasons
from meshgate.xds import ResourceTable

Place = Callable[[Origin], str]
"""`file:line` of a field; empty where it is not known."""


class Taken(Struct, frozen=True, kw_only=True):
    """What is taken at a port, and why."""

    accepted: Accepted
    services: tuple[str, ...]
    reasons: tuple[Reason, ...]


class Given(Struct, frozen=True, kw_only=True):
    """What is sent to a destination, and why."""

    sent: Sent
    reasons: tuple[Reason, ...]


class Authn(Struct, frozen=True, kw_only=True):
    """All of one proxy."""

    proxy: Proxy
    identity: str
    taken: tuple[Taken, ...]
    given: tuple[Given, ...]


def authn(snapshot: Snapshot, proxy: Proxy, table: ResourceTable) -> Authn:
    """What the proxy takes at each port, and what it sends to each destination."""
    reasons = TlsReasons(snapshot, proxy)
    listeners = [resource.body for _, resource in sorted(table.of(LISTENER).items())]
    clusters = [resource.body for _, resource in sorted(table.of(CLUSTER).items())]
    assignments = {name: resource.body for name, resource in table.of(ENDPOINTS).items()}
    return Authn(
        proxy=proxy,
        identity=spiffe_id(snapshot.world.mesh.trust_domain, proxy.namespace, proxy.service_account),
        taken=tuple(_taken(each, proxy, reasons) for each in accepted(listeners, proxy.role)),
        given=tuple(_given(each, reasons) for each in sent(clusters, assignments)),
    )


def _taken(one: Accepted, proxy: Proxy, reasons: TlsReasons) -> Taken:
    if proxy.role == "router":
        found = reasons.taken_by_gateway(one.port, one.server_names)
    else:
        has_own_tls = bool({each.kind for each in one.transports} - {Kind.PLAINTEXT, Kind.MTLS})
        found = (reasons.taken(one.port, has_own_tls=has_own_tls),)
    return Taken(accepted=one, services=reasons.served(one.port), reasons=found)


def _given(one: Sent, reasons: TlsReasons) -> Given:
    to, opens_tls = one.destination, one.transport.kind is not Kind.PLAINTEXT
    found = reasons.sent(to.hostname, to.subset, to.port, opens_tls=opens_tls, endpoints=one.endpoints)
    return Given(sent=one, reasons=found)


def authn_json(found: Authn, place: Place) -> Mapping[str, Any]:
    """As the API tells it."""
    return {
        "name": f"{found.proxy.name}.{found.proxy.namespace}",
        "role": found.proxy.role,
        "identity": found.identity,
        "accepts": [_taken_json(each, found.proxy, place) for each in found.taken],
        "sends": [_given_json(each, place) for each in found.given],
    }


def _taken_json(one: Taken, proxy: Proxy, place: Place) -> Mapping[str, Any]:
    port = one.accepted
    ended = next((each for each in port.transports if each.kind is not Kind.PLAINTEXT), None)
    return {
        "port": port.port,
        "serverNames": list(port.server_names),
        "services": list(one.services),
        "mode": port.mode(proxy.role),
        "takes": list(port.takes),
        "tls": _transport_json(ended) if ended is not None else None,
        "why": list(_why(one.reasons, place)),
    }


def _given_json(one: Given, place: Place) -> Mapping[str, Any]:
    sent, to = one.sent, one.sent.destination
    has_tls = sent.transport.kind is not Kind.PLAINTEXT
    return {
        "host": to.hostname,
        "port": to.port,
        "subset": to.subset,
        "endpoints": [f"{address}:{port}" if port else address for address, port in sent.endpoints],
        "sends": str(sent.transport.kind),
        "tls": {**_transport_json(sent.transport), "sniOfRequest": sent.sni_of_request} if has_tls else None,
        "why": list(_why(one.reasons, place)),
    }


def _transport_json(transport: Transport) -> Mapping[str, Any]:
    return {
        "kind": str(transport.kind),
        "certificates": list(transport.certificates),
        "roots": transport.roots,
        "peerNames": list(transport.peer_names),
        "sni": transport.sni,
        "alpn": list(transport.alpn),
    }


def _why(reasons: Iterable[Reason], place: Place) -> Iterator[Mapping[str, str]]:
    for reason in reasons:
        origin = reason.origin
        yield {
            "text": reason.text,
            "ref": str(origin.ref) if origin else "",
            "path": origin.path if origin else "",
            "position": place(origin) if origin else "",
        }
