"""`--set PATH=VALUE`, as istioctl takes it: settings of an IstioOperator by dotted paths.

    components.egressGateways[0].enabled=true
    meshConfig.outboundTrafficPolicy.mode=REGISTRY_ONLY
    components.ingressGateways[0].k8s.serviceAnnotations.example\\.com/name=x

Values are YAML scalars; where a text is wanted, `8080` and `true` are texts, too. A dot in a key is written `\\.`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final, cast

from meshgate.api import codes
from meshgate.api.fault import Fault
from meshgate.api.field_path import Part, path_of
from meshgate.api.implemented import IMPLEMENTED
from meshgate.api.istio_operator import IstioOperator
from meshgate.api.mesh_layers import operator_findings
from meshgate.api.problem import Problem
from meshgate.api.readers import Place, object_reader
from meshgate.api.yaml_nodes import YamlFault, nodes_of, value_of

MOST_ITEMS: Final = 1000
"""Of a list; a larger index is a mistake."""

_KEY: Final = re.compile(r"((?:[^.\[\]\\]|\\.)+)((?:\[\d+\])*)(?:\.|$)")
_INDEX: Final = re.compile(r"\[(\d+)\]")

_read: Final = object_reader(IstioOperator, Place("IstioOperator.spec", IMPLEMENTED, protobuf=False))


def set_values(settings: Iterable[str]) -> tuple[IstioOperator, tuple[Problem, ...]]:
    """What the settings say together, later ones over earlier; and what is wrong with them. A wrong one is left out."""
    tree: dict[str, object] = {}
    problems: list[Problem] = []
    for setting in settings:
        added, found = _tree_of(setting)
        problems += found
        if not found:
            tree = _merged(tree, added)
    value = _read(tree, [])
    assert isinstance(value, IstioOperator)
    return value, tuple(problems)


def _tree_of(setting: str) -> tuple[dict[str, object], list[Problem]]:
    path, equals, text = setting.partition("=")
    parts = _parts(path)
    if not equals or parts is None:
        hint = "such as meshConfig.accessLogFile=/dev/stdout"
        return {}, [_problem(setting, f'"{setting}" is not PATH=VALUE', hint)]
    best: tuple[dict[str, object], list[Problem]] | None = None
    for value in _values(text):
        tree = _nested(parts, value)
        found = [_problem(setting, f"{path_of(parts)}: {text}", hint) for text, hint in _faults(tree)]
        if not found:
            return tree, []
        best = best or (tree, found)
    assert best is not None
    return best


def _faults(tree: dict[str, object]) -> list[tuple[str, str]]:
    faults: list[Fault] = []
    value = _read(tree, faults)
    found = [(fault.text, fault.hint) for fault in faults]
    if isinstance(value, IstioOperator):
        findings = operator_findings("", value, needs_names=False)
        found += [(finding.text, finding.hint) for finding in findings if finding.severity == "error"]
    return found


def _parts(path: str) -> list[Part] | None:
    """The keys and indices of a path; None if it is none."""
    parts: list[Part] = []
    end = 0
    for match in _KEY.finditer(path):
        if match.start() != end:
            return None
        end = match.end()
        parts.append(re.sub(r"\\(.)", r"\1", match[1]))
        parts += [int(index) for index in _INDEX.findall(match[2])]
    is_whole = end == len(path) and not path.endswith(".")
    too_large = any(isinstance(part, int) and part >= MOST_ITEMS for part in parts)
    return parts if parts and is_whole and not too_large else None


def _values(text: str) -> list[object]:
    """What the value may mean: what YAML makes of it, else the text itself."""
    try:
        values = [value_of(node, _refuse) for node in nodes_of(text)]
    except YamlFault:
        return [text]
    read = values[0] if len(values) == 1 else ""
    return ["" if read is None else read, text]


def _refuse(fault: YamlFault) -> None:
    raise fault


def _nested(parts: list[Part], value: object) -> dict[str, object]:
    for part in reversed(parts):
        value = [*({} for _ in range(part)), value] if isinstance(part, int) else {part: value}
    return cast("dict[str, object]", value)


def _merged(lower: dict[str, object], upper: dict[str, object]) -> dict[str, object]:
    """The upper tree over the lower; lists merge item by item, since each setting speaks of one item only."""
    merged = dict(lower)
    for key, value in upper.items():
        below = merged.get(key)
        if isinstance(value, dict) and isinstance(below, dict):
            merged[key] = _merged(below, value)
        elif isinstance(value, list) and isinstance(below, list):
            merged[key] = _merged_lists(below, value)
        else:
            merged[key] = value
    return merged


def _merged_lists(lower: list[object], upper: list[object]) -> list[object]:
    longest = max(len(lower), len(upper))
    padded = [*lower, *({} for _ in range(longest - len(lower)))]
    for index, value in enumerate(upper):
        below = padded[index]
        padded[index] = _merged(below, value) if isinstance(value, dict) and isinstance(below, dict) else value
    return padded


def _problem(setting: str, text: str, hint: str) -> Problem:
    return Problem(codes.BAD_SETTING, "error", None, "", text, hint, position=f"--set {setting}")
