"""Every match of an HTTP rule, by a request that it takes and one that it does not, at a gateway and at a sidecar.

Each rule answers by itself with its own name, the last one with "none"; but for `uri` ones, a rule takes the path below
its name only.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import yaml

from tests.e2e.traffic_mesh import INSIDE, TrafficMesh, virtual_service

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

HOST = "matches.test"
MATCHES: dict[str, str] = {
    "uri-exact": "{uri: {exact: /uri-exact}}",
    "uri-prefix": "{uri: {prefix: /uri-prefix}}",
    "uri-regex": "{uri: {regex: '/uri-regex/[0-9]+'}}",
    "any-case": "{uri: {prefix: /Any-Case}, ignoreUriCase: true}",
    "any-case-exact": "{uri: {exact: /eXact-anY-case}, ignoreUriCase: true}",
    "scheme": "{uri: {prefix: /scheme}, scheme: {exact: http}}",
    "scheme-https": "{uri: {prefix: /scheme-https}, scheme: {exact: https}}",
    "method": "{uri: {prefix: /method}, method: {regex: 'PUT|DELETE'}}",
    "authority": "{uri: {prefix: /authority}, authority: {prefix: 'other.'}}",
    "header-exact": "{uri: {prefix: /header-exact}, headers: {x-probe: {exact: one}}}",
    "header-prefix": "{uri: {prefix: /header-prefix}, headers: {x-probe: {prefix: 'on'}}}",
    "header-regex": "{uri: {prefix: /header-regex}, headers: {x-probe: {regex: 'o.e'}}}",
    "header-present": "{uri: {prefix: /header-present}, headers: {x-probe: {}}}",
    "headers-both": "{uri: {prefix: /headers-both}, headers: {x-probe: {exact: one}, x-more: {exact: two}}}",
    "without": "{uri: {prefix: /without}, withoutHeaders: {x-probe: {exact: one}}}",
    "without-any": "{uri: {prefix: /no-such-header}, withoutHeaders: {x-probe: {}}}",
    "query-exact": "{uri: {prefix: /query-exact}, queryParams: {user: {exact: one}}}",
    "query-prefix": "{uri: {prefix: /query-prefix}, queryParams: {user: {prefix: 'on'}}}",
    "query-regex": "{uri: {prefix: /query-regex}, queryParams: {user: {regex: '[0-9]+'}}}",
    "port": "{uri: {prefix: /port}, port: 80}",
    "other-port": "{uri: {prefix: /other-port}, port: 8000}",
    "gateways": "{uri: {prefix: /gateways}, gateways: [mesh]}",
    "source-labels": "{uri: {prefix: /source-labels}, sourceLabels: {app: sleep}}",
    "source-others": "{uri: {prefix: /source-others}, sourceLabels: {app: other}}",
    "source-namespace": "{uri: {prefix: /source-namespace}, sourceNamespace: default}",
}
ONE = ("-H", "x-probe: one")
BOTH: list[tuple[str, tuple[str, ...], str]] = [
    ("/uri-exact", (), "uri-exact"),
    ("/uri-exact?with=query", (), "uri-exact"),
    ("/uri-exact/more", (), "none"),
    ("/uri-prefix-and-more", (), "uri-prefix"),
    ("/uri-regex/12", (), "uri-regex"),
    ("/uri-regex/12?with=query", (), "uri-regex"),
    ("/uri-regex/12/more", (), "none"),
    ("/aNY-cASE/x", (), "any-case"),
    ("/exact-any-case", (), "any-case-exact"),
    ("/scheme-http", (), "scheme"),
    ("/method", ("-X", "PUT"), "method"),
    ("/method", ("-X", "POST"), "none"),
    ("/authority", ("-H", f"Host: other.{HOST}"), "authority"),
    ("/authority", (), "none"),
    ("/header-exact", ONE, "header-exact"),
    ("/header-exact", ("-H", "X-PROBE: one"), "header-exact"),
    ("/header-exact", ("-H", "x-probe: ones"), "none"),
    ("/header-prefix", ONE, "header-prefix"),
    ("/header-prefix", ("-H", "x-probe: two"), "none"),
    ("/header-regex", ONE, "header-regex"),
    ("/header-regex", ("-H", "x-probe: one-more"), "none"),
    ("/header-present", ("-H", "x-probe: anything"), "header-present"),
    ("/header-present", (), "none"),
    ("/headers-both", (*ONE, "-H", "x-more: two"), "headers-both"),
    ("/headers-both", ONE, "none"),
    ("/without", (), "without"),
    ("/without", ("-H", "x-probe: two"), "without"),
    ("/without", ONE, "none"),
    ("/no-such-header", (), "without-any"),
    ("/no-such-header", ONE, "none"),
    ("/query-exact?user=one", (), "query-exact"),
    ("/query-exact?user=two", (), "none"),
    ("/query-prefix?a=b&user=one", (), "query-prefix"),
    ("/query-regex?user=77", (), "query-regex"),
    ("/query-regex?user=7x", (), "none"),
    ("/port", (), "port"),
    ("/other-port", (), "none"),
    ("/somewhere", (), "none"),
]
OUTSIDE: list[tuple[str, tuple[str, ...], str]] = [
    ("/port", ("-H", f"Host: {HOST}:80"), "port"),
    ("/port", ("-H", f"Host: {HOST}:12345"), "port"),
    ("/gateways", (), "none"),
    ("/source-labels", (), "none"),
    ("/source-namespace", (), "none"),
]
FROM_SLEEP: list[tuple[str, tuple[str, ...], str]] = [
    ("/gateways", (), "gateways"),
    ("/source-labels", (), "source-labels"),
    ("/source-others", (), "none"),
    ("/source-namespace", (), "source-namespace"),
]


@pytest.fixture(scope="module", autouse=True)
def _applied(traffic: TrafficMesh) -> Iterator[None]:
    rules = [(name, {"match": [yaml.safe_load(match)]}) for name, match in MATCHES.items()] + [("none", {})]
    http = [{**rule, "directResponse": {"status": 200, "body": {"string": name}}} for name, rule in rules]
    with traffic.applied([virtual_service("matches", {"hosts": [HOST, f"other.{HOST}"], "http": http})]):
        yield


@pytest.mark.parametrize(("path", "arguments", "rule"), BOTH + OUTSIDE)
def test_at_the_gateway(traffic: TrafficMesh, path: str, arguments: tuple[str, ...], rule: str) -> None:
    answer = traffic.outside.get(f"http://{HOST}{path}", *arguments)
    assert (answer.status, answer.body) == (200, rule)


def test_at_the_sidecar(traffic: TrafficMesh) -> None:
    cases = BOTH + FROM_SLEEP
    answers = traffic.sleep.get_all(
        *(
            (INSIDE + path, *(("-H", f"Host: {HOST}") if "Host:" not in str(more) else ()), *more)
            for path, more, _ in cases
        )
    )
    seen = [(path, more, answer.body) for (path, more, _), answer in zip(cases, answers, strict=True)]
    assert seen == cases
