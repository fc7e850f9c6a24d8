"""Objects that come as protobuf: what `kubectl create namespace|secret|configmap|deployment|service` sends.

Its typed clients know no JSON. Only these few kinds come that way, so their fields are a table here
(`kubernetes:staging/src/k8s.io/api/*/generated.proto`) rather than a dependency; a field that is not in the table is
refused, never dropped. Answers are JSON, which those clients read.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from meshgate.store.core import Raw, bad_request

MEDIA_TYPE = "application/vnd.kubernetes.protobuf"
MAGIC = b"k8s\x00"
VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
WORD = 1 << 64

Value = int | bytes
Reader = Callable[[Value], Any]
Fields = Mapping[int, tuple[str, Reader]]


def object_of_protobuf(content: bytes) -> Raw:
    """The object in the body. Raises StatusFault (BadRequest)."""
    if not content.startswith(MAGIC):
        raise bad_request("the body of the request does not begin as Kubernetes' protobuf does")
    envelope = _message(content[len(MAGIC) :], _ENVELOPE, "the envelope")
    type_meta: Mapping[str, str] = envelope.get("typeMeta", {})
    api_version, kind = type_meta.get("apiVersion", ""), type_meta.get("kind", "")
    fields = _KINDS.get((api_version, kind))
    if fields is None:
        raise bad_request(f"a {kind} of {api_version} cannot be read from protobuf: send it as JSON")
    return {"apiVersion": api_version, "kind": kind, **_message(envelope.get("raw", b""), fields, kind)}


def _message(content: bytes, fields: Fields, where: str) -> dict[str, Any]:
    """A message's fields by name; what is empty counts as not given, as in Go."""
    found: dict[str, Any] = {}
    for number, value in _values(content):
        if number not in fields:
            if value:
                raise bad_request(f"field {number} of {where} cannot be read from protobuf: send the object as JSON")
            continue
        name, read = fields[number]
        item = read(value)
        if isinstance(item, list):
            found.setdefault(name, []).extend(item)
        elif isinstance(item, _Entry):
            found.setdefault(name, {})[item.key] = item.value
        elif item not in ("", {}, None):
            found[name] = item
    return found


def _values(content: bytes) -> Iterator[tuple[int, Value]]:
    position = 0
    while position < len(content):
        tag, position = _varint(content, position)
        number, wire_type = tag >> 3, tag & 7
        if wire_type == VARINT:
            value, position = _varint(content, position)
            yield number, value
        elif wire_type == BYTES:
            length, position = _varint(content, position)
            if position + length > len(content):
                raise bad_request("the body of the request is cut off")
            yield number, content[position : position + length]
            position += length
        else:
            raise bad_request(f"the body of the request holds a value of wire type {wire_type}, which no object has")


def _varint(content: bytes, position: int) -> tuple[int, int]:
    result = shift = 0
    while position < len(content) and shift < 70:
        byte = content[position]
        result |= (byte & 0x7F) << shift
        position, shift = position + 1, shift + 7
        if byte < 0x80:
            return result % WORD, position
    raise bad_request("the body of the request holds a number that is cut off")


class _Entry:
    """One pair of a map."""

    def __init__(self, key: str, value: Any) -> None:
        self.key, self.value = key, value


def _as_bytes(value: Value) -> bytes:
    if not isinstance(value, bytes):
        raise bad_request("the body of the request holds a number where text or a message is expected")
    return value


def _text(value: Value) -> str:
    try:
        return _as_bytes(value).decode()
    except UnicodeDecodeError:
        raise bad_request("the body of the request holds text that is not UTF-8") from None


def _base64(value: Value) -> str:
    return b64encode(_as_bytes(value)).decode()


def _number(value: Value) -> int:
    if isinstance(value, bytes):
        raise bad_request("the body of the request holds a text where a number is expected")
    return value - WORD if value >= WORD // 2 else value


def _flag(value: Value) -> bool:
    return bool(_number(value))


def _each(read: Reader) -> Reader:
    return lambda value: [read(value)]


def _of(name: str, fields: Fields) -> Reader:
    return lambda value: _message(_as_bytes(value), fields, name)


def _pairs(read: Reader) -> Reader:
    def entry(value: Value) -> _Entry:
        pair = dict(_values(_as_bytes(value)))
        return _Entry(_text(pair.get(1, b"")), read(pair.get(2, b"")))

    return entry


