"""Which pod a command means: `POD`, `pod/POD`, `deploy/NAME` or `svc/NAME` (its first running pod)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from meshgate.api import KINDS
from meshgate.cli.resources import kind_named
from meshgate.client import Client, Selection
from meshgate.errors import MeshgateError, UsageError

POD = next(kind for kind in KINDS if kind.kind == "Pod")


def selector_text(labels: Mapping[str, str]) -> str:
    return ",".join(f"{key}={value}" for key, value in sorted(labels.items()))


async def selected_pods(client: Client, namespace: str, labels: str) -> list[Mapping[str, Any]]:
    """Pods by label selector, in the API's order."""
    listed = await client.list(POD, Selection(namespace=namespace, labels=labels))
    return list(listed.get("items") or [])


def split_target(target: str, namespace: str) -> tuple[str, str]:
    """`NAME[.NAMESPACE]` or `KIND/NAME[.NAMESPACE]` as istioctl has it: without the namespace, and the namespace.

    >>> split_target("deploy/web.shop", "default"), split_target("web", "default")
    (('deploy/web', 'shop'), ('web', 'default'))
    """
    name, dot, own = target.rpartition(".")
    return (name, own) if dot else (target, namespace)


async def pod_of(client: Client, namespace: str, target: str) -> str:
    """Name of the pod that `target` means. Raises ApiError where there is none of that name."""
    if "/" not in target:
        return target
    word, name = target.split("/", 1)
    kind = kind_named(word)
    if kind.kind == "Pod":
        return name
    owner = await client.get(kind, name, namespace)
    spec = owner.get("spec") or {}
    match kind.kind:
        case "Deployment":
            labels = spec.get("selector", {}).get("matchLabels", {})
        case "Service":
            labels = spec.get("selector") or {}
        case _:
            raise UsageError(f"{word!r} has no pods", hint="a pod, a deployment or a service does")
    pods = [pod for pod in await selected_pods(client, namespace, selector_text(labels)) if labels]
    running = [pod for pod in pods if (pod.get("status") or {}).get("phase") == "Running"]
    alive = [pod for pod in running or pods if "deletionTimestamp" not in pod["metadata"]]
    if not alive:
        raise MeshgateError(f"no pod of {target!r} in namespace {namespace!r} is there", hint="meshgate get pods")
    return str(alive[0]["metadata"]["name"])
