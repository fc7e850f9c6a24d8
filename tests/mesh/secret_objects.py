"""Secrets as YAML, with what a test puts in them."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from types import MappingProxyType


def secret(
    name: str,
    namespace: str = "default",
    given: Mapping[str, bytes] = MappingProxyType({}),
    *,
    kind: str = "Opaque",
    **data: bytes,
) -> str:
    """A Secret; `tls_crt` is the key `tls.crt`."""
    pairs = ", ".join(
        f"{key.replace('_', '.')}: {base64.b64encode(content).decode()!r}" for key, content in {**given, **data}.items()
    )
    return f"""
---
apiVersion: v1
kind: Secret
metadata: {{name: {name}, namespace: {namespace}}}
type: {kind}
data: {{{pairs}}}
"""


def config_map(name: str, namespace: str = "default", **data: bytes) -> str:
    """A ConfigMap with texts."""
    lines = [
        f"  {key.replace('_', '.')}: |\n" + "".join(f"    {line}\n" for line in content.decode().splitlines())
        for key, content in data.items()
    ]
    head = f"---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}, namespace: {namespace}}}\n"
    return "\n" + head + "data:\n" + "".join(lines)
