"""A proxy is given what its plan names, from its own namespace, and nothing that Envoy would not take."""

from __future__ import annotations

from meshgate.app.credentials import credential_secrets
from meshgate.envoy import Resource
from meshgate.host.envoy_binary import load_schema
from meshgate.mesh import CredentialObjects, Memo
from meshgate.proto import v3
from tests.certificates import certificate, revocation_list
from tests.mesh.objects import resources
from tests.mesh.secret_objects import config_map, secret

LEAF, OTHER, ROOT = certificate("leaf"), certificate("other"), certificate("root", is_ca=True)
CRL = revocation_list(ROOT)
OBJECTS = (
    secret("web", "shop", tls_crt=LEAF.pem, tls_key=LEAF.key, ca_crt=ROOT.pem, ca_crl=CRL)
    + secret("broken", "shop", tls_crt=LEAF.pem, tls_key=OTHER.key, ca_crt=ROOT.pem)
    + secret("web", "other", tls_crt=OTHER.pem, tls_key=OTHER.key)
    + config_map("roots", "other", ca_crt=ROOT.pem)
)


def given(*names: str, namespace: str = "shop") -> dict[str, v3.Secret]:
    load_schema()
    found = credential_secrets(Memo(), names, namespace, CredentialObjects(resources(OBJECTS)))
    return {name: v3.Secret.FromString(each.body) for name, each in found.items()}


def test_a_certificate_with_its_key() -> None:
    [(name, found)] = given("kubernetes://web", "default", "ROOTCA", "file-cert:a~b").items()
    assert name == found.name == "kubernetes://web"
    assert found.tls_certificate.certificate_chain.inline_bytes == LEAF.pem
    assert found.tls_certificate.private_key.inline_bytes == LEAF.key


def test_roots_and_what_was_revoked() -> None:
    found = given("kubernetes://web-cacert", "configmap://other/roots")
    context = found["kubernetes://web-cacert"].validation_context
    assert (context.trusted_ca.inline_bytes, context.crl.inline_bytes) == (ROOT.pem, CRL)
    context = found["configmap://other/roots"].validation_context
    assert (context.trusted_ca.inline_bytes, context.HasField("crl")) == (ROOT.pem, False)


def test_no_other_namespace() -> None:
    assert given("kubernetes://other/web", "kubernetes://nothing") == {}
    [found] = given("kubernetes://web", namespace="other").values()
    assert found.tls_certificate.certificate_chain.inline_bytes == OTHER.pem


def test_what_is_broken_is_left_out_and_its_good_part_is_not() -> None:
    assert list(given("kubernetes://broken", "kubernetes://broken-cacert")) == ["kubernetes://broken-cacert"]


def test_a_secret_is_spelled_once_for_all_proxies() -> None:
    load_schema()
    memo, objects = Memo(), CredentialObjects(resources(OBJECTS))

    def made(names: tuple[str, ...]) -> Resource:
        return credential_secrets(memo, names, "shop", objects)["kubernetes://web"]

    assert made(("kubernetes://web",)) is made(("kubernetes://web", "kubernetes://web-cacert"))
