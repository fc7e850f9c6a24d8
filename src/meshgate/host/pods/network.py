"""What a pod needs of the network, as a Protocol: `host.network.PodNetwork` has it, tests have less."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from meshgate.host.network import CaptureSpec, PodIdentity, PodNet


class PodNetworking(Protocol):
    async def attach(self, pod: PodIdentity, capture: CaptureSpec | None) -> PodNet: ...
    async def adopt(self, pod: PodIdentity) -> PodNet | None: ...
    async def detach(self, pod_id: str) -> None: ...
    async def prune(self, pod_ids: Iterable[str]) -> None: ...
