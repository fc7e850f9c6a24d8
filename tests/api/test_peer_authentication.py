"""PeerAuthentications: maps by port, and the rules that one object can break by itself."""

from __future__ import annotations

from typing import Any

import pytest

from meshgate.api import MutualTLS, MutualTLSMode, PeerAuthentication, codes, decode_all
from tests.api.objects import PEER_AUTHENTICATION, Raw

SELECTOR = {"matchLabels": {"app": "web"}}


def policy(**spec: Any) -> Raw:
    return {**PEER_AUTHENTICATION, "spec": spec}


def problems(raw: Raw) -> list[tuple[str, str, str]]:
    return [(problem.code, problem.path, problem.text) for problem in decode_all(raw)[1]]


def read(raw: Raw) -> PeerAuthentication:
    resource, faults = decode_all(raw)
    assert resource is not None, [str(fault) for fault in faults]
    assert isinstance(resource.spec, PeerAuthentication)
    return resource.spec


def test_ports_are_numbers_in_their_order() -> None:
    ports = {"9090": {"mode": "STRICT"}, "80": {"mode": "DISABLE"}, "8080": {}}
    assert read(policy(selector=SELECTOR, portLevelMtls=ports)).port_level_mtls == (
        (80, MutualTLS(mode=MutualTLSMode.DISABLE)),
        (8080, MutualTLS()),
        (9090, MutualTLS(mode=MutualTLSMode.STRICT)),
    )


def test_all_versions_mean_the_same() -> None:
    given = policy(mtls={"mode": "STRICT"})
    assert read({**given, "apiVersion": "security.istio.io/v1beta1"}) == read(given)


def test_no_map_is_not_an_empty_one() -> None:
    assert read(policy(selector=SELECTOR)).port_level_mtls is None
    assert problems(policy(selector=SELECTOR, portLevelMtls={}))[0][1] == "spec.portLevelMtls"


@pytest.mark.parametrize("key", ["http", "080", "-1", "1.5", "4294967296", ""])
def test_a_key_that_is_no_number(key: str) -> None:
    (found,) = problems(policy(selector=SELECTOR, portLevelMtls={key: {"mode": "STRICT"}}))
    assert found[0] == codes.WRONG_TYPE
    assert found[1].startswith("spec.portLevelMtls")


def test_what_stands_at_a_port_is_read_too() -> None:
    found = problems(policy(selector=SELECTOR, portLevelMtls={"80": {"mode": "strict"}, "81": 5}))
    assert [(code, path) for code, path, _ in found] == [
        (codes.WRONG_TYPE, "spec.portLevelMtls[80].mode"),
        (codes.WRONG_TYPE, "spec.portLevelMtls[81]"),
    ]


def test_a_map_must_be_one() -> None:
    (found,) = problems(policy(selector=SELECTOR, portLevelMtls=[80]))
    assert found == (codes.WRONG_TYPE, "spec.portLevelMtls", "expected an object, got a list")


@pytest.mark.parametrize("port", ["0", "65536"])
def test_a_number_that_is_no_port(port: str) -> None:
    (found,) = problems(policy(selector=SELECTOR, portLevelMtls={port: {"mode": "STRICT"}}))
    assert found == (codes.INVALID, f"spec.portLevelMtls[{port}]", f"{port} is no port")


@pytest.mark.parametrize("selector", [None, {}, {"matchLabels": {}}])
def test_ports_need_a_selector(selector: Raw | None) -> None:
    found = problems(policy(selector=selector, portLevelMtls={"80": {"mode": "STRICT"}}))
    text = "a policy for a whole mesh or namespace cannot have settings of ports"
    assert (codes.INVALID, "spec.portLevelMtls", text) in found


def test_a_selector_without_labels_is_doubtful() -> None:
    (found,) = problems(policy(selector={}))
    assert found[:2] == (codes.DOUBTFUL, "spec.selector")


@pytest.mark.parametrize(
    ("labels", "code"),
    [({"": "web"}, codes.INVALID), ({"app": "w*"}, codes.INVALID), ({"app": "w" * 64}, codes.SCHEMA)],
)
def test_a_selector_that_is_refused(labels: Raw, code: str) -> None:
    (found,) = problems(policy(selector={"matchLabels": labels}))
    assert found[0] == code
