"""What a set of YAML files wants, and what is wrong with it. Pure: texts in, writes and problems out.

A file is good or broken as a whole. A broken one (not YAML, an object of it refused, an object that another file has
too) keeps what it last wanted; so does one that vanished together with its directory. What a good file wants no more
is deleted. Namespaces that objects need and nobody has made are made, and belong to no file.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import msgspec

from meshgate.api import Problem, Ref, codes, decode, documents, duplicates, has_errors
from meshgate.client import positions_of
from meshgate.store.core import Apply, Create, Delete, Kinds, Positions, Raw, Write, ref_of


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """One object of a file."""

    ref: Ref
    raw: Raw
    file: str
    positions: Positions


class ParsedFile(msgspec.Struct, frozen=True, kw_only=True):
    """One file: what it wants, and what is wrong with it by itself."""

    wanted: tuple[Wanted, ...] = ()
    problems: tuple[Problem, ...] = ()


class FileSet(msgspec.Struct, frozen=True, kw_only=True):
    """The files as they are now. `wanted` leaves the broken ones out."""

    wanted: Mapping[Ref, Wanted]
    broken: Mapping[str, tuple[Problem, ...]]
    """The problems of each file that keeps its last good state."""
    remarks: tuple[Problem, ...] = ()
    """What is no error, of good files."""

    @property
    def problems(self) -> tuple[Problem, ...]:
        return (*(problem for file in sorted(self.broken) for problem in self.broken[file]), *self.remarks)


def parse_file(file: str, text: str, kinds: Kinds) -> ParsedFile:
    """Read one file's text; the object of a faulty document is left out, so the file is broken."""
    found, problems = documents(text, file)
    all_problems = list(problems)
    wanted: list[Wanted] = []
    for document in found:
        resource, object_problems = decode(document.raw, document.position)
        all_problems += object_problems
        if resource is not None:
            positions = Positions(file, positions_of(document).lines)
            ref = ref_of(document.raw, kinds)
            wanted.append(Wanted(ref=ref, raw=document.raw, file=file, positions=positions))
    return ParsedFile(wanted=tuple(wanted), problems=tuple(all_problems))


def unreadable_file(file: str, why: str) -> ParsedFile:
    """A file that is there no more or can't be read."""
    text, hint = f"the file cannot be read: {why}", "what it said last stays as it is"
    return ParsedFile(problems=(Problem(codes.BROKEN_YAML, "error", None, "", text, hint, file),))


def file_set(parsed: Mapping[str, ParsedFile], owners: Mapping[Ref, str]) -> FileSet:
    """Put files together, by name. `owners`: which file each owned object in the store belongs to."""
    broken = {file: found.problems for file, found in sorted(parsed.items()) if has_errors(found.problems)}
    good = [item for file, found in sorted(parsed.items()) if file not in broken for item in found.wanted]
    broken |= _given_twice(good, owners)
    return FileSet(
        wanted={item.ref: item for item in good if item.file not in broken},
        broken=broken,
        remarks=tuple(p for file, found in sorted(parsed.items()) if file not in broken for p in found.problems),
    )


def without_files(found: FileSet, refused: Mapping[str, tuple[Problem, ...]]) -> FileSet:
    """The file set when some more of its files turned out to be broken."""
    wanted = {ref: item for ref, item in found.wanted.items() if item.file not in refused}
    return msgspec.structs.replace(found, wanted=wanted, broken={**found.broken, **refused})


def writes_of(
    found: FileSet, owners: Mapping[Ref, str], namespaces: Collection[str], said: Collection[Ref] = ()
) -> tuple[Write, ...]:
    """What makes the store say what the files say. Deletes come first, then namespaces, then the rest.

    `said`: objects that are known to say it already.
    """
    kept = {ref for ref, file in owners.items() if file in found.broken}
    needed = {ref.namespace for ref in (*found.wanted, *kept)}
    gone = sorted(ref for ref in owners if ref not in found.wanted and ref not in kept)
    given = {ref.name for ref in found.wanted if ref.kind == "Namespace"}
    missing = sorted({ref.namespace for ref in found.wanted if ref.namespace} - set(namespaces) - given)
    order = sorted((ref for ref in found.wanted if ref not in said), key=lambda ref: (ref.kind != "Namespace", ref))
    return (
        *(Delete(ref=ref, missing_ok=True) for ref in gone if ref.kind != "Namespace" or ref.name not in needed),
        *(Create(raw={"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}) for name in missing),
        *(
            Apply(raw=found.wanted[r].raw, positions=found.wanted[r].positions, owner=found.wanted[r].file)
            for r in order
        ),
    )


def blamed(found: FileSet, problems: Sequence[Problem]) -> Mapping[str, tuple[Problem, ...]]:
    """The files whose objects the errors are about; all files that want something, if they are about none."""
    errors = [problem for problem in problems if problem.is_error]
    by_file: dict[str, tuple[Problem, ...]] = {}
    for problem in errors:
        item = found.wanted.get(problem.ref) if problem.ref else None
        if item is not None:
            by_file[item.file] = (*by_file.get(item.file, ()), problem)
    return by_file or {item.file: tuple(errors) for item in found.wanted.values()}


def _given_twice(good: Sequence[Wanted], owners: Mapping[Ref, str]) -> Mapping[str, tuple[Problem, ...]]:
    """The files that give an object which another file (or they themselves) already gave.

    The file that has it already keeps it: a second one that comes later does not take it away.
    """
    if len({item.ref for item in good}) == len(good):
        return {}
    in_order = sorted(good, key=lambda item: owners.get(item.ref) != item.file)
    problems = duplicates([(item.ref, item.positions.at("")) for item in in_order])
    at = {item.positions.at(""): item.file for item in good}
    by_file: dict[str, tuple[Problem, ...]] = {}
    for problem in problems:
        file = at[problem.position]
        by_file[file] = (*by_file.get(file, ()), problem)
    return by_file
