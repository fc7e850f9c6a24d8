"""Who may see an object: `exportTo` in its resolved form.

`.` is the object's own namespace, `*` all, `~` none, anything else a namespace.
"""

from __future__ import annotations

from collections.abc import Iterable

Export = tuple[str, ...]
"""Namespaces, sorted; `*` for all; empty for none."""

EVERYWHERE: Export = ("*",)


def resolve_export(export_to: Iterable[str], namespace: str, default: Iterable[str]) -> Export:
    """The namespaces that see an object of this namespace.

    >>> resolve_export([".", "b"], "a", ["*"]), resolve_export([], "a", ["*"]), resolve_export(["~"], "a", ["*"])
    (('a', 'b'), ('*',), ())
    """
    names = {namespace if name == "." else name for name in (tuple(export_to) or tuple(default))}
    return EVERYWHERE if "*" in names else tuple(sorted(names - {"~"}))


def is_visible(export: Export, namespace: str) -> bool:
    """Whether proxies of the namespace see it."""
    return export == EVERYWHERE or namespace in export
