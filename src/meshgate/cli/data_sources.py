"""`--from-file`, `--from-literal`, `--from-env-file`: the data of a Secret or a ConfigMap, as with kubectl.

Texts of faults are kubectl's. No content is in any of them.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from meshgate.api import is_data_key, is_variable
from meshgate.errors import EnvironmentFault, UsageError

Item = tuple[str, bytes]

_KEY_RULE = (
    "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',"
    "  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')"
)


def collected(
    kind: str, name: str, files: Sequence[str], literals: Sequence[str], environment_files: Sequence[str]
) -> dict[str, bytes]:
    """The data, by key. UsageError for what kubectl refuses, EnvironmentFault for files that cannot be read."""
    if environment_files and (files or literals):
        raise UsageError("from-env-file cannot be combined with from-file or from-literal")
    data: dict[str, bytes] = {}
    for key, content in _items(files, literals, environment_files):
        if not is_data_key(key):
            raise UsageError(f'"{key}" is not valid key name for a {kind} {_KEY_RULE}')
        if key in data:
            raise UsageError(f"cannot add key {key}, another key by that name already exists in Data for {kind} {name}")
        data[key] = content
    return data


def _items(files: Sequence[str], literals: Sequence[str], environment_files: Sequence[str]) -> Iterator[Item]:
    for literal in literals:
        yield _literal(literal)
    for file in files:
        yield from _from_file(file)
    for file in environment_files:
        yield from _from_environment_file(file)


def _literal(text: str) -> Item:
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise UsageError("invalid literal source, expected key=value", hint="--from-literal=key=value")
    if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
        value = value[1:-1]
    return key, value.encode()


def _from_file(text: str) -> Iterator[Item]:
    key, path = _key_and_path(text)
    if not Path(path).is_dir():
        yield key or os.path.basename(path), read_file(path)
        return
    if key:
        raise UsageError("cannot give a key name for a directory path")
    for file in sorted(Path(path).iterdir()):
        if file.is_file() and not file.is_symlink() and is_data_key(file.name):
            yield file.name, read_file(str(file))


def _key_and_path(text: str) -> tuple[str, str]:
    match text.split("="):
        case [path]:
            return "", path
        case [_, ""]:
            raise UsageError(f"file path for key {text[:-1]} missing")
        case ["", path]:
            raise UsageError(f"key name for file path {path} missing")
        case [key, path]:
            return key, path
        case _:
            raise UsageError("key names or file paths cannot contain '='")


def _from_environment_file(path: str) -> Iterator[Item]:
    for number, line in enumerate(read_file(path).decode("utf-8-sig", errors="replace").splitlines(), 1):
        text = line.lstrip()
        if not text or text.startswith("#"):
            continue
        key, equals, value = text.partition("=")
        if not is_variable(key):
            raise UsageError(f"{path}:{number}: {key.strip()!r} is not a valid environment variable name")
        yield key, (value if equals else os.environ.get(key, "")).encode()


def read_file(path: str) -> bytes:
    """A whole file; `-` is not standard input here, as with kubectl."""
    try:
        return Path(path).read_bytes()
    except OSError as fault:
        text = (fault.strerror or str(fault)).lower()
        raise EnvironmentFault(f"open {path}: {text}") from fault
