"""`ExternalName` Services: further names of the service that they mean, if the mesh knows it.

(istio:pilot/pkg/model/push_context.go#resolveServiceAliases)
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import msgspec

from meshgate.mesh.service import MeshService, Resolving


def with_aliases(services: Sequence[MeshService]) -> tuple[MeshService, ...]:
    """The services, each with the names of those that are an alias of it, directly or by another alias."""
    target = {one.hostname: one.alias_of for one in services if one.resolving is Resolving.ALIAS}
    if not target:
        return tuple(services)
    known = {one.hostname for one in services if one.resolving is not Resolving.ALIAS}
    aliases: dict[str, list[str]] = defaultdict(list)
    for alias in sorted(target):
        concrete = _end_of(alias, target)
        if concrete in known:
            aliases[concrete].append(alias)
    return tuple(
        msgspec.structs.replace(one, aliases=tuple(aliases[one.hostname])) if one.hostname in aliases else one
        for one in services
    )


def _end_of(alias: str, target: dict[str, str]) -> str:
    """Where a chain of aliases ends; aliases that mean each other end nowhere."""
    seen = {alias}
    name = target[alias]
    while name in target:
        if name in seen:
            return ""
        seen.add(name)
        name = target[name]
    return name
