"""Names of cipher suites and curves that Envoy knows. For one that it does not know it refuses the whole listener."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

SUITES: Final = frozenset(
    {
        "ECDHE-ECDSA-AES128-GCM-SHA256",
        "ECDHE-RSA-AES128-GCM-SHA256",
        "ECDHE-ECDSA-AES256-GCM-SHA384",
        "ECDHE-RSA-AES256-GCM-SHA384",
        "ECDHE-ECDSA-CHACHA20-POLY1305",
        "ECDHE-RSA-CHACHA20-POLY1305",
        "ECDHE-ECDSA-AES128-SHA",
        "ECDHE-RSA-AES128-SHA",
        "ECDHE-ECDSA-AES256-SHA",
        "ECDHE-RSA-AES256-SHA",
        "AES128-GCM-SHA256",
        "AES256-GCM-SHA384",
        "AES128-SHA",
        "AES256-SHA",
        "DES-CBC3-SHA",
    }
)
"""For TLS up to 1.2, as Istio lists them."""
ALL: Final = "ALL"
_OPERATORS: Final = "-!+"
"""In front of a name: takes it away, takes it away for good, moves it to the end."""

ECDH_CURVES: Final = frozenset({"P-256", "P-384", "P-521", "X25519", "X25519MLKEM768"})


def is_cipher_suite(text: str) -> bool:
    """Whether Envoy knows what a word of a list of cipher suites names.

    >>> is_cipher_suite("AES128-SHA"), is_cipher_suite("!AES128-SHA"), is_cipher_suite("[AES128-SHA|AES256-SHA]")
    (True, True, True)
    >>> is_cipher_suite("ALL"), is_cipher_suite(""), is_cipher_suite("TLS_AES_128_GCM_SHA256")
    (True, True, False)
    """
    return _named(text) is not None


def _named(text: str) -> frozenset[str] | None:
    """The suites that a word names, without its operator."""
    name = text[1:] if text[:1] in _OPERATORS else text
    if not name:
        return frozenset() if name == text else None
    if name == ALL:
        return SUITES
    names = name[1:-1].split("|") if name.startswith("[") and name.endswith("]") else [name]
    return frozenset(names) if SUITES.issuperset(names) else None


def known_cipher_suites(given: Iterable[str]) -> tuple[str, ...]:
    """A list without what Envoy does not know, and without repetitions; empty if it would leave no suite at all.

    >>> known_cipher_suites(["AES128-SHA", "RC4", "AES128-SHA", "", "-AES256-SHA"])
    ('AES128-SHA', '-AES256-SHA')
    >>> known_cipher_suites(["-AES128-SHA"]), known_cipher_suites(["AES128-SHA", "!AES128-SHA"])
    ((), ())
    """
    words = tuple(text for text in dict.fromkeys(given) if _named(text))
    left: frozenset[str] = frozenset()
    for text in words:
        named = _named(text) or frozenset()
        if text[:1] in ("-", "!"):
            left -= named
        elif text[:1] != "+":
            left |= named
    return words if left else ()


def known_ecdh_curves(given: Iterable[str]) -> tuple[str, ...]:
    """A list without what Envoy does not know, and without repetitions.

    >>> known_ecdh_curves(["P-256", "P-224", "P-256"])
    ('P-256',)
    """
    return tuple(text for text in dict.fromkeys(given) if text in ECDH_CURVES)
