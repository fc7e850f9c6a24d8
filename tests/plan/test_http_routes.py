"""The rules of a VirtualService as routes."""

from __future__ import annotations

from datetime import timedelta

import pytest

from meshgate.api import HTTPRoute, Origin, Ref, Regex
from meshgate.mesh import BoundVirtualService, HttpRule
from meshgate.plan import Plan
from meshgate.plan.destinations import Destinations
from meshgate.plan.http_routes import RouteContext, routes_of
from meshgate.plan.text_matches import value_match
from meshgate.plan.values import (
    CorsPlan,
    DelayFault,
    DirectResponseAction,
    FaultPlan,
    HeaderOperations,
    MirrorPlan,
    PathExact,
    PathPrefix,
    PathRegex,
    PathSeparatedPrefix,
    PrefixRewrite,
    RedirectAction,
    RegexRewrite,
    RetryPolicyPlan,
    RouteMatch,
    RoutePlan,
    TextExact,
    TextPresent,
    TextRegex,
)
from tests.mesh.objects import istio, service
from tests.plan.planned import SIDECAR, clusters_of, forward, in_namespace, planned, virtual_host, with_labels

LOCAL = "default.svc.cluster.local"
SERVICES = "".join(service(name, "http:80", ip=f"10.96.0.{n}") for n, name in enumerate(["web", "cart", "blue"], 1))
WEB = "{destination: {host: web}}"


def plan_of(http: str, *, meta: str = "", rest: str = "") -> Plan:
    return planned(SERVICES + rest + istio("VirtualService", "vs", f"  hosts: [web]\n  http:\n{http}", meta=meta))


def routes(http: str, *, meta: str = "", rest: str = "") -> tuple[RoutePlan, ...]:
    return virtual_host(plan_of(http, meta=meta, rest=rest), "80", f"web.{LOCAL}:80").routes


def only(http: str) -> RoutePlan:
    (found,) = routes(http)
    return found


def test_a_plain_rule() -> None:
    route = only(f"  - route: [{WEB}]")
    assert route.match == RouteMatch()
    assert route.name == ""
    assert route.operation == f"web.{LOCAL}:80/*"
    assert route.config == "/apis/networking.istio.io/v1/namespaces/default/virtual-service/vs"
    assert str(route.origin) == "VirtualService/default/vs spec.http[0]"
    action = forward(route)
    assert (action.timeout, action.max_grpc_timeout) == (timedelta(0), timedelta(0))
    assert action.retry == RetryPolicyPlan(
        retry_on="connect-failure,refused-stream,unavailable,cancelled,retriable-status-codes",
        attempts=2,
        previous_hosts=True,
        host_selection_attempts=5,
    )


def test_each_match_is_a_route_in_the_order_given() -> None:
    http = f"""
  - name: rule
    match: [{{name: one, uri: {{prefix: /a}}}}, {{uri: {{exact: /b}}, ignoreUriCase: true}}]
    route: [{WEB}]
  - route: [{{destination: {{host: cart}}}}]
"""
    found = routes(http)
    assert [(route.name, str(route.origin).split(" ")[1]) for route in found] == [
        ("rule.one", "spec.http[0].match[0]"),
        ("rule", "spec.http[0].match[1]"),
        ("", "spec.http[1]"),
    ]
    assert found[0].match == RouteMatch(path=PathPrefix(value="/a"), case_sensitive=True)
    assert found[1].match == RouteMatch(path=PathExact(value="/b"), case_sensitive=False)
    assert [route.operation for route in found] == [f"web.{LOCAL}:80/a*", f"web.{LOCAL}:80/b", f"cart.{LOCAL}:80/*"]


def test_paths_by_expression() -> None:
    (first, _) = routes(f"  - {{match: [{{uri: {{regex: '/a/.*'}}}}], route: [{WEB}]}}\n  - route: [{WEB}]")
    assert (first.match.path, first.operation) == (PathRegex(value="/a/.*"), f"web.{LOCAL}:80/a/.*")


