"""decode: a raw object (from YAML, JSON or the store) becomes a typed Resource, or a list of what is wrong with it.

One walk reports all faults: unknown fields with the nearest name, wrong types, what is not implemented yet; then the
rules that need only this one object, as istiod's webhook and Kubernetes have them. Each carries its path and, where the
caller knows positions, file and line. A Resource is given only if there is no error. Never raises, whatever comes in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, cast

from meshgate.api import codes
from meshgate.api.fault import Fault, described, locate, nearest
from meshgate.api.field_path import is_within, without_indices
from meshgate.api.findings import findings_of
from meshgate.api.implemented import EVERYTHING, IMPLEMENTED, KINDS_NOT_YET, Table
from meshgate.api.kinds import KINDS, Kind, kind_of
from meshgate.api.meta import Meta
from meshgate.api.metadata import read_meta
from meshgate.api.problem import Problem, Severity
from meshgate.api.readers import Place, object_reader
from meshgate.api.ref import Ref
from meshgate.api.resource import AnyResource, Resource, Spec
from meshgate.api.rules.finding import Finding
from meshgate.api.scalars import Reader
from meshgate.api.status import status_addresses, status_ready

Raw = Mapping[str, object]
Position = Callable[[str], str]

_TOP: Final = frozenset({"apiVersion", "kind", "metadata", "status"})


class Decoder:
    """Decodes objects, limited to what a table accepts. Readers are made once, when a kind is first seen."""

    def __init__(self, table: Table, *, rules: bool = True, unknown: Severity = "error") -> None:
        """`rules`: check what istiod's webhook checks, too. Objects that Istio made itself need not obey it.

        `unknown`: what a field is that the kind does not have; istiod only warns about it.
        """
        self._table = table
        self._rules = rules
        self._unknown: Severity = unknown
        self._readers: dict[str, Reader] = {}

    def decode(self, raw: Raw, position: Position | None = None) -> tuple[AnyResource | None, tuple[Problem, ...]]:
        """The object, or None and why. `position` gives `file:line` of a path."""
        api_version, name = raw.get("apiVersion"), raw.get("kind")
        if not isinstance(api_version, str) or not isinstance(name, str) or not api_version or not name:
            return None, _problems([_not_an_object(raw)], None, position)
        kind = kind_of(api_version, name)
        if kind is None:
            return None, _problems([_unknown_kind(api_version, name)], _ref_of(raw, name), position)
        return self._decode_kind(raw, kind, position)

    def _decode_kind(
        self, raw: Raw, kind: Kind, position: Position | None
    ) -> tuple[AnyResource | None, tuple[Problem, ...]]:
        faults: list[Fault] = []
        meta = read_meta(raw.get("metadata"), kind, faults)
        locate(faults, 0, "metadata")
        spec = self._content(raw, kind, faults)
        if meta is None or not isinstance(spec, kind.spec_type):
            return None, _problems(faults, _ref_of(raw, kind.kind), position)
        found: list[Fault | Finding] = [*faults]
        if self._rules:
            found += _readable(findings_of(meta, spec, is_limited=self._table is not EVERYTHING), faults)
        problems = _problems(found, Ref(kind.kind, meta.namespace, meta.name), position)
        if any(problem.severity == "error" for problem in problems):
            return None, problems
        return _resource(raw, kind, meta, spec), problems

    def _content(self, raw: Raw, kind: Kind, faults: list[Fault]) -> object:
        """The typed part of the object, whether it stands in `spec` or at the top."""
        read = self._reader(kind)
        if not kind.has_spec:
            return read({key: value for key, value in raw.items() if key not in _TOP}, faults)
        faults += [_unknown_top(key, kind) for key in raw if key not in _TOP and key != "spec"]
        before = len(faults)
        given = raw.get("spec")
        spec = read({} if given is None else given, faults)
        locate(faults, before, "spec")
        return spec

    def _reader(self, kind: Kind) -> Reader:
        reader = self._readers.get(kind.kind)
        if reader is None:
            path = f"{kind.kind}.spec" if kind.has_spec else kind.kind
            reader = object_reader(kind.spec_type, Place(path, self._table, kind.is_protobuf, self._unknown))
            self._readers[kind.kind] = reader
        return reader


_DECODER: Final = Decoder(IMPLEMENTED)
_FULL_DECODER: Final = Decoder(EVERYTHING)


def decode(raw: Raw, position: Position | None = None) -> tuple[AnyResource | None, tuple[Problem, ...]]:
    """The object as far as it is implemented, or None and why not.

    Objects without a namespace are in `default`. All API versions of a kind give equal specs.
    """
    return _DECODER.decode(raw, position)


def decode_all(raw: Raw, position: Position | None = None) -> tuple[AnyResource | None, tuple[Problem, ...]]:
    """As `decode`, but with all of Istio's API, implemented or not: for validation alone."""
    return _FULL_DECODER.decode(raw, position)


