"""Which namespaces the mesh knows at all: MeshConfig's `discoverySelectors`.

What is in other namespaces does not exist for the mesh, be it a Service, a pod or an object of Istio's. The root
namespace is always known. (istio:pkg/kube/namespace#discoveryNamespacesFilter)
"""

from __future__ import annotations

from meshgate.api import (
    DiscoverySelector,
    LabelExpression,
    Labels,
    MeshConfig,
    Namespace,
    Resources,
    is_subset,
    of_type,
)


def discovered(objects: Resources, mesh: MeshConfig) -> Resources:
    """The objects that the mesh knows; all of them where nothing is selected."""
    selectors = mesh.discovery_selectors
    if not selectors:
        return objects
    known = {
        one.meta.name
        for one in of_type(objects, Namespace)
        if any(is_selected(one.meta.labels, selector) for selector in selectors)
    }
    known |= {"", mesh.root_namespace}
    return Resources(one for one in objects if one.meta.namespace in known)


def is_selected(labels: Labels, selector: DiscoverySelector) -> bool:
    """Whether labels fulfil all conditions, as Kubernetes has them."""
    given = dict(labels)
    return is_subset(selector.match_labels, labels) and all(
        _holds(condition, given.get(condition.key)) for condition in selector.match_expressions
    )


def _holds(condition: LabelExpression, value: str | None) -> bool:
    match condition.operator:
        case "In":
            return value in condition.values
        case "NotIn":
            return value not in condition.values
        case "Exists":
            return value is not None
        case _:
            return value is None
