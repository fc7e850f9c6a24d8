"""Bytes, `Any` and JSON of messages."""

from __future__ import annotations

from datetime import timedelta

import pytest
import yaml
from google.protobuf.json_format import ParseError

from meshgate.host.envoy_binary import load_schema
from meshgate.proto import any_of, from_json, to_json, unpack, v3


@pytest.fixture(autouse=True)
def _schema() -> None:
    load_schema()


def _cluster(labels: list[str]) -> v3.Cluster:
    return v3.Cluster(
        name="outbound|80||web",
        type="EDS",
        connect_timeout=timedelta(milliseconds=1500),
        metadata={"filter_metadata": {label: {"fields": {label: {"bool_value": True}}} for label in labels}},
        typed_extension_protocol_options={"http": any_of(v3.HttpProtocolOptions(auto_config={}))},
    )


def test_json_and_back_is_the_same_message() -> None:
    cluster = _cluster(["a", "b"])
    for proto_names in (True, False):
        assert from_json(to_json(cluster, proto_names=proto_names), v3.Cluster) == cluster


def test_json_is_plain_enough_for_yaml() -> None:
    value = to_json(_cluster(["a"]))
    assert yaml.safe_load(yaml.safe_dump(value)) == value
    assert value["connect_timeout"] == "1.500s"
    options = value["typed_extension_protocol_options"]
    assert isinstance(options, dict)
    assert options["http"] == {
        "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
        "auto_config": {},
    }


def test_keys_of_maps_are_sorted_and_fields_are_not() -> None:
    names = [f"label{number}" for number in range(20)]
    for proto_names in (True, False):
        value = to_json(v3.Listener(**_listener(names)), proto_names=proto_names)
        assert list(value) == ["name", "metadata"]
        metadata = next(iter(value["metadata"].values()))  # type: ignore[union-attr]  # JSON is not typed
        assert list(metadata) == sorted(names)  # type: ignore[arg-type]
        assert list(metadata["label7"]["inner"]) == sorted(names)  # type: ignore[index,call-overload,arg-type]


def _listener(names: list[str]) -> v3.ListenerDict:
    inner = v3.Struct()
    inner.update({"inner": dict.fromkeys(names, 1.0)})
    return {"name": "x", "metadata": {"filter_metadata": dict.fromkeys(names, inner)}}


def test_whole_numbers_in_structs_are_whole() -> None:
    metadata = v3.Struct()
    metadata.update({"port": 8080, "share": 0.5})
    assert to_json(v3.Node(metadata=metadata))["metadata"] == {"port": 8080, "share": 0.5}
    assert isinstance(to_json(v3.Node(metadata=metadata))["metadata"]["port"], int)  # type: ignore[index,call-overload]


def test_maps_inside_any_are_sorted() -> None:
    names = [f"label{number}" for number in range(20)]
    packed = any_of(v3.Listener(**_listener(names)))
    value = to_json(v3.Cluster(typed_extension_protocol_options=dict.fromkeys(names, packed)))
    options = value["typed_extension_protocol_options"]
    assert isinstance(options, dict)
    assert list(options) == sorted(names)
    assert options["label3"] == {"@type": packed.type_url, **to_json(unpack(packed))}
    assert repr(options["label3"]) == repr({"@type": packed.type_url, **to_json(unpack(packed))})


def test_names_can_be_camel_case() -> None:
    assert to_json(_cluster([]), proto_names=False)["connectTimeout"] == "1.500s"


def test_bytes_do_not_depend_on_the_order_of_maps() -> None:
    names = [f"label{number}" for number in range(20)]
    assert any_of(_cluster(names)).value == any_of(_cluster(names[::-1])).value


def test_any_is_unpacked_to_its_own_class() -> None:
    packed = any_of(v3.StdoutAccessLog(log_format={"text_format_source": {"inline_string": "x"}}))
    assert packed.type_url == "type.googleapis.com/envoy.extensions.access_loggers.stream.v3.StdoutAccessLog"
    unpacked = unpack(packed)
    assert isinstance(unpacked, v3.StdoutAccessLog)
    assert unpacked.log_format.text_format_source.inline_string == "x"


def test_any_of_an_unknown_type_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        unpack(v3.Any(type_url="type.googleapis.com/not.There"))


def test_json_that_does_not_fit_says_so() -> None:
    with pytest.raises(ParseError, match="nmae"):
        from_json({"nmae": "x"}, v3.Cluster)
