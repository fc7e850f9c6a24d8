"""Every action of an HTTP rule, by requests through a real gateway, and by a sidecar where it is another code path."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest

from tests.e2e.answers import Caller, share
from tests.e2e.manifests import istio, namespace
from tests.e2e.mesh import wait_until
from tests.e2e.traffic_mesh import INSIDE, SUBSETS, TrafficMesh, virtual_services

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

EARLY = 0.9
"""Envoy's timers may run out a little early. Shares are allowed five standard deviations."""
TO_WEB = "route: [{destination: {host: web, port: {number: 8000}}}]"
RULES = {
    "plain": f"[{{{TO_WEB}}}]",
    "rewrite": f"[{{match: [{{uri: {{prefix: /old}}}}], rewrite: {{uri: /new}}, {TO_WEB}}}]",
    "rewrite-slash": f"[{{match: [{{uri: {{prefix: /api/}}}}], rewrite: {{uri: /}}, {TO_WEB}}}]",
    "rewrite-exact": f"[{{match: [{{uri: {{exact: /one}}}}], rewrite: {{uri: /two/three}}, {TO_WEB}}}]",
    "rewrite-authority": f"[{{rewrite: {{authority: new.example}}, {TO_WEB}}}]",
    "rewrite-regex": rf"""
- rewrite: {{uriRegexRewrite: {{match: '^/service/([^/]+)(/.*)$', rewrite: '\2/instance/\1'}}}}
  {TO_WEB}
""",
    "redirect": "[{redirect: {authority: to.example, uri: /there}}]",
    "redirect-code": "[{redirect: {scheme: https, redirectCode: 308}}]",
    "redirect-port": "[{redirect: {authority: to.example, port: 8443, scheme: https, redirectCode: 302}}]",
    "redirect-derived": "[{redirect: {scheme: https, derivePort: FROM_REQUEST_PORT, redirectCode: 307}}]",
    "redirect-default": "[{redirect: {scheme: https, derivePort: FROM_PROTOCOL_DEFAULT, redirectCode: 303}}]",
    "direct": "[{directResponse: {status: 418, body: {string: 'short and stout'}}}]",
    "direct-bytes": "[{directResponse: {status: 200, body: {bytes: aGVsbG8=}}}]",
    "direct-headers": """
- directResponse: {status: 503}
  headers: {response: {set: {retry-after: "17"}}}
""",
    "abort": f"[{{fault: {{abort: {{httpStatus: 555, percentage: {{value: 100}}}}}}, {TO_WEB}}}]",
    "abort-some": f"[{{fault: {{abort: {{httpStatus: 418, percentage: {{value: 30}}}}}}, {TO_WEB}}}]",
    "abort-grpc": f"[{{fault: {{abort: {{grpcStatus: UNAVAILABLE, percentage: {{value: 100}}}}}}, {TO_WEB}}}]",
    "delay": f"[{{fault: {{delay: {{fixedDelay: 0.4s, percentage: {{value: 100}}}}}}, {TO_WEB}}}]",
    "delay-some": f"[{{fault: {{delay: {{fixedDelay: 1.5s, percentage: {{value: 25}}}}}}, {TO_WEB}}}]",
    "timeout": f"[{{timeout: 0.3s, {TO_WEB}}}]",
    "retries": f"[{{retries: {{attempts: 3, retryOn: 5xx}}, {TO_WEB}}}]",
    "retries-by-status": f"[{{retries: {{attempts: 2, retryOn: 'gateway-error,503'}}, {TO_WEB}}}]",
    "retries-none": f"[{{retries: {{attempts: 0}}, {TO_WEB}}}]",
    "retries-timed": f"[{{retries: {{attempts: 1, perTryTimeout: 0.3s, retryOn: 5xx}}, {TO_WEB}}}]",
    "mirror": f"[{{mirror: {{host: shadow, port: {{number: 8000}}}}, {TO_WEB}}}]",
    "mirrors": f"[{{mirrors: [{{destination: {{host: shadow}}, percentage: {{value: 50}}}}], {TO_WEB}}}]",
    "mirror-none": f"[{{mirror: {{host: shadow, port: {{number: 8000}}}}, mirrorPercentage: {{value: 0}}, {TO_WEB}}}]",
    "cors": f"""
- corsPolicy:
    allowOrigins: [{{exact: 'https://good.example'}}, {{regex: 'https://.*[.]also[.]example'}}]
    allowMethods: [GET, PUT]
    allowHeaders: [x-token, content-type]
    exposeHeaders: [x-instance]
    maxAge: 24h
    allowCredentials: true
  {TO_WEB}
""",
    "headers": """
- route:
  - destination: {host: web, port: {number: 8000}}
    headers:
      request: {set: {x-of-destination: "yes"}}
      response: {set: {x-answer-destination: "yes"}, remove: [server]}
  headers:
    request:
      set: {x-set: replaced, x-client: "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%"}
      add: {x-add: added}
      remove: [x-remove]
    response: {set: {x-answer: "yes"}, add: {x-more: a}, remove: [x-instance]}
""",
    "weights": """
- route:
  - {destination: {host: web, port: {number: 8000}, subset: v1}, weight: 75}
  - {destination: {host: web, port: {number: 8000}, subset: v2}, weight: 25}
""",
    "weight-zero": """
- route:
  - {destination: {host: web.default.svc.cluster.local, port: {number: 8000}, subset: v1}, weight: 0}
  - {destination: {host: web.default.svc.cluster.local, port: {number: 8000}, subset: v2}, weight: 100}
""",
    "no-such-subset": "[{route: [{destination: {host: web, port: {number: 8000}, subset: v9}}]}]",
    "no-such-service": "[{route: [{destination: {host: nobody, port: {number: 8000}}}]}]",
    "delegate": f"[{{match: [{{uri: {{prefix: /a}}}}], delegate: {{name: delegated}}}}, {{{TO_WEB}}}]",
    "wild": f"{{hosts: ['*.wild.test'], http: [{{{TO_WEB}}}]}}",
    "shared-one": f"{{hosts: [shared.test], http: [{{match: [{{uri: {{prefix: /one}}}}], {TO_WEB}}}]}}",
    "shared-two": f"{{hosts: [shared.test], http: [{{match: [{{uri: {{prefix: /two}}}}], {TO_WEB}}}]}}",
}
DELEGATED = {"http": [{"match": [{"uri": {"prefix": "/a/b"}}], "directResponse": {"status": 299}}]}
ELSEWHERE = {"gateways": ["default/edge"], "http": [{"directResponse": {"status": 299}}]}


