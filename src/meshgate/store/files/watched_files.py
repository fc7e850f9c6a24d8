"""Files whose objects live in the store as long as they are in the files: save, and it applies.

`inotify` tells that something changed; then everything is read again (unchanged texts are not parsed again) and one
transaction makes the store say what the files say. Editors save in many ways, so what is missing or empty for a moment
is looked at twice before it counts; a path named by the user that vanishes keeps its objects and is reported.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from pathlib import Path

from watchfiles import Change, awatch

from meshgate.aio import Latest
from meshgate.api import Problem, Ref, codes
from meshgate.store.admission import Admission
from meshgate.store.core import Inadmissible, StatusFault, Write, meta
from meshgate.store.sqlite import Store

from .file_set import (
    FileSet,
    ParsedFile,
    Wanted,
    blamed,
    file_set,
    parse_file,
    unreadable_file,
    without_files,
    writes_of,
)

log = logging.getLogger(__name__)

SUFFIXES = frozenset({".yaml", ".yml", ".json"})
QUIET_MS = 10
"""A burst of events ends when nothing happens for this long."""
LONGEST_BURST_MS = 200
SECOND_LOOK_S = 0.1
"""Longer than an editor needs between taking the old file away and putting the new one there."""
RETURN_CHECK_S = 0.5
"""How often a root that vanished is looked for."""


class WatchedFiles:
    """`paths` are files and directories (searched below, hidden ones left out), as the user wrote them."""

    def __init__(self, store: Store, admission: Admission, paths: Sequence[Path]) -> None:
        self._store = store
        self._admission = admission
        self._paths = tuple(paths)
        self._parsed: dict[str, tuple[str, ParsedFile]] = {}
        self._said: dict[Ref, Wanted] = {}
        """What each object was made to say."""
        self._said_at = 0
        """The revision of the store at which they did."""
        self.problems: Latest[tuple[Problem, ...]] = Latest(())
        """What is wrong with the files now; empty when the store says what they say."""

    async def load(self) -> tuple[Problem, ...]:
        """Make the store say what the files say, as far as they are good; the problems of those that are not."""
        texts = await asyncio.to_thread(_read, self._paths)
        if self._shrunk(texts):
            await asyncio.sleep(SECOND_LOOK_S)
            texts = await asyncio.to_thread(_read, self._paths)
        owners = self._store.owners()
        parsed = {file: self._parse(file, text) for file, text in texts.items()}
        parsed |= self._vanished(texts, set(owners.values()))
        self._parsed = {file: (text, parsed[file]) for file, text in texts.items() if isinstance(text, str)}
        found, warnings = await self._apply(file_set(parsed, owners))
        problems = tuple(dict.fromkeys((*found.problems, *warnings)))
        if self.problems.set(problems) and problems:
            log.warning("watched files have problems", extra={"count": len(problems), "files": sorted(found.broken)})
        return problems

    async def serve(self, ready: asyncio.Event) -> None:
        """Load now and after every change, for ever."""
        changed = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            for path in self._paths:
                group.create_task(_watch(path, changed))
            await changed.wait()  # the watches are there before the files are read: no change falls between
            changed.clear()
            await self.load()
            ready.set()
            while True:
                await changed.wait()  # no deadline: files may rest for ever
                changed.clear()
                await self.load()

    def _parse(self, file: str, text: str | OSError | UnicodeDecodeError) -> ParsedFile:
        if isinstance(text, OSError):
            return unreadable_file(file, os.strerror(text.errno or 0).lower())
        if isinstance(text, UnicodeDecodeError):
            return unreadable_file(file, "it is not UTF-8")
        before = self._parsed.get(file)
        return before[1] if before and before[0] == text else parse_file(file, text, self._store.kinds)

    def _shrunk(self, texts: Mapping[str, object]) -> bool:
        """Whether a file that said something says nothing now: an editor may be about to write it."""
        known = {file for file, (text, _) in self._parsed.items() if text.strip()} | set(self._store.owners().values())
        return any(not isinstance(text := texts.get(file), str) or not text.strip() for file in known)

    def _vanished(self, texts: Mapping[str, object], owning: Collection[str]) -> Mapping[str, ParsedFile]:
        """Files below a directory that is not there: it was moved or unmounted, nobody deleted its objects."""
        lost = [path for path in self._paths if str(path) in texts and isinstance(texts[str(path)], OSError)]
        return {
            file: unreadable_file(file, f'the directory "{path}" is not there')
            for path in lost
            for file in owning
            if file not in texts and Path(file).is_relative_to(path)
        }

    async def _apply(self, found: FileSet) -> tuple[FileSet, tuple[Problem, ...]]:
        """Write what the good files want; files whose objects are refused are broken, the others go on without them."""
        while True:
            owners = self._store.owners()
            namespaces = [meta(raw)["name"] for raw in self._store.list("Namespace")]
            writes = writes_of(found, owners, namespaces, self._saying(found))
            try:
                written = await self._admission.write(writes)
            except Inadmissible as fault:
                refused = blamed(found, fault.problems)
            except StatusFault as fault:
                refused = blamed(found, [_problem_of(fault, writes, found)])
            else:
                self._remember(found)
                return found, written.problems
            if not refused:
                return found, ()
            found = without_files(found, refused)

    def _saying(self, found: FileSet) -> set[Ref]:
        """The objects that nobody has to look at: they want what they wanted, and were not written to since."""
        changes = self._store.changes_since(self._said_at)
        if changes is None:
            return set()
        wanted = found.wanted
        same = {ref for ref, said in self._said.items() if (now := wanted.get(ref)) is said or now == said}
        return same.difference(change.ref for change in changes)

    def _remember(self, found: FileSet) -> None:
        self._said, self._said_at = dict(found.wanted), self._store.revision.value


def _problem_of(fault: StatusFault, writes: Sequence[Write], found: FileSet) -> Problem:
    write = writes[fault.write_index] if fault.write_index is not None else None
    positions = getattr(write, "positions", None)
    item = next((item for item in found.wanted.values() if item.positions is positions), None)
    position = item.positions.at("") if item else ""
    code = codes.MISSING_REFERENCE if fault.reason == "NotFound" else codes.INVALID
    return Problem(code, "error", item.ref if item else None, "", fault.text, fault.hint, position)


def _read(paths: Sequence[Path]) -> dict[str, str | OSError | UnicodeDecodeError]:
    """The texts of all files, by the names that the user would use for them."""
    texts: dict[str, str | OSError | UnicodeDecodeError] = {}
    for path in paths:
        for file in _files(path):
            try:
                texts[str(file)] = file.read_text(encoding="utf-8")
            except (OSError, UnicodeDecodeError) as error:
                texts[str(file)] = error
    return texts


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    found = (Path(directory) / name for directory, _, names in _walk(path) for name in names)
    return sorted(file for file in found if file.suffix in SUFFIXES and not file.name.startswith("."))


def _walk(path: Path) -> list[tuple[str, list[str], list[str]]]:
    walked = []
    for directory, below, names in os.walk(path):
        below[:] = sorted(name for name in below if not name.startswith("."))
        walked.append((directory, below, names))
    return walked


async def _watch(path: Path, changed: asyncio.Event) -> None:
    """Set the event when the path is watched, and whenever something in it changes, also after it was away."""
    while True:
        try:
            await _watch_as_it_is(path, changed)
        except FileNotFoundError:
            changed.set()  # told by `load`
            await asyncio.sleep(RETURN_CHECK_S)


async def _watch_as_it_is(path: Path, changed: asyncio.Event) -> None:
    """The same until what is watched is somewhere else, or something else is in its place."""
    watching, identity = _changes(path), _identity(path)
    changed.set()  # `awatch` starts watching before it waits, so whoever is woken by this runs later
    async for _ in watching:
        changed.set()
        if _identity(path) != identity:
            return


def _changes(path: Path) -> AsyncIterator[object]:
    """Events of a directory and all below it; for a file those of its directory, since editors replace files."""
    is_directory = path.is_dir()

    def is_ours(change: Change, name: str) -> bool:
        return Path(name).suffix in (*SUFFIXES, "") if is_directory else Path(name).name == path.name

    return awatch(
        path if is_directory else path.parent,
        watch_filter=is_ours,
        debounce=LONGEST_BURST_MS,
        step=QUIET_MS,
        recursive=is_directory,
    )


def _identity(path: Path) -> tuple[int, int] | None:
    """Which directory is watched for the path; None when it is not there."""
    try:
        found = os.stat(path if path.is_dir() else path.parent)
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino
