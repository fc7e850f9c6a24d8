"""Rules for small values that occur in many places: ports, durations, labels, exportTo, subnets, paths of sockets."""

from __future__ import annotations

import ipaddress
import posixpath
import re
from datetime import timedelta
from decimal import Decimal
from typing import Final

from meshgate.api import codes
from meshgate.api.rules.finding import Finding, Findings, at_key
from meshgate.api.rules.host_names import is_address, is_label
from meshgate.api.value import Labels

MILLISECOND: Final = timedelta(milliseconds=1)
HIGHEST_PORT: Final = 65535
LONGEST_NUMBER: Final = 20
"""Characters of a number that is written without an exponent."""
PROXY_SOCKETS: Final = "/run/meshgate"
"""Where a proxy sees the sockets of the control plane, of its admin interface and of the edge."""

_TAG_KEY: Final = re.compile(
    r"([a-zA-Z0-9]([-a-zA-Z0-9]*[a-zA-Z0-9])?(\.[a-zA-Z0-9]([-a-zA-Z0-9]*[a-zA-Z0-9])?)*/)?"
    r"[a-zA-Z0-9]([-a-zA-Z0-9_.]{0,61}[a-zA-Z0-9])?",
    re.ASCII,
)
_PREFIX_LENGTH: Final = re.compile(r"0|[1-9][0-9]{0,2}")
_TAG_VALUE: Final = re.compile(r"([a-zA-Z0-9]([-a-zA-Z0-9_.]*[a-zA-Z0-9])?)?", re.ASCII)


def port(path: str, number: int) -> Findings:
    """A port number."""
    if not 1 <= number <= HIGHEST_PORT:
        yield Finding(path, f"{number} is no port", f"ports are 1 to {HIGHEST_PORT}")


def duration(path: str, value: timedelta | None) -> Findings:
    """A duration of whole milliseconds, at least one; none is fine."""
    if value is None:
        return
    if value < MILLISECOND:
        yield Finding(path, "a duration must be at least 1ms")
    elif value % MILLISECOND:
        yield Finding(path, "a duration must be a whole number of milliseconds")


def number_text(number: float) -> str:
    """As people write it: without an exponent, unless it would be long.

    >>> number_text(0.00001), number_text(101.0), number_text(-0.5), number_text(1e300)
    ('0.00001', '101', '-0.5', '1e+300')
    """
    text = f"{Decimal(repr(number)):f}"
    if len(text) > LONGEST_NUMBER:
        return repr(number)
    return text.removesuffix(".0")


def labels(path: str, pairs: Labels) -> Findings:
    """Labels that are compared with those of workloads. As in Istio, values may be longer than 63 characters."""
    for key, value in pairs:
        if not _TAG_KEY.fullmatch(key):
            yield Finding(at_key(path, key), f'"{key}" is no label key')
        if not _TAG_VALUE.fullmatch(value):
            yield Finding(at_key(path, key), f'"{value}" is no label value')


def selector(path: str, pairs: Labels) -> Finding | None:
    """The first fault of a workload selector: an empty key, or a wildcard."""
    for key, value in pairs:
        if not key:
            return Finding(path, "a selector cannot have an empty key")
        if "*" in key or "*" in value:
            return Finding(at_key(path, key), "a selector cannot have wildcards", "give the whole key and value")
    return None


def export_to(path: str, namespaces: tuple[str, ...], own: str, *, may_be_none: bool = False) -> Findings:
    """Namespaces that see an object: `.`, `*` alone, or names; each once. `may_be_none`: `~` alone means none."""
    seen: set[str] = set()
    for index, written in enumerate(namespaces):
        at = f"{path}[{index}]"
        namespace = own if written == "." else written
        if namespace in seen:
            yield Finding(at, f'"{written}" is given twice')
        seen.add(namespace)
        if written == "~" and not may_be_none:
            yield Finding(at, '"~" (no namespace) has no meaning here')
        elif written not in (".", "*", "~") and not is_label(written):
            yield Finding(at, f'"{written}" is no namespace', 'give ".", "*" or the name of a namespace')
    if "~" in seen and len(seen) > 1:
        yield Finding(path, '"~" means no namespace', "leave it out, or the others")
    if "*" in seen and len(seen) > 1:
        yield Finding(path, '"*" already means all namespaces', "leave out the others")


def subnet(path: str, text: str) -> Findings:
    """An address, or a range of addresses in CIDR notation."""
    if is_address(text):
        return
    address, slash, length = text.partition("/")
    try:
        if not slash or not _PREFIX_LENGTH.fullmatch(length) or not is_address(address):
            raise ValueError
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        yield Finding(path, f'"{text}" is neither an address nor a range such as 10.1.0.0/16')


def unix_path(path: str, text: str) -> Findings:
    """The path of a Unix socket: absolute, or abstract (`@name`)."""
    if not text:
        yield Finding(path, "the path of the Unix socket is empty")
    elif not text.startswith("@") and (not text.startswith("/") or text.endswith("/")):
        yield Finding(path, f'"{text}" is not an absolute path of a file')
    elif f"{PROXY_SOCKETS}/" in posixpath.normpath(text):  # at the end of a link, too: /var/run, /proc/self/root
        found = f'"{text}" is below {PROXY_SOCKETS}, where the proxy\'s own sockets are'
        yield Finding(path, found, "choose another path", code=codes.OWN_SOCKET)
