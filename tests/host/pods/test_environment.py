"""Variables and references by Kubernetes' rules."""

from __future__ import annotations

import pytest

from meshgate.host.pods.environment import environment, expand
from meshgate.host.pods.fault import CannotStart
from meshgate.host.pods.objects import Whereabouts, pod_field
from tests.host.pods.objects import FewObjects, pod

OBJECTS = FewObjects(
    """
{apiVersion: v1, kind: ConfigMap, metadata: {name: settings, namespace: shop}, data: {colour: blue, 1st: x}}
---
{apiVersion: v1, kind: Secret, metadata: {name: key, namespace: shop}, data: {word: aGlkZGVu, binary: /w==}}
"""
)
AT = Whereabouts("10.1.2.3", "here", "10.1.0.1")


def _variables(container: str, metadata: str = "") -> dict[str, str]:
    found = pod(f"{{containers: [{{name: app, command: [x], {container}}}]}}", metadata)
    first = found.spec.containers[0]
    variables = environment(first, found, OBJECTS, "/bin", lambda path: pod_field(found, path, AT))
    assert (variables.pop("PATH"), variables.pop("HOME")) == ("/bin", "/tmp")
    return variables


@pytest.mark.parametrize(
    ("container", "expected"),
    [
        ("env: [{name: A, value: '1'}, {name: B, value: '$(A)2'}]", {"A": "1", "B": "12"}),
        ("env: [{name: B, value: '$(A)'}, {name: A, value: '1'}]", {"B": "$(A)", "A": "1"}),
        ("env: [{name: A, valueFrom: {configMapKeyRef: {name: settings, key: colour}}}]", {"A": "blue"}),
        ("env: [{name: A, valueFrom: {secretKeyRef: {name: key, key: word}}}]", {"A": "hidden"}),
        ("env: [{name: A, valueFrom: {secretKeyRef: {name: key, key: other, optional: true}}}]", {}),
        ("env: [{name: A, valueFrom: {secretKeyRef: {name: other, key: word, optional: true}}}]", {}),
        ("env: [{name: A, valueFrom: {fieldRef: {fieldPath: status.podIP}}}]", {"A": "10.1.2.3"}),
        ("env: [{name: A, valueFrom: {fieldRef: {fieldPath: status.hostIP}}}]", {"A": "10.1.0.1"}),
        ("env: [{name: A, valueFrom: {fieldRef: {fieldPath: \"metadata.labels['app']\"}}}]", {"A": "shop"}),
        ("envFrom: [{configMapRef: {name: settings}, prefix: P_}]", {"P_colour": "blue", "P_1st": "x"}),
        ("envFrom: [{secretRef: {name: other, optional: true}}]", {}),
        ("envFrom: [{configMapRef: {name: settings}}], env: [{name: colour, value: red}]", {"colour": "red"}),
    ],
)
def test_values_come_from_where_they_are_said_to(container: str, expected: dict[str, str]) -> None:
    assert _variables(container, "labels: {app: shop}") == expected


@pytest.mark.parametrize(
    ("container", "reason"),
    [
        ("env: [{name: A, valueFrom: {secretKeyRef: {name: other, key: word}}}]", 'secret "other" not found'),
        (
            "env: [{name: A, valueFrom: {configMapKeyRef: {name: settings, key: other}}}]",
            "couldn't find key other in configmap shop/settings",
        ),
        ("env: [{name: A, valueFrom: {secretKeyRef: {name: key, key: binary}}}]", "is not text"),
        ("envFrom: [{configMapRef: {name: other}}]", 'configmap "other" not found'),
        ("env: [{name: A, valueFrom: {fieldRef: {fieldPath: spec.other}}}]", 'fieldRef "spec.other": no such field'),
    ],
)
def test_what_is_missing_keeps_the_container_from_starting(container: str, reason: str) -> None:
    with pytest.raises(CannotStart, match=reason.replace("(", r"\(")):
        _variables(container)


def test_references_are_expanded_once() -> None:
    assert expand("$(A) $$(A) $(B) $A $(", {"A": "$(B)"}) == "$(B) $(A) $(B) $A $("
