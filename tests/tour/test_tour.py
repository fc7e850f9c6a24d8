"""The tour's scenarios as data: numbers, files, what is printed to paste, and how names on the wire are read."""

from __future__ import annotations

import re
import subprocess

import pytest

from meshgate.errors import MeshgateError
from meshgate.tour import scenario_names
from meshgate.tour.cases import SCENARIOS
from meshgate.tour.commands import commands, pasted
from meshgate.tour.runner import chosen
from meshgate.tour.scenario import Scenario, outside, step, undoing
from meshgate.tour.wire import tcp_payload

HOSTS = ("uk.bookinfo.com", "nginx.example.com")


def test_scenarios_have_numbers_of_their_own_in_the_tours_order() -> None:
    numbers = [scenario.number for scenario in SCENARIOS]
    assert len(set(numbers)) == len(numbers)
    assert [int(re.findall(r"\d+", number)[0]) for number in numbers] == sorted(
        int(re.findall(r"\d+", number)[0]) for number in numbers
    )


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.number)
def test_a_scenarios_files_are_there_and_what_it_makes_it_takes_away(scenario: Scenario) -> None:
    text = "\n".join([*(each.command for each in scenario.steps), *undoing(scenario.steps)])
    named = {*scenario.base, *re.findall(r"([\w.-]+)\.yaml", text)}
    assert named <= set(scenario_names())
    for made in scenario.steps:
        assert made.undo or not re.search(r"meshgate (apply|create)", made.command), made.command
    assert any(made.shows for made in scenario.steps)


def test_the_tour_is_chosen_by_numbers() -> None:
    assert chosen(()) == SCENARIOS
    assert [scenario.number for scenario in chosen(("9", "3"))] == ["3", "9"]
    with pytest.raises(MeshgateError, match="no scenario 'x'"):
        chosen(("3", "x"))


@pytest.mark.parametrize(
    ("command", "told"),
    [
        ("curl -s http://uk.bookinfo.com/a", "curl --resolve uk.bookinfo.com:80:$GW -s http://uk.bookinfo.com/a"),
        (
            "curl --cacert x https://nginx.example.com",
            "curl --resolve nginx.example.com:443:$GW --cacert x https://nginx.example.com",
        ),
        ("curl http://uk.bookinfo.com:9080/", "curl --resolve uk.bookinfo.com:9080:$GW http://uk.bookinfo.com:9080/"),
        ("curl http://elsewhere.org/", "curl http://elsewhere.org/"),
    ],
)
def test_curl_is_told_where_names_are(command: str, told: str) -> None:
    assert pasted(outside(command), HOSTS) == told
    assert pasted(step(command), HOSTS) == command


def test_what_is_printed_to_paste_is_shell() -> None:
    text = commands(SCENARIOS, "/somewhere")
    assert text.splitlines()[:2] == ["cd /somewhere   # the scenarios' files", "meshgate up --detach --lab"]
    assert text.endswith("\nmeshgate down\n")
    for scenario in SCENARIOS:
        assert f"\n# {scenario.number}: {scenario.title}\n" in text
    assert text.count("meshgate apply -f workloads.yaml\n") == 1, "workloads stay for all scenarios"
    checked = subprocess.run(["bash", "-n"], input=text, capture_output=True, text=True)
    assert (checked.returncode, checked.stderr) == (0, "")


def frame(*, version: int = 4, protocol: int = 6, source: int = 40000, target: int = 8080, payload: bytes) -> bytes:
    tcp = source.to_bytes(2) + target.to_bytes(2) + bytes(8) + bytes([5 << 4]) + bytes(7) + payload
    length = (20 + len(tcp)).to_bytes(2)
    return bytes(14) + bytes([version << 4 | 5, 0]) + length + bytes(5) + bytes([protocol]) + bytes(10) + tcp + b"pad"


def test_the_payload_of_a_port_is_read_in_both_directions() -> None:
    assert tcp_payload(frame(payload=b"hello"), 8080) == b"hello"
    assert tcp_payload(frame(source=8080, target=40000, payload=b"hello"), 8080) == b"hello"
    for other in (
        frame(target=80, payload=b"x"),
        frame(protocol=17, payload=b"x"),
        frame(version=6, payload=b"x"),
        b"",
    ):
        assert tcp_payload(other, 8080) == b""
