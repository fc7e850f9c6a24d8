"""The mesh configuration from its layers: ours, the ConfigMap `istio`, IstioOperators from the oldest on, `--set`.

Layers are laid over each other as raw trees (objects merge, everything else replaces), and the result is read over
Istio's defaults: a setting that is given replaces the default one whole, only `defaultConfig` is filled up field by
field. Each layer is checked on its own, so that a fault is told where it was written. As in Istio, a field that
MeshConfig does not have is only warned about in the ConfigMap; in an IstioOperator and in `--set` it is an error, as
for istioctl.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final, cast

import msgspec

from meshgate.api import codes
from meshgate.api.config import ConfigMap
from meshgate.api.fault import Fault, described
from meshgate.api.implemented import EVERYTHING, IMPLEMENTED
from meshgate.api.istio_operator import IstioOperator
from meshgate.api.mesh_config import MeshConfig
from meshgate.api.mesh_fields import MESH, PROXIES, REFUSED, WITHOUT_EFFECT
from meshgate.api.meta import Meta
from meshgate.api.problem import Problem
from meshgate.api.readers import Place, object_reader
from meshgate.api.ref import Ref
from meshgate.api.resource import AnyResource, Resource, of_type
from meshgate.api.rules.finding import Finding, Findings
from meshgate.api.rules.istio_operator import istio_operator_findings
from meshgate.api.rules.mesh_config import mesh_config_findings
from meshgate.api.value import RawJson, Value, find
from meshgate.api.yaml_nodes import YamlFault, nodes_of, value_of

CONFIG_MAP: Final = "istio"
KEY: Final = "mesh"
SYSTEM_NAMESPACE: Final = "istio-system"

OURS: Final = '{"accessLogFile":"/dev/stdout"}'
"""The one thing in which our mesh configuration differs from Istio's default."""


_read: Final = object_reader(MeshConfig, Place(MESH, IMPLEMENTED, protobuf=True))
_read_all: Final = object_reader(MeshConfig, Place(MESH, EVERYTHING, protobuf=True))


class MeshLayer(Value, frozen=True, kw_only=True):
    """One layer: what was written, and where."""

    content: RawJson = OURS
    ref: Ref | None = None
    path: str = ""
    """Of the layer within the object, such as `spec.meshConfig`."""


def mesh_layers(
    resources: Iterable[AnyResource], settings: IstioOperator | None = None, *, namespace: str = SYSTEM_NAMESPACE
) -> tuple[MeshLayer, ...]:
    """The layers, lowest first. `settings`: from `--set`; `namespace`: where the ConfigMap `istio` is."""
    resources = tuple(resources)
    layers = [MeshLayer()]
    for config_map in of_type(resources, ConfigMap):
        if config_map.meta.namespace == namespace and config_map.meta.name == CONFIG_MAP:
            content, _ = config_map_content(config_map.spec)
            layers.append(MeshLayer(content=content, ref=config_map.ref, path=f"data.{KEY}"))
    layers += [
        MeshLayer(content=operator.spec.mesh_config, ref=operator.ref, path="spec.meshConfig")
        for operator in oldest_first(of_type(resources, IstioOperator))
        if operator.spec.mesh_config
    ]
    if settings and settings.mesh_config:
        layers.append(MeshLayer(content=settings.mesh_config, path="meshConfig"))
    return tuple(layers)


def oldest_first(operators: Iterable[Resource[IstioOperator]]) -> list[Resource[IstioOperator]]:
    """In the order in which they were made; the later ones win."""
    return sorted(operators, key=lambda operator: (operator.meta.creation, operator.meta.namespace, operator.meta.name))


def mesh_config(layers: Iterable[MeshLayer]) -> tuple[MeshConfig, tuple[Problem, ...]]:
    """The mesh configuration. A layer with an error is left out and reported."""
    problems: list[Problem] = []
    merged: Mapping[str, object] = {}
    for layer in layers:
        found = _layer_problems(layer)
        problems += found
        if not any(problem.severity == "error" for problem in found):
            merged = overlaid(merged, _tree(layer.content))
    value = _read(merged, [])
    assert isinstance(value, MeshConfig)
    aliases = tuple(sorted(set(value.trust_domain_aliases)))
    return msgspec.structs.replace(value, trust_domain_aliases=aliases), tuple(problems)


def config_map_content(spec: ConfigMap) -> tuple[RawJson, Fault | None]:
    """What the key `mesh` says, as JSON; `{}` where it is missing or broken, then with the fault."""
    text = find(spec.data, KEY)
    if not text:
        return "{}", None
    try:
        faults: list[YamlFault] = []
        values = [value_of(node, faults.append) for node in nodes_of(text)]
        for yaml_fault in faults:
            raise yaml_fault
    except YamlFault as error:
        return "{}", Fault(codes.BROKEN_YAML, f"line {error.line} of the text: {error.text}")
    if len(values) > 1 or not isinstance(values[0] if values else {}, dict):
        got = "several documents" if len(values) > 1 else described(values[0])
        return "{}", Fault(codes.BROKEN_YAML, f"expected the settings of the mesh, got {got}")
    return msgspec.json.encode(values[0] if values else {}, order="sorted").decode(), None


