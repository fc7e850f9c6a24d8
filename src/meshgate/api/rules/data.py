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

MOST_BYTES: Final = 1 << 20
"""Of all values of a Secret or a ConfigMap (kubernetes:pkg/apis/core/types.go#MaxSecretSize)."""


def secret_findings(spec: Secret) -> Findings:
    """What Kubernetes would refuse."""
    keys = {key for key, _ in spec.data}
    yield from _keys("data", keys)
    yield from _size(sum(len(value.reveal()) for _, value in spec.data))
    for key in _KEYS_OF_TYPE.get(spec.type, ()):
        if key not in keys:
            yield Finding(at_key("data", key), f'a Secret of type "{spec.type}" needs the key "{key}"')


def config_map_findings(spec: ConfigMap) -> Findings:
    """What Kubernetes would refuse."""
    keys = {key for key, _ in spec.data}
    binary = {key for key, _ in spec.binary_data}
    yield from _keys("data", keys)
    yield from _keys("binaryData", binary)
    texts, binaries = (value.encode() for _, value in spec.data), (value for _, value in spec.binary_data)
    yield from _size(sum(map(len, texts)) + sum(map(len, binaries)))
    for key in sorted(keys & binary):
        yield Finding(at_key("binaryData", key), f'the key "{key}" is in data, too')


def _keys(path: str, keys: set[str]) -> Findings:
    for key in sorted(keys):
        if not is_data_key(key):
            yield Finding(at_key(path, key), f'"{key}" is no key', 'letters, digits, "-", "_" and "."')


def _size(given_bytes: int) -> Findings:
    if given_bytes > MOST_BYTES:
        yield Finding("data", f"all values together have {given_bytes} bytes; {MOST_BYTES} at most are possible")
