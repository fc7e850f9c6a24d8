"""What we say of a certificate is what a real Envoy says: it takes what is good, and refuses what is not."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from meshgate.envoy import LISTENER, SECRET, Resource
from meshgate.envoy.resource import resource_of
from meshgate.host.envoy_binary import load_schema
from meshgate.proto import from_json, type_url, v3
from tests.certificates import certificate
from tests.live_envoy import LiveEnvoy, running_envoy
from tests.mesh.certificate_cases import pairs, roots

pytestmark = [pytest.mark.envoy, pytest.mark.slow]

ADS = {"ads": {}, "resource_api_version": "V3", "initial_fetch_timeout": "0s"}


@pytest.fixture(scope="module")
def envoy() -> Iterator[LiveEnvoy]:
    load_schema()
    with running_envoy() as running:
        yield running


def listener() -> Resource:
    load_schema()
    common = {
        "tls_certificate_sds_secret_configs": [{"name": "pair", "sds_config": ADS}],
        "combined_validation_context": {
            "default_validation_context": {},
            "validation_context_sds_secret_config": {"name": "roots", "sds_config": ADS},
        },
    }
    tls = {"@type": type_url(v3.DownstreamTlsContext), "common_tls_context": common}
    echo = {"@type": type_url(v3.TcpProxy), "stat_prefix": "a", "cluster": "nowhere"}
    value = {
        "name": "tls",
        "address": {"socket_address": {"address": "127.0.0.1", "port_value": 9443}},
        "filter_chains": [
            {
                "filters": [{"name": "tcp", "typed_config": echo}],
                "transport_socket": {"name": "envoy.transport_sockets.tls", "typed_config": tls},
            }
        ],
    }
    body = from_json(value, v3.Listener).SerializeToString(deterministic=True)
    return resource_of("tls", LISTENER, body)


def pair(chain: bytes, key: bytes) -> Resource:
    tls: v3.TlsCertificateDict = {
        "certificate_chain": {"inline_bytes": chain},
        "private_key": {"inline_bytes": key},
    }
    return resource_of("pair", SECRET, v3.Secret(name="pair", tls_certificate=tls).SerializeToString())


def validation(given: bytes, crl: bytes) -> Resource:
    context: v3.CertificateValidationContextDict = {"trusted_ca": {"inline_bytes": given}}
    if crl:
        context["crl"] = {"inline_bytes": crl}
    return resource_of("roots", SECRET, v3.Secret(name="roots", validation_context=context).SerializeToString())


GOOD = certificate("good")
GOOD_ROOT = certificate("good root", is_ca=True)


def verdict(envoy: LiveEnvoy, pair_: Resource, roots_: Resource, expected: str) -> None:
    envoy.apply((listener(), pair(GOOD.pem, GOOD.key), validation(GOOD_ROOT.pem, b"")))
    if not expected:
        envoy.apply((listener(), pair_, roots_))
        return
    with pytest.raises(AssertionError, match="Envoy refused"):
        envoy.apply((listener(), pair_, roots_))


@pytest.mark.parametrize("name", tuple(pairs()))
def test_pairs(envoy: LiveEnvoy, name: str) -> None:
    chain, key, expected = pairs()[name]
    verdict(envoy, pair(chain, key), validation(GOOD_ROOT.pem, b""), expected)


@pytest.mark.parametrize("name", tuple(roots()))
def test_roots(envoy: LiveEnvoy, name: str) -> None:
    given, crl, expected = roots()[name]
    verdict(envoy, pair(GOOD.pem, GOOD.key), validation(given, crl), expected)