def _time(value: Value) -> str | None:
    parts = dict(_values(_as_bytes(value)))
    if not parts.get(1):
        return None
    return datetime.fromtimestamp(_number(parts[1]), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _int_or_text(value: Value) -> int | str:
    parts = dict(_values(_as_bytes(value)))
    return _text(parts.get(3, b"")) if parts.get(1) == 1 else _number(parts.get(2, 0))


_ENVELOPE: Fields = {
    1: ("typeMeta", _of("TypeMeta", {1: ("apiVersion", _text), 2: ("kind", _text)})),
    2: ("raw", _as_bytes),
    3: ("contentEncoding", _text),
    4: ("contentType", _text),
}
_META: Fields = {
    1: ("name", _text),
    2: ("generateName", _text),
    3: ("namespace", _text),
    5: ("uid", _text),
    6: ("resourceVersion", _text),
    7: ("generation", lambda value: None),
    8: ("creationTimestamp", _time),
    11: ("labels", _pairs(_text)),
    12: ("annotations", _pairs(_text)),
    14: ("finalizers", _each(_text)),
}
_METADATA: tuple[str, Reader] = ("metadata", _of("ObjectMeta", _META))
_SELECTOR: Fields = {1: ("matchLabels", _pairs(_text))}
_PORT: Fields = {
    1: ("name", _text),
    2: ("hostPort", lambda value: _number(value) or None),
    3: ("containerPort", _number),
    4: ("protocol", _text),
    5: ("hostIP", _text),
}
_CONTAINER: Fields = {
    1: ("name", _text),
    2: ("image", _text),
    3: ("command", _each(_text)),
    4: ("args", _each(_text)),
    5: ("workingDir", _text),
    6: ("ports", _each(_of("ContainerPort", _PORT))),
    8: ("resources", _of("ResourceRequirements", {})),
    13: ("terminationMessagePath", lambda value: None),
    14: ("imagePullPolicy", _text),
    16: ("stdin", lambda value: _flag(value) or None),
    17: ("stdinOnce", lambda value: _flag(value) or None),
    18: ("tty", lambda value: _flag(value) or None),
    20: ("terminationMessagePolicy", lambda value: None),
}
_POD: Fields = {
    2: ("containers", _each(_of("Container", _CONTAINER))),
    3: ("restartPolicy", _text),
    4: ("terminationGracePeriodSeconds", _number),
    6: ("dnsPolicy", _text),
    8: ("serviceAccountName", _text),
    9: ("serviceAccount", _text),
    10: ("nodeName", _text),
}
_DEPLOYMENT: Fields = {
    1: ("replicas", _number),
    2: ("selector", _of("LabelSelector", _SELECTOR)),
    3: ("template", _of("PodTemplateSpec", {1: _METADATA, 2: ("spec", _of("PodSpec", _POD))})),
    4: ("strategy", _of("DeploymentStrategy", {1: ("type", _text)})),
}
_SERVICE_PORT: Fields = {
    1: ("name", _text),
    2: ("protocol", _text),
    3: ("port", _number),
    4: ("targetPort", lambda value: _int_or_text(value) or None),
    5: ("nodePort", lambda value: _number(value) or None),
    6: ("appProtocol", _text),
}
_SERVICE: Fields = {
    1: ("ports", _each(_of("ServicePort", _SERVICE_PORT))),
    2: ("selector", _pairs(_text)),
    3: ("clusterIP", _text),
    4: ("type", _text),
    5: ("externalIPs", _each(_text)),
    7: ("sessionAffinity", _text),
    10: ("externalName", _text),
}
_KINDS: Mapping[tuple[str, str], Fields] = {
    ("v1", "Namespace"): {1: _METADATA, 2: ("spec", _of("NamespaceSpec", {})), 3: ("status", lambda value: None)},
    ("v1", "Secret"): {
        1: _METADATA,
        2: ("data", _pairs(_base64)),
        3: ("type", _text),
        4: ("stringData", _pairs(_text)),
        5: ("immutable", _flag),
    },
    ("v1", "ConfigMap"): {
        1: _METADATA,
        2: ("data", _pairs(_text)),
        3: ("binaryData", _pairs(_base64)),
        4: ("immutable", _flag),
    },
    ("v1", "ServiceAccount"): {1: _METADATA},
    ("v1", "Service"): {1: _METADATA, 2: ("spec", _of("ServiceSpec", _SERVICE)), 3: ("status", lambda value: None)},
    ("apps/v1", "Deployment"): {
        1: _METADATA,
        2: ("spec", _of("DeploymentSpec", _DEPLOYMENT)),
        3: ("status", lambda value: None),
    },
}