def test_nothing_is_made_of_what_is_behind_a_route_that_takes_all() -> None:
    http = f"""
  - match: [{{uri: {{prefix: /}}}}, {{uri: {{prefix: /b}}}}]
    route: [{WEB}]
  - route: [{{destination: {{host: cart}}}}]
"""
    assert len(routes(http)) == 1


def test_an_expression_that_takes_all_ends_the_list() -> None:
    http = f"  - {{match: [{{uri: {{regex: '.*'}}}}], route: [{WEB}]}}\n  - route: [{{destination: {{host: cart}}}}]"
    assert only(http).match.path == PathRegex(value=".*")


@pytest.mark.parametrize(
    ("match", "expected"),
    [
        pytest.param("{port: 80}", True, id="port"),
        pytest.param("{port: 81}", False, id="another port"),
        pytest.param("{gateways: [mesh]}", True, id="mesh"),
        pytest.param("{gateways: [gw]}", False, id="gateway"),
        pytest.param("{sourceLabels: {app: client}}", True, id="labels"),
        pytest.param("{sourceLabels: {app: client, version: v1}}", False, id="one label too many"),
        pytest.param("{sourceNamespace: default}", True, id="namespace"),
        pytest.param("{sourceNamespace: edge}", False, id="another namespace"),
        pytest.param("{gateways: [mesh], sourceLabels: {app: other}}", True, id="gateways are looked at alone"),
    ],
)
def test_matches_that_are_decided_now(match: str, *, expected: bool) -> None:
    http = f"  - {{name: taken, match: [{match}], route: [{WEB}]}}\n  - {{name: else, route: [{WEB}]}}"
    assert routes(http)[0].name == ("taken" if expected else "else")


def test_the_source_is_the_client() -> None:
    http = f"  hosts: [web]\n  http:\n  - {{name: edge, match: [{{sourceNamespace: edge}}], route: [{WEB}]}}\n"
    http += f"  - {{name: v1, match: [{{sourceLabels: {{version: v1}}}}], route: [{WEB}]}}"
    text = SERVICES + istio("VirtualService", "vs", http)
    for proxy, name in ((in_namespace(SIDECAR, "edge"), "edge"), (with_labels(SIDECAR, version="v1"), "v1")):
        (route,) = virtual_host(planned(text, proxy), "80", f"web.{LOCAL}:80").routes
        assert route.name == name


def test_weights_of_several_destinations() -> None:
    http = """
  - route:
    - {destination: {host: web, subset: v1, port: {number: 81}}, weight: 80}
    - {destination: {host: cart}, weight: 20, headers: {request: {set: {x-to: cart, Host: cart.org}}}}
    - {destination: {host: blue}, weight: 0}
"""
    route = only(http)
    assert [(one.cluster, one.weight) for one in forward(route).clusters] == [
        (f"outbound|81|v1|web.{LOCAL}", 80),
        (f"outbound|80||cart.{LOCAL}", 20),
    ]
    other = forward(route).clusters[1]
    assert (other.headers, other.host_rewrite) == (HeaderOperations(request_set=(("x-to", "cart"),)), "cart.org")
    assert route.operation == "vs:80/*"


def test_headers_of_a_single_destination_are_the_routes() -> None:
    http = """
  - headers: {request: {set: {a: '1'}, add: {b: '2'}, remove: [c]}, response: {remove: [d]}}
    route:
    - destination: {host: web}
      headers: {request: {set: {Host: web.org, e: '5'}}, response: {add: {f: '6'}}}
"""
    route = only(http)
    assert route.headers == HeaderOperations(
        request_set=(("a", "1"), ("e", "5")),
        request_add=(("b", "2"),),
        request_remove=("c",),
        response_add=(("f", "6"),),
        response_remove=("d",),
    )
    assert forward(route).host_rewrite == "web.org"


