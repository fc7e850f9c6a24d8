"""The `scale` subresource of Deployments: the number of replicas, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aiohttp import web

from meshgate.store.core import Modify, Raw, bad_request, meta

from .answers import respond
from .call import Call
from .cells import field, labels
from .reading import found
from .requests import body_of
from .writing import patch_of


async def get_scale(call: Call) -> web.StreamResponse:
    return respond(_scale_of(found(call)))


async def update_scale(call: Call) -> web.StreamResponse:
    scale = await body_of(call.request)
    return await _changed(call, lambda _: scale)


async def patch_scale(call: Call) -> web.StreamResponse:
    return await _changed(call, await patch_of(call))


async def _changed(call: Call, change: Callable[[Raw], Any]) -> web.StreamResponse:
    def scaled(raw: Raw) -> Raw:
        scale = change(_scale_of(raw))
        replicas = field(scale, "spec.replicas") or 0
        if not isinstance(replicas, int) or replicas < 0:
            raise bad_request(f'spec.replicas: expected a number, 0 or more, got "{replicas}"')
        version = field(scale, "metadata.resourceVersion") or meta(raw)["resourceVersion"]
        metadata = {**meta(raw), "resourceVersion": version}
        return {**raw, "metadata": metadata, "spec": {**raw["spec"], "replicas": replicas}}

    found(call)
    write = Modify(ref=call.target.ref, change=scaled)
    written = await call.deps.admission.write([write], dry_run=call.query.dry_run())
    return respond(_scale_of(written.results[0].raw), problems=written.problems)


def _scale_of(deployment: Raw) -> dict[str, Any]:
    copied = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")
    selector = field(deployment, "spec.selector.matchLabels")
    return {
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": {name: meta(deployment)[name] for name in copied if name in meta(deployment)},
        "spec": {"replicas": field(deployment, "spec.replicas")},
        "status": {
            "replicas": field(deployment, "status.replicas") or 0,
            "selector": labels(selector) if selector else "",
        },
    }
