"""Objects in, Envoy's resources out: each case is one file of objects with one proxy among them.

What it must become is in `expected/<case>.yaml` (resources and problems), and a live Envoy must take it.
`--update-golden` rewrites the files; the difference is to be read like code.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
import yaml
from msgspec.structs import replace

from meshgate.api import AnyResource, decode, documents
from meshgate.app.compiler import Compiled, Compiler
from meshgate.app.proxies import EDGE_SOCKET, proxies_of
from meshgate.envoy import CLUSTER, ENDPOINTS, LISTENER, ROUTES, Resource, resource_json
from meshgate.host.envoy_binary import load_schema
from meshgate.mesh import Facts
from meshgate.proto.messages import Json
from tests.live_envoy import LiveEnvoy, running_envoy

HERE = Path(__file__).parent
CASES = sorted((HERE / "cases").glob("*.yaml"))
LONGEST_CASE = 60
every_case = pytest.mark.parametrize("file", CASES, ids=[file.stem for file in CASES])


@pytest.fixture(autouse=True)
def _schema() -> None:
    load_schema()


@pytest.fixture(scope="module")
def live() -> Iterator[LiveEnvoy]:
    with running_envoy() as envoy:
        yield envoy


def _objects(file: Path) -> list[AnyResource]:
    found, problems = documents(file.read_text(), file.name)
    assert not problems
    objects = []
    for document in found:
        made, problems = decode(document.raw, document.position)
        assert made is not None, "\n".join(map(str, problems))
        objects.append(made)
    return objects


def _compiled(file: Path, edge_socket: str = EDGE_SOCKET) -> tuple[Compiled, list[Resource]]:
    objects = _objects(file)
    (proxy,) = proxies_of(objects).values()
    if proxy.edge_socket is not None:
        proxy = replace(proxy, edge_socket=edge_socket)
    compiled = Compiler(Facts()).compile(objects, [proxy])
    types = compiled.tables[proxy].types
    return compiled, [item for kind in (CLUSTER, ENDPOINTS, LISTENER, ROUTES) for item in types.get(kind, {}).values()]


@every_case
def test_resources(file: Path, request: pytest.FixtureRequest) -> None:
    compiled, resources = _compiled(file)
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
    live.apply(_compiled(file, edge_socket=str(live.directory / "edge"))[1])
    assert live.log[before:] == "", "Envoy has something to say about it"


@every_case
def test_a_case_shows_one_thing(file: Path) -> None:
    text = file.read_text()
    assert text.startswith("# "), "its first line says what it shows"
    assert len(text.splitlines()) <= LONGEST_CASE


def test_every_expectation_has_its_case() -> None:
    assert {file.name for file in (HERE / "expected").iterdir()} == {file.name for file in CASES}