@pytest.mark.parametrize(
    "rule",
    [
        pytest.param("rewrite: {authority: a.org}", id="rewrite"),
        pytest.param("headers: {request: {set: {host: a.org}}}", id="header"),
        pytest.param("headers: {request: {add: {Host: a.org}}}", id="added"),
    ],
)
def test_the_authority_of_a_rule(rule: str) -> None:
    assert forward(only(f"  - {{{rule}, route: [{WEB}]}}")).host_rewrite == "a.org"


@pytest.mark.parametrize(
    "rule",
    [
        pytest.param("headers: {request: {set: {':authority': a.org}}}", id="header"),
        pytest.param("rewrite: {authority: a.org}", id="rewrite"),
    ],
)
def test_the_authority_of_one_of_several_destinations(rule: str) -> None:
    route = only(
        f"  - {{{rule}, route: [{{destination: {{host: web}}, weight: 50}}, "
        "{destination: {host: cart}, weight: 50, headers: {request: {set: {Host: cart.org}}}}]}"
    )
    assert forward(route).host_rewrite == "a.org"
    assert [one.host_rewrite for one in forward(route).clusters] == ["", "cart.org"]


@pytest.mark.parametrize("rule", ["headers: {request: {set: {':authority': a.org}}}", "rewrite: {authority: a.org}"])
def test_a_rule_goes_before_its_only_destination(rule: str) -> None:
    route = only(
        f"  - {{{rule}, route: [{{destination: {{host: cart}}, headers: {{request: {{set: {{Host: cart.org}}}}}}}}]}}"
    )
    assert forward(route).host_rewrite == "a.org"
    assert [one.host_rewrite for one in forward(route).clusters] == [""]


def test_weights_are_written_where_one_of_several_destinations_gets_all() -> None:
    route = only("  - route: [{destination: {host: web}, weight: 0}, {destination: {host: cart}, weight: 5}]")
    assert forward(route).is_weighted
    assert clusters_of(route) == [f"outbound|80||cart.{LOCAL}"]
    assert route.operation == "vs:80/*"


def test_a_share_is_cut_off() -> None:
    """0.57 % is 5,699.99... of a million for Go's arithmetic, and for ours."""
    action = forward(only(f"  - {{mirror: {{host: cart}}, mirrorPercentage: {{value: 0.57}}, route: [{WEB}]}}"))
    assert [one.per_million for one in action.mirrors] == [5_699]


def test_a_copy_of_some_requests_by_the_old_fields() -> None:
    action = forward(only(f"  - {{mirror: {{host: cart}}, mirrorPercent: 5, route: [{WEB}]}}"))
    assert action.mirrors == (MirrorPlan(cluster=f"outbound|80||cart.{LOCAL}", per_million=50_000),)


def test_what_a_rule_does_besides() -> None:
    http = f"""
  - timeout: 3s
    retries: {{attempts: 1, perTryTimeout: 1s, retryOn: '5xx,409'}}
    rewrite: {{uri: /new}}
    fault:
      delay: {{percentage: {{value: 10}}, fixedDelay: 5s}}
      abort: {{percentage: {{value: 0.01}}, httpStatus: 418}}
    corsPolicy: {{allowOrigins: [{{exact: a.org}}], allowMethods: [GET, PUT], maxAge: 60s, allowCredentials: false}}
    mirrors:
    - {{destination: {{host: cart}}, percentage: {{value: 50}}}}
    - {{destination: {{host: blue}}}}
    - {{destination: {{host: web}}, percentage: {{value: 0}}}}
    route: [{WEB}]
"""
    route = only(http)
    action = forward(route)
    assert (action.timeout, action.max_grpc_timeout) == (timedelta(seconds=3), timedelta(seconds=3))
    assert action.rewrite == PrefixRewrite(value="/new")
    assert action.retry is not None
    assert (action.retry.attempts, action.retry.per_try_timeout) == (1, timedelta(seconds=1))
    assert action.mirrors == (
        MirrorPlan(cluster=f"outbound|80||cart.{LOCAL}", per_million=500_000),
        MirrorPlan(cluster=f"outbound|80||blue.{LOCAL}"),
    )
    assert isinstance(route.fault, FaultPlan)
    assert route.fault.delay == DelayFault(delay=timedelta(seconds=5), per_million=100_000)
    assert route.fault.abort is not None
    assert (route.fault.abort.per_million, route.fault.abort.http_status) == (100, 418)
    assert route.cors == CorsPlan(
        allow_origins=(TextExact(value="a.org"),),
        allow_methods="GET,PUT",
        max_age="60",
        allow_credentials=False,
        forward_not_matching_preflights=True,
    )


