"""Pods of the mesh that run without a sidecar: their namespace was told to inject after they were made."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from meshgate.api import AnyResource, Namespace, Pod, Problem, codes, of_type
from meshgate.host.pods.injection import wants_sidecar


class BarePods:
    """Remembers what it found last: it is asked again and again about the same objects."""

    def __init__(self) -> None:
        self._resources: Sequence[AnyResource] = ()
        self._found: tuple[Problem, ...] = ()

    def problems(self, resources: Sequence[AnyResource]) -> tuple[Problem, ...]:
        """IST0103."""
        if resources is not self._resources:
            self._resources, self._found = resources, tuple(_bare_pods(resources))
        return self._found


def _bare_pods(resources: Sequence[AnyResource]) -> Iterator[Problem]:
    labels = {namespace.meta.name: dict(namespace.meta.labels) for namespace in of_type(resources, Namespace)}
    for pod in of_type(resources, Pod):
        if pod.status_addresses and wants_sidecar(pod.meta, pod.spec, labels.get(pod.meta.namespace, {})):
            text = "this pod runs without a sidecar, and its namespace is for pods with one"
            hint = "delete it, and its Deployment makes one that has a sidecar"
            yield Problem(codes.NO_SIDECAR, "warning", pod.ref, "spec.containers", text, hint)
