"""Keys and certificates for workloads, made together: the part of the authority that draws random numbers.

A shell: call it outside of the event loop. A key lives in a `SecretBytes` from here to the proxy's socket, and nowhere
else.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from msgspec import Struct

from meshgate.api import SecretBytes
from meshgate.ca.authority import ROOT_LIFETIME, Authority, self_signed_authority
from meshgate.ca.pki import PrivateKey, Terms, certificate_pem, key_pem, workload_certificate

LIFETIME: Final = timedelta(hours=24)
"""Istio's default for workloads."""


class Order(Struct, frozen=True, kw_only=True):
    """What a workload needs."""

    identity: str
    lifetime: timedelta = LIFETIME
    rsa_bits: int = 0
    """0: an ECDSA key with the curve P-256."""
    dns_names: tuple[str, ...] = ()
    """Of the control plane, which is called by its name."""


class Issued(Struct, frozen=True, kw_only=True):
    """A certificate, those that lead to its root, and its key."""

    chain_pem: bytes
    key_pem: SecretBytes
    begins: datetime
    ends: datetime


def new_key(rsa_bits: int = 0) -> PrivateKey:
    """ECDSA with the curve P-256 unless RSA is asked for."""
    if rsa_bits:
        return rsa.generate_private_key(public_exponent=65537, key_size=rsa_bits)
    return ec.generate_private_key(ec.SECP256R1())


def new_authority(organization: str, now: datetime, *, rsa_bits: int = 0) -> Authority:
    """A root of our own."""
    terms = Terms(now=now, lifetime=ROOT_LIFETIME, serial=x509.random_serial_number())
    return self_signed_authority(new_key(rsa_bits), organization, terms)


def issue(authority: Authority, orders: Iterable[Order], now: datetime) -> list[Issued]:
    """One for each order, in their order. The authority is not over yet."""
    chain = authority.chain_pem
    return [_issue(authority, order, now, chain) for order in orders]


def _issue(authority: Authority, order: Order, now: datetime, chain: bytes) -> Issued:
    key = new_key(order.rsa_bits)
    terms = Terms(now=now, lifetime=order.lifetime, serial=x509.random_serial_number())
    made = workload_certificate(authority.issuer, key.public_key(), order.identity, terms, order.dns_names)
    return Issued(
        chain_pem=certificate_pem(made) + chain,
        key_pem=SecretBytes(key_pem(key)),
        begins=made.not_valid_before_utc,
        ends=made.not_valid_after_utc,
    )