def test_preflights_of_other_origins_can_be_ignored() -> None:
    route = only(f"  - {{corsPolicy: {{unmatchedPreflights: IGNORE}}, route: [{WEB}]}}")
    assert route.cors is not None
    assert route.cors.forward_not_matching_preflights is False


def test_a_match_can_have_statistics_of_its_own() -> None:
    (first, other) = routes(
        f"  - {{match: [{{statPrefix: a, uri: {{prefix: /a}}}}], route: [{WEB}]}}\n  - route: [{WEB}]"
    )
    assert (first.stat_prefix, other.stat_prefix) == ("a", "")


def test_a_rewrite_by_expression() -> None:
    rewrite = "rewrite: {uriRegexRewrite: {match: '^/a/(.*)', rewrite: '/\\1'}}"
    assert forward(only(f"  - {{{rewrite}, route: [{WEB}]}}")).rewrite == RegexRewrite(
        pattern="^/a/(.*)", substitution="/\\1"
    )


@pytest.mark.parametrize(
    ("redirect", "expected"),
    [
        pytest.param("{uri: /new, authority: a.org}", RedirectAction(path="/new", host="a.org"), id="uri"),
        pytest.param("{scheme: https, redirectCode: 307}", RedirectAction(scheme="https", code=307), id="code"),
        pytest.param("{port: 8443, scheme: https}", RedirectAction(scheme="https", port=8443), id="port"),
        pytest.param("{port: 443, scheme: https}", RedirectAction(scheme="https"), id="port of the scheme"),
        pytest.param("{port: 80}", RedirectAction(), id="port of http"),
        pytest.param(
            "{scheme: https, derivePort: FROM_REQUEST_PORT}", RedirectAction(scheme="https", port=80), id="port called"
        ),
        pytest.param("{derivePort: FROM_PROTOCOL_DEFAULT}", RedirectAction(), id="default port"),
    ],
)
def test_redirects(redirect: str, expected: RedirectAction) -> None:
    assert only(f"  - redirect: {redirect}").action == expected


def test_a_direct_response() -> None:
    route = only("  - directResponse: {status: 503, body: {string: gone}}")
    assert route.action == DirectResponseAction(status=503, body=b"gone")
    assert route.operation == "vs:80/*"


def test_retries_can_be_switched_off() -> None:
    assert forward(only(f"  - {{retries: {{attempts: 0}}, route: [{WEB}]}}")).retry is None


def test_subsets_of_a_rule_that_hashes() -> None:
    rule = istio(
        "DestinationRule",
        "web",
        "{host: web, subsets: [{name: v1, trafficPolicy: {loadBalancer: {consistentHash: {useSourceIp: true}}}}]}",
    )
    http = "  - route: [{destination: {host: web, subset: v1}, weight: 1}, {destination: {host: web}, weight: 1}]"
    (route,) = routes(http, rest=rule)
    action = forward(route)
    assert len(action.hash_policies) == 1
    assert action.retry is not None
    assert action.retry.previous_hosts, "with several destinations a retry may go elsewhere"


def test_a_destination_that_gets_nothing_hashes_nothing() -> None:
    rule = istio(
        "DestinationRule", "web", "{host: web, trafficPolicy: {loadBalancer: {consistentHash: {useSourceIp: true}}}}"
    )
    http = "  - route: [{destination: {host: web}, weight: 0}, {destination: {host: cart}, weight: 1}]"
    (route,) = routes(http, rest=rule)
    assert forward(route).hash_policies == ()


