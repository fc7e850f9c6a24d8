"""What a proxy holds beside what it should hold: `istioctl proxy-status POD`."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Final

from msgspec import Struct

from meshgate.explain.dump.sections import Dump, resource_dict
from meshgate.proto.messages import Json

CONTEXT: Final = 7
"""Lines around a difference, as istioctl shows them."""
COMPARED: Final = (
    ("Clusters", "clusters", "ClustersConfigDump", "dynamic_active_clusters"),
    ("Listeners", "listeners", "ListenersConfigDump", "dynamic_listeners"),
    ("Routes", "routes", "RoutesConfigDump", "dynamic_route_configs"),
)
"""Title, key of what should be held, section and field of what is held."""
Named = Iterable[Mapping[str, Json]]


class Difference(Struct, frozen=True, kw_only=True):
    """Of one type."""

    title: str
    """`Clusters`, `Listeners` or `Routes`."""
    lines: tuple[str, ...]
    """A unified diff from what should be held to what is; empty if they are the same."""
    loaded: datetime | None = None
    """Of routes: when the newest came."""


def differences(wanted: Mapping[str, Named], dump: Dump) -> tuple[Difference, ...]:
    """`wanted`: resources as Envoy's documentation writes them, under `clusters`, `listeners`, `routes`."""
    return tuple(
        Difference(
            title=title,
            lines=_diff(title, wanted.get(key, ()), map(resource_dict, dump.bodies(section, field))),
            loaded=_loaded(dump, section, field) if key == "routes" else None,
        )
        for title, key, section, field in COMPARED
    )


def _loaded(dump: Dump, section: str, field: str) -> datetime | None:
    times = [entry.last_updated for entry in dump.entries(section, field) if entry.last_updated]
    return max(times, default=None)


def _diff(title: str, wanted: Named, held: Named) -> tuple[str, ...]:
    before, after = _lines(wanted), _lines(held)
    diff = difflib.unified_diff(before, after, f"Istiod {title}", f"Envoy {title}", n=CONTEXT, lineterm="")
    return tuple(diff) if before != after else ()


def _lines(resources: Named) -> list[str]:
    """By name, so that Envoy's order, which is that of a hash, does not matter."""
    found = sorted(resources, key=lambda each: str(each.get("name")))
    return json.dumps(found, indent=3).splitlines()
