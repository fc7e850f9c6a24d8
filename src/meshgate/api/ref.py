"""How an object, and a field in it, is named everywhere: `VirtualService/shop/web` and `spec.http[2].timeout` in it."""

from __future__ import annotations

import msgspec


class Ref(msgspec.Struct, frozen=True, order=True, cache_hash=True, gc=False):
    """Names an object. The API version is no part of it: all versions of a kind are one object.

    >>> str(Ref("VirtualService", "shop", "web"))
    'VirtualService/shop/web'
    >>> str(Ref("Namespace", "", "shop"))
    'Namespace/shop'
    """

    kind: str
    namespace: str
    """Empty for kinds that have no namespace."""
    name: str

    def __str__(self) -> str:
        return "/".join(part for part in (self.kind, self.namespace, self.name) if part)


class Origin(msgspec.Struct, frozen=True, order=True, cache_hash=True, gc=False):
    """The object, and the field in it, that a part of a plan comes from.

    >>> str(Origin(Ref("VirtualService", "shop", "web"), "spec.http[2]"))
    'VirtualService/shop/web spec.http[2]'
    """

    ref: Ref
    path: str = ""
    """Such as `spec.http[2].route[0].destination.host`; empty for the whole object."""

    def __str__(self) -> str:
        return f"{self.ref} {self.path}".rstrip()
