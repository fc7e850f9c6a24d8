"""GET /apis/meshgate.io/v1/namespaces/NS/pods/POD/proxy/…: what a pod's Envoy holds, and what it should hold.

    config_dump[?section=clusters]   what Envoy says of its configuration, one section or all with the endpoints
    clusters                         what it says of its endpoints
    resources                        what it was told, or is about to be told; without secrets
    authn                            which TLS it takes and sends by that, and which objects say so
    logging[?logger=http&level=debug]  by POST: its loggers' levels, after one (or without `logger` all) was changed

Only these are to be had of Envoy's admin interface, which can also stop the proxy. Envoy leaves private keys out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from aiohttp import web

from meshgate.api import KINDS
from meshgate.store.core import StatusFault, bad_request, not_found

from .answers import JSON, page_not_found, respond
from .cells import items
from .deps import KubeDeps
from .logs import SIDECAR
from .requests import Query

POD = next(kind for kind in KINDS if kind.kind == "Pod")
SECTIONS: Mapping[str, str] = {
    "": "include_eds",
    "bootstrap": "mask=bootstrap",
    "clusters": "mask=dynamic_active_clusters,static_clusters",
    "listeners": "mask=dynamic_listeners,static_listeners",
    "routes": "mask=dynamic_route_configs,static_route_configs",
    "secrets": "mask=dynamic_active_secrets,dynamic_warming_secrets",
}
"""Envoy's query for each section: what istioctl asks, and the secrets that a proxy waits for."""


LEVELS = ("trace", "debug", "info", "warning", "error", "critical", "off")
LOGGER = re.compile(r"[a-z0-9_]+")


class Look(NamedTuple):
    request: web.Request
    namespace: str
    pod: str
    what: str


async def look_into_proxy(look: Look, deps: KubeDeps) -> web.Response:
    by_get = ("config_dump", "clusters", "resources", "authn")
    if look.what not in (by_get if look.request.method == "GET" else ("logging",)):
        return page_not_found()
    _check_pod(look, deps)
    if look.what == "logging":
        told = await deps.proxies.logging(look.namespace, look.pod, _change(Query(look.request)))
        return web.Response(body=told, content_type="text/plain")
    if look.what == "resources":
        return respond(await deps.proxies.resources(look.namespace, look.pod))
    if look.what == "authn":
        return respond(await deps.proxies.authn(look.namespace, look.pod))
    if look.what == "clusters":
        return web.Response(body=await deps.proxies.clusters(look.namespace, look.pod), content_type=JSON)
    section = Query(look.request).text("section")
    if section not in SECTIONS:
        raise bad_request(f'unknown section "{section}": expected one of {", ".join(sorted(SECTIONS)[1:])}')
    dump = await deps.proxies.config_dump(look.namespace, look.pod, SECTIONS[section])
    return web.Response(body=dump, content_type=JSON)


def _change(query: Query) -> str:
    """A change of levels as Envoy takes it; it gets nothing that we do not know."""
    logger, level = query.text("logger"), query.text("level")
    if not level and not logger:
        return ""
    if level not in LEVELS:
        raise bad_request(f"unrecognized logging level: {level}; expected one of {', '.join(LEVELS)}")
    if logger and not LOGGER.fullmatch(logger):
        raise bad_request(f"unrecognized logger name: {logger}")
    return f"{logger or 'level'}={level}"


def _check_pod(look: Look, deps: KubeDeps) -> None:
    raw = deps.store.get(POD.kind, look.namespace, look.pod)
    if raw is None:
        raise not_found(POD, look.pod)
    if not any(container.get("name") == SIDECAR for container in items(raw, "spec.containers")):
        raise _without_proxy(look.pod)


def _without_proxy(pod: str) -> StatusFault:
    fault = bad_request(f'pod "{pod}" has no proxy: it has no container "{SIDECAR}"')
    fault.hint = "labels istio-injection and sidecar.istio.io/inject decide which pods get one, when they are made"
    return fault
