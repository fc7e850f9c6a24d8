"""How a pod's containers are stopped: applications first, all at once.

Then the proxy, once nobody needs it any more.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from meshgate.host.pods.container_life import ContainerLife
from meshgate.host.pods.crew import Crew
from meshgate.host.pods.injection import PROXY
from meshgate.host.runtime import Runtime
from meshgate.host.sidecar import Sidecar

log = logging.getLogger(__name__)

DRAIN_S = 5.0
"""Istio's `terminationDrainDuration`: how long a gateway lets its connections end."""
_LOOK_S = 0.05
_PROXY_GRACE_S = 2.0
"""An Envoy that is told to end does so at once."""


async def stop_all(crew: Crew, runtime: Runtime, sidecar: Sidecar | None, grace_s: float) -> None:
    """Stop everything within the grace period; what is left then is killed."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + grace_s
    running = crew.running()
    applications = [life for life in running if life.container.name != PROXY or sidecar is None]
    proxies = [life for life in running if life not in applications]
    await _stop(applications, runtime, grace_s)
    if proxies and sidecar is not None:
        if not applications and grace_s > 0:
            await _drain(sidecar, min(DRAIN_S, deadline - loop.time()))
        await _stop(proxies, runtime, min(_PROXY_GRACE_S, grace_s))


async def _stop(lives: Sequence[ContainerLife], runtime: Runtime, grace_s: float) -> None:
    async with asyncio.TaskGroup() as group:
        for life in lives:
            group.create_task(_stop_one(life, runtime, grace_s))


async def _stop_one(life: ContainerLife, runtime: Runtime, grace_s: float) -> None:
    life.note_stopped(await runtime.stop(life.state.id, grace_s))


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
