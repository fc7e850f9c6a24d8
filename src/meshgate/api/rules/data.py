"""Rules of Secrets and ConfigMaps."""

from __future__ import annotations

from typing import Final

from meshgate.api.config import ConfigMap, Secret
from meshgate.api.rules.finding import Finding, Findings, at_key
from meshgate.api.rules.kubernetes_names import is_data_key

_KEYS_OF_TYPE: Final = {
    "kubernetes.io/tls": ("tls.crt", "tls.key"),
    "kubernetes.io/dockerconfigjson": (".dockerconfigjson",),
    "kubernetes.io/ssh-auth": ("ssh-privatekey",),
}


def secret_findings(spec: Secret) -> Findings:
    """What Kubernetes would refuse."""
    keys = {key for key, _ in spec.data}
    yield from _keys("data", keys)
    for key in _KEYS_OF_TYPE.get(spec.type, ()):
        if key not in keys:
            yield Finding(at_key("data", key), f'a Secret of type "{spec.type}" needs the key "{key}"')


def config_map_findings(spec: ConfigMap) -> Findings:
    """What Kubernetes would refuse."""
    keys = {key for key, _ in spec.data}
    binary = {key for key, _ in spec.binary_data}
    yield from _keys("data", keys)
    yield from _keys("binaryData", binary)
    for key in sorted(keys & binary):
        yield Finding(at_key("binaryData", key), f'the key "{key}" is in data, too')


def _keys(path: str, keys: set[str]) -> Findings:
    for key in sorted(keys):
        if not is_data_key(key):
            yield Finding(at_key(path, key), f'"{key}" is no key', 'letters, digits, "-", "_" and "."')
