"""What the certificate service grants, and what it does not."""

from __future__ import annotations

from datetime import timedelta
from ipaddress import ip_address

import pytest
from cryptography import x509
from google.protobuf.struct_pb2 import Struct

from meshgate.api import LONGEST_LIFETIME, Ref
from meshgate.ca import Authority, authority_of
from meshgate.ca.callers import Caller, NobodyCalls
from meshgate.ca.grants import NotGranted, Signing, certificate_for, checked_caller
from meshgate.ca.pki import certificate_pem
from meshgate.errors import EnvironmentFault
from meshgate.proto.certificates import CertificateRequest, certificate_request, parse_certificate_response
from tests.ca.made import ME, NOW, authority, csr, ec_key, plugged_in, rsa_key

CALLER = Caller(namespace="ns-1", account="sa-1")


def _signing(by: Authority | None) -> Signing:
    return Signing(authority=by, identity=lambda _: ME, now=NOW)


def _asked(by: Authority | None = None, **changes: object) -> list[x509.Certificate]:
    request = CertificateRequest(**{"csr": csr(ec_key(9)), **changes})  # type: ignore[arg-type]  # fields by name
    granted = certificate_for(certificate_request(request), CALLER, _signing(by or authority()))
    chain = [x509.load_pem_x509_certificate(each.encode()) for each in parse_certificate_response(granted.response)]
    assert granted.ends == chain[0].not_valid_after_utc
    return chain


def _refusal(raw: bytes, by: Authority | None = None) -> NotGranted:
    with pytest.raises(NotGranted) as refused:
        certificate_for(raw, CALLER, _signing(by or authority()))
    return refused.value


def test_the_chain_ends_with_the_root() -> None:
    made, root = _asked()
    assert root == authority().roots[0]
    assert made.public_key() == ec_key(9).public_key()
    plugged, problems = authority_of(Ref("Secret", "istio-system", "cacerts"), plugged_in(), NOW)
    assert plugged is not None
    assert not problems
    made, *chain, root = _asked(plugged)
    assert chain == list(plugged.chain)
    assert root == plugged.roots[0]


def test_a_day_unless_asked_otherwise() -> None:
    (made, *_), (short, *_) = _asked(), _asked(validity_s=600)
    assert made.not_valid_after_utc - NOW == timedelta(hours=24)
    assert short.not_valid_after_utc - NOW == timedelta(minutes=10)
    assert _asked(validity_s=-1)[0].not_valid_after_utc - NOW == timedelta(hours=24)


@pytest.mark.parametrize("seconds", [int(LONGEST_LIFETIME.total_seconds()) + 1, 2**63 - 1])
def test_not_for_longer_than_the_limit(seconds: int) -> None:
    refusal = _refusal(certificate_request(CertificateRequest(csr=csr(ec_key(9)), validity_s=seconds)))
    assert (refusal.code, "90 days at most" in refusal.text) == ("INVALID_ARGUMENT", True)


def test_nobody_is_impersonated() -> None:
    wish = Struct()
    wish.update({"ImpersonatedIdentity": "spiffe://cluster.local/ns/bank/sa/vault"})
    spelled = wish.SerializeToString()
    metadata_field = b"\x22" + bytes([len(spelled)]) + spelled
    refusal = _refusal(certificate_request(CertificateRequest(csr=csr(ec_key(9)))) + metadata_field)
    assert (refusal.code, "ImpersonatedIdentity" in refusal.text) == ("PERMISSION_DENIED", True)


BAD_REQUESTS = {
    "nothing": b"",
    "words": b"no request",
    "half a request": csr(ec_key(9))[:100],
    "a weak key": csr(rsa_key(1024)),
    "another's identity": csr(ec_key(9), x509.UniformResourceIdentifier(ME.replace("cart", "vault"))),
    "a host's name": csr(ec_key(9), x509.DNSName("istiod.istio-system.svc")),
    "an address": csr(ec_key(9), x509.IPAddress(ip_address("10.0.0.1"))),
    "its own identity and another's": csr(
        ec_key(9), x509.UniformResourceIdentifier(ME), x509.UniformResourceIdentifier("spiffe://x/ns/a/sa/b")
    ),
}


@pytest.mark.parametrize("request_pem", BAD_REQUESTS.values(), ids=BAD_REQUESTS)
def test_requests_that_are_not_granted(request_pem: bytes) -> None:
    assert _refusal(certificate_request(CertificateRequest(csr=request_pem))).code == "INVALID_ARGUMENT"


def test_another_callers_request_gives_ones_own_identity_only() -> None:
    """Who has overheard a request without names and sends it again gets a certificate for a key that it lacks."""
    (made, *_) = _asked(csr=csr(ec_key(11)))
    names = made.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert list(names) == [x509.UniformResourceIdentifier(ME)]
    assert made.public_key() == ec_key(11).public_key()


def test_other_bytes() -> None:
    assert _refusal(b"\xff\xff").code == "INVALID_ARGUMENT"


def test_without_an_authority_or_after_its_time() -> None:
    with pytest.raises(NotGranted, match="no authority"):
        certificate_for(certificate_request(CertificateRequest(csr=csr(ec_key(9)))), CALLER, _signing(None))
    late = Signing(authority=authority(), identity=lambda _: ME, now=authority().ends)
    with pytest.raises(NotGranted, match="no authority"):
        certificate_for(certificate_request(CertificateRequest(csr=csr(ec_key(9)))), CALLER, late)


def test_nobody_is_unauthenticated() -> None:
    def nobody(_: object) -> Caller:
        raise NobodyCalls("the caller is not known")

    with pytest.raises(NotGranted) as refused:
        checked_caller(nobody, {})
    assert refused.value.code == "UNAUTHENTICATED"
    assert checked_caller(lambda _: CALLER, {}) is CALLER


def test_where_proofs_cannot_be_checked_nobody_is_blamed() -> None:
    def broken(_: object) -> Caller:
        raise EnvironmentFault("there is no key", hint="make one")

    with pytest.raises(NotGranted, match="it cannot be told who calls: there is no key; make one") as refused:
        checked_caller(broken, {})
    assert refused.value.code == "UNAVAILABLE"


def test_the_root_is_that_of_the_chain() -> None:
    """Two roots are trusted while one replaces the other."""
    other, own = authority(3), authority()
    both = Authority(issuer=own.issuer, chain=own.chain, roots=(other.roots[0], own.roots[0]))
    assert [certificate_pem(each) for each in _asked(both)[1:]] == [certificate_pem(own.roots[0])]
