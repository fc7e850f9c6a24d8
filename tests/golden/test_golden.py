"""Objects in, Envoy's resources out: each case is one file of objects with one proxy among them.

What it must become is in `expected/<case>.yaml` (resources and problems), and a live Envoy must take it.
`--update-golden` rewrites the files; the difference is to be read like code.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
import yaml

from meshgate.envoy import resource_json
from meshgate.host.envoy_binary import load_schema
from meshgate.proto.messages import Json
from tests.golden.made import CASES, HERE, objects_of, resources_of
from tests.live_envoy import LiveEnvoy, running_envoy

LONGEST_CASE = 60
every_case = pytest.mark.parametrize("file", CASES, ids=[file.stem for file in CASES])


@pytest.fixture(autouse=True)
def _schema() -> None:
    load_schema()


@pytest.fixture(scope="module")
def live() -> Iterator[LiveEnvoy]:
    with running_envoy() as envoy:
        yield envoy


@every_case
def test_resources(file: Path, request: pytest.FixtureRequest) -> None:
    compiled, resources = resources_of(objects_of(file))
    made: dict[str, Sequence[Json | dict[str, Json]]] = {
        "problems": [str(problem) for problem in compiled.problems],
        "resources": [resource_json(resource) for resource in resources],
    }
    expected = HERE / "expected" / file.name
    if request.config.getoption("--update-golden"):
        expected.write_text(yaml.safe_dump(made, sort_keys=False, width=120))
    assert made == yaml.safe_load(expected.read_text())


@pytest.mark.envoy
@every_case
def test_envoy_takes_them(file: Path, live: LiveEnvoy) -> None:
    before = len(live.log)
    live.apply(resources_of(objects_of(file), edge_socket=str(live.directory / "edge"))[1])
    assert live.log[before:] == "", "Envoy has something to say about it"


@every_case
def test_a_case_shows_one_thing(file: Path) -> None:
    text = file.read_text()
    assert text.startswith("# "), "its first line says what it shows"
    assert len(text.splitlines()) <= LONGEST_CASE


def test_every_expectation_has_its_case() -> None:
    assert {file.name for file in (HERE / "expected").iterdir()} == {file.name for file in CASES}
