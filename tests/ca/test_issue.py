"""Keys and certificates for workloads."""

from __future__ import annotations

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from meshgate.api import Ref
from meshgate.ca import authority_of
from meshgate.ca.issue import Order, issue, new_authority
from meshgate.ca.pki import is_issued_by
from tests.ca.made import ME, NOW, plugged_in


def test_each_order_gets_a_key_of_its_own() -> None:
    orders = [Order(identity=f"{ME}-{number}") for number in range(3)]
    made = issue(new_authority("cluster.local", NOW), orders, NOW)
    assert len({each.key_pem for each in made}) == 3
    assert len({x509.load_pem_x509_certificate(each.chain_pem).serial_number for each in made}) == 3
    for each, order in zip(made, orders, strict=True):
        certificate = x509.load_pem_x509_certificate(each.chain_pem)
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        assert [name.value for name in names] == [order.identity]
        key = serialization.load_pem_private_key(each.key_pem.reveal(), None)
        assert key.public_key() == certificate.public_key()


@pytest.mark.parametrize(("bits", "kind"), [(0, ec.EllipticCurvePrivateKey), (2048, rsa.RSAPrivateKey)])
def test_keys_are_ecdsa_unless_rsa_is_asked_for(bits: int, kind: type) -> None:
    authority = new_authority("cluster.local", NOW, rsa_bits=bits)
    [made] = issue(authority, [Order(identity=ME, rsa_bits=bits)], NOW)
    assert isinstance(authority.issuer.key, kind)
    assert isinstance(serialization.load_pem_private_key(made.key_pem.reveal(), None), kind)


def test_intermediates_follow_the_certificate() -> None:
    authority, _ = authority_of(Ref("Secret", "istio-system", "cacerts"), plugged_in(), NOW)
    assert authority is not None
    [made] = issue(authority, [Order(identity=ME)], NOW)
    leaf, intermediate = x509.load_pem_x509_certificates(made.chain_pem)
    assert is_issued_by(leaf, intermediate)
    assert is_issued_by(intermediate, *authority.roots)


def test_no_repr_shows_a_key() -> None:
    [made] = issue(new_authority("cluster.local", NOW), [Order(identity=ME)], NOW)
    assert "SecretBytes(" in repr(made)
    assert "PRIVATE" not in repr(made)
