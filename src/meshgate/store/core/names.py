"""Which objects may be stored at all: metadata of the right shape, names that Kubernetes accepts.

Everything below relies on it: a name becomes a DNS name, a path in a URL, a file name. The wording is Kubernetes'
(`apimachinery:pkg/util/validation`), for users look it up.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from meshgate.api import Kind

from .faults import Cause, bad_request, invalid
from .raw import Raw

NAMES_OF_LABEL_FORM = frozenset({"Namespace", "Service"})
"""Names that become DNS labels; all others may hold dots."""

LABEL_FORM = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
SUBDOMAIN_FORM = rf"{LABEL_FORM}(\.{LABEL_FORM})*"
SERVICE_FORM = "[a-z]([-a-z0-9]*[a-z0-9])?"
QUALIFIED_FORM = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"
VALUE_FORM = f"({QUALIFIED_FORM})?"

LABEL_TEXT = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end "
    f"with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '{LABEL_FORM}')"
)
SUBDOMAIN_TEXT = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start "
    "and end with an alphanumeric character (e.g. 'example.com', regex used for validation is "
    rf"'{LABEL_FORM}(\.{LABEL_FORM})*')"
)
SERVICE_TEXT = (
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, "
    "and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is "
    f"'{SERVICE_FORM}')"
)
QUALIFIED_TEXT = (
    "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric "
    "character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is "
    "'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
)
VALUE_TEXT = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and "
    "end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is "
    "'(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
)


def check_shape(raw: Raw) -> None:
    """Refuse (400) what is no object at all: later code reads metadata without looking twice."""
    metadata = raw.get("metadata")
    if not isinstance(metadata, Mapping):
        raise bad_request("the object has no metadata: a mapping with a name is expected")
    for field in ("name", "generateName", "namespace", "uid", "resourceVersion"):
        if not isinstance(metadata.get(field, ""), str | None):
            raise bad_request(f"metadata.{field}: a string is expected, got {type(metadata[field]).__name__}")
    for field in ("labels", "annotations"):
        if not _is_text_map(metadata.get(field)):
            raise bad_request(f"metadata.{field}: a mapping from strings to strings is expected (quote the values)")
    if not _is_list_of(metadata.get("finalizers"), str):
        raise bad_request("metadata.finalizers: a list of strings is expected")
    owners = metadata.get("ownerReferences")
    if not _is_list_of(owners, Mapping) or not all(isinstance(owner.get("uid"), str) for owner in owners or ()):
        raise bad_request("metadata.ownerReferences: a list of mappings, each with a uid, is expected")


def check_names(kind: Kind, raw: Raw) -> None:
    """Refuse (422) names, labels and annotations that Kubernetes would refuse, all faults at once."""
    metadata: Mapping[str, Any] = raw["metadata"]
    causes = _name_causes(kind, metadata["name"])
    for name, value in (metadata.get("labels") or {}).items():
        causes += _qualified_causes("metadata.labels", name)
        if len(value) > 63:
            causes.append(_bad("metadata.labels", value, "must be no more than 63 bytes"))
        elif not re.fullmatch(VALUE_FORM, value):
            causes.append(_bad("metadata.labels", value, VALUE_TEXT))
    for name in metadata.get("annotations") or {}:
        causes += _qualified_causes("metadata.annotations", name.lower())
    if causes:
        raise invalid(kind, metadata["name"], causes)


def _name_causes(kind: Kind, name: str) -> list[Cause]:
    label_form = kind.kind in NAMES_OF_LABEL_FORM
    limit = 63 if label_form else 253
    if len(name) > limit:
        return [_bad("metadata.name", name, f"must be no more than {limit} bytes")]
    if kind.kind == "Service":
        form, text = SERVICE_FORM, SERVICE_TEXT
    elif label_form:
        form, text = LABEL_FORM, LABEL_TEXT
    else:
        form, text = SUBDOMAIN_FORM, SUBDOMAIN_TEXT
    return [] if re.fullmatch(form, name) else [_bad("metadata.name", name, text)]


def _qualified_causes(field: str, text: str) -> list[Cause]:
    prefix, slash, name = text.rpartition("/")
    if slash and not re.fullmatch(SUBDOMAIN_FORM, prefix):
        return [_bad(field, text, f"prefix part {SUBDOMAIN_TEXT}")]
    if len(name) > 63:
        return [_bad(field, text, "name part must be no more than 63 bytes")]
    return [] if re.fullmatch(QUALIFIED_FORM, name) else [_bad(field, text, QUALIFIED_TEXT)]


def _bad(field: str, value: str, text: str) -> Cause:
    return Cause(field=field, message=f'Invalid value: "{value}": {text}')


def _is_text_map(value: object) -> bool:
    if value is None:
        return True
    return isinstance(value, Mapping) and all(isinstance(item, str) for pair in value.items() for item in pair)


def _is_list_of(value: object, kind: type) -> bool:
    return value is None or (isinstance(value, list | tuple) and all(isinstance(item, kind) for item in value))
