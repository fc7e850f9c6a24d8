"""What clients know of the identities behind a service: whom they expect there, and whether it takes mutual TLS.

A client checks that the other end has the identity of one of the service's endpoints. Which of them it reaches makes
no difference to that, so this changes with the set of their accounts, not with each pod; nor with readiness, so that a
pod that comes and goes does not change what all clients have.
(istio:pilot/pkg/model/push_context.go#initServiceAccounts, #BestEffortInferServiceMTLSMode)
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Final

import msgspec
from msgspec import Struct

from meshgate.api import MeshConfig
from meshgate.mesh.endpoints import EndpointTable
from meshgate.mesh.memo import Memo
from meshgate.mesh.peer_authentications import (
    BoundPeerAuthentication,
    MtlsMode,
    PeerAuthenticationIndex,
    workload_mtls,
)
from meshgate.mesh.service import MeshEndpoint, MeshService, Resolving
from meshgate.mesh.spiffe import spiffe_id

_SPIFFE: Final = "spiffe://"
_ID_PARTS: Final = 5
"""Trust domain, `ns`, namespace, `sa`, service account."""

Listed = tuple[tuple[int, tuple[MeshEndpoint, ...]], ...]
"""The endpoints of a service, by its ports."""


class ServiceTrust(Struct, frozen=True, kw_only=True, cache_hash=True, gc=False):
    """What clients know of a service's identities."""

    hostname: str = ""
    namespace: str = ""
    names: tuple[str, ...] = ()
    """Sorted; the certificate must have one of them. None: nothing is known, so any identity of the mesh will do."""
    is_disabled: bool = False
    """The policies of its namespace and of the mesh want plaintext."""
    labelled_ports: tuple[int, ...] = ()
    """Ports that have endpoints, all of them labelled as taking mutual TLS. Only known where it matters: where a client
    does not choose the endpoint that it reaches."""


UNKNOWN: Final = ServiceTrust()


class KnownEndpoints(Struct, frozen=True):
    """The endpoints of all services, and by service the accounts of those that are not ready."""

    table: EndpointTable
    unready: Mapping[tuple[str, str], Collection[str]]


def service_trusts(
    memo: Memo,
    services: tuple[MeshService, ...],
    known: KnownEndpoints,
    mesh: MeshConfig,
    policies: tuple[BoundPeerAuthentication, ...],
    *,
    may_pass: bool,
) -> tuple[ServiceTrust, ...]:
    """Of all services, sorted; those of one name in one namespace have one. Where all is unknown there is none.

    `may_pass`: some DestinationRule lets connections pass to where they were going.
    """
    by_name: dict[tuple[str, str], list[MeshService]] = defaultdict(list)
    for service in services:
        if service.resolving is not Resolving.ALIAS:
            by_name[service.hostname, service.namespace].append(service)
    found: list[ServiceTrust] = []
    for (hostname, namespace), same in sorted(by_name.items()):
        accepted = memo.nest(workload_mtls, policies, mesh.root_namespace, namespace, ())
        names = tuple(name for service in same for name in service.subject_alt_names)
        trust = memo.get(
            _trust,
            _listed(same, known.table),
            tuple(sorted(known.unready.get((hostname, namespace), ()))),
            names,
            (mesh.trust_domain, *mesh.trust_domain_aliases),
            may_pass or any(service.resolving is Resolving.PASSTHROUGH for service in same),
        )
        is_disabled = accepted.mode is MtlsMode.DISABLE
        if trust != UNKNOWN or is_disabled:
            found.append(
                memo.same(
                    msgspec.structs.replace(trust, hostname=hostname, namespace=namespace, is_disabled=is_disabled)
                )
            )
    return tuple(found)


def _listed(services: Iterable[MeshService], endpoints: EndpointTable) -> Listed:
    """The endpoints in the table and those in the services themselves."""
    found: dict[int, tuple[MeshEndpoint, ...]] = defaultdict(tuple)
    for service in services:
        for port in service.ports:
            found[port.number] = endpoints.of(service.hostname, service.namespace, port.number)
    for service in services:
        for fixed in service.fixed:
            found[fixed.port] += (fixed.endpoint,)
    return tuple(sorted(found.items()))


def _trust(
    listed: Listed,
    unready: tuple[str, ...],
    names: tuple[str, ...],
    trust_domains: tuple[str, ...],
    passes: bool,
) -> ServiceTrust:
    accounts = {endpoint.account for _, found in listed for endpoint in found if endpoint.account} | {*unready}
    ids = {spiffe_id(trust_domains[0], *account.split("/", 1)) for account in accounts}
    expected = {known for name in (*ids, *names) for known in _in_domains(name, trust_domains[1:])}
    return ServiceTrust(
        names=tuple(sorted(expected)),
        labelled_ports=tuple(
            port for port, found in listed if passes and found and all(endpoint.is_labelled for endpoint in found)
        ),
    )


def _in_domains(name: str, aliases: tuple[str, ...]) -> Iterator[str]:
    """A name, and the same identity under the other names of the trust domain.

    >>> list(_in_domains("spiffe://new/ns/a/sa/b", ("old",))), list(_in_domains("a.org", ("old",)))
    (['spiffe://new/ns/a/sa/b', 'spiffe://old/ns/a/sa/b'], ['a.org'])
    """
    yield name
    parts = name.removeprefix(_SPIFFE).split("/")
    if name.startswith(_SPIFFE) and len(parts) == _ID_PARTS and (parts[1], parts[3]) == ("ns", "sa"):
        yield from (spiffe_id(alias, parts[2], parts[4]) for alias in aliases)


def with_refusals(
    endpoints: tuple[MeshEndpoint, ...],
    namespace: str,
    policies: tuple[BoundPeerAuthentication, ...],
    root_namespace: str,
) -> tuple[MeshEndpoint, ...]:
    """The endpoints of a service of a namespace, with what policies say of the ports of each: where one wants
    plaintext, the label of the workload counts for nothing. (istio:pilot/pkg/xds/endpoints/mtls_checker.go)"""
    index = PeerAuthenticationIndex(policies, root_namespace)
    return tuple(
        msgspec.structs.replace(endpoint, refuses_mutual_tls=True)
        if endpoint.is_labelled and _mode(endpoint, namespace, index) is MtlsMode.DISABLE
        else endpoint
        for endpoint in endpoints
    )


def _mode(endpoint: MeshEndpoint, namespace: str, index: PeerAuthenticationIndex) -> MtlsMode:
    own = endpoint.account.partition("/")[0] or namespace
    return index.workload_mtls(own, endpoint.labels).of(endpoint.port)


def may_refuse(policies: Iterable[BoundPeerAuthentication]) -> bool:
    """Whether any policy wants plaintext anywhere."""
    modes = (mode for policy in policies for mode in (policy.mode, *(mode for _, mode in policy.ports)))
    return MtlsMode.DISABLE in modes
