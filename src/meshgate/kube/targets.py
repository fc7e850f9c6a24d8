"""What a URL names: a kind in one of its versions, perhaps a namespace, a name, a subresource.

Kubernetes' layout: `/api/v1/...` for the core group, `/apis/GROUP/VERSION/...` for the others; then
`[namespaces/NAMESPACE/]PLURAL[/NAME[/SUBRESOURCE]]`.
"""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import unquote

import msgspec

from meshgate.api import KINDS, Kind, Ref

NAMESPACE_SUBRESOURCES = frozenset({"status", "finalize"})


class Target(msgspec.Struct, frozen=True, kw_only=True):
    kind: Kind
    version: str
    namespace: str = ""
    """Empty for kinds without namespaces and for all namespaces at once."""
    name: str = ""
    subresource: str = ""

    @property
    def ref(self) -> Ref:
        return Ref(self.kind.kind, self.namespace, self.name)

    @property
    def api_version(self) -> str:
        return f"{self.kind.group}/{self.version}" if self.kind.group else self.version


def kind_at(group: str, version: str, plural: str) -> Kind | None:
    """The kind of the resource, None if that group and version have none of this name."""
    for kind in KINDS:
        if (kind.group, kind.plural) == (group, plural) and version in kind.versions:
            return kind
    return None


def target_of(path: str) -> Target | None:
    """What the path names; None if there is no such resource. `path` is as it came, percent-encoded.

    >>> target = target_of("/apis/networking.istio.io/v1/namespaces/shop/gateways/web")
    >>> str(target.ref) if target else None
    'Gateway/shop/web'
    """
    parts = [unquote(part) for part in path.strip("/").split("/")]
    if len(parts) >= 3 and parts[0] == "api":
        return _target("", parts[1], parts[2:])
    if len(parts) >= 4 and parts[0] == "apis":
        return _target(parts[1], parts[2], parts[3:])
    return None


def _target(group: str, version: str, rest: Sequence[str]) -> Target | None:
    namespace = ""
    if rest[0] == "namespaces" and len(rest) > 2 and rest[2] not in NAMESPACE_SUBRESOURCES:
        namespace, rest = rest[1], rest[2:]
    kind = kind_at(group, version, rest[0])
    if kind is None or len(rest) > 3 or not all(rest) or bool(namespace) > kind.namespaced:
        return None
    name = rest[1] if len(rest) > 1 else ""
    if name and kind.namespaced and not namespace:
        return None
    subresource = rest[2] if len(rest) > 2 else ""
    return Target(kind=kind, version=version, namespace=namespace, name=name, subresource=subresource)
