"""TLS towards endpoints: that of the mesh where they take it, or what a DestinationRule asks for.

Without a DestinationRule's word, mutual TLS of the mesh is opened to each endpoint that takes it, and none to the
others (automatic mutual TLS). A cluster that connects to wherever the client was going knows nothing of its endpoints:
there it depends on whether all of them are labelled. (istio:pilot/pkg/networking/core/cluster_tls.go)
"""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec import Struct

from meshgate.api import (
    ClientTLSMode,
    ClientTLSSettings,
    MeshConfig,
    MeshTLS,
    known_cipher_suites,
    known_ecdh_curves,
)
from meshgate.mesh import MeshService, Port, ServiceTrust, roots_name, secret_name
from meshgate.plan import names
from meshgate.plan.secret_sources import secret_reference
from meshgate.plan.upstream_alpn import mesh_alpn, opens_mesh_tls
from meshgate.plan.values import (
    ClusterPlan,
    HttpProtocolOptions,
    PeerValidation,
    SecretReference,
    TextExact,
    TlsChoice,
    TlsParameters,
    UpstreamTls,
)

SYSTEM_ROOTS: Final = "system"
"""In place of a path: the bundle of the proxy's system."""
CONFIG_MAP: Final = "configmap://"
VERSIONS: Final = TlsParameters(minimum_version="TLSv1_2", maximum_version="TLSv1_3")
HTTP2_ALPN: Final = ("h2",)


class Destination(Struct, frozen=True, kw_only=True):
    """What a cluster is for, as far as TLS depends on it."""

    service: MeshService
    port: Port
    subset: str
    trust: ServiceTrust
    may_use_secrets: bool
    """A Secret's name in a DestinationRule is for gateways, and for sidecars that its `workloadSelector` selects."""


def secured(cluster: ClusterPlan, to: Destination, tls: ClientTLSSettings | None, mesh: MeshConfig) -> ClusterPlan:
    """The cluster with its TLS."""
    if tls is None:
        return _automatic(cluster, to, mesh)
    match tls.mode:
        case ClientTLSMode.DISABLE:
            return cluster
        case ClientTLSMode.ISTIO_MUTUAL:
            return msgspec.structs.replace(cluster, tls=_mesh_tls(cluster, to, tls))
        case ClientTLSMode.SIMPLE | ClientTLSMode.MUTUAL:
            cluster = msgspec.structs.replace(cluster, has_own_alpn=True)
            return _originated(cluster, to, tls, mesh) if uses_settings(to, tls) else cluster


def uses_settings(to: Destination, tls: ClientTLSSettings) -> bool:
    """Whether the proxy does as a DestinationRule says. Without its Secret it sends what comes as it comes: Istio takes
    such a rule as one for gateways."""
    needs_secret = tls.mode in (ClientTLSMode.SIMPLE, ClientTLSMode.MUTUAL) and tls.credential_name
    return to.may_use_secrets or not needs_secret or tls.credential_name.startswith(CONFIG_MAP)


def _automatic(cluster: ClusterPlan, to: Destination, mesh: MeshConfig) -> ClusterPlan:
    """By the label of each endpoint; not at all where everything in the namespace wants plaintext."""
    if not opens_mesh_tls(to.service, None, mesh) or to.trust.is_disabled:
        return cluster
    if cluster.type == "ORIGINAL_DST":
        if to.port.number not in to.trust.labelled_ports:
            return cluster
        return msgspec.structs.replace(cluster, tls=_mesh_tls(cluster, to))
    choices = (
        TlsChoice(name="tlsMode-istio", tls_mode="istio", tls=_mesh_tls(cluster, to)),
        TlsChoice(name="tlsMode-disabled", tls_mode="", tls=None),
    )
    return msgspec.structs.replace(cluster, tls_choices=choices)


def _mesh_tls(cluster: ClusterPlan, to: Destination, given: ClientTLSSettings | None = None) -> UpstreamTls:
    """Mutual TLS with the workload's own certificate; what is given of names goes before what is known."""
    expected = (given.subject_alt_names if given else ()) or to.trust.names
    sni = given.sni if given else ""
    return UpstreamTls(
        certificates=(SecretReference(name=names.WORKLOAD_CERTIFICATE),),
        validation=PeerValidation(
            roots=SecretReference(name=names.WORKLOAD_ROOTS), subject_alt_names=_exactly(expected)
        ),
        sni=sni or names.mesh_sni(to.port.number, to.subset, to.service.hostname),
        alpn=mesh_alpn(cluster.http, to.port.protocol),
        parameters=VERSIONS,
    )


def _exactly(given: tuple[str, ...]) -> tuple[TextExact, ...]:
    return tuple(TextExact(value=name) for name in given)


def _originated(cluster: ClusterPlan, to: Destination, tls: ClientTLSSettings, mesh: MeshConfig) -> ClusterPlan:
    """TLS that is none of the mesh's. Without an SNI it is the request's host, which the certificate must name."""
    follows_host = not tls.sni
    is_verified = not tls.insecure_skip_verify
    http = cluster.http or HttpProtocolOptions()
    if follows_host:
        checks_host = is_verified and not tls.subject_alt_names
        http = msgspec.structs.replace(http, auto_sni=True, auto_san_validation=checks_host)
    return msgspec.structs.replace(
        cluster,
        http=http if http != HttpProtocolOptions() else cluster.http,
        tls=UpstreamTls(
            certificates=_certificates(tls, mesh) if tls.mode is ClientTLSMode.MUTUAL else (),
            validation=_validation(to, tls, mesh) if is_verified else None,
            sni=tls.sni,
            alpn=HTTP2_ALPN if http.protocol == "explicit_http2" else (),
            parameters=_parameters(mesh),
        ),
    )


def _parameters(mesh: MeshConfig) -> TlsParameters:
    """As in Istio, of the mesh's defaults a client takes ciphers and curves; its versions are 1.2 and 1.3 always."""
    defaults = mesh.tls_defaults or MeshTLS()
    return msgspec.structs.replace(
        VERSIONS,
        cipher_suites=known_cipher_suites(defaults.cipher_suites),
        ecdh_curves=known_ecdh_curves(defaults.ecdh_curves),
    )


def _certificates(tls: ClientTLSSettings, mesh: MeshConfig) -> tuple[SecretReference, ...]:
    if tls.credential_name:
        return (secret_reference(secret_name(tls.credential_name), mesh),)
    return (SecretReference(name=names.certificate_files(tls.client_certificate, tls.private_key)),)


def _validation(to: Destination, tls: ClientTLSSettings, mesh: MeshConfig) -> PeerValidation:
    """Of services that Kubernetes does not know the names are known by their ServiceEntry."""
    known = to.trust.names if to.service.registry == "External" else ()
    return PeerValidation(roots=_roots(tls, mesh), subject_alt_names=_exactly(tls.subject_alt_names or known))


def _roots(tls: ClientTLSSettings, mesh: MeshConfig) -> SecretReference:
    if tls.credential_name:
        return secret_reference(roots_name(tls.credential_name), mesh)
    return SecretReference(name=names.roots_files(tls.ca_certificates or SYSTEM_ROOTS, tls.ca_crl))
