"""Host names as Istio compares them: exact names, and wildcards that begin with `*`.

A wildcard stands for every name that ends with what follows the star. `*` alone stands for all. Names are compared in
lower case by those who make them; here they are taken as they are. (istio:pkg/config/host#Name)
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Generic, TypeVar

T = TypeVar("T")


def is_wildcard(host: str) -> bool:
    """Whether the name stands for others.

    >>> is_wildcard("*.example.com"), is_wildcard("example.com")
    (True, False)
    """
    return host.startswith("*")


def matches(one: str, other: str) -> bool:
    """Whether some name is in both.

    >>> matches("*.com", "*.example.com"), matches("*.com", "example.org"), matches("a", "a")
    (True, False, True)
    """
    if is_wildcard(one) and is_wildcard(other):
        return one[1:].endswith(other[1:]) or other[1:].endswith(one[1:])
    if is_wildcard(one):
        return other.endswith(one[1:])
    if is_wildcard(other):
        return one.endswith(other[1:])
    return one == other


def is_within(one: str, other: str) -> bool:
    """Whether every name of the first is in the second.

    >>> is_within("*.example.com", "*.com"), is_within("*.com", "*.example.com"), is_within("a.com", "*.com")
    (True, False, True)
    """
    if not is_wildcard(other):
        return one == other
    return (one[1:] if is_wildcard(one) else one).endswith(other[1:])


def intersection(ones: Iterable[str], others: Iterable[str]) -> tuple[str, ...]:
    """The narrower name of each pair of which one is within the other; each once, in the order found.

    >>> intersection(["*.example.com"], ["a.example.com", "*.com", "b.org"])
    ('a.example.com', '*.example.com')
    """
    others = tuple(others)
    found: dict[str, None] = {}
    for one in ones:
        for other in others:
            if is_within(one, other):
                found[one] = None
            elif is_within(other, one):
                found[other] = None
    return tuple(found)


def specificity(host: str) -> tuple[bool, int, str]:
    """Sort key: exact names before wildcards, longer ones first, then by alphabet (istio:host.Names#Less)."""
    return is_wildcard(host), -len(host), host


@lru_cache(maxsize=4096)
def is_address(text: str) -> bool:
    """Whether the text is an IP address.

    >>> is_address("10.0.0.1"), is_address("::1"), is_address("10.0.0.0/8"), is_address("a.b")
    (True, True, False, False)
    """
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def full_name(host: str, namespace: str, domain: str) -> str:
    """A host of an Istio object in full: a name without a dot is a Service in the object's namespace.

    >>> full_name("web", "shop", "cluster.local"), full_name("web", "shop", ""), full_name("web.org", "shop", "x")
    ('web.shop.svc.cluster.local', 'web.shop', 'web.org')
    """
    if not host or host == "*" or "." in host or is_address(host):
        return host
    return f"{host}.{namespace}.svc.{domain}" if domain else f"{host}.{namespace}"


MESH = "mesh"
"""The reserved gateway: all sidecars."""


def gateway_name(name: str, namespace: str) -> str:
    """A gateway as a VirtualService names it, in full.

    >>> gateway_name("web", "shop"), gateway_name("./web", "shop"), gateway_name("edge/web", "shop")
    ('shop/web', 'shop/web', 'edge/web')
    >>> gateway_name("mesh", "shop"), gateway_name("web.edge.svc.cluster.local", "shop")
    ('mesh', 'edge/web')
    """
    if name == MESH:
        return name
    if "/" in name:
        owner, rest = name.split("/", 1)
        return f"{namespace if owner == '.' else owner}/{rest}"
    if "." in name:
        # the old form: a full name as that of a Service
        parts = name.split(".")
        return f"{parts[1]}/{parts[0]}"
    return f"{namespace}/{name}"


class HostIndex(Generic[T]):
    """Values by host name, of which the most specific that covers a name can be found without a scan."""

    def __init__(self) -> None:
        self._exact: dict[str, T] = {}
        self._wildcards: dict[str, T] = {}
        self._loose: list[str] = []
        """Wildcards that do not end at a dot, such as `*-shop.com`, longest first; there are hardly ever any."""

    def add(self, host: str, value: T) -> None:
        """Set the value of a host, unless it has one."""
        if not is_wildcard(host):
            self._exact.setdefault(host, value)
        elif host not in self._wildcards:
            self._wildcards[host] = value
            if host != "*" and host[1] != ".":
                self._loose = sorted([*self._loose, host], key=specificity)

    def exact(self, host: str) -> T | None:
        """The value that was added under just this name."""
        return self._wildcards.get(host) if is_wildcard(host) else self._exact.get(host)

    def most_specific(self, host: str) -> T | None:
        """The value of the host, else of the longest wildcard that covers it."""
        if not is_wildcard(host) and host in self._exact:
            return self._exact[host]
        if not self._wildcards:
            return None
        best = next((name for name in _covering(host) if name in self._wildcards), None)
        for loose in self._loose:
            if is_within(host, loose) and (best is None or len(loose) > len(best)):
                best = loose
        return None if best is None else self._wildcards[best]


def _covering(host: str) -> Iterator[str]:
    """Wildcards at dots that cover the host, longest first."""
    rest = host
    if is_wildcard(host):
        yield host
        rest = host[1:]
        if rest.startswith("."):
            rest = rest[1:]
    while "." in rest:
        rest = rest.split(".", 1)[1]
        yield f"*.{rest}"
    yield "*"
