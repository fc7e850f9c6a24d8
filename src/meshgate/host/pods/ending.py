"""How a pod's containers are stopped: applications first, all at once; then the proxy, once nobody needs it any more.

Goes by what runs, not by what was meant to: a pod may be told to end while it comes up, or before it was adopted again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence

from meshgate.host.holder.requests import ChildState
from meshgate.host.pods.building import container_prefix, parse_container_id
from meshgate.host.pods.injection import PROXY
from meshgate.host.runtime import Runtime
from meshgate.host.sidecar import Sidecar

log = logging.getLogger(__name__)

DRAIN_S = 5.0
"""Istio's `terminationDrainDuration`: how long a gateway lets its connections end."""
_LOOK_S = 0.05
_PROXY_GRACE_S = 2.0
"""An Envoy that is told to end does so at once."""

Note = Callable[[ChildState], None]


async def stop_all(pod_id: str, runtime: Runtime, sidecar: Sidecar | None, grace_s: float, note: Note) -> None:
    """Stop everything within the grace period; what is left then is killed. `note` hears of each container's end."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + grace_s
    await runtime.refresh()
    running = running_ids(pod_id, runtime)
    proxies = [each for each in running if _is_proxy(each)]
    applications = [each for each in running if each not in proxies]
    await _stop(applications, runtime, grace_s, note)
    if proxies and sidecar is not None and not applications and grace_s > 0:
        await _drain(sidecar, min(DRAIN_S, deadline - loop.time()))
    await _stop(proxies, runtime, min(_PROXY_GRACE_S, grace_s), note)


def running_ids(pod_id: str, runtime: Runtime) -> list[str]:
    """Ids of the pod's containers that run."""
    known = [(each, runtime.state(each)) for each in runtime.container_ids(container_prefix(pod_id))]
    return [each for each, state in known if state is not None and state.is_running]


def _is_proxy(child_id: str) -> bool:
    parsed = parse_container_id(child_id)
    return parsed is not None and parsed[1] == PROXY


async def _stop(ids: Sequence[str], runtime: Runtime, grace_s: float, note: Note) -> None:
    async with asyncio.TaskGroup() as group:
        for each in ids:
            group.create_task(_stop_one(each, runtime, grace_s, note))


async def _stop_one(child_id: str, runtime: Runtime, grace_s: float, note: Note) -> None:
    note(await runtime.stop(child_id, grace_s))


async def _drain(sidecar: Sidecar, at_most_s: float) -> None:
    """A gateway: let its connections end, as long as it has some and the time allows."""
    try:
        async with asyncio.timeout(at_most_s):
            await sidecar.drain()
            while await sidecar.connections() > 0:  # noqa: ASYNC110  # Envoy tells only when asked
                await asyncio.sleep(_LOOK_S)
    except TimeoutError:
        return
    except (OSError, ValueError, asyncio.IncompleteReadError) as fault:
        log.warning("a gateway could not be drained", extra={"why": str(fault)})
