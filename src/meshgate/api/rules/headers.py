"""Rules of header names and values. istio:pkg/config/validation/validation.go#ValidateHTTPHeaderName and following"""

from __future__ import annotations

import re
from typing import Final

from meshgate.api.rules.finding import Finding, Findings, at_key
from meshgate.api.rules.header_format import header_format_fault
from meshgate.api.virtual_service import HeaderOperations, Headers

CLAIM_PREFIX: Final = "@request.auth.claims"
PSEUDO_HEADERS: Final = frozenset({":method", ":scheme", ":authority", ":path", ":status"})
"""Of HTTP/2: what else would be in the first line."""

_NAME: Final = re.compile(r"[-!#$%&'*+.^_`|~0-9A-Za-z]+", re.ASCII)
_CLAIM: Final = re.compile(rf"(?i:{re.escape(CLAIM_PREFIX)})(\..+|\[.+\])", re.ASCII | re.DOTALL)
_AUTHORITY: Final = frozenset({"host", ":authority"})


def header_name(path: str, name: str) -> Findings:
    """The name of a header."""
    if not name:
        yield Finding(path, "the name of a header is empty")
    elif not _NAME.fullmatch(name):
        yield Finding(path, f'"{name}" is no name of a header')


def matched_header_name(path: str, name: str) -> Findings:
    """The name of a header that is matched."""
    if name not in PSEUDO_HEADERS:
        yield from header_name(path, name)


def is_claim(name: str) -> bool:
    """Whether a header match looks at a claim of a JWT: `@request.auth.claims.sub`, `@request.auth.claims[a][b]`."""
    return _CLAIM.fullmatch(name) is not None


def headers(path: str, changes: Headers | None) -> Findings:
    """Changes of a request's and a response's headers. Only the request's authority may be set."""
    if changes is None:
        return
    if changes.request:
        yield from _operations(f"{path}.request", changes.request, may_set_authority=True)
    if changes.response:
        yield from _operations(f"{path}.response", changes.response, may_set_authority=False)


def _operations(path: str, operations: HeaderOperations, *, may_set_authority: bool) -> Findings:
    for verb, pairs in (("set", operations.set), ("add", operations.add)):
        for name, value in pairs:
            at = at_key(f"{path}.{verb}", name)
            yield from _operated_name(at, name, may_set_authority=may_set_authority)
            fault = header_format_fault(value)
            if fault:
                yield Finding(at, fault, 'write "%%" for a plain percent sign')
    for index, name in enumerate(operations.remove):
        yield from _operated_name(f"{path}.remove[{index}]", name, may_set_authority=False)


def _operated_name(path: str, name: str, *, may_set_authority: bool) -> Findings:
    if not name:
        yield Finding(path, "the name of a header is empty")
    elif may_set_authority and is_authority(name):
        return
    elif name.lower() == "host":
        yield Finding(path, '"host" cannot be changed here', "use rewrite.authority")
    elif name.startswith(":"):
        yield Finding(path, f'"{name}" is no header of HTTP/1.1 and cannot be changed')


def is_authority(name: str) -> bool:
    """Whether the header is the host of a request."""
    return name.lower() in _AUTHORITY


def authorities(changes: Headers | None) -> list[str]:
    """What the changes set or add as the request's authority."""
    operations = changes.request if changes else None
    if operations is None:
        return []
    return [value for name, value in (*operations.set, *operations.add) if is_authority(name)]
