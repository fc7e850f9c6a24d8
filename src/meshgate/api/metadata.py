"""Reads `metadata`, and checks what Kubernetes checks of it for every kind."""

from __future__ import annotations

import re
from typing import Final

import msgspec

from meshgate.api import codes
from meshgate.api.fault import Fault
from meshgate.api.implemented import EVERYTHING
from meshgate.api.kinds import Kind
from meshgate.api.meta import Meta
from meshgate.api.readers import Field, FieldTable, Place, field_table, object_reader_over
from meshgate.api.scalars import Reader

LAST_APPLIED: Final = "kubectl.kubernetes.io/last-applied-configuration"
"""kubectl's own note; it is left out of the values, since it repeats the object and changes with each apply."""

DEFAULT_NAMESPACE: Final = "default"

_SUBDOMAIN: Final = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_LABEL: Final = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_KEY_NAME: Final = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?")

_NAMES: Final = {
    "creationTimestamp": "creation",
    "deletionTimestamp": "deletion",
    "ownerReferences": "owners",
}
"""Attributes of Meta that are shorter than their names in JSON."""

_DNS_LABEL_KINDS: Final = frozenset({"Namespace", "Service", "Endpoints"})


def _metadata_reader() -> Reader:
    place = Place("metadata", EVERYTHING, protobuf=False)
    table: FieldTable = field_table(Meta, place)
    for key, attribute in _NAMES.items():
        table.fields[key] = Field(attribute, table.fields.pop(attribute).read)
    return object_reader_over(Meta, table)


_read_metadata: Final = _metadata_reader()


def read_meta(raw: object, kind: Kind, faults: list[Fault]) -> Meta | None:
    """The metadata, with the namespace `default` where one is needed and none is given; None without a name."""
    given = {} if raw is None else raw
    meta = _read_metadata({"name": "", **given} if isinstance(given, dict) else given, faults)
    if not isinstance(meta, Meta):
        return None
    if not meta.name:
        if not any(fault.parts == ["name"] for fault in faults):
            faults.append(Fault(codes.BAD_METADATA, "an object needs a name", parts=["name"]))
        return None
    meta = _completed(meta, kind)
    faults.extend(_faults_of(meta, kind))
    return meta


def _completed(meta: Meta, kind: Kind) -> Meta:
    annotations = tuple(pair for pair in meta.annotations if pair[0] != LAST_APPLIED)
    namespace = (meta.namespace or DEFAULT_NAMESPACE) if kind.namespaced else meta.namespace
    if annotations == meta.annotations and namespace == meta.namespace:
        return meta
    return msgspec.structs.replace(meta, annotations=annotations, namespace=namespace)


def _faults_of(meta: Meta, kind: Kind) -> list[Fault]:
    faults = [*_name_faults(meta.name, kind)]
    if not kind.namespaced and meta.namespace:
        faults.append(_bad(f"a {kind.kind} has no namespace", "leave it out", "namespace"))
    for key, value in meta.labels:
        if not is_label_key(key):
            faults.append(_bad(f'"{key}" is no label key', _KEY_RULE, key, "labels"))
        if value and not _is_name(_KEY_NAME, value, 63):
            faults.append(_bad(f'"{value}" is no label value', _VALUE_RULE, key, "labels"))
    faults.extend(
        _bad(f'"{key}" is no annotation key', _KEY_RULE, key, "annotations")
        for key, _ in meta.annotations
        if not is_label_key(key)
    )
    return faults


_LABEL_RULE: Final = 'at most 63 lower case letters, digits and "-", with a letter or digit at both ends'
_NAME_RULE: Final = 'lower case letters, digits, "-" and ".", with a letter or digit at both ends'
_VALUE_RULE: Final = 'at most 63 letters, digits, "-", "_" and ".", with a letter or digit at both ends'
_KEY_RULE: Final = f"a name ({_VALUE_RULE}), perhaps after a DNS name and a slash"


def _name_faults(name: str, kind: Kind) -> list[Fault]:
    if kind.kind in _DNS_LABEL_KINDS:
        fits, rule = _is_name(_LABEL, name, 63), _LABEL_RULE
    else:
        fits, rule = _is_name(_SUBDOMAIN, name, 253), _NAME_RULE
    return [] if fits else [_bad(f'"{name}" is no name of a {kind.kind}', rule, "name")]


def _is_name(pattern: re.Pattern[str], text: str, most: int) -> bool:
    return len(text) <= most and pattern.fullmatch(text) is not None


def is_label_key(key: str) -> bool:
    """Whether Kubernetes takes this as the key of a label or annotation.

    >>> is_label_key("app.kubernetes.io/name"), is_label_key("a b")
    (True, False)
    """
    prefix, slash, name = key.rpartition("/")
    if slash and not _is_name(_SUBDOMAIN, prefix.lower(), 253):
        return False
    return _is_name(_KEY_NAME, name, 63)


def _bad(text: str, hint: str, *parts: str) -> Fault:
    return Fault(codes.BAD_METADATA, text, hint, parts=list(parts))
