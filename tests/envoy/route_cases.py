"""Routes, one thing a case. Each route configuration is asked for by a listener, or Envoy would not look at it."""

from __future__ import annotations

from datetime import timedelta

from meshgate.plan.values import (
    AbortFault,
    CorsPlan,
    DelayFault,
    DirectResponseAction,
    FaultPlan,
    FilterChainPlan,
    ForwardAction,
    HashCookie,
    HashHeader,
    HashQuery,
    HashSourceIp,
    HeaderMatch,
    HeaderOperations,
    HttpConnectionManagerPlan,
    ListenerPlan,
    MetadataMatch,
    MirrorPlan,
    PathExact,
    PathPrefix,
    PathRegex,
    PathSeparatedPrefix,
    PrefixRewrite,
    QueryMatch,
    RdsReference,
    RedirectAction,
    RegexRewrite,
    RetryPolicyPlan,
    RouteAction,
    RouteConfigurationPlan,
    RouteMatch,
    RoutePlan,
    TextExact,
    TextPrefix,
    TextPresent,
    TextRegex,
    TextSuffix,
    VirtualHostPlan,
    WeightedCluster,
)
from tests.envoy.case import ISTIO_FILTERS, Case, at, static

TO_A = ForwardAction(clusters=(WeightedCluster(cluster="a", weight=1),))
EVERYTHING = RouteMatch()


def _case(*routes: RoutePlan) -> Case:
    host = VirtualHostPlan(name="web.shop.svc.cluster.local:80", domains=("web", "web.shop"), routes=routes)
    return _configured(RouteConfigurationPlan(name="80", virtual_hosts=(host,)))


def _configured(configuration: RouteConfigurationPlan) -> Case:
    manager = HttpConnectionManagerPlan(
        stat_prefix="routes;", routes=RdsReference(name="80"), http_filters=ISTIO_FILTERS
    )
    listener = ListenerPlan(name="0.0.0.0_80", address=at(80), filter_chains=(FilterChainPlan(filters=(manager,)),))
    return Case(
        clusters=(static("a"), static("b")),
        listeners=(listener,),
        route_configurations=(configuration,),
    )


def _actions(*actions: RouteAction) -> Case:
    return _case(*(RoutePlan(name=str(index), match=EVERYTHING, action=item) for index, item in enumerate(actions)))


def _matches(*matches: RouteMatch) -> Case:
    return _case(*(RoutePlan(name=str(index), match=item, action=TO_A) for index, item in enumerate(matches)))


