"""Objects in protobuf, as kubectl's typed clients send them."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshgate.kube.protobuf_bodies import MAGIC, object_of_protobuf
from meshgate.store.core import StatusFault


def varint(number: int) -> bytes:
    number %= 1 << 64
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


def field(number: int, value: int | str | bytes) -> bytes:
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    content = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(content)) + content


def pair(key: str, value: str | bytes) -> bytes:
    return field(1, key) + field(2, value)


def body(api_version: str, kind: str, *fields: bytes) -> bytes:
    type_meta = field(1, api_version) + field(2, kind)
    return MAGIC + field(1, type_meta) + field(2, b"".join(fields)) + field(3, "") + field(4, "")


def metadata(name: str, *fields: bytes) -> bytes:
    empty = field(2, "") + field(3, "") + field(7, 0) + field(8, b"")  # Go writes what is empty, too
    return field(1, field(1, name) + empty + b"".join(fields))


CONTAINER = field(1, "app") + field(2, "img") + field(3, "sleep") + field(3, "5") + field(8, b"") + field(14, "")
TEMPLATE = field(1, field(11, pair("app", "a"))) + field(2, field(2, CONTAINER) + field(3, "") + field(6, ""))
DEPLOYMENT = field(1, 2) + field(2, field(1, pair("app", "a"))) + field(3, TEMPLATE) + field(4, field(1, ""))
NOTHING_YET = field(3, field(1, ""))
PORT = field(1, "80-8080") + field(2, "TCP") + field(3, 80) + field(4, field(1, 0) + field(2, 8080)) + field(5, 0)

SERVICE = field(1, PORT) + field(2, pair("a", "b")) + field(4, "NodePort")


@pytest.mark.parametrize(
    ("content", "raw"),
    [
        (
            body("v1", "Namespace", metadata("shop"), field(2, b""), field(3, field(1, ""))),
            {"metadata": {"name": "shop"}},
        ),
        (
            body("v1", "Secret", metadata("s"), field(2, pair("k", b"\xff\x00")), field(3, "Opaque")),
            {"metadata": {"name": "s"}, "data": {"k": "/wA="}, "type": "Opaque"},
        ),
        (
            body("v1", "ConfigMap", metadata("c", field(11, pair("a", "b"))), field(2, pair("k", "v")), field(4, 1)),
            {"metadata": {"name": "c", "labels": {"a": "b"}}, "data": {"k": "v"}, "immutable": True},
        ),
        (body("v1", "ServiceAccount", metadata("bob")), {"metadata": {"name": "bob"}}),
        (
            body(
                "v1",
                "Service",
                metadata("w"),
                field(2, field(1, PORT) + field(2, pair("a", "b")) + field(4, "NodePort")),
            ),
            {
                "metadata": {"name": "w"},
                "spec": {
                    "ports": [{"name": "80-8080", "protocol": "TCP", "port": 80, "targetPort": 8080}],
                    "selector": {"a": "b"},
                    "type": "NodePort",
                },
            },
        ),
        (
            body("apps/v1", "Deployment", metadata("d"), field(2, DEPLOYMENT), field(3, b"")),
            {
                "metadata": {"name": "d"},
                "spec": {
                    "replicas": 2,
                    "selector": {"matchLabels": {"app": "a"}},
                    "template": {
                        "metadata": {"labels": {"app": "a"}},
                        "spec": {"containers": [{"name": "app", "image": "img", "command": ["sleep", "5"]}]},
                    },
                },
            },
        ),
    ],
    ids=["namespace", "secret", "config map", "service account", "service", "deployment"],
)
def test_objects_are_read(content: bytes, raw: dict[str, Any]) -> None:
    found = object_of_protobuf(content)
    assert {name: value for name, value in found.items() if name not in ("apiVersion", "kind")} == raw


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"", "does not begin"),
        (b"{}", "does not begin"),
        (body("v1", "Pod", metadata("p")), "a Pod of v1 cannot be read from protobuf: send it as JSON"),
        (body("v1", "Secret", field(77, "x")), "field 77 of Secret cannot be read from protobuf"),
        (body("v1", "Secret", metadata("s"))[:-9], "cut off"),
        (MAGIC + b"\x0d1234", "wire type 5"),
        (MAGIC + b"\xff\xff", "a number that is cut off"),
        (body("v1", "Secret", field(1, 7)), "a number where text or a message is expected"),
        (body("v1", "Secret", field(5, "x")), "a text where a number is expected"),
        (body("v1", "Secret", field(3, b"\xff")), "text that is not UTF-8"),
    ],
)
def test_what_cannot_be_read_is_refused_never_dropped(content: bytes, text: str) -> None:
    with pytest.raises(StatusFault) as refused:
        object_of_protobuf(content)
    assert (refused.value.code, text in refused.value.text) == (400, True), refused.value.text


@given(st.binary(max_size=60))
def test_law_no_bytes_break_it(content: bytes) -> None:
    with suppress(StatusFault):
        object_of_protobuf(MAGIC + content)