@pytest.fixture(scope="module", autouse=True)
def _applied(traffic: TrafficMesh) -> Iterator[None]:
    others = [
        istio("DestinationRule", "web", {"host": "web", "subsets": SUBSETS}),
        istio("VirtualService", "delegated", DELEGATED),
        namespace("elsewhere"),
        istio("VirtualService", "private", {"hosts": ["private.test"], "exportTo": ["."], **ELSEWHERE}, "elsewhere"),
        istio(
            "VirtualService",
            "exported",
            {"hosts": ["exported.test"], "exportTo": ["istio-system"], **ELSEWHERE},
            "elsewhere",
        ),
    ]
    with traffic.applied([*others, *virtual_services(RULES)]):
        yield


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("http://plain.test/any?thing=1", "/any?thing=1"),
        ("http://rewrite.test/old/thing?x=1", "/new/thing?x=1"),
        ("http://rewrite.test/older", "/newer"),
        ("http://rewrite-slash.test/api/thing", "/thing"),
        ("http://rewrite-exact.test/one?x=1", "/two/three?x=1"),
        ("http://rewrite-regex.test/service/foo/v1/api?x=1", "/v1/api/instance/foo?x=1"),
        ("http://rewrite-regex.test/elsewhere", "/elsewhere"),
        ("http://a.wild.test/x", "/x"),
        ("http://a.b.wild.test/x", "/x"),
        ("http://shared.test/one", "/one"),
        ("http://shared.test/two", "/two"),
        ("http://delegate.test/other", "/other"),
    ],
)
def test_the_server_gets_the_path(traffic: TrafficMesh, url: str, path: str) -> None:
    assert traffic.outside.get(url).told()["path"] == path


@pytest.mark.parametrize(
    ("url", "code", "location"),
    [
        ("http://redirect.test/here?x=1", 301, "http://to.example/there?x=1"),
        ("http://redirect-code.test/here?x=1", 308, "https://redirect-code.test/here?x=1"),
        ("http://redirect-port.test/here", 302, "https://to.example:8443/here"),
        ("http://redirect-derived.test/here", 307, "https://redirect-derived.test:80/here"),
        ("http://redirect-default.test/here", 303, "https://redirect-default.test/here"),
    ],
)
def test_redirects(traffic: TrafficMesh, url: str, code: int, location: str) -> None:
    answer = traffic.outside.get(url)
    assert (answer.status, answer.headers["location"]) == (code, location)


