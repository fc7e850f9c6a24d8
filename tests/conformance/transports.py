"""TLS of clusters as far as ours can be Istio's: by which names secrets are called, not by which service they come."""

from __future__ import annotations

from typing import Any

_OF_ISTIOS_ENVOY = "istio"
"""ALPN that begins so is said by the cluster and changed by a filter of Istio's own Envoy; ours says what the filter
would say (docs/adr/0014-alpn-names.md)."""


def comparable_transports(value: Any) -> Any:
    """The value without what differs by design: where secrets come from, ALPN of the mesh, empty validations. Of a
    Secret whose name has Istio's ending already Istio asks for it twice over, and takes it without."""
    if isinstance(value, list):
        return [comparable_transports(item) for item in value]
    if not isinstance(value, dict):
        return value.replace("-cacert-cacert", "-cacert") if isinstance(value, str) else value
    return {key: comparable_transports(item) for key, item in value.items() if not _differs_by_design(key, item)}


def _differs_by_design(key: str, value: Any) -> bool:
    if key == "alpn_protocols":
        return any(str(name).startswith(_OF_ISTIOS_ENVOY) for name in value)
    return key == "sds_config" or (key == "validation_context" and value == {})
