"""The commands of the examples' READMEs, as they are written there, print what is written there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.mesh import without_proxies
from tests.e2e.samples_mesh import EXAMPLES, SamplesMesh

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

READMES = sorted(path.parent.name for path in EXAMPLES.glob("*/README.md"))


def blocks(text: str) -> list[tuple[str, list[str]]]:
    """Kind and lines of each fenced block."""
    return [(kind, body.strip().splitlines()) for kind, body in re.findall(r"```(\w*)\n(.*?)```", text, re.DOTALL)]


def shell(samples: SamplesMesh, line: str) -> str:
    """What a command prints; on the test's own ports, everything else as it is written."""
    ports = {80: samples.mesh.http_port, 443: samples.mesh.https_port}
    for port, own in ports.items():
        line = re.sub(rf"(127\.0\.0\.1|example\.com):{port}(?=[:/])", rf"\g<1>:{own}", line)
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = {**without_proxies(), "MESHGATE_DATA_DIR": str(samples.mesh.data_dir), "PATH": path}
    done = subprocess.run(
        ["bash", "-c", line], cwd=EXAMPLES.parent, env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, (line, done.stdout, done.stderr)
    return done.stdout


@pytest.mark.parametrize("name", READMES)
def test_the_readme_works_as_written(samples: SamplesMesh, name: str) -> None:
    printed = ""
    for kind, lines in blocks((EXAMPLES / name / "README.md").read_text()):
        if kind == "text":
            assert [line for line in lines if line not in printed] == []
        else:
            printed = "".join(shell(samples, line) for line in lines)


def test_every_example_is_listed() -> None:
    listed = (EXAMPLES / "README.md").read_text()
    for directory in EXAMPLES.iterdir():
        assert directory.is_file() or f"| `{directory.name}` |" in listed