@pytest.mark.parametrize(
    ("url", "status"),
    [
        ("http://abort.test/", 555),
        ("http://delegate.test/a/b", 299),
        ("http://delegate.test/a", 200),
        ("http://wild.test/", 404),
        ("http://shared.test/three", 404),
        ("http://private.test/", 404),
        ("http://exported.test/", 299),
        ("http://no-such-subset.test/", 503),
        ("http://no-such-service.test/", 503),
    ],
)
def test_statuses(traffic: TrafficMesh, url: str, status: int) -> None:
    assert traffic.outside.status(url) == status


def test_direct_responses_have_bodies_and_headers(traffic: TrafficMesh) -> None:
    text, data, headers = traffic.outside.get_all(
        ("http://direct.test/",), ("http://direct-bytes.test/",), ("http://direct-headers.test/",)
    )
    assert (text.status, text.body) == (418, "short and stout")
    assert (data.status, data.body) == (200, "hello")
    assert (headers.status, headers.headers["retry-after"]) == (503, "17")


def test_an_abort_can_be_told_as_grpc_does(traffic: TrafficMesh) -> None:
    answer = traffic.outside.get("http://abort-grpc.test/", "-H", "Content-Type: application/grpc", "-d", "")
    assert (answer.status, answer.headers["grpc-status"]) == (200, "14")


def test_the_authority_is_rewritten(traffic: TrafficMesh) -> None:
    assert traffic.outside.get("http://rewrite-authority.test/").mirrored("host") == "new.example"


def test_http2_without_tls_is_spoken_at_an_http_port(traffic: TrafficMesh) -> None:
    answer = traffic.outside.get("http://plain.test/", "--http2-prior-knowledge")
    assert answer.status == 200


def test_headers_are_set_added_and_removed(traffic: TrafficMesh) -> None:
    sent = ("-H", "x-set: original", "-H", "x-add: original", "-H", "x-remove: original")
    for caller, url in ((traffic.outside, "http://headers.test/"), (traffic.sleep, INSIDE)):
        answer = caller.get(url, *sent, "-H", "Host: headers.test")
        assert answer.mirrored("x-set") == "replaced"
        assert answer.mirrored("x-add") == "original,added"
        assert answer.mirrored("x-remove") is None
        assert answer.mirrored("x-of-destination") == "yes"
        assert (answer.mirrored("x-client") or "").startswith("10.")
        assert (answer.headers["x-answer"], answer.headers["x-answer-destination"]) == ("yes", "yes")
        assert answer.headers["x-more"] == "a"
        assert "x-instance" not in answer.headers


@pytest.fixture(params=["gateway", "sidecar"])
def caller(traffic: TrafficMesh, request: pytest.FixtureRequest) -> Caller:
    return traffic.outside if request.param == "gateway" else traffic.sleep


def at(caller: Caller, name: str, path: str = "/") -> tuple[str, ...]:
    """The URL of a rule for who asks, and curl's arguments."""
    is_inside = "--connect-to" not in caller.curl
    return (INSIDE + path, "-H", f"Host: {name}.test") if is_inside else (f"http://{name}.test{path}",)


def test_weights_share_the_requests(caller: Caller) -> None:
    counted = caller.count(400, *at(caller, "weights"))
    v1 = sum(number for (_, instance), number in counted.items() if instance.startswith("web-v1"))
    assert {status for status, _ in counted} == {200}
    assert abs(v1 / 4 - 75) <= 11


def test_a_weight_of_zero_takes_nothing(traffic: TrafficMesh) -> None:
    counted = traffic.outside.count(50, "http://weight-zero.test/")
    assert all(instance.startswith("web-v2") for _, instance in counted)


def test_a_share_is_aborted(caller: Caller) -> None:
    counted = caller.count(400, *at(caller, "abort-some"))
    assert abs(share(counted, "") - 30) <= 12
    assert {status for status, instance in counted if not instance} == {418}


def test_all_or_a_share_are_delayed(traffic: TrafficMesh) -> None:
    assert traffic.outside.get("http://delay.test/").seconds >= EARLY * 0.4
    answers = traffic.outside.many(200, "http://delay-some.test/")
    delayed = sum(seconds >= EARLY * 1.5 for _, _, seconds in answers)
    assert abs(delayed / 2 - 25) <= 16


