"""YAML (or JSON) text to documents: raw objects that know on which line each of their fields stands.

Several documents in one text, `kind: List` taken apart, as kubectl does. A document with a fault is left out and
reported with file and line; after a fault of syntax nothing that follows can be read.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import yaml

from meshgate.api import codes
from meshgate.api.fault import described
from meshgate.api.field_path import Part, parts_of, path_below
from meshgate.api.problem import Problem
from meshgate.api.ref import Ref
from meshgate.api.yaml_nodes import MERGE_KEY, YamlFault, key_of, line_of, nodes_of, value_of


class Document:
    """One raw object and where it comes from."""

    def __init__(self, raw: dict[str, object], filename: str, node: yaml.Node) -> None:
        self.raw = raw
        self.filename = filename
        self._node = node

    def __repr__(self) -> str:
        return f"Document({self.position('')}, {self.ref})"

    def line(self, path: str) -> int:
        """The line, counted from 1, on which the field stands; if it is not there, that of the object around it."""
        return _line_below(self._node, list(parts_of(path)))

    def lines(self) -> dict[str, int]:
        """The line of each field's path, `""` being the object itself; of a key in snake_case by both spellings."""
        return _lines_of(self._node)

    def position(self, path: str) -> str:
        """`file:line` of the field."""
        return f"{self.filename}:{self.line(path)}"

    @property
    def ref(self) -> Ref:
        """The object's name as far as the document tells; a namespace that is not given is empty."""
        metadata = self.raw.get("metadata")
        names = metadata if isinstance(metadata, dict) else {}
        return Ref(*(str(name or "") for name in (self.raw.get("kind"), names.get("namespace"), names.get("name"))))


def documents(text: str, filename: str) -> tuple[tuple[Document, ...], tuple[Problem, ...]]:
    """The objects of a text in their order, and what is wrong with the text. Never raises for what is in the text."""
    found: list[Document] = []
    problems: list[Problem] = []
    try:
        for node in nodes_of(text):
            faults: list[YamlFault] = []
            value = value_of(node, faults.append)
            problems += [_problem(fault, filename) for fault in faults]
            if not faults:
                _collect(value, node, filename, found, problems)
    except YamlFault as fault:
        problems.append(_problem(fault, filename))
    except RecursionError:
        problems.append(_problem(YamlFault("the document is nested too deeply", 1), filename))
    return tuple(found), tuple(problems)


def duplicates(found: Sequence[tuple[Ref, str]]) -> tuple[Problem, ...]:
    """A problem for each object that was given before, in this or another file. `found`: refs with their positions."""
    first: dict[Ref, str] = {}
    problems = []
    for ref, position in found:
        if ref in first:
            hint = f"it is at {first[ref]} already; give each object once"
            text = "the same object is given twice"
            problems.append(Problem(codes.DUPLICATE_OBJECT, "error", ref, "", text, hint, position))
        first.setdefault(ref, position)
    return tuple(problems)


def _collect(value: object, node: yaml.Node, filename: str, found: list[Document], problems: list[Problem]) -> None:
    if value is None:
        return
    if not isinstance(value, dict):
        fault = YamlFault(f"expected an object with apiVersion and kind, got {described(value)}", line_of(node))
        problems.append(_problem(fault, filename, codes.NOT_AN_OBJECT))
        return
    kind, items = value.get("kind"), value.get("items")
    if isinstance(kind, str) and kind.endswith("List") and isinstance(items, list):
        item_nodes = _child(node, "items")
        for item, item_node in zip(items, item_nodes.value if item_nodes else [], strict=False):
            _collect(item, item_node, filename, found, problems)
        return
    found.append(Document(value, filename, node))


def _problem(fault: YamlFault, filename: str, code: str = codes.BROKEN_YAML) -> Problem:
    code = codes.DUPLICATE_KEY if fault.is_duplicate_key else code
    return Problem(code, "error", None, "", fault.text, position=f"{filename}:{fault.line}")


def _line_below(node: yaml.Node, parts: list[Part]) -> int:
    line = line_of(node)
    for part in parts:
        for key_node, item in _entries(node):
            if _is_meant(key_node, part):
                line = line_of(key_node if isinstance(key_node, yaml.Node) else item)
                node = item
                break
        else:
            return line
    return line


def _lines_of(root: yaml.Node) -> dict[str, int]:
    """In one walk; a path that comes twice (by a merge key) has the line where it came first."""
    lines = {"": line_of(root)}
    waiting: list[tuple[str, str, yaml.Node]] = [("", "", root)]
    while waiting:
        written, path, node = waiting.pop()
        for key, item in _entries(node):
            if isinstance(key, yaml.Node) and key.tag == MERGE_KEY:
                merged = item.value if isinstance(item, yaml.SequenceNode) else [item]
                waiting += [(written, path, part) for part in merged]
                continue
            part = key if isinstance(key, int) else key_of(key)
            line = line_of(key if isinstance(key, yaml.Node) else item)
            below = path_below(path, _camel(part) if isinstance(part, str) else part)
            below_written = path_below(written, part)
            lines.setdefault(below, line)
            lines.setdefault(below_written, line)
            waiting.append((below_written, below, item))
    return lines


def _child(node: yaml.Node, key: str) -> yaml.Node | None:
    return next((item for name, item in _entries(node) if _is_meant(name, key)), None)


def _entries(node: yaml.Node) -> Iterator[tuple[yaml.Node | int, yaml.Node]]:
    if isinstance(node, yaml.MappingNode):
        yield from node.value
    elif isinstance(node, yaml.SequenceNode):
        yield from enumerate(node.value)


def _is_meant(key: yaml.Node | int, part: Part) -> bool:
    """Whether a path's part names this entry, in whatever spelling the user wrote the key."""
    if isinstance(key, int):
        return key == part
    return isinstance(key, yaml.ScalarNode) and (key_of(key) == str(part) or _camel(key_of(key)) == part)


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(word[:1].upper() + word[1:] for word in rest)
