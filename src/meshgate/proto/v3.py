"""The API's classes by their fixed names: `v3.Cluster(name="a", type="EDS")`. The table is `names.py`.

Arguments may be nested mappings (`{"address": {...}}`), enum names, and timedelta for durations, as protobuf allows.
For mypy the names come from stubs that `tools/stubs.py` makes from the same schema.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from envoy_api import *  # noqa: F403  # the generated stub lists its public names

from meshgate.proto.schema import pool

__all__ = ["pool"]

if not TYPE_CHECKING:
    from meshgate.proto.schema import named

    def __getattr__(name: str) -> object:
        """Make the class and keep it as an attribute of the module, so that the next use costs nothing."""
        made = globals()[name] = named(name)
        return made
