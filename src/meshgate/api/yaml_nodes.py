"""YAML text to nodes with positions, and nodes to what JSON can hold, as Kubernetes' tools read YAML.

The one module that touches PyYAML. Its C parser makes the nodes; values are made here, because Kubernetes reads some
scalars otherwise than YAML 1.1 says: dates and base-60 numbers are texts, keys are always texts. A key that is given
twice is a fault. Aliases are resolved; a document that grows beyond a limit by them, or contains itself, is refused.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Final

import yaml

MOST_VALUES: Final = 1_000_000
"""Values of one document, each use of an alias counted: far above any real one, far below what fills the memory."""

MERGE_KEY: Final = "tag:yaml.org,2002:merge"
_PREFIX: Final = "tag:yaml.org,2002:"
_TRUE: Final = frozenset({"yes", "true", "on"})


class YamlFault(Exception):
    """The text is not YAML that Kubernetes could take. `line` counts from 1."""

    def __init__(self, text: str, line: int, *, is_duplicate_key: bool = False) -> None:
        super().__init__(text)
        self.text = text
        self.line = line
        self.is_duplicate_key = is_duplicate_key


def nodes_of(text: str) -> Iterator[yaml.Node]:
    """The documents' nodes, empty ones left out. Raises YamlFault at the first fault, after what comes before it."""
    try:
        for node in yaml.compose_all(text, Loader=yaml.CSafeLoader):
            if node is not None:
                yield node
    except yaml.YAMLError as error:
        raise _fault(error) from error
    except UnicodeEncodeError as error:
        raise YamlFault("the text is not Unicode", text.count("\n", 0, error.start) + 1) from error


def _fault(error: yaml.YAMLError) -> YamlFault:
    if not isinstance(error, yaml.MarkedYAMLError):
        return YamlFault(f"not YAML: {str(error).splitlines()[0]}", 1)
    mark = error.problem_mark or error.context_mark
    context = f" {error.context}" if error.context else ""
    return YamlFault(f"not YAML: {error.problem or 'cannot be parsed'}{context}", mark.line + 1 if mark else 1)


def line_of(node: yaml.Node) -> int:
    """The line on which the node begins, counted from 1."""
    return int(node.start_mark.line) + 1


def value_of(root: yaml.Node, on_fault: Callable[[YamlFault], None]) -> object:
    """What the document says, as JSON would hold it. Duplicate keys go to `on_fault`, other faults are raised."""
    return _Builder(on_fault).value(root)


class _Builder:
    """Makes the values of one document."""

    def __init__(self, on_fault: Callable[[YamlFault], None]) -> None:
        self._on_fault = on_fault
        self._open: set[yaml.Node] = set()
        self._count = 0

    def value(self, node: yaml.Node) -> object:
        self._count += 1
        if self._count > MOST_VALUES:
            raise YamlFault("the document is too large, once its aliases are resolved", line_of(node))
        if isinstance(node, yaml.ScalarNode):
            return scalar_value(node)
        if node in self._open:
            raise YamlFault("the document contains itself by an alias", line_of(node))
        self._open.add(node)
        try:
            return self._mapping(node) if isinstance(node, yaml.MappingNode) else self._sequence(node)
        finally:
            self._open.discard(node)

    def _sequence(self, node: yaml.Node) -> list[object]:
        if node.tag != f"{_PREFIX}seq":
            raise YamlFault(f'the tag "{node.tag}" has no meaning here', line_of(node))
        return [self.value(item) for item in node.value]

    def _mapping(self, node: yaml.Node) -> dict[str, object]:
        if node.tag != f"{_PREFIX}map":
            raise YamlFault(f'the tag "{node.tag}" has no meaning here', line_of(node))
        merged: dict[str, object] = {}
        own: dict[str, object] = {}
        for key_node, item_node in node.value:
            if key_node.tag == MERGE_KEY:
                merged = self._merged(item_node) | merged
                continue
            key = key_of(key_node)
            if key in own:
                fault = YamlFault(f'the key "{key}" is given twice', line_of(key_node), is_duplicate_key=True)
                self._on_fault(fault)
            own[key] = self.value(item_node)
        return merged | own

    def _merged(self, node: yaml.Node) -> dict[str, object]:
        """What `<<: ...` brings in; of several mappings the first wins."""
        values = [self.value(node)] if isinstance(node, yaml.MappingNode) else self.value(node)
        merged: dict[str, object] = {}
        for value in reversed(values if isinstance(values, list) else [values]):
            if not isinstance(value, dict):
                raise YamlFault("<< needs a mapping, or a list of mappings", line_of(node))
            merged |= value
        return merged


def key_of(node: yaml.Node) -> str:
    """The key as text: JSON has no others."""
    if not isinstance(node, yaml.ScalarNode):
        raise YamlFault("a key must be a text", line_of(node))
    value = scalar_value(node)
    match value:
        case str():
            return value
        case bool():
            return str(value).lower()
        case None:
            return "null"
        case _:
            return str(value)


def scalar_value(node: yaml.ScalarNode) -> object:
    """The scalar's value, by its tag (given or resolved)."""
    text: str = node.value
    match node.tag.removeprefix(_PREFIX):
        case "str" | "timestamp" | "value":
            return text
        case "null":
            return None
        case "bool":
            return text.lower() in _TRUE
        case "int":
            return _integer(text)
        case "float":
            return _float(text)
        case "merge" | "binary":
            return text
        case _:
            raise YamlFault(f'the tag "{node.tag}" has no meaning here', line_of(node))


def _integer(text: str) -> object:
    """The number; base-60 numbers (`12:30`) stay texts, `0644` is octal."""
    digits = text.replace("_", "")
    sign = -1 if digits.startswith("-") else 1
    body = digits.lstrip("+-")
    try:
        if body.startswith(("0x", "0b", "0o")):
            return sign * int(body, 0)
        if body.startswith("0") and body != "0":
            return sign * int(body, 8)
        return sign * int(body)
    except ValueError:
        return text


def _float(text: str) -> object:
    """The number; what JSON cannot hold stays a text."""
    try:
        number = float(text.replace("_", ""))
    except ValueError:
        return text
    return number if math.isfinite(number) else text
