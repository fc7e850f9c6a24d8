"""TLS on either side. Keys, certificates and roots are secrets that the proxy asks for by name: us, over ADS, or a
service of the mesh (SDS).
"""

from __future__ import annotations

from meshgate.envoy.spelling import ads, packed
from meshgate.envoy.text_match import string_matcher
from meshgate.plan.values import DownstreamTls, PeerValidation, SecretReference, TlsParameters, UpstreamTls
from meshgate.proto import v3

_TLS = "envoy.transport_sockets.tls"
_WORKLOAD_SECRETS = frozenset({"default", "ROOTCA"})
_ENVOYS_OWN = TlsParameters()


def downstream_tls(tls: DownstreamTls) -> v3.TransportSocketDict:
    context = v3.DownstreamTlsContext(
        common_tls_context=_common(tls),
        require_client_certificate={"value": tls.require_client_certificate},
    )
    return {"name": _TLS, "typed_config": packed(context)}


def upstream_tls(tls: UpstreamTls) -> v3.TransportSocketDict:
    context = v3.UpstreamTlsContext(common_tls_context=_common(tls), sni=tls.sni)
    return {"name": _TLS, "typed_config": packed(context)}


def raw_buffer() -> v3.TransportSocketDict:
    return {"name": "envoy.transport_sockets.raw_buffer", "typed_config": packed(v3.RawBuffer())}


def with_proxy_header(version: str, inner: v3.TransportSocketDict) -> v3.TransportSocketDict:
    """A transport that first sends a PROXY protocol header of version `V1` or `V2`."""
    assert version in ("V1", "V2")
    outer = v3.ProxyProtocolUpstreamTransport(
        config={"version": "V1" if version == "V1" else "V2"}, transport_socket=inner
    )
    return {"name": "envoy.transport_sockets.upstream_proxy_protocol", "typed_config": packed(outer)}


def _common(tls: DownstreamTls | UpstreamTls) -> v3.CommonTlsContextDict:
    common: v3.CommonTlsContextDict = {
        "tls_certificate_sds_secret_configs": [_sds(certificate) for certificate in tls.certificates],
        "alpn_protocols": tls.alpn,
    }
    if tls.parameters != _ENVOYS_OWN:
        common["tls_params"] = _parameters(tls.parameters)
    if tls.validation is not None:
        common["combined_validation_context"] = _validation(tls.validation)
    return common


def _parameters(parameters: TlsParameters) -> v3.TlsParametersDict:
    return {
        "tls_minimum_protocol_version": parameters.minimum_version,
        "tls_maximum_protocol_version": parameters.maximum_version,
        "cipher_suites": parameters.cipher_suites,
        "ecdh_curves": parameters.ecdh_curves,
    }


def _validation(peer: PeerValidation) -> v3.CommonTlsContext_CombinedCertificateValidationContextDict:
    """Names are matched against subject alternative names of every type, as Istio has it.

    Envoy's newer `match_typed_subject_alt_names` would need each name once per type.
    """
    default: v3.CertificateValidationContextDict = {
        "match_subject_alt_names": [string_matcher(name) for name in peer.subject_alt_names],
        "verify_certificate_spki": peer.certificate_spki,
        "verify_certificate_hash": peer.certificate_hashes,
    }
    if peer.accepts_untrusted:
        default["trust_chain_verification"] = "ACCEPT_UNTRUSTED"
    return {"default_validation_context": default, "validation_context_sds_secret_config": _sds(peer.roots)}


def _sds(secret: SecretReference) -> v3.SdsSecretConfigDict:
    """A proxy's own identity is waited for, however long; a user's secret may never come, and nothing waits for it
    longer than Envoy's 15 s."""
    if secret.provider:
        return {"name": secret.name, "sds_config": _service(secret.provider)}
    source = ads()
    if secret.name not in _WORKLOAD_SECRETS:
        del source["initial_fetch_timeout"]
    return {"name": secret.name, "sds_config": source}


def _service(cluster: str) -> v3.ConfigSourceDict:
    """A service for secrets alone; no more than Envoy's 15 s are waited for its answer."""
    return {
        "api_config_source": {
            "api_type": "GRPC",
            "transport_api_version": "V3",
            "set_node_on_first_message_only": True,
            "grpc_services": [{"envoy_grpc": {"cluster_name": cluster}}],
        },
        "resource_api_version": "V3",
    }
