"""Certificates with keys, and roots, good and bad: each is judged by us (`test_certificates`) and by a real Envoy."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from cryptography.hazmat.primitives.serialization import Encoding, PrivateFormat

from tests.certificates import certificate, encrypted_key_pem, key_pem, private_key, revocation_list

JUNK = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
WRONG_BASE64 = b"-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----\n"
Case = tuple[bytes, bytes, str]
"""A chain and a key, or roots and revocation lists; what is wrong for Envoy, the part first (empty: nothing)."""


@cache
def pairs() -> Mapping[str, Case]:
    """Certificates with their keys."""
    leaf, other = certificate("leaf"), certificate("other")
    root = certificate("root", is_ca=True)
    middle = certificate("middle", issuer=root, is_ca=True)
    issued = certificate("issued", issuer=middle)
    fine = {
        "one certificate": (leaf.pem, leaf.key),
        "a whole chain": (issued.pem + middle.pem + root.pem, issued.key),
        "issuers in another order": (issued.pem + root.pem + middle.pem, issued.key),
        "a stranger in the chain": (issued.pem + other.pem, issued.key),
        "a key as SEC1": (leaf.pem, key_pem(leaf.private, PrivateFormat.TraditionalOpenSSL)),
        "P-384": _pair("P-384"),
        "P-521": _pair("P-521"),
        "Ed25519": _pair("Ed25519"),
        "RSA of 2048 bits": _pair("RSA-2048"),
        "RSA as PKCS 1": (_pair("RSA-2048")[0], key_pem(private_key("RSA-2048"), PrivateFormat.TraditionalOpenSSL)),
        "text around": (b"hello\n" + leaf.pem + b"hello", b"hello\n" + leaf.key + b"hello"),
        "CRLF": (leaf.pem.replace(b"\n", b"\r\n"), leaf.key.replace(b"\n", b"\r\n")),
        "spaces at the ends": (leaf.pem.replace(b"\n", b" \t\n"), leaf.key),
        "an empty line inside": (leaf.pem[:100] + b"\n" + leaf.pem[100:], leaf.key),
        "no newline at the end": (leaf.pem.rstrip(), leaf.key.rstrip()),
        "one long line": (_in_one_line(leaf.pem), _in_one_line(leaf.key)),
        "key behind the certificate": (leaf.pem + leaf.key, leaf.pem + leaf.key),
        "another key behind": (leaf.pem, leaf.key + other.key),
        "other words": (_renamed(leaf.pem, "X509 CERTIFICATE"), leaf.key),
        "trusted": (_renamed(leaf.pem, "TRUSTED CERTIFICATE"), leaf.key),
    }
    refused = {
        "the key of another": (leaf.pem, other.key, "key: the private key is not that of the certificate"),
        "another key before": (leaf.pem, other.key + leaf.key, "key: the private key is not that of"),
        "root first": (root.pem + leaf.pem, leaf.key, "certificate: the certificate of the private key is number 2"),
        "no certificate": (b"hello", leaf.key, "certificate: there is no certificate in it"),
        "DER": (leaf.certificate.public_bytes(Encoding.DER), leaf.key, "certificate: there is no certificate in it"),
        "no key": (leaf.pem, leaf.pem, "key: there is no private key in it"),
        "a key with a password": (leaf.pem, encrypted_key_pem(leaf.private), "key: the private key is encrypted"),
        "an old key with a password": (leaf.pem, _with_password(leaf.key), "key: the private key is encrypted"),
        "junk": (JUNK, leaf.key, "certificate: certificate 1 of it cannot be read"),
        "junk behind": (leaf.pem + JUNK, leaf.key, "certificate: certificate 2 of it cannot be read"),
        "no base64": (leaf.pem + WRONG_BASE64, leaf.key, "certificate: the block that begins in line"),
        "cut off": (
            leaf.pem[:-40],
            leaf.key,
            "certificate: the block that begins in line 1 does not end",
        ),
        "joined lines": (leaf.pem.rstrip() + other.pem, leaf.key, "certificate: the block that begins"),
        "indented": (leaf.pem.replace(b"\n", b"\n  "), leaf.key, "certificate: the block that begins"),
        "another block cut off": (
            leaf.pem + b"-----BEGIN A-----\nAA\n",
            leaf.key,
            "certificate: the block that begins",
        ),
        "a byte order mark": (b"\xef\xbb\xbf" + leaf.pem, leaf.key, "certificate: there is no certificate in it"),
        "returns alone": (leaf.pem.replace(b"\n", b"\r"), leaf.key, "certificate: the block that begins in line 1"),
        "a key with returns": (leaf.pem, leaf.key.replace(b"\n", b"\r"), "key: the block that begins in line 1"),
        "junk for a key": (
            leaf.pem,
            JUNK.replace(b"CERTIFICATE", b"PRIVATE KEY"),
            "key: the private key cannot be read",
        ),
        "a key cut off": (leaf.pem, leaf.key[:-30], "key: the block that begins in line 1 does not end"),
        "RSA of 1024 bits": (*_pair("RSA-1024"), "certificate: its RSA key has 1024 bits only"),
        "RSA of 2040 bits": (*_pair("RSA-2040"), "certificate: its RSA key has 2040 bits only"),
        "P-224": (*_pair("P-224"), "certificate: its key is of curve secp224r1"),
        "secp256k1": (*_pair("P-256K"), "certificate: its key is of curve secp256k1"),
    }
    return {name: (*pair, "") for name, pair in fine.items()} | refused


@cache
def roots() -> Mapping[str, Case]:
    """Roots, with lists of what was revoked."""
    root, other, leaf = certificate("root", is_ca=True), certificate("other ca", is_ca=True), certificate("leaf")
    revoked, of_other = revocation_list(root), revocation_list(other)
    no_list = JUNK.replace(b"CERTIFICATE", b"X509 CRL")
    fine = {
        "a root": (root.pem, b""),
        "two": (root.pem + other.pem, b""),
        "twice": (root.pem + root.pem, b""),
        "text before": (b"hello\n" + root.pem, b""),
        "no authority": (leaf.pem, b""),
        "a list": (root.pem, revoked),
        "lists": (root.pem + other.pem, revoked + of_other),
        "the list of another": (root.pem, of_other),
        "no list in it": (root.pem, b"hello"),
    }
    refused = {
        "nothing": (b"hello", b"", "roots: there is no certificate in it"),
        "junk first": (JUNK + root.pem, b"", "roots: certificate 1 of it cannot be read"),
        "junk behind": (root.pem + JUNK, b"", "roots: certificate 2 of it cannot be read"),
        "junk for a list": (root.pem, no_list, "crl: a list of it cannot be read"),
        "a list cut off": (root.pem, revoked[:-30], "crl: the block that begins in line 1 does not end"),
    }
    return {name: (*pair, "") for name, pair in fine.items()} | refused


def _pair(kind: str) -> tuple[bytes, bytes]:
    made = certificate(kind, key=kind)
    return made.pem, made.key


def _in_one_line(pem: bytes) -> bytes:
    first, *rest, last = pem.strip().split(b"\n")
    return b"\n".join((first, b"".join(rest), last, b""))


def _renamed(pem: bytes, label: str) -> bytes:
    return pem.replace(b" CERTIFICATE-", f" {label}-".encode())


def _with_password(key: bytes) -> bytes:
    """As openssl wrote them before PKCS 8: headers before the content."""
    headers = b"Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00112233445566778899AABBCCDDEEFF\n\n"
    first, _, rest = key.replace(b" PRIVATE KEY", b" EC PRIVATE KEY").partition(b"\n")
    return first + b"\n" + headers + rest
