"""Which Secrets hold an authority, and what is said of those that do not."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

from meshgate.api import Ref, SecretBytes
from meshgate.ca import authority_of, authority_secret, is_over, roots_pem
from meshgate.ca.authority import CA_CERT, CA_KEY, CERT_CHAIN, ROOT_CERT, TLS_CERT, TLS_KEY, TLS_ROOT
from meshgate.ca.pki import Issuer, certificate_pem, key_pem
from tests.ca.made import NOW, authority, below, ec_key, plugged_in, rsa_key
from tests.certificates import damaged

CACERTS = Ref("Secret", "istio-system", "cacerts")
Data = dict[str, SecretBytes]


def test_an_authority_of_our_own_is_read_as_it_was_written() -> None:
    made = authority()
    data = dict(authority_secret(made))
    assert set(data) == {CA_CERT, CA_KEY, CERT_CHAIN, "key.pem", ROOT_CERT}, "Istio's five keys"
    read, problems = authority_of(CACERTS, data, NOW)
    assert read is not None
    assert not problems
    assert read.issuer.certificate == made.issuer.certificate
    assert key_pem(read.issuer.key) == key_pem(made.issuer.key)
    assert (read.chain, read.roots) == ((), made.roots)


def test_an_intermediate_is_sent_behind_certificates_and_its_root_is_trusted() -> None:
    data = plugged_in()
    read, problems = authority_of(CACERTS, data, NOW)
    assert read is not None, problems
    assert read.chain_pem == data[CA_CERT].reveal(), "without the root, which everyone has"
    assert roots_pem(read.roots) == data[ROOT_CERT].reveal()


def test_two_intermediates_are_put_into_their_order() -> None:
    root = authority().issuer
    upper = below(root, ec_key(1), "upper")
    lower = below(Issuer(certificate=upper, key=ec_key(1)), ec_key(2), "lower")
    data = {
        CA_CERT: SecretBytes(certificate_pem(lower)),
        CA_KEY: SecretBytes(key_pem(ec_key(2))),
        CERT_CHAIN: SecretBytes(certificate_pem(root.certificate) + certificate_pem(upper)),
        ROOT_CERT: SecretBytes(certificate_pem(root.certificate)),
    }
    read, problems = authority_of(CACERTS, data, NOW)
    assert read is not None, problems
    assert read.chain == (lower, upper)


def test_a_secret_of_cert_manager_is_read_too() -> None:
    given = plugged_in()
    data = {TLS_CERT: given[CA_CERT], TLS_KEY: given[CA_KEY], TLS_ROOT: given[ROOT_CERT]}
    read, problems = authority_of(CACERTS, data, NOW)
    assert read is not None, problems
    assert read.chain_pem == given[CA_CERT].reveal()


def test_roots_of_several_authorities_are_a_bundle() -> None:
    both = [*authority(0).roots, *authority(3).roots]
    data = plugged_in() | {ROOT_CERT: SecretBytes(b"".join(map(certificate_pem, both)))}
    read, problems = authority_of(CACERTS, data, NOW)
    assert read is not None, problems
    assert set(read.roots) == set(both)
    assert roots_pem(both) == roots_pem(both[::-1] + both), "whatever their order"


def with_key(key: str, value: bytes) -> Callable[[Data], Data]:
    return lambda data: {**data, key: SecretBytes(value)}


def without(key: str) -> Callable[[Data], Data]:
    return lambda data: {name: value for name, value in data.items() if name != key}


ENCRYPTED = ec_key(1).private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"secret")
)
ED25519 = ed25519.Ed25519PrivateKey.generate().private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
)


@pytest.mark.parametrize(
    ("change", "key", "text"),
    [
        pytest.param(without(CA_CERT), CA_CERT, "missing or empty", id="no certificate"),
        pytest.param(without(CA_KEY), CA_KEY, "missing or empty", id="no key"),
        pytest.param(with_key(CA_KEY, b" \n"), CA_KEY, "missing or empty", id="a blank key"),
        pytest.param(with_key(CA_CERT, b"hello"), CA_CERT, "no list of certificates", id="no PEM"),
        pytest.param(with_key(CERT_CHAIN, b"hello"), CERT_CHAIN, "no list of certificates", id="no chain"),
        pytest.param(with_key(ROOT_CERT, key_pem(ec_key(1))), ROOT_CERT, "no list of certificates", id="a key as root"),
        pytest.param(with_key(CA_KEY, b"hello"), CA_KEY, "no private key", id="no key in PEM"),
        pytest.param(with_key(CA_KEY, ENCRYPTED), CA_KEY, "encrypted", id="an encrypted key"),
        pytest.param(with_key(CA_KEY, ED25519), CA_KEY, "neither RSA nor ECDSA", id="a key of another kind"),
        pytest.param(with_key(CA_KEY, key_pem(rsa_key(1024))), CA_KEY, "2048 bits at least", id="a weak key"),
        pytest.param(with_key(CA_KEY, key_pem(ec_key(2))), CA_KEY, "not the one of the certificate", id="mismatch"),
        pytest.param(
            with_key(ROOT_CERT, certificate_pem(authority(3).issuer.certificate)),
            ROOT_CERT,
            "does not lead to any of the roots",
            id="another root",
        ),
        pytest.param(lambda _: plugged_in(ca=False), CA_CERT, "may not sign", id="not an authority"),
        pytest.param(lambda _: plugged_in(ends=NOW - timedelta(hours=1)), CA_CERT, "valid from .* only", id="expired"),
    ],
)
def test_what_is_no_authority(change: Callable[[Data], Data], key: str, text: str) -> None:
    read, [problem] = authority_of(CACERTS, change(plugged_in()), NOW)
    assert read is None
    assert problem.ref == CACERTS
    assert problem.path == f"data[{key}]"
    assert re.search(text, problem.text), problem.text
    assert "PRIVATE" not in str(problem)


@pytest.mark.parametrize("key", [CA_CERT, CERT_CHAIN, ROOT_CERT])
def test_a_damaged_certificate_is_a_problem_at_most(key: str) -> None:
    whole = plugged_in()
    for pem in damaged(whole[CA_CERT].reveal()):
        read, problems = authority_of(CACERTS, {**whole, key: SecretBytes(pem)}, NOW)
        assert (read is None) == bool(problems)


def test_an_authority_is_over_when_its_chain_is() -> None:
    read, _ = authority_of(CACERTS, plugged_in(ends=NOW + timedelta(days=1)), NOW)
    assert read is not None
    assert not is_over(read, NOW)
    assert is_over(read, NOW + timedelta(days=1))
