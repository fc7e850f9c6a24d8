"""Responses of equal content are one object, so that their bytes are built once for all streams.

The memo holds its responses weakly: one lives as long as some stream still waits for its verdict, which is
exactly as long as another stream can profit from it.
"""

from __future__ import annotations

import hashlib
from types import MappingProxyType
from weakref import WeakValueDictionary

from meshgate.envoy import Resource
from meshgate.xds.session.shared import SharedSets
from meshgate.xds.session.values import Changes, Response

_Key = tuple[str, tuple[Resource, ...], tuple[str, ...]]


class Responses:
    """Makes responses; shared by the sessions of one server."""

    def __init__(self) -> None:
        self.changes = Changes()
        self.sets = SharedSets()
        self._alive: WeakValueDictionary[_Key, Response] = WeakValueDictionary()

    def response(self, type_url: str, resources: tuple[Resource, ...], removed: tuple[str, ...]) -> Response:
        """The response with this content; resources and removals are sorted by name."""
        key = (type_url, resources, removed)
        response = self._alive.get(key)
        if response is None:
            versions = MappingProxyType({resource.name: resource.version for resource in resources})
            response = Response(type_url, _nonce(*key), resources, removed, versions)
            self._alive[key] = response
        return response


def _nonce(type_url: str, resources: tuple[Resource, ...], removed: tuple[str, ...]) -> str:
    digest = hashlib.blake2b(type_url.encode(), digest_size=12)
    for resource in resources:
        digest.update(f"\n+{resource.name}\n{resource.version}".encode())
    for name in removed:
        digest.update(f"\n-{name}".encode())
    return digest.hexdigest()
