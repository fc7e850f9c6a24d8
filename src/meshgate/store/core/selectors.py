"""Selectors: which objects a list or a watch is about.

Labels: `a=b,c!=d,e in (f,g),h notin (i),j,!k`. Fields: `metadata.name=x,status.phase!=Running`. Grammar and refusals
are Kubernetes' (`apimachinery:pkg/labels`, `pkg/fields`).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any, Literal

import msgspec

from .faults import bad_request
from .raw import Raw, meta

Operator = Literal["in", "notin", "exists", "absent"]

_LABEL_TERM = re.compile(
    r"""\s*(?:
        !\s*(?P<absent>[^\s=!,()]+)
      | (?P<set>[^\s=!,()]+)\s+(?P<word>in|notin)\s*\((?P<values>[^()]*)\)
      | (?P<key>[^\s=!,()]+)\s*(?P<operator>==|=|!=)\s*(?P<value>[^\s=!,()]*)
      | (?P<exists>[^\s=!,()]+)
    )\s*(?:,|$)""",
    re.VERBOSE,
)


class LabelTerm(msgspec.Struct, frozen=True):
    key: str
    operator: Operator
    values: frozenset[str] = frozenset()

    def holds(self, labels: Mapping[str, str]) -> bool:
        match self.operator:
            case "in":
                return labels.get(self.key) in self.values
            case "notin":
                return labels.get(self.key) not in self.values
            case "exists":
                return self.key in labels
            case "absent":
                return self.key not in labels


class FieldTerm(msgspec.Struct, frozen=True):
    path: tuple[str, ...]
    value: str
    equal: bool = True

    def holds(self, raw: Raw) -> bool:
        found: Any = raw
        for field in self.path:
            found = found.get(field) if isinstance(found, Mapping) else None
        return ((_text(found)) == self.value) is self.equal


class Selector(msgspec.Struct, frozen=True):
    """All terms must hold; the empty selector selects everything."""

    labels: tuple[LabelTerm, ...] = ()
    fields: tuple[FieldTerm, ...] = ()

    def matches(self, raw: Raw) -> bool:
        labels = meta(raw).get("labels") or {}
        return all(term.holds(labels) for term in self.labels) and all(term.holds(raw) for term in self.fields)


EVERYTHING = Selector()


def label_terms(text: str) -> tuple[LabelTerm, ...]:
    """Parse a label selector; raises StatusFault (BadRequest) where it can't."""
    terms: list[LabelTerm] = []
    position = 0
    while position < len(text):
        found = _LABEL_TERM.match(text, position)
        if found is None or (found.end() == len(text) and text.endswith(",")):
            raise bad_request(
                f'unable to parse requirement: "{text}" at {position}: expected key, key=value, "in" or "notin"'
            )
        terms.append(_label_term(found.groupdict()))
        position = found.end()
    return tuple(terms)


def exact_labels(labels: Mapping[str, str]) -> tuple[LabelTerm, ...]:
    """The terms of a `matchLabels` or of a Service's selector."""
    return tuple(LabelTerm(key, "in", frozenset({value})) for key, value in sorted(labels.items()))


def field_terms(text: str, allowed: Collection[str]) -> tuple[FieldTerm, ...]:
    """Parse a field selector; raises StatusFault (BadRequest) for a field that the kind can't be selected by."""
    terms: list[FieldTerm] = []
    for term in filter(None, (part.strip() for part in text.split(","))):
        found = re.fullmatch(r"([^=!]+)(==|=|!=)(.*)", term)
        if found is None:
            raise bad_request(f'invalid selector: "{term}"; can\'t understand it: expected field=value')
        field, operator, value = found.groups()
        if field not in allowed:
            raise bad_request(f"field label not supported: {field}")
        terms.append(FieldTerm(tuple(field.split(".")), value, operator != "!="))
    return tuple(terms)


def _label_term(groups: Mapping[str, str | None]) -> LabelTerm:
    if groups["absent"]:
        return LabelTerm(groups["absent"], "absent")
    if groups["exists"]:
        return LabelTerm(groups["exists"], "exists")
    if groups["set"]:
        values = frozenset(value.strip() for value in (groups["values"] or "").split(","))
        return LabelTerm(groups["set"], "in" if groups["word"] == "in" else "notin", values)
    key = groups["key"]
    assert key is not None
    return LabelTerm(key, "notin" if groups["operator"] == "!=" else "in", frozenset({groups["value"] or ""}))


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)
