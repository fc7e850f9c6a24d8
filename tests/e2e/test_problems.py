"""Mistakes that Istio accepts: each is told with object, field, line, reason and hint, and goes when it is mended."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.e2e.mesh import Mesh, running_mesh, wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

BROKEN = Path(__file__).with_name("broken.yaml")
MENDED = Path(__file__).with_name("mended.yaml")

FOUND = {
    ("VirtualService/default/typo", "IST0101", "spec.http[0].route[0].destination.host", 'nearest: "web.default'),
    ("VirtualService/default/lost", "IST0101", "spec.gateways[0]", 'no Gateway "default/nowhere"'),
    ("VirtualService/default/subset", "IST0101", "spec.http[0].route[0].destination.subset", "subsets: v1"),
    ("VirtualService/default/foreign", "IST0132", "spec.hosts[0]", 'from namespace "default"'),
    ("VirtualService/default/subset", "IST0109", "spec.hosts[0]", "VirtualService/default/again"),
    ("VirtualService/default/late", "IST0130", "spec.http[1]", "takes everything before it"),
    ("VirtualService/default/tcp", "MG0106", "spec.tcp", "read http rules only"),
    ("VirtualService/default/fault", "MG0108", "spec.http[0].fault", "one service further on"),
    ("Gateway/default/nobody", "IST0101", "spec.selector", "app=nobody"),
    ("DestinationRule/default/web", "IST0173", "spec.subsets[0].labels", "version=v1"),
    ("DestinationRule/default/wbe", "IST0174", "spec.host", 'nearest: "web.default'),
    ("ServiceEntry/default/open", "IST0134", "spec.addresses", "add addresses"),
    ("Service/default/unnamed", "IST0118", "spec.ports[0].name", "http-web"),
    (
        "Service/default/unnamed",
        "IST0108",
        "metadata.annotations[networking.istio.io/exportsTo]",
        'nearest: "networking.istio.io/exportTo"',
    ),
}
"""Object, code, field, and a part of the reason or the hint."""
REMARKS = {"IST0118", "MG0108"}


@pytest.fixture(scope="module")
def mesh() -> Iterator[Mesh]:
    with running_mesh() as mesh:
        mesh.wait_ready("istio=ingressgateway", namespace="istio-system")
        yield mesh


@pytest.fixture(scope="module")
def warnings(mesh: Mesh) -> Iterator[str]:
    """What `apply` says on standard error."""
    done = mesh.meshgate("apply", "-f", BROKEN)
    yield done.stderr
    mesh.meshgate("apply", "-f", MENDED)
    wait_until(lambda: not of_status(mesh), "no problem is left")
    assert "IST" not in mesh.meshgate("get", "vs,gw,dr,se,svc", "-o", "wide").stdout
    wait_until(lambda: not messages(mesh, "virtualservices"), "the objects say nothing of problems any more")


def of_status(mesh: Mesh) -> list[dict[str, Any]]:
    found = json.loads(mesh.meshgate("status", "-o", "json").stdout)["problems"]
    assert isinstance(found, list)
    return found


def messages(mesh: Mesh, kind: str) -> dict[str, list[dict[str, Any]]]:
    """The messages in the status of each object, as YAML has them."""
    items = yaml.safe_load(mesh.meshgate("get", kind, "-o", "yaml").stdout)["items"]
    told = {each["metadata"]["name"]: (each.get("status") or {}).get("validationMessages", []) for each in items}
    return {name: found for name, found in told.items() if found}


def object_at(place: str) -> str:
    """The object whose text is at `file:line`."""
    file, _, line = place.rpartition(":")
    text = Path(file).read_text()
    number = text.splitlines()[: int(line)].count("---")
    raw = list(yaml.safe_load_all(text))[number]
    return f"{raw['kind']}/default/{raw['metadata']['name']}"


def test_apply_warns_with_place_field_reason_hint_and_code(warnings: str) -> None:
    for ref, code, field, said in FOUND:
        lines = [line for line in warnings.splitlines() if f" {ref} " in line and line.endswith(f"[{code}]")]
        assert bool(lines) == (code not in REMARKS), (ref, code)
        for line in lines:
            assert re.match(rf"Warning: {re.escape(str(BROKEN))}:\d+: {re.escape(f'{ref} {field}')}", line)
            assert said in line


def test_status_has_all_of_them_and_nothing_else(mesh: Mesh, warnings: str) -> None:
    wait_until(lambda: len(of_status(mesh)) >= len(FOUND), "all are found")
    told = of_status(mesh)
    assert {(each["ref"], each["code"]) for each in told} == {(ref, code) for ref, code, _, _ in FOUND}
    for ref, code, field, said in FOUND:
        [entry] = [each for each in told if (each["ref"], each["code"]) == (ref, code)]
        assert entry["path"].startswith(field)
        assert said in f"{entry['text']}; {entry['hint']}"
        assert object_at(entry["position"]) == ref


def test_status_groups_by_object_with_errors_first(mesh: Mesh, warnings: str) -> None:
    told = mesh.meshgate("status").stdout.partition("\nproblems: ")[2]
    assert told.startswith("6 errors, 6 warnings, 2 infos\n")
    objects = re.findall(r"^  (\w+/\S+)$", told, re.MULTILINE)
    assert sorted(objects) == sorted({ref for ref, *_ in FOUND})
    severities = re.findall(r"^    (\w+): ", told, re.MULTILINE)
    assert severities.index("warning") > severities.index("error")
    assert "What" not in told
    assert "Correct the name" in mesh.meshgate("status", "-o", "wide").stdout


def test_get_wide_shows_the_codes_in_a_column_and_the_rest_below(mesh: Mesh, warnings: str) -> None:
    told = mesh.meshgate("get", "virtualservices", "-o", "wide").stdout
    head, *rows = told.partition("\n\nproblems: ")[0].splitlines()
    assert head.split()[-1] == "PROBLEMS"
    assert {row.split()[0]: row.split()[-1] for row in rows} == {
        **{ref.rpartition("/")[2]: code for ref, code, _, _ in FOUND if ref.startswith("VirtualService/")},
        "subset": "IST0109,IST0101",
        "good": "<none>",
        "again": "<none>",
    }
    assert "VirtualService/default/typo" in told
    assert "spec.gateways[0]: no Gateway" in told
    assert "PROBLEMS" not in mesh.meshgate("get", "virtualservices").stdout
    assert "problems:" not in mesh.meshgate("get", "virtualservice", "good", "-o", "wide").stdout


def test_the_objects_themselves_say_it_as_istio_does(mesh: Mesh, warnings: str) -> None:
    for kind in ("VirtualService", "Gateway", "DestinationRule", "ServiceEntry"):
        wanted = {(ref.rpartition("/")[2], code) for ref, code, _, _ in FOUND if ref.startswith(f"{kind}/")}

        def told(kind: str = kind) -> set[tuple[str, str]]:
            found = messages(mesh, kind.lower())
            return {(name, each["type"]["code"]) for name, several in found.items() for each in several}

        wait_until(lambda: told() == wanted, f"every {kind} says what is wrong with it")  # noqa: B023
    [message] = messages(mesh, "virtualservices")["lost"]
    assert message["type"]["name"] == "ReferencedResourceNotFound"
    assert message["level"] == "ERROR"
    assert message["documentationUrl"].endswith("/ist0101/")
    assert message["position"].startswith(f"{BROKEN}:")


def test_problems_are_events_but_for_remarks(mesh: Mesh, warnings: str) -> None:
    def told() -> set[tuple[str, str]]:
        listed = mesh.get("events")["items"]
        assert isinstance(listed, list)
        return {(each["involvedObject"]["name"], each["reason"]) for each in listed}

    wait_until(lambda: ("nobody", "ReferencedResourceNotFound") in told(), "the Gateway's problem is an event")
    assert ("foreign", "VirtualServiceHostNotFoundInGateway") in told()
    assert not {reason for name, reason in told() if name == "fault"}


def test_a_quiet_mesh_writes_nothing(mesh: Mesh, warnings: str) -> None:
    def version() -> str:
        return str(json.loads(mesh.meshgate("status", "-o", "json").stdout)["resourceVersion"])

    wait_until(lambda: messages(mesh, "serviceentries"), "reports are written")
    before = version()
    assert mesh.meshgate("apply", "-f", BROKEN).stdout.count("unchanged") >= len({ref for ref, *_ in FOUND})
    mesh.wait_applied()
    assert version() == before


def test_deleting_a_service_warns_of_the_routes_that_lose_it(mesh: Mesh, warnings: str) -> None:
    told = mesh.meshgate("delete", "service", "lonely").stderr
    assert "Warning: " in told
    assert 'VirtualService/default/good spec.http[0].route[0].destination.host: no service "lonely.default' in told
    assert "IST0132" not in told, "what was wrong before is not told again"
    assert "/good" not in mesh.meshgate("apply", "-f", BROKEN).stderr
