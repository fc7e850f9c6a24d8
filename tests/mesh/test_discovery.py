"""Namespaces that the mesh is told to know."""

from __future__ import annotations

import pytest

from meshgate.api import DiscoverySelector, LabelExpression, MeshConfig
from meshgate.mesh import Facts
from meshgate.mesh.discovery import is_selected
from tests.mesh.objects import istio, pod, service, snapshot

TEXT = """
---
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {mesh: "yes"}}
---
apiVersion: v1
kind: Namespace
metadata: {name: lab, labels: {mesh: "no"}}
""" + "".join(
    service("web", "http:80", namespace=namespace)
    + pod("one", f"10.1.0.{number}", namespace=namespace)
    + istio("DestinationRule", "dr", "{host: web, subsets: [{name: v1}]}", namespace=namespace)
    for number, namespace in enumerate(("shop", "lab", "istio-system"))
)


def test_what_is_elsewhere_does_not_exist() -> None:
    facts = Facts(mesh=MeshConfig(discovery_selectors=(DiscoverySelector(match_labels=(("mesh", "yes"),)),)))
    found = snapshot(TEXT, facts)
    known = ["istio-system", "shop"]
    assert sorted(one.namespace for one in found.world.services) == known
    assert sorted(one.namespace for one in found.world.destination_rules) == known
    assert sorted(namespace for namespace, _ in found.workloads) == known
    assert len(snapshot(TEXT).world.services) == 3


@pytest.mark.parametrize(
    ("operator", "values", "expected"),
    [
        ("In", ("a", "b"), (True, False, False)),
        ("NotIn", ("a", "b"), (False, True, True)),
        ("Exists", (), (True, True, False)),
        ("DoesNotExist", (), (False, False, True)),
    ],
)
def test_conditions_on_labels(operator: str, values: tuple[str, ...], expected: tuple[bool, ...]) -> None:
    selector = DiscoverySelector(match_expressions=(LabelExpression(key="k", operator=operator, values=values),))
    given = (("k", "a"),), (("k", "c"),), (("j", "a"),)
    assert tuple(is_selected(labels, selector) for labels in given) == expected
