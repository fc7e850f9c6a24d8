"""What Istio takes for a label, a host name, a wildcard host, an address, a name of a gateway.

istio:pkg/config/validation, pkg/config/labels, pkg/config/host. Unlike Kubernetes, Istio allows upper case in labels.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Final

from meshgate.api.rules.finding import Finding, Findings, doubt

_LABEL: Final = re.compile(r"[a-zA-Z0-9]([-a-zA-Z0-9]*[a-zA-Z0-9])?", re.ASCII)
_WILDCARD_LABEL: Final = re.compile(r"\*|(\*-?)?[a-zA-Z0-9]([-a-zA-Z0-9]*[a-zA-Z0-9])?", re.ASCII)
_INTEGER: Final = re.compile(r"[-+]?\d+", re.ASCII)
_SNI_PARTS: Final = 4
LONGEST_LABEL: Final = 63
LONGEST_HOST: Final = 255

HOST_RULE: Final = 'host names are letters, digits and "-" between dots, such as "reviews.shop.svc.cluster.local"'


def is_label(text: str) -> bool:
    """Whether this is one part of a host name.

    >>> is_label("v1"), is_label("v.1"), is_label("-v")
    (True, False, False)
    """
    return len(text) <= LONGEST_LABEL and _LABEL.fullmatch(text) is not None


def is_address(text: str) -> bool:
    """Whether this is an IPv4 or IPv6 address (no zone, no prefix length)."""
    try:
        return not getattr(ipaddress.ip_address(text), "scope_id", None)
    except ValueError:
        return False


def host_hint(host: str) -> str:
    """What to do about a host name that is none.

    >>> host_hint("http://web"), host_hint("web:80"), host_hint("my_web")
    ('leave out "http://"', 'leave out the port', 'a host name has no "_"')
    """
    scheme, is_url, _ = host.partition("://")
    if is_url:
        return f'leave out "{scheme}://"'
    if re.fullmatch(r"[^:]*:\d+", host):
        return "leave out the port"
    if "_" in host:
        return 'a host name has no "_"'
    return HOST_RULE


def host_fault(host: str) -> str:
    """Why this is no fully qualified host name; empty if it is one. Single labels are fine, a dot at the end too."""
    return _length_fault(host) or _labels_fault(host, host)


def wildcard_host_fault(host: str) -> str:
    """Why this is neither a host name nor one whose first label has or is a `*`; empty if it is."""
    fault = _length_fault(host)
    if fault:
        return fault
    first, dot, rest = host.partition(".")
    if len(first) > LONGEST_LABEL or not _WILDCARD_LABEL.fullmatch(first):
        return f'"{host}" is no host name: "{first}" cannot be a part of one'
    return _labels_fault(rest, host) if dot else ""


def sni_host_fault(host: str) -> str:
    """As `wildcard_host_fault`, but what sidecars send to each other, `outbound_.80_._.host`, is fine too."""
    if not host.startswith("outbound_"):
        return wildcard_host_fault(host)
    parts = host.split("_")  # as in istiod, what is between them is hardly looked at
    fits = len(parts) >= _SNI_PARTS and re.search(r"[0-9]", parts[1]) and re.search(r"[a-zA-Z]", parts[3])
    return _length_fault(host) or ("" if fits else f'"{host}" does not follow outbound_.<port>_.<subset>_.<host>')


def is_partial_wildcard(host: str) -> bool:
    """Whether a `*` is anywhere but in front of a dot, or alone."""
    return "*" in host and host != "*" and not host.startswith("*.")


def overlap(one: str, other: str) -> bool:
    """Whether there is a host that both mean.

    >>> overlap("*.foo.com", "*.com"), overlap("a.com", "*.org")
    (True, False)
    """
    if one.startswith("*") and other.startswith("*"):
        return one.endswith(other[1:]) or other.endswith(one[1:])
    if one.startswith("*"):
        return other.endswith(one[1:])
    if other.startswith("*"):
        return one.endswith(other[1:])
    return one == other


def is_covered(one: str, other: str) -> bool:
    """Whether every host that `one` means is meant by `other`.

    >>> is_covered("a.foo.com", "*.foo.com"), is_covered("*.com", "*.foo.com")
    (True, False)
    """
    if not other.startswith("*"):
        return one == other
    if one.startswith("*"):
        return len(one) >= len(other) and one[1:].endswith(other[1:])
    return one.endswith(other[1:])


def gateway_names(path: str, names: tuple[str, ...], *, doubts: bool = True, any_name: bool = False) -> Findings:
    """Names of gateways: `namespace/name`, `name` or `mesh`. As istiod, this stops at the first without a slash.

    `doubts`: old forms are warned about; `any_name`: after the slash anything goes.
    """
    for index, name in enumerate(names):
        at = f"{path}[{index}]"
        namespace, slash, gateway = name.partition("/")
        if not slash:
            yield from _short_gateway_name(at, name, doubts=doubts)
            return
        if not namespace or not gateway:
            yield Finding(at, f'"{name}" lacks the namespace or the name of the gateway')
        if not is_label(namespace):
            yield Finding(at, f'"{namespace}" is no namespace', 'a gateway is named "namespace/name" or "name"')
        if not any_name and not is_label(gateway):
            yield Finding(at, f'"{gateway}" is no name of a gateway')


def _short_gateway_name(at: str, name: str, *, doubts: bool) -> Findings:
    if "." in name and doubts:
        gateway, namespace, *_ = name.split(".")
        yield doubt(at, f'"{name}" is an old form of a gateway\'s name', f'write "{namespace}/{gateway}"')
    fault = host_fault(name)
    if fault:
        yield Finding(at, fault, 'a gateway is named "namespace/name" or "name"')


def _length_fault(host: str) -> str:
    if not host:
        return "the host name is empty"
    if len(host) > LONGEST_HOST:
        return f'"{host[:40]}..." is longer than the {LONGEST_HOST} characters of a host name'
    return ""


def _labels_fault(text: str, host: str) -> str:
    *labels, last = text.split(".")
    if _INTEGER.fullmatch(last):
        return f'"{host}" is no host name: its last part is a number'
    wrong = next((label for label in [*labels, *([last] if last else [])] if not is_label(label)), None)
    if wrong is None and (last or labels):
        return ""
    return f'"{host}" is no host name: "{wrong or ""}" cannot be a part of one'
