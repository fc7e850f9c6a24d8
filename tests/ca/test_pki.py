"""What certificates say, and which requests are not granted."""

from __future__ import annotations

import subprocess
from base64 import b64decode, b64encode
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.x509.oid import ExtendedKeyUsageOID
from hypothesis import given
from hypothesis import strategies as st

from meshgate.ca import CsrFault, self_signed_authority, sign, workload_certificate
from meshgate.ca.pki import SKEW, PrivateKey, certificate_pem, is_issued_by, sound_key
from tests.ca.made import DAY, ME, NOW, authority, csr, ec_key, plugged_in, rsa_key, terms
from tests.certificates import damaged

ISSUER = authority().issuer


def san(certificate: x509.Certificate) -> x509.Extension[x509.SubjectAlternativeName]:
    return certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)


def test_a_workloads_certificate_is_as_istios() -> None:
    made = workload_certificate(ISSUER, ec_key(5).public_key(), ME, terms())
    assert made.subject == x509.Name([])
    assert made.issuer == ISSUER.certificate.subject
    assert list(san(made).value) == [x509.UniformResourceIdentifier(ME)]
    assert san(made).critical, "the subject is empty"
    assert (made.not_valid_before_utc, made.not_valid_after_utc) == (NOW - SKEW, NOW + DAY)
    assert made.serial_number == 7
    usage = made.extensions.get_extension_for_class(x509.KeyUsage)
    assert usage.critical
    assert (usage.value.digital_signature, usage.value.key_encipherment, usage.value.key_cert_sign) == (
        True,
        True,
        False,
    )
    extended = made.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert set(extended) == {ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH}
    assert not made.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert is_issued_by(made, ISSUER.certificate)


def test_a_root_may_sign_and_nothing_else() -> None:
    root = ISSUER.certificate
    assert root.subject == root.issuer
    assert root.subject.rfc4514_string() == "O=td-0"
    assert root.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    usage = root.extensions.get_extension_for_class(x509.KeyUsage).value
    assert (usage.key_cert_sign, usage.digital_signature) == (True, False)
    assert is_issued_by(root, root)


@pytest.mark.parametrize(
    "key",
    [
        pytest.param(rsa_key(), id="rsa"),
        pytest.param(ec_key(), id="p-256"),
        pytest.param(ec_key(0, ec.SECP384R1), id="p-384"),
        pytest.param(ec_key(0, ec.SECP521R1), id="p-521"),
    ],
)
def test_openssl_verifies_what_any_kind_of_authority_signs(key: PrivateKey, tmp_path: Path) -> None:
    made_by = self_signed_authority(key, "td", terms(lifetime=timedelta(days=30)))
    leaf = workload_certificate(made_by.issuer, ec_key(5).public_key(), ME, terms())
    (tmp_path / "root.pem").write_bytes(certificate_pem(made_by.issuer.certificate))
    (tmp_path / "leaf.pem").write_bytes(certificate_pem(leaf))
    for purpose in ("sslserver", "sslclient"):
        done = subprocess.run(
            [
                *("openssl", "verify", "-x509_strict", "-attime", str(int(NOW.timestamp())), "-purpose", purpose),
                *("-CAfile", "root.pem", "leaf.pem"),
            ],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=20,
        )
        assert done.returncode == 0, done.stderr


@given(
    life_s=st.integers(1, 10**9),
    root_s=st.integers(300, 10**9),
    serial=st.integers(1, 2**159 - 1),
)
def test_laws_of_certificates(life_s: int, root_s: int, serial: int) -> None:
    """Equal input gives equal bytes; a certificate never outlives its authority; its serial is the one given."""
    issuer = authority(lifetime=timedelta(seconds=root_s)).issuer
    given_terms = terms(lifetime=timedelta(seconds=life_s), serial=serial)
    one = workload_certificate(issuer, ec_key(5).public_key(), ME, given_terms)
    assert certificate_pem(one) == certificate_pem(
        workload_certificate(issuer, ec_key(5).public_key(), ME, given_terms)
    )
    assert one.not_valid_after_utc == min(NOW + timedelta(seconds=life_s), issuer.certificate.not_valid_after_utc)
    assert one.not_valid_before_utc >= issuer.certificate.not_valid_before_utc
    assert one.serial_number == serial