def test_what_takes_longer_than_the_timeout_is_504(caller: Caller) -> None:
    answer = caller.get(*at(caller, "timeout", "/delay/5"))
    assert (answer.status, answer.body) == (504, "upstream request timeout")
    assert EARLY * 0.3 <= answer.seconds < 4


def test_failures_are_tried_again_as_often_as_is_said(caller: Caller) -> None:
    def status(name: str, times: int) -> int:
        # the counter is each server's own, and tries go to others: one server must fail for all
        return caller.status(*at(caller, name, f"/status/503/web-v{times}"))

    assert status("retries", 2) == 200, "a third of the servers fails, and another one is tried"
    assert status("retries-by-status", 2) == 200
    assert caller.status(*at(caller, "retries", "/status/503")) == 503


def test_without_retries_a_failure_is_the_answer(traffic: TrafficMesh) -> None:
    counted = traffic.outside.count(60, "http://retries-none.test/status/503/web-v2")
    assert 0 < sum(number for (status, _), number in counted.items() if status == 503) < 60


def test_each_try_has_a_timeout_of_its_own(traffic: TrafficMesh) -> None:
    answer = traffic.outside.get("http://retries-timed.test/delay/5")
    assert answer.status == 504
    assert EARLY * 0.6 <= answer.seconds < 4, "two tries"


def shadowed(traffic: TrafficMesh, marker: str) -> int:
    """How many requests with a marker the mirrored-to server has seen."""
    log = traffic.mesh.meshgate("logs", "deploy/shadow", "-c", "shadow").stdout
    return sum(marker in line for line in log.splitlines())


def test_mirrored_requests_arrive_and_change_no_answer(traffic: TrafficMesh) -> None:
    marker = uuid.uuid4().hex
    for caller in (traffic.outside, traffic.sleep):
        assert caller.get(*at(caller, "mirror", f"/{marker}")).instance.startswith("web-")
    wait_until(lambda: shadowed(traffic, marker) == 2, "both mirrored requests arrive")


def test_a_share_is_mirrored_or_nothing(traffic: TrafficMesh) -> None:
    some, none = uuid.uuid4().hex, uuid.uuid4().hex
    traffic.outside.count(50, f"http://mirror-none.test/{none}")
    traffic.outside.count(300, f"http://mirrors.test/{some}")
    traffic.outside.get(f"http://mirror.test/{some}-last")
    wait_until(lambda: shadowed(traffic, f"{some}-last") == 1, "the last mirrored request arrives")
    assert abs(shadowed(traffic, f"{some}?") / 3 - 50) <= 15
    assert shadowed(traffic, none) == 0


def test_cors_preflights_are_answered(caller: Caller) -> None:
    origin, asked = ("-H", "Origin: https://good.example"), ("-H", "Access-Control-Request-Method: PUT")
    preflight, actual, foreign, regex = caller.get_all(
        (*at(caller, "cors"), "-X", "OPTIONS", *origin, *asked, "-H", "Access-Control-Request-Headers: x-token"),
        (*at(caller, "cors"), *origin),
        (*at(caller, "cors"), "-H", "Origin: https://bad.example"),
        (*at(caller, "cors"), "-H", "Origin: https://very.also.example"),
    )
    told = {name.removeprefix("access-control-"): value for name, value in preflight.headers.items()}
    assert (preflight.status, preflight.instance) == (200, "")
    assert told["allow-origin"] == "https://good.example"
    assert (told["allow-methods"], told["allow-headers"]) == ("GET,PUT", "x-token,content-type")
    assert (told["max-age"], told["allow-credentials"]) == ("86400", "true")
    assert actual.instance.startswith("web-")
    assert actual.headers["access-control-allow-origin"] == "https://good.example"
    assert actual.headers["access-control-expose-headers"] == "x-instance"
    assert foreign.instance.startswith("web-")
    assert "access-control-allow-origin" not in foreign.headers
    assert regex.headers["access-control-allow-origin"] == "https://very.also.example"


def test_what_leads_nowhere_is_reported(traffic: TrafficMesh) -> None:
    problems = traffic.mesh.problems()
    for name in ("no-such-subset", "no-such-service"):
        assert any(f"VirtualService/default/{name} spec.http[0].route[0].destination" in line for line in problems)
