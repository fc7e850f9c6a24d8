"""What is wrong with certificates in proxies' files, told at the objects that name the files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

from msgspec import Struct

from meshgate.api import Origin, Problem, codes, is_subset
from meshgate.mesh import (
    BoundSidecar,
    CertificateFacts,
    CertificateFault,
    SidecarIndex,
    Validity,
    World,
    at,
    client_tls,
    out_of_date,
    warning,
)
from meshgate.plan import FileUse, Proxy, client_files, paths_of, server_files


class FileFinding(Struct, frozen=True, kw_only=True):
    """One secret of files, as one proxy has it."""

    proxy_id: str
    name: str
    faults: tuple[CertificateFault, ...] = ()
    certificates: tuple[CertificateFacts, ...] = ()

    def is_in_order(self, now: datetime) -> bool:
        """Whether there is nothing to tell."""
        return not self.faults and all(one.not_before <= now < one.not_after for one in self.certificates)


def file_problems(
    findings: Iterable[FileFinding], world: World, proxies: Mapping[str, Proxy], now: datetime
) -> tuple[Problem, ...]:
    """MG0153, MG0155; of proxies in which the same is wrong the first one is named."""
    found: dict[tuple[Origin, str], Problem] = {}
    for finding in findings:
        proxy = proxies.get(finding.proxy_id)
        if proxy is None or finding.is_in_order(now):
            continue
        uses = (each for each in _uses(world, proxy) if each[1].name == finding.name)
        told = (each for origin, use in uses for each in _told(finding, origin, use, now))
        for key, problem in told:
            found.setdefault(key, problem)
    return tuple(found.values())


def _uses(world: World, proxy: Proxy) -> Iterator[tuple[Origin, FileUse]]:
    """Settings that may be the proxy's, and what they read."""
    if proxy.role == "router":
        selecting = (gateway for gateway in world.gateways if is_subset(gateway.selector, proxy.labels))
        servers = (server for gateway in selecting for server in gateway.servers)
        for server in servers:
            tls = server.server.tls
            yield from ((at(server.origin, "tls"), use) for use in (server_files(tls) if tls is not None else ()))
    sidecars = SidecarIndex(world.sidecars, world.mesh.root_namespace)
    sidecar = sidecars.of(proxy.namespace, proxy.labels) if proxy.role == "sidecar" else None
    if sidecar is not None:
        yield from _ingress_uses(sidecar)
    for rule in world.destination_rules:
        yield from ((origin, use) for origin, tls in client_tls(rule) for use in client_files(tls))


def _ingress_uses(sidecar: BoundSidecar) -> Iterator[tuple[Origin, FileUse]]:
    for place, listener in enumerate(sidecar.ingress):
        uses = server_files(listener.tls) if listener.tls is not None else ()
        yield from ((Origin(sidecar.ref, f"spec.ingress[{place}].tls"), use) for use in uses)


def _told(
    finding: FileFinding, origin: Origin, use: FileUse, now: datetime
) -> Iterator[tuple[tuple[Origin, str], Problem]]:
    paths = paths_of(finding.name)
    for fault in finding.faults:
        field = at(origin, use.field(fault.part))
        text = f'"{paths[fault.part]}" in pod "{finding.proxy_id}": {fault.text}'
        yield (field, fault.text), warning(codes.UNUSABLE_CERTIFICATE_FILE, field, text, fault.hint)
    part = next(iter(paths))
    field = at(origin, use.field(part))
    for one in finding.certificates:
        validity = Validity(
            origin=field,
            certificate=f'certificate "{one.subject}" of "{paths[part]}" in pod "{finding.proxy_id}"',
            not_before=one.not_before,
            not_after=one.not_after,
        )
        for problem in out_of_date((validity,), now):
            yield (field, one.subject), problem