def test_a_retry_keeps_to_the_host_that_a_request_is_hashed_to() -> None:
    rule = istio(
        "DestinationRule", "web", "{host: web, trafficPolicy: {loadBalancer: {consistentHash: {useSourceIp: true}}}}"
    )
    (route,) = routes(f"  - route: [{WEB}]", rest=rule)
    retry = forward(route).retry
    assert retry is not None
    assert (retry.previous_hosts, retry.host_selection_attempts) == (False, 5)
    (other,) = routes(f"  - {{route: [{WEB}], retries: {{attempts: 1, retryIgnorePreviousHosts: true}}}}", rest=rule)
    asked = forward(other).retry
    assert asked is not None
    assert asked.previous_hosts


def test_prefixes_of_the_gateway_api_end_at_a_slash() -> None:
    meta = "annotations: {internal.istio.io/route-semantics: gateway}"
    http = f"  - {{match: [{{uri: {{prefix: /a/}}}}, {{uri: {{prefix: /}}}}], route: [{WEB}]}}"
    found = routes(http, meta=meta)
    assert [route.match.path for route in found] == [PathSeparatedPrefix(value="/a"), PathPrefix(value="/")]


def test_a_delegate_sends_to_its_own_namespace() -> None:
    delegate = istio("VirtualService", "d", "{http: [{route: [{destination: {host: web}}]}]}", namespace="shop")
    (route,) = routes("  - delegate: {name: d, namespace: shop}", rest=delegate)
    assert clusters_of(route) == ["outbound|80||web.shop.svc.cluster.local"]
    assert str(route.origin) == "VirtualService/shop/d spec.http[0]"
    assert route.config.endswith("/namespaces/default/virtual-service/vs")


def test_conditions_that_envoy_decides() -> None:
    match = """{
      method: {exact: GET}, authority: {regex: '.*[.]org'}, scheme: {exact: https},
      headers: {x-a: {prefix: '1'}, x-b: {}, x-c: {regex: 'a|b'}}, withoutHeaders: {x-d: {exact: '2'}, x-e: {}},
      queryParams: {q: {exact: '3'}}}"""
    found = routes(f"  - match: [{match}]\n    route: [{WEB}]")[0].match
    assert [(header.name, header.invert, header.treat_missing_as_empty) for header in found.headers] == [
        ("x-a", False, False),
        ("x-b", False, False),
        ("x-c", False, False),
        ("x-d", True, True),
        ("x-e", True, False),
        (":method", False, False),
        (":authority", False, False),
        (":scheme", False, False),
    ]
    assert [type(header.match).__name__ for header in found.headers[:3]] == ["TextPrefix", "TextPresent", "TextRegex"]
    assert found.headers[6].match == TextRegex(value=".*[.]org")
    assert [(query.name, query.match) for query in found.query_parameters] == [("q", TextExact(value="3"))]


def test_the_old_way_to_ask_whether_something_is_there() -> None:
    """`*` is no expression of RE2; a header that must be absent is not compared with nothing either."""
    (header,) = routes(f"  - match: [{{withoutHeaders: {{x: {{regex: '*'}}}}}}]\n    route: [{WEB}]")[0].match.headers
    assert (header.match, header.invert, header.treat_missing_as_empty) == (TextPresent(), True, False)
    assert value_match(Regex(value="*")) == TextPresent()
    assert value_match(Regex(value=".*")) == TextRegex(value=".*")


def test_a_rule_without_a_destination_that_gets_anything_is_answered_503() -> None:
    """Validation refuses it; but a plan is made of whatever there is, and must never be invalid for Envoy."""
    rule = HttpRule(route=HTTPRoute(), origin=Origin(Ref("VirtualService", "default", "vs")), namespace="default")
    bound = BoundVirtualService(
        ref=rule.origin.ref, creation="", hosts=("web",), gateways=("mesh",), export=("*",), http=(rule,)
    )
    context = RouteContext(namespace="default", labels=(), gateways=frozenset({"mesh"}), port=80)
    (route,) = routes_of(bound, context, Destinations())
    assert clusters_of(route) == ["BlackHoleCluster"]
    assert route.operation == "vs:80/*"
