"""Names of SDS lead to Istio's keys of Secrets and ConfigMaps, in the proxy's own namespace."""

from __future__ import annotations

import pytest

from meshgate.api import SecretBytes
from meshgate.mesh.credentials import (
    Credential,
    CredentialObjects,
    KeyPair,
    Roots,
    credential_of,
    credential_place,
)
from tests.certificates import certificate, revocation_list
from tests.mesh.objects import resources
from tests.mesh.secret_objects import config_map, secret

LEAF, OTHER = certificate("leaf"), certificate("other")
ROOT, OTHER_ROOT = certificate("root", is_ca=True), certificate("other root", is_ca=True)
CRL = revocation_list(ROOT)
PAIR = KeyPair(chain=LEAF.pem, key=SecretBytes(LEAF.key))
OTHER_PAIR = KeyPair(chain=OTHER.pem, key=SecretBytes(OTHER.key))
TLS = secret("web", kind="kubernetes.io/tls", tls_crt=LEAF.pem, tls_key=LEAF.key)
GENERIC = secret("web", cert=LEAF.pem, key=LEAF.key, cacert=ROOT.pem, crl=CRL)


def found(text: str, name: str, namespace: str = "default") -> Credential | None:
    place = credential_place(name, namespace)
    resource = CredentialObjects(resources(text)).at(place) if place is not None else None
    return credential_of(resource, place.wants_roots) if place is not None and resource is not None else None


@pytest.mark.parametrize(
    ("text", "name", "expected"),
    [
        pytest.param(TLS, "kubernetes://web", PAIR, id="tls"),
        pytest.param(TLS, "kubernetes://default/web", PAIR, id="own namespace by name"),
        pytest.param(GENERIC, "kubernetes://web", PAIR, id="generic"),
        pytest.param(GENERIC, "kubernetes://web-cacert", Roots(roots=ROOT.pem, crl=CRL), id="roots beside"),
        pytest.param(
            secret("web", tls_crt=LEAF.pem, tls_key=LEAF.key, ca_crt=ROOT.pem, ca_crl=CRL),
            "kubernetes://web-cacert",
            Roots(roots=ROOT.pem, crl=CRL),
            id="roots beside, words of tls",
        ),
        pytest.param(
            GENERIC + secret("web-cacert", ca_crt=OTHER_ROOT.pem),
            "kubernetes://web-cacert",
            Roots(roots=OTHER_ROOT.pem),
            id="the companion goes before",
        ),
        pytest.param(
            secret("web", cert=OTHER.pem, key=OTHER.key, tls_crt=LEAF.pem, tls_key=LEAF.key),
            "kubernetes://web",
            OTHER_PAIR,
            id="generic words go before",
        ),
        pytest.param(
            secret("web", cert=OTHER.pem, key=b"", tls_crt=LEAF.pem, tls_key=LEAF.key),
            "kubernetes://web",
            PAIR,
            id="empty ones don't",
        ),
        pytest.param(config_map("web", ca_crt=ROOT.pem), "configmap://default/web", Roots(roots=ROOT.pem), id="map"),
        pytest.param(
            config_map("web", "shop", cacert=ROOT.pem),
            "configmap://shop/web-cacert",
            Roots(roots=ROOT.pem),
            id="map of another namespace, with the suffix",
        ),
    ],
)
def test_material(text: str, name: str, expected: KeyPair | Roots) -> None:
    credential = found(text, name)
    assert credential is not None
    assert credential.material == expected
    assert credential.faults == ()


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("kubernetes://nothing", id="missing"),
        pytest.param("kubernetes://shop/web", id="another namespace"),
        pytest.param("kubernetes-gateway://default/web", id="another scheme"),
        pytest.param("configmap://web", id="map without a namespace"),
        pytest.param("file-cert:a~b", id="file"),
        pytest.param("default", id="identity"),
    ],
)
def test_nothing(name: str) -> None:
    assert found(TLS + secret("nothing", "shop"), name) is None


@pytest.mark.parametrize(
    ("text", "name", "expected"),
    [
        pytest.param(
            secret("web", token=b"x", other=b"y"),
            "kubernetes://web",
            "data: it has no certificate with a key; its keys: other, token",
            id="other keys",
        ),
        pytest.param(
            secret("web", tls_crt=LEAF.pem, tls_key=b""),
            "kubernetes://web",
            'data: its keys "tls.crt" and "tls.key" are there, and one of them is empty',
            id="empty key",
        ),
        pytest.param(
            secret("web", cert=LEAF.pem, key=OTHER.key),
            "kubernetes://web",
            'data.key: the private key is not that of the certificate "CN=leaf"',
            id="mismatch",
        ),
        pytest.param(
            secret("web", tls_crt=b"x", tls_key=LEAF.key),
            "kubernetes://web",
            "data[tls.crt]: there is no certificate in it",
            id="no certificate",
        ),
        pytest.param(
            TLS,
            "kubernetes://web-cacert",
            "data: it has no certificates of an authority; its keys: tls.crt, tls.key",
            id="no roots",
        ),
        pytest.param(
            secret("web", ca_crt=b""),
            "kubernetes://web-cacert",
            'data: its key "ca.crt" is there, and empty',
            id="empty",
        ),
        pytest.param(
            secret("web", ca_crt=ROOT.pem, ca_crl=CRL[:-9]),
            "kubernetes://web-cacert",
            "data[ca.crl]: the block that begins in line 1 does not end",
            id="list",
        ),
        pytest.param(
            secret("web"),
            "kubernetes://web",
            "data: it has no certificate with a key; it has no keys at all",
            id="none",
        ),
    ],
)
def test_faults(text: str, name: str, expected: str) -> None:
    credential = found(text, name)
    assert credential is not None
    assert credential.material is None
    assert [f"{fault.path}: {fault.text}" for fault in credential.faults] == [expected]


def test_where_else_there_is_one() -> None:
    objects = CredentialObjects(resources(TLS + secret("web", "shop") + secret("web", "a") + secret("another", "b")))
    place = credential_place("kubernetes://web", "nowhere")
    assert place is not None
    assert objects.elsewhere(place) == ("a", "default", "shop")


def test_no_key_is_shown() -> None:
    credential = found(GENERIC, "kubernetes://web")
    assert LEAF.key.split(b"\n")[1].decode() not in repr(credential)
