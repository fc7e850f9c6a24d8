"""Files that a command was given, as objects with the place of each field: `-f FILE|DIR|-`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from meshgate.api import Document, Problem, documents, has_errors, kind_of
from meshgate.client import Positions, positions_of
from meshgate.errors import Refused, UsageError

ENDINGS = (".yaml", ".yml", ".json")


def files_of(path: Path, *, recursive: bool) -> tuple[Path, ...]:
    """The file itself, or a directory's files of the known endings, sorted."""
    if not path.is_dir():
        if not path.exists():
            raise UsageError(f"the path {str(path)!r} does not exist")
        return (path,)
    found = path.rglob("*") if recursive else path.glob("*")
    files = tuple(sorted(file for file in found if file.suffix in ENDINGS and file.is_file()))
    if not files:
        raise UsageError(f"no {', '.join(ENDINGS)} file in {str(path)!r}", hint="-R looks into its directories too")
    return files


def read_documents(paths: Sequence[str], *, recursive: bool = False) -> tuple[Document, ...]:
    """All documents of the given paths, `-` is standard input. Raises Refused with every fault of the YAML."""
    if not paths:
        raise UsageError("must specify -f", hint="-f FILE, -f DIRECTORY or -f - for standard input")
    found: list[Document] = []
    problems: list[Problem] = []
    for name in paths:
        texts = (
            [("stdin", sys.stdin.read())]
            if name == "-"
            else [(str(file), file.read_text()) for file in files_of(Path(name), recursive=recursive)]
        )
        for filename, text in texts:
            read, faults = documents(text, filename)
            found += read
            problems += faults
    if has_errors(problems):
        raise Refused("the files can't be read as objects; nothing was changed", problems=problems)
    if not found:
        raise UsageError("no objects passed to apply", hint=f"{', '.join(paths)}: no document in it")
    return tuple(found)


def in_namespace(raw: dict[str, Any], namespace: str | None) -> dict[str, Any]:
    """The object in the namespace of `-n`, where it names none. UsageError where it names another."""
    kind = kind_of(str(raw.get("apiVersion")), str(raw.get("kind")))
    metadata = raw.get("metadata")
    if namespace is None or kind is None or not kind.namespaced or not isinstance(metadata, dict):
        return raw
    own = metadata.get("namespace")
    if own and own != namespace:
        raise UsageError(
            f"the namespace of {raw['kind']} {metadata.get('name')!r} is {own!r} and not that of -n: {namespace!r}",
            hint="leave -n out, or the namespace out of the object",
        )
    return {**raw, "metadata": {**metadata, "namespace": namespace}}


def objects_of(found: Sequence[Document], namespace: str | None) -> tuple[list[dict[str, Any]], list[Positions | None]]:
    """Objects and positions, in the form that a transaction takes."""
    return [in_namespace(dict(document.raw), namespace) for document in found], [positions_of(d) for d in found]