def unimplemented(raw: Raw) -> tuple[str, ...]:
    """The kinds and paths, such as `VirtualService.spec.http.mirror`, that keep this object from being accepted yet."""
    _, problems = decode(raw)
    kind = str(raw.get("kind"))
    paths = {
        f"{kind}.{without_indices(problem.path)}" if problem.path else kind
        for problem in problems
        if problem.code == codes.NOT_IMPLEMENTED
    }
    return tuple(sorted(paths))


def _resource(raw: Raw, kind: Kind, meta: Meta, spec: Spec) -> AnyResource:
    return Resource(
        api_version=cast("str", raw["apiVersion"]),
        kind=kind.kind,
        meta=meta,
        spec=spec,
        status_addresses=status_addresses(kind, raw.get("status")),
        status_ready=status_ready(kind, raw.get("status")),
    )


def _readable(found: Iterable[Finding], before: list[Fault]) -> list[Finding]:
    """What the rules found, but for what could not be read anyway: a mistyped field is not missing, too."""
    unread = [fault.path for fault in before if fault.severity == "error" and fault.code != codes.SCHEMA]
    return [
        finding
        for finding in found
        if not any(is_within(path, finding.path) or is_within(finding.path, path) for path in unread)
    ]


def _problems(faults: Sequence[Fault | Finding], ref: Ref | None, position: Position | None) -> tuple[Problem, ...]:
    if not faults:
        return ()
    return tuple(
        Problem(
            code=fault.code,
            severity=fault.severity,
            ref=ref,
            path=fault.path,
            text=fault.text,
            hint=fault.hint,
            position=position(fault.path) if position else "",
        )
        for fault in faults
    )


def _ref_of(raw: Raw, kind: str) -> Ref:
    metadata = raw.get("metadata")
    names = metadata if isinstance(metadata, dict) else {}
    return Ref(kind, str(names.get("namespace") or ""), str(names.get("name") or ""))


def _not_an_object(raw: Raw) -> Fault:
    missing = [key for key in ("apiVersion", "kind") if not raw.get(key)]
    if missing:
        return Fault(codes.NOT_AN_OBJECT, f"an object needs {' and '.join(missing)}")
    key = "kind" if isinstance(raw["apiVersion"], str) else "apiVersion"
    return Fault(codes.NOT_AN_OBJECT, f"expected a text, got {described(raw[key])}", parts=[key])


def _unknown_top(key: str, kind: Kind) -> Fault:
    return Fault(codes.UNKNOWN_FIELD, f"a {kind.kind} has no such field", nearest(key, {"spec", *_TOP}), parts=[key])


def _unknown_kind(api_version: str, name: str) -> Fault:
    group = api_version.rpartition("/")[0]
    if name in KINDS_NOT_YET.get(group, ()):
        return Fault(codes.NOT_IMPLEMENTED, f'the kind "{name}" of "{api_version}" is not implemented yet')
    versions = [version for kind in KINDS if kind.kind == name for version in kind.api_versions]
    if versions:
        hint = f"its API versions: {', '.join(versions)}"
        return Fault(codes.UNKNOWN_KIND, f'there is no "{name}" in API version "{api_version}"', hint)
    hint = nearest(name, {kind.kind for kind in KINDS})
    return Fault(codes.UNKNOWN_KIND, f'there is no kind "{name}" in API version "{api_version}"', hint)
