"""GET pods/NAME/log: what a container wrote, as plain text; with `follow` for as long as it writes."""

from __future__ import annotations

from contextlib import aclosing

from aiohttp import web

from meshgate.client import LogOptions
from meshgate.store.core import Raw, bad_request

from .call import Call
from .cells import items
from .reading import found
from .requests import name_of

DEFAULT_CONTAINER = "kubectl.kubernetes.io/default-container"
SIDECAR = "istio-proxy"


async def read_log(call: Call) -> web.StreamResponse:
    pod = found(call)
    container = container_of(pod, call.query.text("container"))
    lines = await call.deps.streams.open_log(call.target.namespace, call.target.name, container, _options(call))
    response = web.StreamResponse(headers={"Content-Type": "text/plain", "Cache-Control": "no-cache, private"})
    await response.prepare(call.request)
    async with aclosing(lines):
        try:
            async for piece in lines:
                await response.write(piece)
        except ConnectionError:
            return response  # nobody reads any more
    await response.write_eof()
    return response


def container_of(pod: Raw, name: str) -> str:
    """The container that is meant; without a name the only one besides the sidecar. Raises StatusFault."""
    names = [container["name"] for container in items(pod, "spec.containers")]
    init_names = [container["name"] for container in items(pod, "spec.initContainers")]
    if name:
        if name not in names + init_names:
            raise bad_request(f"container {name} is not valid for pod {name_of(pod)}")
        return name
    chosen = (pod["metadata"].get("annotations") or {}).get(DEFAULT_CONTAINER, "")
    if chosen in names:
        return str(chosen)
    own = [name for name in names if name != SIDECAR] or names
    if len(own) == 1:
        return str(own[0])
    choice = f"choose one of: [{' '.join(names)}]"
    init = f" or one of the init containers: [{' '.join(init_names)}]" if init_names else ""
    raise bad_request(f"a container name must be specified for pod {name_of(pod)}, {choice}{init}")


def _options(call: Call) -> LogOptions:
    query = call.query
    if query.text("sinceTime") and query.number("sinceSeconds") is not None:
        raise bad_request("at most one of sinceTime and sinceSeconds may be given")
    return LogOptions(
        follow=query.flag("follow"),
        previous=query.flag("previous"),
        timestamps=query.flag("timestamps"),
        tail_lines=query.number("tailLines"),
        since_seconds=query.number("sinceSeconds"),
        since_time=query.text("sinceTime"),
        limit_bytes=query.number("limitBytes"),
    )
