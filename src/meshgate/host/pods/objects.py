"""What pods read of other objects: Secrets, ConfigMaps, Namespaces, decoded from the store when they are asked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, Protocol, TypeVar

from meshgate.api import ConfigMap, Pod, Resource, Secret, Spec, decode
from meshgate.host.pods.fault import CannotStart

S = TypeVar("S", bound=Spec)
PodResource = Resource[Pod]


class Objects(Protocol):
    """The store, as far as it is read here."""

    def get(self, kind: str, namespace: str, name: str) -> Mapping[str, object] | None: ...


def config_map_data(objects: Objects, namespace: str, name: str) -> dict[str, bytes] | None:
    """Keys and contents, binary ones included; None if there is no such ConfigMap."""
    spec = _spec(objects, "ConfigMap", namespace, name, ConfigMap)
    if spec is None:
        return None
    return {**{key: value.encode() for key, value in spec.data}, **dict(spec.binary_data)}


def secret_data(objects: Objects, namespace: str, name: str) -> dict[str, bytes] | None:
    """Keys and contents in clear; None if there is no such Secret."""
    spec = _spec(objects, "Secret", namespace, name, Secret)
    return None if spec is None else {key: value.reveal() for key, value in spec.data}


def _spec(objects: Objects, kind: str, namespace: str, name: str, spec_type: type[S]) -> S | None:
    raw = objects.get(kind, namespace, name)
    if raw is None:
        return None
    resource, problems = decode(raw)
    if resource is None or not isinstance(resource.spec, spec_type):
        raise CannotStart(
            f'{kind} "{namespace}/{name}" cannot be read: {problems[0].text if problems else "wrong kind"}'
        )
    return resource.spec


class Whereabouts(NamedTuple):
    """Where a pod is, for the fields that the object itself does not hold yet."""

    address: str
    node: str
    host_address: str


def pod_field(pod: PodResource, path: str, at: Whereabouts) -> str:
    """A field of the pod, as the downward API names it; CannotStart for one that it does not have."""
    simple = {
        "metadata.name": pod.meta.name,
        "metadata.namespace": pod.meta.namespace,
        "metadata.uid": pod.meta.uid,
        "metadata.labels": _quoted(pod.meta.labels),
        "metadata.annotations": _quoted(pod.meta.annotations),
        "spec.nodeName": at.node,
        "spec.serviceAccountName": pod.spec.service_account_name or "default",
        "status.podIP": at.address,
        "status.podIPs": at.address,
        "status.hostIP": at.host_address,
    }
    if path in simple:
        return simple[path]
    for prefix, read in (("metadata.labels", pod.meta.label), ("metadata.annotations", pod.meta.annotation)):
        if path.startswith(prefix + "['") and path.endswith("']"):
            return read(path[len(prefix) + 2 : -2])
    raise CannotStart(f'fieldRef "{path}": no such field; one of {", ".join(sorted(simple))}')


def _quoted(pairs: tuple[tuple[str, str], ...]) -> str:
    """Labels as the downward API writes them into a file."""
    escapes = {"\\": "\\\\", '"': '\\"', "\n": "\\n"}
    return "\n".join(f'{key}="{"".join(escapes.get(char, char) for char in value)}"' for key, value in pairs)
