"""A mesh to measure with. Unlike a test's it is not asked what it left: whoever works beside it leaves things, too."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.bench.figure import NotMeasured
from tests.e2e.mesh import Mesh
from tests.machine import why_no_namespaces


@contextlib.contextmanager
def mesh_to_measure(*arguments: str, start: bool = True) -> Iterator[Mesh]:
    """A mesh on free ranges that is up with these arguments (or not started); NotMeasured where it can't be."""
    reason = why_no_namespaces()
    if reason is not None:
        raise NotMeasured(reason)
    directory = Path(tempfile.mkdtemp(prefix="meshgate-bench-"))
    mesh = Mesh(directory)
    try:
        if start:
            mesh.up(*arguments)
        yield mesh
    finally:
        mesh.meshgate("down", check=False)
        shutil.rmtree(directory, ignore_errors=True)
