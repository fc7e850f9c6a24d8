"""Secrets as Envoy takes them; and that nothing of them shows."""

from __future__ import annotations

from meshgate.api import SecretBytes
from meshgate.envoy import SECRET, certificate_secret, resource_json, validation_secret

KEY = SecretBytes(b"-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49\n")


def test_a_certificate_comes_with_its_key() -> None:
    made = certificate_secret("default", b"chain", KEY)
    assert (made.name, made.type_url) == ("default", SECRET)
    assert b"MIGHAgEAMBMGByqGSM49" in made.body


def test_roots_come_with_revocations_if_there_are_any() -> None:
    assert resource_json(validation_secret("ROOTCA", b"roots")) == {
        "name": "ROOTCA",
        "validation_context": {"trusted_ca": {"inline_bytes": "cm9vdHM="}},
    }
    context = resource_json(validation_secret("ROOTCA", b"roots", b"crl"))["validation_context"]
    assert context == {"trusted_ca": {"inline_bytes": "cm9vdHM="}, "crl": {"inline_bytes": "Y3Js"}}


def test_equal_secrets_have_equal_versions() -> None:
    assert certificate_secret("default", b"chain", KEY) == certificate_secret("default", b"chain", KEY)
    assert certificate_secret("default", b"chain", KEY).version != certificate_secret("default", b"x", KEY).version


def test_no_repr_and_no_json_shows_a_key() -> None:
    made = certificate_secret("default", b"chain", KEY)
    assert repr(made) == f"Resource(Secret 'default', version {made.version}, {len(made.body)} bytes)"
    assert resource_json(made) == {
        "name": "default",
        "tls_certificate": {
            "certificate_chain": {"inline_bytes": "Y2hhaW4="},
            "private_key": {"inline_string": "[redacted]"},
        },
    }
