"""Looks for private keys in whatever a mesh says or writes: PEM, DER, hexadecimal digits, base64 of these."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterable, Iterator

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

_MARKS = (b"PRIVATE KEY", b"\x02\x01\x00\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01")
"""Of PEM, and how an ECDSA key in PKCS #8 begins, which no certificate and no public key has."""


def forms_of(content: bytes) -> Iterator[bytes]:
    """The content, its hexadecimal digits, and its base64 at any of the three places that it may begin at."""
    yield content
    yield content.hex().encode()
    for shift in range(3):
        encoded = b64encode(b"\0" * shift + content)
        # what the neighbouring bytes take part in is cut off
        whole = encoded[4 if shift else 0 : len(encoded) // 4 * 4 - 4]
        if len(whole) >= 8:
            yield whole


def _private_number(pem: bytes) -> bytes:
    """What of an ECDSA key is private: its PEM has the public key in it, too, which certificates show."""
    key = serialization.load_pem_private_key(pem, None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return key.private_numbers().private_value.to_bytes(key.key_size // 8, "big")


class KeySearch:
    """What to look for: marks of any key, and the numbers of ECDSA keys that are known."""

    def __init__(self, known_pem: Iterable[bytes] = ()) -> None:
        needles = {form for mark in _MARKS for form in forms_of(mark)}
        for pem in known_pem:
            needles |= set(forms_of(_private_number(pem)))
        self._pattern = re.compile(b"|".join(re.escape(needle) for needle in sorted(needles)))

    def finds(self, text: str | bytes) -> bool:
        """Whether there is a key in it. What was found is never shown."""
        return self._pattern.search(text.encode() if isinstance(text, str) else text) is not None
