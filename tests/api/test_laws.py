"""Laws of decode: it undoes encode, it never raises, and spellings that mean the same give the same."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshgate.api import (
    EVERYTHING,
    KINDS,
    Decoder,
    Exact,
    Kind,
    Meta,
    Prefix,
    Present,
    Regex,
    Resource,
    Spec,
    decode,
    decode_all,
    encode,
)
from meshgate.api.value import Value
from tests.api import objects
from tests.api.values import JSON, values_of

MATCHES = (Exact, Prefix, Regex, Present)
"""Values whose raw form has keys that are no fields."""

WITHOUT_RULES = Decoder(EVERYTHING, rules=False)

EXAMPLES = {raw["kind"]: raw for raw in objects.ALL}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.kind)
@pytest.mark.slow
@given(data=st.data())
def test_decode_undoes_encode(kind: Kind, data: st.DataObject) -> None:
    spec = data.draw(values_of(kind.spec_type))
    resource: Resource[Spec] = Resource(
        api_version=kind.api_version,
        kind=kind.kind,
        meta=Meta(name="web", namespace="shop" if kind.namespaced else ""),
        spec=spec,
    )
    again, problems = WITHOUT_RULES.decode(encode(resource))
    assert not problems
    assert again == resource
    assert hash(again) == hash(resource)


@given(api_version=JSON, kind=JSON, metadata=JSON, spec=JSON)
def test_decode_never_raises_on_arbitrary_objects(api_version: Any, kind: Any, metadata: Any, spec: Any) -> None:
    raw = {"apiVersion": api_version, "kind": kind, "metadata": metadata, "spec": spec}
    resource, problems = decode(raw)
    assert resource is None
    assert problems


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.kind)
@pytest.mark.slow
@given(data=st.data())
def test_decode_never_raises_on_broken_objects(kind: Kind, data: st.DataObject) -> None:
    raw = deepcopy(EXAMPLES[kind.kind])
    for _ in range(data.draw(st.integers(1, 4))):
        _break(raw, data)
    for one in (decode, decode_all):
        resource, problems = one(raw)
        assert (resource is None) == any(problem.severity == "error" for problem in problems)


def _break(raw: Any, data: st.DataObject) -> None:
    """Put something arbitrary somewhere: at a key that is there, or at one that is not."""
    place = raw
    while isinstance(place, dict) and place:
        key = data.draw(st.sampled_from(sorted(place)))
        inner = place[key]
        if not isinstance(inner, dict | list) or not inner or data.draw(st.booleans()):
            place[data.draw(st.just(key) | st.text(max_size=4))] = data.draw(JSON)
            return
        place = inner[0] if isinstance(inner, list) else inner


@pytest.mark.parametrize(
    "raw",
    [raw for raw in objects.ALL if raw["apiVersion"].startswith("networking")],
    ids=lambda raw: raw["kind"],
)
def test_api_versions_mean_the_same(raw: dict[str, Any]) -> None:
    specs = set()
    for version in ("v1", "v1beta1", "v1alpha3"):
        resource, _ = decode({**raw, "apiVersion": f"networking.istio.io/{version}"})
        assert resource is not None
        assert resource.api_version == f"networking.istio.io/{version}"
        specs.add(resource.spec)
    assert len(specs) == 1


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.is_protobuf], ids=lambda kind: kind.kind)
@pytest.mark.slow
@given(data=st.data())
def test_snake_case_means_the_same_as_camel_case(kind: Kind, data: st.DataObject) -> None:
    spec = data.draw(values_of(kind.spec_type))
    resource: Resource[Spec] = Resource(
        api_version=kind.api_version, kind=kind.kind, meta=Meta(name="web", namespace="shop"), spec=spec
    )
    raw = encode(resource)
    raw["spec"] = _snake(raw["spec"], spec)
    again, problems = WITHOUT_RULES.decode(raw)
    assert not problems
    assert again == resource


def _snake(raw: Any, value: Any) -> Any:
    """The raw form of a value with the names of fields, but not keys of maps, as protobuf has them."""
    if isinstance(value, Value) and isinstance(raw, dict) and not isinstance(value, MATCHES):
        fields = msgspec.structs.fields(value)
        names: dict[Any, str] = {field.encode_name: field.name for field in fields}
        return {names[key].rstrip("_"): _snake(item, getattr(value, names[key])) for key, item in raw.items()}
    if isinstance(value, tuple) and isinstance(raw, list):
        return [_snake(item, inner) for item, inner in zip(raw, value, strict=True)]
    return raw


@given(raw=st.dictionaries(st.text(max_size=5), JSON, max_size=4))
def test_what_decodes_is_independent_of_the_order_of_keys(raw: dict[str, Any]) -> None:
    labels = {f"k{index}": "v" for index, _ in enumerate(raw)}
    turned = dict(reversed(list(labels.items())))
    one, _ = decode({**objects.NAMESPACE, "metadata": {"name": "shop", "labels": labels}})
    other, _ = decode({"metadata": {"labels": turned, "name": "shop"}, "kind": "Namespace", "apiVersion": "v1"})
    assert one == other
    assert one is not None
