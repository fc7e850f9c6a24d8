"""A directory whose files change all at once, as the kubelet's volumes do.

`..data` is a link to a directory with the real files, each visible name a link through it. A change writes a new
directory and renames a new `..data` over the old one: a reader sees the old files or the new ones, never a mixture,
and one who watches for changes sees one rename. The mount that a container has stays the same.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from meshgate.host.pods.volume_files import Files

_DATA = "..data"


def write_files(directory: Path, files: Files, gid: int) -> bool:
    """Make the directory hold exactly these files, owned by root and the group; False if it did already."""
    directory.mkdir(mode=0o755, parents=True, exist_ok=True)
    before = directory / _DATA
    if before.exists() and _is_same(before, files, gid):
        return False
    number = _next_number(directory)
    fresh = directory / f"..{number}"
    fresh.mkdir(mode=0o755)
    for path, file in files.items():
        _write(fresh / path, file.content, file.mode, gid)
    link = directory / f"{_DATA}.new"
    link.unlink(missing_ok=True)
    link.symlink_to(fresh.name)
    link.replace(before)
    _show(directory, {path.partition("/")[0] for path in files})
    for old in directory.glob("..[0-9]*"):
        if old != fresh:
            shutil.rmtree(old)
    return True


def _write(path: Path, content: bytes, mode: int, gid: int) -> None:
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(fd, "wb") as file:
        file.write(content)
        os.fchown(fd, 0, gid)
        os.fchmod(fd, mode)


def _show(directory: Path, names: set[str]) -> None:
    shown = {entry.name for entry in directory.iterdir() if not entry.name.startswith("..")}
    for name in names - shown:
        (directory / name).symlink_to(f"{_DATA}/{name}")
    for name in shown - names:
        (directory / name).unlink()


def _is_same(data: Path, files: Files, gid: int) -> bool:
    root = data.resolve()
    found = {str(path.relative_to(root)): path for path in root.rglob("*") if path.is_file()}
    if found.keys() != files.keys():
        return False
    return all(
        path.read_bytes() == files[name].content
        and path.stat().st_mode & 0o7777 == files[name].mode
        and path.stat().st_gid == gid
        for name, path in found.items()
    )


def _next_number(directory: Path) -> int:
    return max((int(path.name[2:]) for path in directory.glob("..[0-9]*")), default=0) + 1