def mesh_text_findings(meta: Meta, spec: ConfigMap, *, is_limited: bool) -> list[Finding]:
    """What is wrong with the mesh configuration in a ConfigMap, if it is the one that has it."""
    if meta.name != CONFIG_MAP or meta.namespace != SYSTEM_NAMESPACE:
        return []
    content, fault = config_map_content(spec)
    if fault:
        return [Finding(f"data.{KEY}", fault.text, fault.hint, code=fault.code)]
    return layer_findings(content, f"data.{KEY}", is_strict=False, is_limited=is_limited)


def layer_findings(content: RawJson, path: str, *, is_strict: bool, is_limited: bool = True) -> list[Finding]:
    """What is wrong with a layer.

    `is_strict`: fields that MeshConfig does not have are errors; `is_limited`: those that are not implemented, too.
    """
    faults: list[Fault] = []
    tree = _tree(content)
    value = (_read if is_limited else _read_all)(tree, faults)
    found = [_finding(fault, path, is_strict=is_strict) for fault in faults]
    if isinstance(value, MeshConfig):
        found += _idle(tree, value, path)
    if isinstance(value, MeshConfig) and not any(finding.severity == "error" for finding in found):
        found += [_below(path, finding) for finding in mesh_config_findings(value)]
    return found


def _layer_problems(layer: MeshLayer) -> list[Problem]:
    is_strict = layer.path != f"data.{KEY}"
    return [
        Problem(finding.code, finding.severity, layer.ref, finding.path, finding.text, finding.hint)
        for finding in layer_findings(layer.content, layer.path, is_strict=is_strict)
    ]


def _finding(fault: Fault, path: str, *, is_strict: bool) -> Finding:
    at = ".".join(part for part in (path, fault.path) if part)
    severity = "warning" if fault.code == codes.UNKNOWN_FIELD and not is_strict else fault.severity
    return Finding(at, fault.text, fault.hint or _why_refused(fault), severity, fault.code)


def _why_refused(fault: Fault) -> str:
    if fault.code != codes.NOT_IMPLEMENTED:
        return ""
    place, _, key = f"{MESH}.{fault.path}".rpartition(".")
    why = REFUSED.get(place, {}).get(key)
    return f"if it were passed over, {why}" if why else ""


def _idle(tree: Mapping[str, object], mesh: MeshConfig, path: str) -> Iterator[Finding]:
    """A remark on each key that is accepted without effect, unless it says what Istio's default says."""
    proxies = tree.get("defaultConfig")
    yield from _idle_keys(MESH, tree, mesh, path)
    if isinstance(proxies, dict):
        yield from _idle_keys(PROXIES, proxies, mesh.default_config, f"{path}.defaultConfig".lstrip("."))


def _idle_keys(place: str, given: Mapping[str, object], value: Value, path: str) -> Iterator[Finding]:
    usual = type(value)()
    for field in msgspec.structs.fields(value):
        key, name = field.encode_name, field.name
        why = WITHOUT_EFFECT[place].get(key)
        if why and given.get(key) is not None and getattr(value, name) != getattr(usual, name):
            at = f"{path}.{key}".lstrip(".")
            yield Finding(at, f"accepted, but without effect: {why}", "", "info", codes.WITHOUT_EFFECT)


def _below(path: str, finding: Finding) -> Finding:
    return msgspec.structs.replace(finding, path=".".join(part for part in (path, finding.path) if part))


def _tree(content: RawJson) -> dict[str, object]:
    return cast("dict[str, object]", msgspec.json.decode(content))


def overlaid(lower: Mapping[str, object], upper: Mapping[str, object]) -> dict[str, object]:
    """The upper tree over the lower: objects merge, everything else replaces, null takes away.

    >>> overlaid({"a": {"b": 1, "c": 2}, "d": [1]}, {"a": {"b": 3}, "d": None})
    {'a': {'b': 3, 'c': 2}}
    """
    merged = dict(lower)
    for key, value in upper.items():
        below = merged.get(key)
        if value is None:
            merged.pop(key, None)
        elif isinstance(value, dict) and isinstance(below, dict):
            merged[key] = overlaid(below, value)
        else:
            merged[key] = value
    return merged


def operator_findings(path: str, spec: IstioOperator, *, needs_names: bool = True, is_limited: bool = True) -> Findings:
    """What is wrong with an IstioOperator, its mesh configuration included."""
    yield from istio_operator_findings(path, spec, needs_names=needs_names)
    if spec.mesh_config:
        yield from layer_findings(spec.mesh_config, f"{path}meshConfig", is_strict=True, is_limited=is_limited)
