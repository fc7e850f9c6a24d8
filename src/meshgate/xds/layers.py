"""What one proxy must hold, in layers: what it is planned to do, and beside it its secrets, from several sources.

The plan is shared by many proxies and anyone on this machine may read it; secrets belong to one proxy alone. They are
kept apart until they are offered to that proxy, so a reader's table has none by its making and not by a filter.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from meshgate.envoy import SECRET, Resource
from meshgate.xds.session import ResourceTable


class TableLayers:
    """Of one proxy. What did not change stays the same mapping, which is how a session sees that."""

    def __init__(self) -> None:
        self.table: ResourceTable | None = None
        """Without any secret: all that others may see."""
        self.whole: ResourceTable | None = None
        """With the secrets; None as long as there is no table, so that no Envoy starts with secrets alone."""
        self._sources: dict[str, Mapping[str, Resource]] = {}
        self._secrets: Mapping[str, Resource] | None = None

    def set_table(self, table: ResourceTable) -> bool:
        """True if it is another one."""
        assert SECRET not in table.types, "plans hold names of secrets only"
        if table is self.table:
            return False
        self.table = table
        self._join()
        return True

    def set_secrets(self, source: str, secrets: Mapping[str, Resource]) -> bool:
        """True if they differ from what this source gave last."""
        assert all(each.type_url == SECRET for each in secrets.values())
        if self._sources.get(source, {}) == secrets:
            return False
        self._sources[source] = MappingProxyType(dict(secrets))
        together: dict[str, Resource] = {}
        for key in sorted(self._sources):
            twice = together.keys() & self._sources[key].keys()
            assert not twice, f"secrets of two sources: {sorted(twice)}"
            together |= self._sources[key]
        self._secrets = MappingProxyType(together) if together else None
        self._join()
        return True

    def _join(self) -> None:
        if self.table is None or self._secrets is None:
            self.whole = self.table
        else:
            self.whole = ResourceTable(types=MappingProxyType({**self.table.types, SECRET: self._secrets}))
