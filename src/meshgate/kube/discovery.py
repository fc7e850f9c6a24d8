"""The documents by which a client learns what there is: groups, versions, resources.

Pure and made once. `kubectl` reads them before anything else, and looks in the OpenAPI index for the `fieldValidation`
parameter: where it is named, the server checks fields (ours always does) and kubectl leaves it to the server.
"""

from __future__ import annotations

import platform
from collections.abc import Iterable, Mapping
from typing import Any

from meshgate.api import KINDS, Kind
from meshgate.store.core import has_status

Document = Mapping[str, Any]

KUBERNETES_VERSION = ("1", "32", "v1.32.0")
"""The API level that clients are told: kubectl refuses to talk to servers that are too old or too new."""
VERBS = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"]
STATUS_VERBS = ["get", "patch", "update"]
UNSTORED: Mapping[str, tuple[tuple[str, str, list[str]], ...]] = {
    "authentication.k8s.io": (("tokenreviews", "TokenReview", ["create"]),),
    "meshgate.io": (("transactions", "Transaction", ["create"]), ("status", "MeshStatus", ["get"])),
}
"""Resources that are asked for or done, not kept, by group (all in version v1): name, kind, verbs."""


def version_document(meshgate_version: str) -> Document:
    major, minor, text = KUBERNETES_VERSION
    return {
        "major": major,
        "minor": minor,
        "gitVersion": f"{text}+meshgate-{meshgate_version}",
        "gitCommit": "",
        "gitTreeState": "clean",
        "buildDate": "1970-01-01T00:00:00Z",
        "goVersion": "",
        "compiler": "",
        "platform": f"linux/{platform.machine()}",
    }


def documents() -> Mapping[str, Document]:
    """All discovery documents by path."""
    groups = _groups()
    found: dict[str, Document] = {
        "/api": {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []},
        "/apis": {"kind": "APIGroupList", "apiVersion": "v1", "groups": [_group(g, v) for g, v in groups.items() if g]},
        "/openapi/v3": {"paths": {_root(g, v)[1:]: {"serverRelativeURL": _schema(g, v)} for g, v in _pairs(groups)}},
    }
    for group, versions in groups.items():
        if group:
            found[f"/apis/{group}"] = {"kind": "APIGroup", "apiVersion": "v1", **_group(group, versions)}
    for group, version in _pairs(groups):
        found[_root(group, version)] = _resource_list(group, version)
        found[_schema(group, version)] = _openapi(group, version)
    return found


def _groups() -> Mapping[str, tuple[str, ...]]:
    groups: dict[str, tuple[str, ...]] = {}
    for kind in KINDS:
        groups[kind.group] = tuple(dict.fromkeys((*groups.get(kind.group, ()), *kind.versions)))
    return groups | dict.fromkeys(UNSTORED, ("v1",))


def _pairs(groups: Mapping[str, tuple[str, ...]]) -> Iterable[tuple[str, str]]:
    return [(group, version) for group, versions in groups.items() for version in versions]


def _root(group: str, version: str) -> str:
    return f"/apis/{group}/{version}" if group else f"/api/{version}"


def _schema(group: str, version: str) -> str:
    return f"/openapi/v3{_root(group, version)}"


def _group(group: str, versions: tuple[str, ...]) -> Document:
    listed = [{"groupVersion": f"{group}/{version}", "version": version} for version in versions]
    return {"name": group, "versions": listed, "preferredVersion": listed[0]}


def _kinds(group: str, version: str) -> list[Kind]:
    return [kind for kind in KINDS if kind.group == group and version in kind.versions]


def _resource_list(group: str, version: str) -> Document:
    resources = [entry for kind in _kinds(group, version) for entry in _resources(kind)]
    resources += [
        {"name": name, "singularName": "", "namespaced": False, "kind": kind, "verbs": verbs}
        for name, kind, verbs in UNSTORED.get(group, ())
    ]
    group_version = f"{group}/{version}" if group else version
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group_version, "resources": resources}


def _resources(kind: Kind) -> Iterable[Document]:
    entry: dict[str, Any] = {
        "name": kind.plural,
        "singularName": kind.singular,
        "namespaced": kind.namespaced,
        "kind": kind.kind,
        "verbs": VERBS,
    }
    entry |= {"shortNames": list(kind.short_names)} if kind.short_names else {}
    yield entry | ({"categories": list(kind.categories)} if kind.categories else {})
    common = {"singularName": "", "namespaced": kind.namespaced, "kind": kind.kind}
    if has_status(kind):
        yield {"name": f"{kind.plural}/status", **common, "verbs": STATUS_VERBS}
    if kind.kind == "Deployment":
        scale = {"kind": "Scale", "group": "autoscaling", "version": "v1"}
        yield {"name": "deployments/scale", **common, **scale, "verbs": STATUS_VERBS}
    if kind.kind == "ServiceAccount":
        request = {"kind": "TokenRequest", "group": "authentication.k8s.io", "version": "v1"}
        yield {"name": "serviceaccounts/token", **common, **request, "verbs": ["create"]}
    if kind.kind == "Pod":
        yield {"name": "pods/exec", **common, "kind": "PodExecOptions", "verbs": ["create", "get"]}
        yield {"name": "pods/log", **common, "verbs": ["get"]}


def _openapi(group: str, version: str) -> Document:
    paths = {}
    for kind in _kinds(group, version):
        place = "/namespaces/{namespace}" if kind.namespaced else ""
        validated = {
            "parameters": [{"name": "fieldValidation", "in": "query", "schema": {"type": "string"}}],
            "responses": {"200": {"description": "OK"}},
            "x-kubernetes-group-version-kind": {"group": group, "version": version, "kind": kind.kind},
        }
        paths[f"{_root(group, version)}{place}/{kind.plural}"] = {"post": validated}
        paths[f"{_root(group, version)}{place}/{kind.plural}/{{name}}"] = {"patch": validated, "put": validated}
    info = {"title": "meshgate", "version": "v1"}
    return {"openapi": "3.0.0", "info": info, "paths": paths, "components": {"schemas": {}}}
