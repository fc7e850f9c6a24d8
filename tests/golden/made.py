"""From a case's file to the resources of its one proxy."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from msgspec.structs import replace

from meshgate.api import AnyResource, decode, documents
from meshgate.app.compiler import Compiled, Compiler
from meshgate.app.proxies import EDGE_PATH, proxies_of
from meshgate.envoy import CLUSTER, ENDPOINTS, LISTENER, ROUTES, Resource
from meshgate.mesh import Facts

HERE = Path(__file__).parent
CASES = sorted((HERE / "cases").glob("*.yaml"))


def objects_of(file: Path) -> list[AnyResource]:
    found, problems = documents(file.read_text(), file.name)
    assert not problems
    objects = []
    for document in found:
        made, problems = decode(document.raw, document.position)
        assert made is not None, "\n".join(map(str, problems))
        objects.append(made)
    return objects


def resources_of(
    objects: Sequence[AnyResource], *, edge_socket: str = EDGE_PATH, compiler: Compiler | None = None
) -> tuple[Compiled, list[Resource]]:
    """All resources in the order in which kinds are sent, by name, and what was compiled with them."""
    (proxy,) = proxies_of(objects).values()
    if proxy.edge_socket is not None:
        proxy = replace(proxy, edge_socket=edge_socket)
    compiled = (compiler or Compiler(Facts())).compile(objects, [proxy])
    types = compiled.tables[proxy].types
    named = (types.get(kind, {}) for kind in (CLUSTER, ENDPOINTS, LISTENER, ROUTES))
    return compiled, [found[name] for found in named for name in sorted(found)]
