"""What `meshgate up` tells its user once the mesh is up, and the wait for the gateways that are to be there."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from meshgate.api import Problem
from meshgate.host.edge_ports import EdgeOptions
from meshgate.host.network.host_side import Notice
from meshgate.store.core import Raw, meta
from meshgate.store.sqlite import Store

GATEWAYS_READY_S = 20.0
SYSTEM = "istio-system"


async def welcome(
    store: Store, problems: Sequence[Problem], notices: Sequence[Notice], edge: EdgeOptions
) -> Mapping[str, object]:
    """Wait until the standard gateways are ready; lines to print. A gateway that is late is told, not waited for."""
    notes = [f"{notice.text}{f'; {notice.hint}' if notice.hint else ''}" for notice in notices]
    try:
        async with asyncio.timeout(GATEWAYS_READY_S):
            await store.revision.wait_for(lambda _: not late_gateways(store))
    except TimeoutError:
        notes += [
            f"the gateway {name!r} is not ready yet: see meshgate get pods -n {SYSTEM}" for name in late_gateways(store)
        ]
    notes += [f"{problem.severity}: {problem}" for problem in problems]
    return {"gateways": gateway_lines(store, edge), "notes": notes}


def late_gateways(store: Store) -> list[str]:
    """Deployments of the system namespace that have not all their pods ready."""
    return [meta(raw)["name"] for raw in store.list("Deployment", SYSTEM) if not is_complete(raw)]


def is_complete(raw: Raw) -> bool:
    wanted: int = raw["spec"].get("replicas", 1)
    return bool((raw.get("status") or {}).get("readyReplicas", 0) >= wanted)


def gateway_lines(store: Store, edge: EdgeOptions) -> list[str]:
    """Where each LoadBalancer Service is reached."""
    lines = []
    for raw in store.list("Service"):
        addresses = load_balancer_addresses(raw)
        if not addresses:
            continue
        line = f"{meta(raw)['namespace']}/{meta(raw)['name']} at {', '.join(addresses)}"
        if meta(raw)["name"] == "istio-ingressgateway" and meta(raw)["namespace"] == SYSTEM:
            line += f", on this host at {edge.host_address}:{edge.http_port} (80) and :{edge.https_port} (443)"
        lines.append(line)
    return lines


def load_balancer_addresses(raw: Mapping[str, Any]) -> list[str]:
    ingress = ((raw.get("status") or {}).get("loadBalancer") or {}).get("ingress") or []
    return [str(each["ip"]) for each in ingress if each.get("ip")]
