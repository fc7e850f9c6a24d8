"""Certificates of users: Secrets that are missing or lie in another namespace, and such that Envoy would not take.

A Secret is looked for where the proxies are that need it, not where the Gateway is. What is wrong with a Secret is told
at the Secret, and at each object that asks for it. What depends on the time is given as `Validity`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec import Struct

from meshgate.api import Origin, Problem, codes
from meshgate.mesh.analysis.beside import LabelIndex
from meshgate.mesh.certificates import CertificateFacts
from meshgate.mesh.credential_uses import CredentialUse, client_tls, client_uses, server_uses
from meshgate.mesh.credentials import (
    SDS_SCHEME,
    Credential,
    CredentialObject,
    CredentialObjects,
    KeyPair,
    Place,
    credential_of,
    credential_place,
)
from meshgate.mesh.destination_rules import BoundDestinationRule
from meshgate.mesh.gateways import BoundGateway, BoundServer
from meshgate.mesh.host import is_address, is_wildcard
from meshgate.mesh.memo import Memo
from meshgate.mesh.problems import at, missing_reference, warning
from meshgate.mesh.validity import Validity

_TLS_SECRET = "kubernetes.io/tls"
_AT_THE_GATEWAY = "where the gateway's pods are"
_AT_THE_WORKLOADS = "where the rule's workloads are"


class CredentialFindings(Struct, frozen=True, kw_only=True):
    """What is wrong, and what will be some day."""

    problems: tuple[Problem, ...] = ()
    validities: tuple[Validity, ...] = ()


def credential_findings(
    memo: Memo,
    gateways: tuple[BoundGateway, ...],
    rules: tuple[BoundDestinationRule, ...],
    objects: CredentialObjects,
    labels: LabelIndex,
    provider_fault: str,
) -> CredentialFindings:
    """IST0101, IST0161, MG0151, MG0152, MG0154 of all Gateways, DestinationRules and Secrets; for `Memo.nest`."""
    found = _Findings(memo, objects, provider_fault)
    namespaces: set[str] = set()
    for gateway in gateways:
        own = _namespaces_of(gateway, labels)
        namespaces.update(own)
        for server in gateway.servers:
            found.of_server(server, own)
    for rule in rules:
        found.of_rule(rule, sorted(namespaces))
    found.of_objects()
    return CredentialFindings(
        problems=tuple(dict.fromkeys(found.problems)), validities=tuple(sorted(set(found.validities)))
    )


def _namespaces_of(gateway: BoundGateway, labels: LabelIndex) -> list[str]:
    """Where the pods are that serve a Gateway; none where that can't be said."""
    if gateway.services is not None:
        return [gateway.ref.namespace]
    if not gateway.selector:  # all gateways there are: what else has no labels is not told apart
        return []
    return sorted(namespace for namespace in labels.namespaces if labels.has(gateway.selector, namespace))


