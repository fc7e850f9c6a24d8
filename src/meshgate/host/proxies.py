"""What the Envoys of pods say of themselves: their admin sockets, for those who only look."""

from __future__ import annotations

import asyncio
from typing import Final

from meshgate.host.kubelet import Kubelet
from meshgate.host.pods.injection import PROXY
from meshgate.host.sidecar import ask_admin
from meshgate.store.core import StatusFault, bad_request

ANSWER_S: Final = 30.0
"""Envoy's main thread makes a dump in one go: 10,000 clusters take it seconds."""


class HostProxies:
    """Knows the admin sockets by way of the kubelet."""

    def __init__(self, kubelet: Kubelet) -> None:
        self._kubelet = kubelet

    async def ask(self, namespace: str, pod: str, target: str, method: str = "GET") -> bytes:
        """The answer to a request. StatusFault if the proxy does not run, does not answer, or refuses."""
        worker = self._kubelet.worker(namespace, pod)
        sidecar = worker.sidecar if worker is not None else None
        if sidecar is None:
            raise bad_request(f'container "{PROXY}" in pod "{pod}" is waiting to start: ContainerCreating')
        try:
            async with asyncio.timeout(ANSWER_S):
                status, body = await ask_admin(sidecar.admin_socket, method, target)
        except TimeoutError:
            raise _unavailable(pod, f"it has not answered within {ANSWER_S:.0f} s") from None
        except (OSError, asyncio.IncompleteReadError, ValueError) as fault:
            raise _unavailable(pod, f"its admin interface cannot be reached: {fault}") from fault
        if status != 200:
            text = body.decode(errors="replace").strip()
            raise StatusFault(f'the proxy of pod "{pod}" refuses {target}: {text}', code=502, reason="InternalError")
        return body


def _unavailable(pod: str, why: str) -> StatusFault:
    fault = StatusFault(f'the proxy of pod "{pod}" does not run: {why}', code=503, reason="ServiceUnavailable")
    fault.hint = f"meshgate get pod {pod}, meshgate logs {pod} -c {PROXY}"
    return fault