def test_a_request_gives_its_key_and_nothing_else() -> None:
    made = sign(ISSUER, csr(ec_key(6), subject="root"), ME, terms())
    assert made.public_key() == ec_key(6).public_key()
    assert made.subject == x509.Name([])
    assert list(san(made).value) == [x509.UniformResourceIdentifier(ME)]


def test_a_request_may_name_its_own_identity() -> None:
    made = sign(ISSUER, csr(rsa_key(), x509.UniformResourceIdentifier(ME)), ME, terms())
    assert list(san(made).value) == [x509.UniformResourceIdentifier(ME)]


@pytest.mark.parametrize(
    ("request_pem", "reason"),
    [
        pytest.param(
            csr(ec_key(6), x509.UniformResourceIdentifier("spiffe://cluster.local/ns/shop/sa/admin")),
            "sa/admin",
            id="another account",
        ),
        pytest.param(
            csr(ec_key(6), x509.UniformResourceIdentifier(ME), x509.UniformResourceIdentifier(ME + "2")),
            "cart2",
            id="its own and another",
        ),
        pytest.param(csr(ec_key(6), x509.DNSName("istiod.istio-system.svc")), "DNSName:istiod", id="a host"),
        pytest.param(csr(ec_key(6), x509.DNSName(ME)), "DNSName:spiffe", id="its id as a host"),
        pytest.param(csr(rsa_key(1024)), "2048 bits at least, this one 1024", id="weak RSA"),
        pytest.param(csr(ec_key(6, ec.SECP224R1)), "neither RSA nor ECDSA", id="weak curve"),
        pytest.param(csr(ec_key(6)).replace(b"A", b"B", 3), "not a PKCS #10|not signed", id="damaged"),
        pytest.param(b"", "not a PKCS #10", id="empty"),
        pytest.param(certificate_pem(ISSUER.certificate), "not a PKCS #10", id="a certificate"),
    ],
)
def test_what_is_not_granted(request_pem: bytes, reason: str) -> None:
    with pytest.raises(CsrFault, match=reason):
        sign(ISSUER, request_pem, ME, terms())


def point(key: ec.EllipticCurvePrivateKey) -> bytes:
    """The public key as it stands in a request."""
    return key.public_key().public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)


def test_a_request_signed_by_another_key_is_not_granted() -> None:
    mine = csr(ec_key(6))
    body = b64decode(b"".join(mine.splitlines()[1:-1]))
    swapped = body.replace(point(ec_key(6)), point(ec_key(7)))
    assert swapped != body
    pem = b"-----BEGIN CERTIFICATE REQUEST-----\n" + b64encode(swapped) + b"\n-----END CERTIFICATE REQUEST-----\n"
    with pytest.raises(CsrFault, match="not signed by the key"):
        sign(ISSUER, pem, ME, terms())


def test_a_damaged_request_is_not_granted() -> None:
    for pem in damaged(csr(ec_key(6))):
        with pytest.raises(CsrFault):
            sign(ISSUER, pem, ME, terms())


def test_other_kinds_of_keys_are_not_sound() -> None:
    with pytest.raises(CsrFault, match="neither RSA nor ECDSA"):
        sound_key(ed25519.Ed25519PrivateKey.generate().public_key())


def test_no_repr_shows_a_key() -> None:
    assert repr(ISSUER) == "Issuer('O=td-0', serial 7)"
    assert "SecretBytes(" in repr(plugged_in())
    assert "PRIVATE" not in repr((ISSUER, authority(), plugged_in()))
