"""What certificates of workloads are made like, in the words of Istio's agent.

It reads `meshConfig.defaultConfig.proxyMetadata` as its environment; those of its variables that are about
certificates have effect here. Unlike Istio's, keys are ECDSA (P-256) unless an RSA size is given. What cannot be read
is as if it was not given, as with Istio.

https://istio.io/latest/docs/reference/commands/pilot-agent/#envvars
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Final, NamedTuple, TypeVar

from meshgate.api import codes
from meshgate.api.duration import parse_duration
from meshgate.api.rules.finding import Finding, Findings, at_key, doubt
from meshgate.api.value import Labels, Value, find

T = TypeVar("T")

LIFETIME_KEY: Final = "SECRET_TTL"
GRACE_KEY: Final = "SECRET_GRACE_PERIOD_RATIO"
RSA_KEY: Final = "WORKLOAD_RSA_KEY_SIZE"
ECC_KEY: Final = "ECC_SIGNATURE_ALGORITHM"

_OLD: Final = "ISTIO_META_DNS_AUTO_ALLOCATE"

LONGEST_LIFETIME: Final = timedelta(days=90)
"""Istiod's `MAX_WORKLOAD_CERT_TTL`."""
SHORTEST: Final = timedelta(seconds=2)
"""Times in certificates are whole seconds: of a shorter one nothing might be left when it is made."""
_RSA_BITS: Final = range(2048, 8193)


class CertificateSettings(Value, frozen=True, kw_only=True):
    """Of workloads' certificates; the defaults are Istio's but for the kind of key."""

    lifetime: timedelta = timedelta(hours=24)
    grace: float = 0.5
    """What part of its life a certificate has left when it is made anew."""
    rsa_bits: int = 0
    """0: an ECDSA key with the curve P-256."""


class _Variable(NamedTuple):
    expected: str
    read: Callable[[str], object]
    """None for what cannot be read."""


def certificate_settings(metadata: Labels) -> CertificateSettings:
    """What `proxyMetadata` asks for."""
    usual = CertificateSettings()
    is_ecdsa = _ecdsa(find(metadata, ECC_KEY) or "") is not None
    return CertificateSettings(
        lifetime=_value(metadata, LIFETIME_KEY, _lifetime, usual.lifetime),
        grace=_value(metadata, GRACE_KEY, _grace, usual.grace),
        rsa_bits=0 if is_ecdsa else _value(metadata, RSA_KEY, rsa_bits, usual.rsa_bits),
    )


def proxy_metadata_findings(path: str, metadata: Labels) -> Findings:
    """Remarks on variables that cannot be read, and on those that have no effect here."""
    for key, text in metadata:
        variable = VARIABLES.get(key)
        if key == _OLD:
            yield doubt(at_key(path, key), "deprecated: addresses are always allocated")
        elif variable is None:
            why = "accepted, but without effect: proxies are told what they need by meshgate"
            hint = f"with effect: {', '.join(sorted(VARIABLES))}"
            yield Finding(at_key(path, key), why, hint, "info", codes.WITHOUT_EFFECT)
        elif variable.read(text) is None:
            yield doubt(at_key(path, key), f'expected {variable.expected}, got "{text}"; it is as if it was not given')


def rsa_bits(text: str) -> int | None:
    """The length of an RSA key; None if the text is none that is safe and can be made in reasonable time."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 6 and int(text) in _RSA_BITS else None


def _lifetime(text: str) -> timedelta | None:
    found = parse_duration(text)
    return found if found is not None and SHORTEST <= found <= LONGEST_LIFETIME else None


def _grace(text: str) -> float | None:
    try:
        found = float(text)
    except ValueError:
        return None
    return found if 0 < found < 1 else None


def _ecdsa(text: str) -> str | None:
    return text if text == "ECDSA" else None


def _value(metadata: Labels, key: str, read: Callable[[str], T | None], usual: T) -> T:
    text = find(metadata, key)
    found = read(text) if text is not None else None
    return usual if found is None else found


VARIABLES: Final[Mapping[str, _Variable]] = {
    LIFETIME_KEY: _Variable(f"a duration from {SHORTEST.seconds}s to {LONGEST_LIFETIME.days * 24}h", _lifetime),
    GRACE_KEY: _Variable("a number between 0 and 1", _grace),
    RSA_KEY: _Variable(f"a number of bits from {_RSA_BITS[0]} to {_RSA_BITS[-1]}", rsa_bits),
    ECC_KEY: _Variable("ECDSA", _ecdsa),
}
"""Those that have effect."""
