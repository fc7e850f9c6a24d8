"""Certificates are judged as Envoy judges them, with words that show nothing of a key."""

from __future__ import annotations

import base64
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshgate.api import SecretBytes
from meshgate.mesh.certificates import CertificateFault, Checked, check_pair, check_roots
from meshgate.mesh.pem import pem_blocks
from tests.certificates import certificate, damaged, revocation_list
from tests.mesh.certificate_cases import JUNK, pairs, roots

PAIRS = tuple(pairs())
ROOTS = tuple(roots())


def told(faults: tuple[CertificateFault, ...]) -> list[str]:
    return [f"{fault.part}: {fault.text}" for fault in faults]


def verdict(checked: Checked, expected: str) -> None:
    faults = told(checked.faults)
    if expected:
        assert len(faults) == 1, faults
        assert faults[0].startswith(expected)
    else:
        assert faults == []
        assert checked.certificates


@pytest.mark.parametrize("name", PAIRS)
def test_pairs(name: str) -> None:
    chain, key, expected = pairs()[name]
    verdict(check_pair(chain, SecretBytes(key)), expected)


@pytest.mark.parametrize("name", ROOTS)
def test_roots(name: str) -> None:
    given_roots, crl, expected = roots()[name]
    verdict(check_roots(given_roots, crl), expected)


def test_doubts_about_a_chain() -> None:
    root = certificate("root", is_ca=True)
    leaf = certificate("leaf", issuer=root)
    stranger = certificate("stranger")
    assert check_pair(leaf.pem + root.pem, SecretBytes(leaf.key)).doubts == ()
    [doubt] = check_pair(leaf.pem + stranger.pem + root.pem, SecretBytes(leaf.key)).doubts
    assert doubt.text == 'certificate 2 of the chain, "CN=stranger", did not issue the one before it'


def test_doubts_about_roots() -> None:
    root, other, leaf = certificate("root", is_ca=True), certificate("other", is_ca=True), certificate("leaf")
    assert check_roots(root.pem, revocation_list(root)).doubts == ()
    assert told(check_roots(leaf.pem).doubts) == ['roots: "CN=leaf" is no certificate of an authority']
    assert told(check_roots(root.pem + other.pem, revocation_list(root)).doubts) == [
        'crl: there is no list of "CN=other"'
    ]


def test_what_is_told_of_a_certificate() -> None:
    begin, end = datetime(2026, 2, 3, tzinfo=UTC), datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
    made = certificate("a.org", dns=("a.org", "*.b.org"), begin=begin, end=end)
    [facts] = check_pair(made.pem, SecretBytes(made.key)).certificates
    assert (facts.subject, facts.dns_names, facts.other_names) == ("CN=a.org", ("a.org", "*.b.org"), False)
    assert (facts.not_before, facts.not_after) == (begin, end)


@pytest.mark.parametrize("name", PAIRS)
def test_nothing_of_a_key_is_told(name: str) -> None:
    chain, key, _ = pairs()[name]
    shown = repr(check_pair(chain, SecretBytes(key))) + repr(list(pem_blocks(key)))
    for line in key.split():
        if len(line) > 20 and line not in chain:
            assert line.decode() not in shown


@given(st.binary(max_size=200), st.sampled_from([b"", JUNK, certificate("leaf").pem]))
def test_any_text_gets_a_verdict(text: bytes, before: bytes) -> None:
    checked = check_pair(before + b"\n" + text, SecretBytes(text))
    assert checked.faults
    check_roots(before + text, text)


def test_whatever_is_damaged_gets_a_verdict() -> None:
    root = certificate("root", is_ca=True)
    for pem in damaged(root.pem):
        check_pair(pem, SecretBytes(root.key))
        check_roots(pem)
    for revoked in damaged(revocation_list(root)):
        check_roots(root.pem, revoked)


@given(st.binary(max_size=100), st.integers(1, 80), st.sampled_from(["A", "PRIVATE KEY"]))
def test_a_block_is_read_whatever_its_lines_are(content: bytes, width: int, label: str) -> None:
    text = base64.b64encode(content)
    lines = [text[at : at + width] for at in range(0, len(text), width)]
    pem = b"\n".join((f"-----BEGIN {label}-----".encode(), *lines, f"-----END {label}-----".encode()))
    [block] = pem_blocks(b"x\n" + pem)
    assert (block.label, block.content) == (label, content)  # type: ignore[union-attr]  # a fault has no label
