"""The search for private keys finds them in every form, and nothing else."""

from __future__ import annotations

from base64 import b64decode, b64encode
from datetime import UTC, datetime

import pytest

from meshgate.ca.issue import Order, issue, new_authority
from meshgate.ca.pki import certificate_pem, key_pem
from tests.e2e.key_search import KeySearch

AUTHORITY = new_authority("cluster.local", datetime.now(UTC))
[ISSUED] = issue(AUTHORITY, [Order(identity="spiffe://cluster.local/ns/a/sa/b")], datetime.now(UTC))
PEM = ISSUED.key_pem.reveal()
DER = b64decode(b"".join(PEM.splitlines()[1:-1]))


@pytest.mark.parametrize("known", [(), (PEM,)], ids=["a key", "this key"])
@pytest.mark.parametrize("lead", ["", "x", "xy"], ids=["whole", "a byte later", "two bytes later"])
@pytest.mark.parametrize("content", [PEM, DER], ids=["PEM", "DER"])
def test_a_key_is_found_in_every_form(content: bytes, lead: str, known: tuple[bytes, ...]) -> None:
    search = KeySearch(known)
    text = lead.encode() + content + b" and so on"
    assert search.finds(text)
    assert search.finds(text.hex())
    assert search.finds(b64encode(text))


def test_certificates_are_no_keys() -> None:
    search = KeySearch([key_pem(AUTHORITY.issuer.key), PEM])
    for text in (ISSUED.chain_pem, certificate_pem(AUTHORITY.issuer.certificate)):
        assert not search.finds(text)
        assert not search.finds(b64encode(text))
        assert not search.finds(text.hex())
