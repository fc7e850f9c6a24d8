"""What the status of an object says of addresses and of being ready. Controllers write it: what does not fit is
passed over.
"""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.api.kinds import Kind


def status_addresses(kind: Kind, status: object) -> tuple[str, ...]:
    """A ServiceEntry's assigned addresses, a Pod's own, those of a Service's load balancer; empty for other kinds."""
    if not isinstance(status, dict):
        return ()
    match kind.kind:
        case "ServiceEntry":
            found = _texts(status.get("addresses"), "value")
        case "Pod":
            found = _texts(status.get("podIPs") or [{"ip": status.get("podIP")}], "ip")
        case "Service":
            balancer = status.get("loadBalancer")
            found = _texts(balancer.get("ingress") if isinstance(balancer, dict) else None, "ip", "hostname")
        case _:
            return ()
    return tuple(found)


def status_ready(kind: Kind, status: object) -> bool:
    """False for a Pod with a condition `Ready` that is not true; a Pod that has none may be one written by hand."""
    conditions = status.get("conditions") if kind.kind == "Pod" and isinstance(status, dict) else None
    found = (one for one in conditions if isinstance(one, dict)) if isinstance(conditions, list) else iter(())
    return all(one.get("status") == "True" for one in found if one.get("type") == "Ready")


def _texts(items: object, *keys: str) -> Iterator[str]:
    """The first of the keys that each item has."""
    for item in items if isinstance(items, list) else []:
        values = [item.get(key) for key in keys] if isinstance(item, dict) else []
        yield from [value for value in values if isinstance(value, str) and value][:1]