ROUTES = {
    "route-paths": _matches(
        RouteMatch(path=PathExact(value="/login")),
        RouteMatch(path=PathSeparatedPrefix(value="/api"), case_sensitive=False),
        RouteMatch(path=PathRegex(value="/v[0-9]+/.*")),
        RouteMatch(path=PathPrefix(value="/")),
    ),
    "route-headers": _matches(
        RouteMatch(
            headers=(
                HeaderMatch(name=":authority", match=TextExact(value="WEB.example.com", ignore_case=True)),
                HeaderMatch(name=":method", match=TextRegex(value="GET|HEAD")),
                HeaderMatch(name="x-user", match=TextPresent(), invert=True),
                HeaderMatch(
                    name="x-user",
                    match=TextSuffix(value="@example.com", ignore_case=True),
                    treat_missing_as_empty=True,
                ),
            ),
            query_parameters=(
                QueryMatch(name="debug", match=TextPresent()),
                QueryMatch(name="page", match=TextPrefix(value="a", ignore_case=True)),
            ),
            metadata=(
                MetadataMatch(
                    filter="envoy.filters.http.jwt_authn",
                    path=("payload", "groups"),
                    match=TextExact(value="admin"),
                    in_list=True,
                ),
                MetadataMatch(filter="istio", path=("user",), match=TextPresent(), invert=True),
            ),
        ),
    ),
    "route-configuration": _configured(
        RouteConfigurationPlan(
            name="80",
            validate_clusters=True,
            ignore_port_in_host=False,
            max_direct_response_body_size_bytes=None,
            virtual_hosts=(
                VirtualHostPlan(
                    name="secure",
                    domains=("web:80", "*.web", "*"),
                    routes=(RoutePlan(match=EVERYTHING, action=TO_A),),
                    require_tls="ALL",
                    include_request_attempt_count=False,
                ),
                VirtualHostPlan(name="empty", domains=("nothing",)),
            ),
        )
    ),
    "route-weights": _actions(
        ForwardAction(
            clusters=(
                WeightedCluster(
                    cluster="a",
                    weight=75,
                    headers=HeaderOperations(request_set=(("x-version", "v1"),), response_remove=("server",)),
                ),
                WeightedCluster(cluster="b", weight=25, host_rewrite="b.example.com"),
            ),
            cluster_missing_status=500,
        ),
        ForwardAction(
            clusters=(WeightedCluster(cluster="a", weight=1, host_rewrite="a.example.com"),), is_weighted=True
        ),
    ),
    "route-headers-changed": _case(
        RoutePlan(
            match=EVERYTHING,
            stat_prefix="changed",
            action=TO_A,
            headers=HeaderOperations(
                request_set=(("x-set", "1"),),
                request_add=(("x-add", "2"), ("x-add", "3")),
                request_remove=("cookie",),
                response_set=(("x-set", "%UPSTREAM_HOST%"),),
                response_add=(("x-add", "5"),),
                response_remove=("x-powered-by",),
            ),
            operation="web.shop.svc.cluster.local:80/*",
            config="/apis/networking.istio.io/v1/namespaces/shop/virtual-service/web",
        ),
    ),
    "route-timeouts-and-retries": _actions(
        ForwardAction(
            clusters=TO_A.clusters,
            timeout=timedelta(seconds=2.5),
            max_grpc_timeout=timedelta(0),
            retry=RetryPolicyPlan(
                retry_on="connect-failure,refused-stream,unavailable,cancelled,retriable-status-codes",
                attempts=2,
                per_try_timeout=timedelta(milliseconds=500),
                retriable_status_codes=(503,),
                previous_hosts=True,
                host_selection_attempts=5,
                previous_priorities=True,
                back_off_base=timedelta(milliseconds=100),
            ),
        ),
        ForwardAction(clusters=TO_A.clusters, max_stream_duration=timedelta(0)),
    ),
    "route-rewrites": _actions(
        ForwardAction(clusters=TO_A.clusters, rewrite=PrefixRewrite(value="/new"), host_rewrite="new.example.com"),
        ForwardAction(
            clusters=TO_A.clusters,
            rewrite=RegexRewrite(pattern="^/old/(.*)$", substitution="/new/\\1"),
            append_x_forwarded_host=True,
        ),
        ForwardAction(clusters=TO_A.clusters, auto_host_rewrite=True),
    ),
    "route-mirrors-and-hashes": _actions(
        ForwardAction(
            clusters=TO_A.clusters,
            mirrors=(MirrorPlan(cluster="b"), MirrorPlan(cluster="a", per_million=1_000)),
            hash_policies=(
                HashHeader(name="x-user"),
                HashCookie(name="session", ttl=timedelta(0), path="/", attributes=(("SameSite", "Strict"),)),
                HashSourceIp(),
                HashQuery(name="user"),
            ),
        ),
    ),
    "route-answers": _actions(
        RedirectAction(host="new.example.com", path="/moved", scheme="https", port=8443, code=308),
        RedirectAction(prefix="/new", code=302),
        DirectResponseAction(status=503, body=b"closed"),
        DirectResponseAction(status=200, body=b"\xff\x00"),
        DirectResponseAction(status=404),
    ),
    "route-faults-and-cors": _case(
        RoutePlan(
            match=EVERYTHING,
            action=TO_A,
            fault=FaultPlan(
                delay=DelayFault(delay=timedelta(seconds=5), per_million=100_000),
                abort=AbortFault(per_million=1, http_status=429),
            ),
            cors=CorsPlan(
                allow_origins=(TextExact(value="https://a.example.com"), TextRegex(value="https://.*")),
                allow_methods="GET,POST",
                allow_headers="x-user",
                expose_headers="x-trace",
                max_age="86400",
                allow_credentials=True,
                forward_not_matching_preflights=False,
            ),
        ),
        RoutePlan(match=EVERYTHING, action=TO_A, fault=FaultPlan(abort=AbortFault(per_million=10, grpc_status=14))),
        RoutePlan(match=EVERYTHING, action=TO_A, cors=CorsPlan(allow_origins=(TextSuffix(value=".example.com"),))),
    ),
}
