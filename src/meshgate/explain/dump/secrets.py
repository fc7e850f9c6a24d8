"""The secrets of a dump by their certificates: `istioctl proxy-config secret`. Envoy prints no private key."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from datetime import datetime

import msgspec
from msgspec import Struct

from meshgate.explain.dump.certificates import TIME, Certificate, certificates_of
from meshgate.explain.dump.sections import Dump
from meshgate.explain.dump.table import Row, Table

COLUMNS = (
    "Resource Name",
    "Type",
    "Status",
    "Valid Cert",
    "Serial Number",
    "Not After",
    "Not Before",
    "Trust Domain",
)
WIDE_COLUMNS = ("Subject", "Issuer", "Subject Alternative Names")
UNINITIALIZED = "uninitialized"
"""Envoy's version of a secret that has not come yet."""


class _Source(Struct, frozen=True):
    inline_bytes: str = ""
    inline_string: str = ""

    @property
    def content(self) -> bytes:
        return base64.b64decode(self.inline_bytes) or self.inline_string.encode()


class _TlsCertificate(Struct, frozen=True):
    certificate_chain: _Source = _Source()


class _ValidationContext(Struct, frozen=True):
    trusted_ca: _Source = _Source()


class _Secret(Struct, frozen=True):
    tls_certificate: _TlsCertificate = _TlsCertificate()
    validation_context: _ValidationContext = _ValidationContext()


class Held(Struct, frozen=True, kw_only=True):
    """A secret as the proxy has it."""

    name: str
    status: str
    """ACTIVE, WARMING (asked for, not given) or UNINITIALIZED."""
    chain: bytes = b""
    """PEM: the proxy's or a server's own certificate, then those that vouch for it."""
    roots: bytes = b""
    """PEM: whom it trusts."""


def held_secrets(dump: Dump) -> tuple[Held, ...]:
    """By name; with one name, what waits comes first."""
    found = [
        *_held(dump, "dynamic_warming_secrets", "WARMING"),
        *_held(dump, "dynamic_active_secrets", "ACTIVE"),
        *_held(dump, "static_secrets", "ACTIVE"),
    ]
    return tuple(sorted(found, key=lambda each: each.name))


def secret_table(dump: Dump, now: datetime, *, wide: bool = False, kinds: bool = False) -> Table:
    """A line for each own certificate and each trusted root; in the wide form for each certificate of a chain."""
    prefix = "secret/" if kinds else ""
    rows = [(f"{prefix}{each.name}", *row) for each in held_secrets(dump) for row in _rows(each, now, wide=wide)]
    return Table(columns=(*COLUMNS, *WIDE_COLUMNS) if wide else COLUMNS, rows=tuple(rows))


def _held(dump: Dump, field: str, status: str) -> Iterator[Held]:
    for entry in dump.entries("SecretsConfigDump", field):
        secret = dump.read(entry.secret, _Secret) if bytes(entry.secret) else _Secret()
        is_there = entry.version_info != UNINITIALIZED
        yield Held(
            name=entry.name,
            status=status if is_there else UNINITIALIZED.upper(),
            chain=secret.tls_certificate.certificate_chain.content,
            roots=secret.validation_context.trusted_ca.content,
        )


def _rows(held: Held, now: datetime, *, wide: bool) -> Iterator[Row]:
    try:
        found = certificates_of(held.chain or held.roots)
    except ValueError:
        found = ()
    shown = found if wide or not held.chain else found[:1]
    for certificate in shown:
        yield _row(held, certificate, now, wide=wide)
    if not shown:  # not given yet, or nothing that can be read
        yield ("", held.status, "false", *[""] * (len(COLUMNS) - 4 + (len(WIDE_COLUMNS) if wide else 0)))


def _row(held: Held, certificate: Certificate, now: datetime, *, wide: bool) -> Row:
    row = (
        "CA" if certificate.is_ca else "Cert Chain",
        held.status,
        msgspec.json.encode(certificate.is_valid(now)).decode(),
        certificate.serial,
        certificate.not_after.strftime(TIME),
        certificate.not_before.strftime(TIME),
        certificate.trust_domain,
    )
    return (*row, certificate.subject, certificate.issuer, ",".join(certificate.names)) if wide else row
