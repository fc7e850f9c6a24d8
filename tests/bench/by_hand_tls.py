"""The baseline's TLS: what a configuration by hand ends and opens, with static keys from a Secret's volume.

As strict as Istio's: TLS 1.2 at least, both sides prove who they are where it is mutual, the server's name is checked,
and whoever is called is found by SNI, so that a port could serve several.
"""

from __future__ import annotations

import base64

from tests.bench.by_hand import TYPE, Json
from tests.bench.workloads import CERTS, Object
from tests.certificates import Made, certificate

TLS = f"{TYPE}.transport_sockets.tls.v3"
NAME = "secure.example.com"
"""Whom all certificates by hand are for."""
VERSIONS = {"tls_minimum_protocol_version": "TLSv1_2", "tls_maximum_protocol_version": "TLSv1_3"}
CIPHERS = ["ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-RSA-AES256-GCM-SHA384"]


def secret(name: str, namespace: str = "default") -> Object:
    """A key, its certificate and who signed it: for a gateway of ours, and as a volume for an Envoy by hand."""
    authority = certificate("bench root", is_ca=True)
    made: Made = certificate("bench", dns=[NAME], issuer=authority)
    data = {"tls.crt": made.pem, "tls.key": made.key, "ca.crt": authority.pem}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": namespace},
        "data": {key: base64.b64encode(value).decode() for key, value in data.items()},
    }


def ends_tls(configuration: Json, port: int, *, is_mutual: bool) -> Json:
    """The configuration, whose listener at the port takes TLS for NAME only."""
    [listener] = [one for one in configuration["static_resources"]["listeners"] if one["name"] == f"port-{port}"]
    [chain] = listener["filter_chains"]
    common = {
        "tls_params": VERSIONS | {"cipher_suites": CIPHERS},
        "alpn_protocols": ["h2", "http/1.1"],
        "tls_certificates": [_OWN],
    } | ({"validation_context": _NAMED} if is_mutual else {})
    typed = {"@type": f"{TLS}.DownstreamTlsContext", "common_tls_context": common}
    chain["filter_chain_match"] = {"server_names": [NAME]}
    chain["transport_socket"] = _socket(typed | {"require_client_certificate": is_mutual})
    inspector = {"@type": f"{TYPE}.filters.listener.tls_inspector.v3.TlsInspector"}
    listener["listener_filters"] = [{"name": "envoy.filters.listener.tls_inspector", "typed_config": inspector}]
    if is_mutual:
        tells_of_client(chain)
    return configuration


def tells_of_client(chain: Json) -> None:
    """What is told on of the certificate that was shown; a gateway (it has duties) tells all of it."""
    typed = chain["filters"][0]["typed_config"]
    is_gateway = "use_remote_address" in typed
    typed["forward_client_cert_details"] = "SANITIZE_SET" if is_gateway else "APPEND_FORWARD"
    typed["set_current_client_cert_details"] = {"subject": True, "dns": True, "uri": True, "cert": is_gateway}
    typed["normalize_path"] = True


def opens_tls(configuration: Json, port: int, *, is_mutual: bool, is_http2: bool = False) -> Json:
    """The configuration, whose cluster of the port calls NAME over TLS."""
    [cluster] = [one for one in configuration["static_resources"]["clusters"] if one["name"] == f"upstream-{port}"]
    common = {
        "tls_params": VERSIONS,
        "alpn_protocols": ["h2" if is_http2 else "http/1.1"],
        "validation_context": _NAMED,
    } | ({"tls_certificates": [_OWN]} if is_mutual else {})
    typed = {"@type": f"{TLS}.UpstreamTlsContext", "sni": NAME, "common_tls_context": common}
    cluster["transport_socket"] = _socket(typed)
    if is_http2:
        kind = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
        options = {"@type": f"type.googleapis.com/{kind}", "explicit_http_config": {"http2_protocol_options": {}}}
        cluster["typed_extension_protocol_options"] = {kind: options}
    return configuration


def _socket(typed: Json) -> Json:
    return {"name": "envoy.transport_sockets.tls", "typed_config": typed}


_OWN = {
    "certificate_chain": {"filename": f"{CERTS}/tls.crt"},
    "private_key": {"filename": f"{CERTS}/tls.key"},
}
_NAMED = {
    "trusted_ca": {"filename": f"{CERTS}/ca.crt"},
    "match_typed_subject_alt_names": [{"san_type": "DNS", "matcher": {"exact": NAME}}],
}
