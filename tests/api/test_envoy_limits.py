"""What istiod takes and Envoy does not is refused here, at the object that it stands in."""

from __future__ import annotations

from typing import Any

import pytest

from meshgate.api import MeshConfig, codes, decode
from meshgate.api.rules.mesh_config import mesh_config_findings
from tests.api.objects import DESTINATION_RULE, SERVICE_ENTRY, VIRTUAL_SERVICE, Raw, changed

_ROUTE = [{"destination": {"host": "web"}}]
_RING = {"loadBalancer": {"consistentHash": {"useSourceIp": True, "ringHash": {"minimumRingSize": 2**23 + 1}}}}


def _http(**fields: Any) -> Raw:
    return changed(VIRTUAL_SERVICE, "spec.http", [{"route": _ROUTE, **fields}])


def _headers(**operations: Any) -> Raw:
    return _http(headers={"request": operations})


@pytest.mark.parametrize(
    ("raw", "path"),
    [
        pytest.param(
            changed(VIRTUAL_SERVICE, "spec.http", [{"directResponse": {"status": 600}}]),
            "spec.http[0].directResponse.status",
            id="status of an answer",
        ),
        pytest.param(
            _http(fault={"abort": {"httpStatus": 600, "percentage": {"value": 1}}}),
            "spec.http[0].fault.abort.httpStatus",
            id="status of a fault",
        ),
        pytest.param(
            _http(match=[{"queryParams": {"": {"exact": "a"}}}]), "spec.http[0].match[0].queryParams", id="parameter"
        ),
        pytest.param(
            _http(route=[{**_ROUTE[0], "weight": 2**31 - 1}] * 3), "spec.http[0].route", id="sum of routes' weights"
        ),
        pytest.param(_headers(set={"a": "b\n"}), "spec.http[0].headers.request.set.a", id="line break in a header"),
        pytest.param(_headers(remove=["a\r"]), "spec.http[0].headers.request.remove[0]", id="line break in a name"),
        pytest.param(
            changed(_http(), "spec.http.0.route.0.headers", {"response": {"add": {"a": "\0"}}}),
            "spec.http[0].route[0].headers.response.add.a",
            id="zero in a header",
        ),
        pytest.param(_http(rewrite={"authority": "a\n"}), "spec.http[0].rewrite.authority", id="line break in a host"),
        pytest.param(
            changed(DESTINATION_RULE, "spec.trafficPolicy", _RING),
            "spec.trafficPolicy.loadBalancer.consistentHash.ringHash.minimumRingSize",
            id="ring",
        ),
        pytest.param(
            changed(DESTINATION_RULE, "spec.subsets", [{"name": "v1", "trafficPolicy": _RING}]),
            "spec.subsets[0].trafficPolicy.loadBalancer.consistentHash.ringHash.minimumRingSize",
            id="ring of a subset",
        ),
        pytest.param(
            changed(
                SERVICE_ENTRY,
                "spec.endpoints",
                [{"address": "192.0.2.1", "weight": 2**32 - 1}, {"address": "192.0.2.2", "weight": 1}],
            ),
            "spec.endpoints",
            id="sum of weights",
        ),
    ],
)
def test_what_envoy_refuses_is_refused(raw: Raw, path: str) -> None:
    resource, (problem,) = decode(raw)
    assert resource is None
    assert (problem.code, problem.path) == (codes.REFUSED_BY_ENVOY, path)


_COMMANDS = 'a %REQ(:path)% %HOSTNAME% %START_TIME(%Y)% %START_TIME% %UPSTREAM_METADATA(["a","b"])% %%NOPE%% 100%%'


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("%NOPE%", 'Envoy knows no "%NOPE%"'),
        ("%hostname%", 'Envoy knows no "%hostname%"'),
        ("%PROTOCOL% %REQ%", 'Envoy\'s "%REQ%" needs something in parentheses'),
        ("%PROTOCOL(x)%", 'Envoy\'s "%PROTOCOL%" takes nothing in parentheses'),
    ],
)
@pytest.mark.parametrize("side", ["request", "response"])
def test_commands_that_envoy_does_not_take_are_refused(value: str, told: str, side: str) -> None:
    raw = changed(_http(), "spec.http.0.route.0.headers", {side: {"set": {"a": value}}})
    resource, (problem,) = decode(raw)
    assert resource is None
    assert (problem.code, problem.text) == (codes.REFUSED_BY_ENVOY, told)
    assert problem.path == f"spec.http[0].route[0].headers.{side}.set.a"


def test_commands_that_envoy_takes_are_accepted() -> None:
    resource, problems = decode(_headers(set={"a": _COMMANDS}))
    assert resource is not None
    assert not problems


@pytest.mark.parametrize(
    ("log_format", "refused"),
    [
        ("%START_TIME(%Y%m)% %REQ_WITHOUT_QUERY(:path)% %REQ(a?b):5% 100%%", False),
        ('{"path": "%REQ(:PATH)%"}', False),
        ("%PROTOCOL% %NOPE%", True),
    ],
)
def test_an_access_log_that_all_proxies_would_refuse_is_refused(log_format: str, refused: bool) -> None:
    found = list(mesh_config_findings(MeshConfig(access_log_format=log_format)))
    assert [(finding.path, finding.code) for finding in found] == (
        [("accessLogFormat", codes.REFUSED_BY_ENVOY)] if refused else []
    )
