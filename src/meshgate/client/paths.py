"""Where objects are in the API: the paths of Kubernetes."""

from __future__ import annotations

from urllib.parse import quote

from meshgate.api import Kind


def path_of(kind: Kind, namespace: str = "", name: str = "", subresource: str = "") -> str:
    """The path of an object, or (without a name) of all of a kind; without a namespace, of all namespaces.

    >>> from meshgate.api import kind_of
    >>> path_of(kind_of("v1", "Pod"), "shop", "web-1", "log")
    '/api/v1/namespaces/shop/pods/web-1/log'
    """
    root = f"/apis/{kind.api_version}" if kind.group else f"/api/{kind.api_version}"
    parts = [root]
    if namespace and kind.namespaced:
        parts.append(f"namespaces/{quote(namespace, safe='')}")
    parts += [kind.plural, *(quote(part, safe="") for part in (name, subresource) if part)]
    return "/".join(parts)