class _Findings:
    def __init__(self, memo: Memo, objects: CredentialObjects, provider_fault: str) -> None:
        self._memo = memo
        self._objects = objects
        self._provider_fault = provider_fault
        self._used: dict[tuple[CredentialObject, bool], None] = {}
        self.problems: list[Problem] = []
        self.validities: list[Validity] = []

    def of_server(self, server: BoundServer, namespaces: Iterable[str]) -> None:
        tls = server.server.tls
        for use in server_uses(tls) if tls is not None else ():
            origin = at(server.origin, f"tls.{use.path}")
            for namespace in namespaces if self._is_ours(origin, use) else ():
                credential = self._credential(origin, use, namespace, _AT_THE_GATEWAY)
                if credential is not None:
                    self.problems += _unusable(codes.INVALID_GATEWAY_CREDENTIAL, origin, credential)
                    self.problems += _uncovered_hosts(server, credential)
                    self._expiring(origin, credential)

    def of_rule(self, rule: BoundDestinationRule, gateway_namespaces: list[str]) -> None:
        """A rule without a selector is for gateways alone, as far as credentials go: one that has it is enough."""
        for origin, tls in client_tls(rule):
            for use in client_uses(tls):
                field = at(origin, use.path)
                if not self._is_ours(field, use):
                    continue
                if rule.workload_selector is not None:
                    found = [self._credential(field, use, rule.namespace, _AT_THE_WORKLOADS)]
                else:
                    found = self._anywhere(field, use, gateway_namespaces)
                for credential in (one for one in found if one is not None):
                    self.problems += _unusable(codes.UNUSABLE_CERTIFICATE, field, credential)
                    self._expiring(field, credential)

    def of_objects(self) -> None:
        """What is wrong with Secrets and ConfigMaps themselves: those in use, and those that are for TLS."""
        for secret in self._objects.secrets():
            if secret.spec.type == _TLS_SECRET:
                self._used.setdefault((secret, False))
        for resource, wants_roots in self._used:
            credential = self._memo.get(credential_of, resource, wants_roots)
            for fault in credential.faults:
                origin = Origin(credential.ref, fault.path)
                self.problems.append(warning(codes.UNUSABLE_CERTIFICATE, origin, fault.text, fault.hint))
            for doubt in credential.doubts:
                origin = Origin(credential.ref, doubt.path)
                self.problems.append(warning(codes.DOUBTFUL_CERTIFICATE, origin, doubt.text, doubt.hint))
            self._expiring(Origin(credential.ref, credential.certificate_path), credential, is_own=True)

    def _is_ours(self, origin: Origin, use: CredentialUse) -> bool:
        """Whether a name is that of an object; IST0101 if it is one of a provider that can't be asked."""
        if not use.name.startswith(SDS_SCHEME):
            return True
        if self._provider_fault:
            text = f'nobody gives the secret "{use.name}": {self._provider_fault}'
            hint = "name a service for it in extensionProviders of the mesh configuration, or a Secret here"
            self.problems.append(missing_reference(origin, text, hint))
        return False

    def _anywhere(self, field: Origin, use: CredentialUse, namespaces: list[str]) -> list[Credential | None]:
        having = [one for one in namespaces if (place := credential_place(use.name, one)) and self._objects.at(place)]
        return [self._credential(field, use, one, _AT_THE_GATEWAY) for one in having or namespaces[:1]]

    def _credential(self, origin: Origin, use: CredentialUse, namespace: str, where: str) -> Credential | None:
        """What a proxy of a namespace gets; None, and IST0101, if there is nothing."""
        place = credential_place(use.name, namespace)
        if place is None:
            text = f'"{use.name}" is of another namespace than "{namespace}", {where}; it is not used'
            self.problems.append(missing_reference(origin, text))
            return None
        resource = self._objects.at(place)
        if resource is None:
            self.problems.append(_missing(origin, place, where, self._objects.elsewhere(place)))
            return None
        self._used.setdefault((resource, place.wants_roots))
        return self._memo.get(credential_of, resource, place.wants_roots)

    def _expiring(self, origin: Origin, credential: Credential, *, is_own: bool = False) -> None:
        of_whom = "" if is_own else f" of {credential.ref}"
        for facts in credential.certificates:
            self.validities.append(
                Validity(
                    origin=origin,
                    certificate=f'certificate "{facts.subject}"{of_whom}',
                    not_before=facts.not_before,
                    not_after=facts.not_after,
                )
            )


def _missing(origin: Origin, place: Place, where: str, elsewhere: tuple[str, ...]) -> Problem:
    if place.kind == "ConfigMap":
        return missing_reference(origin, f'no ConfigMap "{place.names[0]}" in namespace "{place.namespace}"')
    name = place.names[-1]
    text = f'no Secret "{name}" in namespace "{place.namespace}", {where}'
    if not elsewhere:
        return missing_reference(origin, text)
    others = " and ".join(f'"{one}"' for one in elsewhere)
    hint = f'the one in {others} is not used; create it in "{place.namespace}" with: -n {place.namespace}'
    return missing_reference(origin, text, hint)


def _unusable(code: str, origin: Origin, credential: Credential) -> Iterator[Problem]:
    for fault in credential.faults:
        yield warning(code, origin, f"{credential.ref} cannot be used: {fault.path}: {fault.text}", fault.hint)


def _uncovered_hosts(server: BoundServer, credential: Credential) -> Iterator[Problem]:
    """MG0154: hosts that none of a certificate's names covers, if it has names at all."""
    if not isinstance(credential.material, KeyPair):
        return
    leaf, tls = credential.certificates[0], server.server.tls
    if not leaf.dns_names or (tls is not None and len(tls.credential_names) > 1):
        return
    for place, (_, host) in enumerate(server.hosts):
        if host != "*" and not is_address(host) and not _covers(leaf, host):
            text = f'the certificate "{leaf.subject}" of {credential.ref} is not for "{host}"'
            hint = f"it is for {', '.join(leaf.dns_names)}; clients that verify it refuse it"
            yield warning(codes.HOST_NOT_IN_CERTIFICATE, at(server.origin, f"hosts[{place}]"), text, hint)


def _covers(leaf: CertificateFacts, host: str) -> bool:
    """Whether some name of a certificate is for a host; a wildcard stands for one label.

    For a wildcard host some name below it is enough: which ones are asked for is not known.
    """
    names = [name.lower() for name in leaf.dns_names]
    if is_wildcard(host):
        return any(name.endswith(host[1:]) for name in names)
    _, _, domain = host.partition(".")
    return host in names or (bool(domain) and f"*.{domain}" in names)
