"""The walk: listener, filter chain, transport, then HTTP (virtual host, route) or TCP, and the cluster.

Each step is a function of its own file that gives its value, or a `Stop`. What was found so far is kept in the result.
Of the HTTP filters, faults and CORS are looked at; of the upstream side nothing: this says where a call goes.
"""

from __future__ import annotations

from msgspec.structs import replace

from meshgate.explain.simulate.actions import clusters_of, route_action, tcp_action, weighted_cluster
from meshgate.explain.simulate.call import Call
from meshgate.explain.simulate.chains import choose_filter_chain
from meshgate.explain.simulate.configuration import Configuration, origin_of, unpack_as
from meshgate.explain.simulate.deviations import Deviations
from meshgate.explain.simulate.forwarded import forwarded, response_headers
from meshgate.explain.simulate.http_filters import answer_of_filters
from meshgate.explain.simulate.listener import accept
from meshgate.explain.simulate.request import Request, read_request
from meshgate.explain.simulate.result import Action, Failure, Result, Stop, ToCluster
from meshgate.explain.simulate.routes import choose_route
from meshgate.explain.simulate.text_match import NotSimulated
from meshgate.explain.simulate.transport import is_encrypted_after_transport
from meshgate.explain.simulate.virtual_hosts import choose_virtual_host
from meshgate.proto import v3

ENVOY = Deviations()


def simulate(configuration: Configuration, call: Call, deviations: Deviations = ENVOY) -> Result:
    """Where this call would go. Linear in the listeners, chains and routes that it meets."""
    accepted = accept(configuration.listeners, call, deviations)
    if isinstance(accepted, Stop):
        return Result().stopped(accepted)
    listener, connection = accepted
    result = _with_origin(Result(listener=listener.name), "listener", listener.metadata)
    chain = choose_filter_chain(listener, connection, call, deviations)
    if isinstance(chain, Stop):
        return result.stopped(chain)
    result = _with_origin(replace(result, filter_chain=chain.name), "filter_chain", chain.metadata)
    encrypted = is_encrypted_after_transport(chain, call, deviations)
    if isinstance(encrypted, Stop):
        return result.stopped(encrypted)
    return _through_filters(configuration, chain, call, deviations, result, encrypted=encrypted)


def _through_filters(
    configuration: Configuration,
    chain: v3.FilterChain,
    call: Call,
    deviations: Deviations,
    result: Result,
    *,
    encrypted: bool,
) -> Result:
    for network_filter in chain.filters:
        if hcm := unpack_as(network_filter.typed_config, v3.HttpConnectionManager):
            request = read_request(hcm, call, encrypted=encrypted, deviations=deviations)
            if isinstance(request, Stop):
                return result.stopped(request)
            return _through_routes(configuration, hcm, request, deviations, result)
        if proxy := unpack_as(network_filter.typed_config, v3.TcpProxy):
            return _acted(configuration, result, tcp_action(proxy), deviations)
    return result.stopped(Stop(Failure.NOT_SIMULATED, "the filter chain has neither an HTTP nor a TCP proxy"))


def _through_routes(
    configuration: Configuration,
    hcm: v3.HttpConnectionManager,
    request: Request,
    deviations: Deviations,
    result: Result,
) -> Result:
    if hcm.WhichOneof("route_specifier") == "rds":
        result = replace(result, route_config=hcm.rds.route_config_name)
    routes = _route_configuration(configuration, hcm)
    if isinstance(routes, Stop):
        return result.stopped(routes)
    virtual_host = choose_virtual_host(routes, request.host)
    if virtual_host is None:
        return result.stopped(Stop(Failure.NO_VIRTUAL_HOST))
    result = _with_origin(replace(result, virtual_host=virtual_host.name), "virtual_host", virtual_host.metadata)
    if virtual_host.require_tls == v3.VirtualHost.ALL and request.forwarded_proto != "https":
        return result.stopped(Stop(Failure.TLS_REQUIRED))
    try:
        route = choose_route(virtual_host, request, deviations)
        if route is None:
            return result.stopped(Stop(Failure.NO_ROUTE))
        result = _with_origin(replace(result, route=route.name), "route", route.metadata)
        return _through_http_filters(configuration, hcm, (route, virtual_host, routes), request, deviations, result)
    except NotSimulated as unknown:
        return result.stopped(Stop(Failure.NOT_SIMULATED, str(unknown)))


def _through_http_filters(
    configuration: Configuration,
    hcm: v3.HttpConnectionManager,
    chosen: tuple[v3.Route, v3.VirtualHost, v3.RouteConfiguration],
    request: Request,
    deviations: Deviations,
    result: Result,
) -> Result:
    """Filters may answer; if none does, the route's own action is what happens."""
    action = route_action(chosen[0], request)
    if deviations.path_only_routes:
        return _acted(configuration, result, action, deviations)
    weighted = weighted_cluster(chosen[0].route, request.random)
    scopes = chosen if weighted is None else (weighted, *chosen)
    cluster = weighted.name if weighted is not None else action.cluster if isinstance(action, ToCluster) else ""
    result = replace(result, response=response_headers(scopes))
    answer = answer_of_filters(hcm, scopes, cluster, request)
    if answer is not None:
        return replace(result, action=answer)
    if cluster:
        result = replace(result, forwarded=forwarded(cluster, scopes, request))
    return _acted(configuration, result, action, deviations)


def _route_configuration(configuration: Configuration, hcm: v3.HttpConnectionManager) -> v3.RouteConfiguration | Stop:
    match hcm.WhichOneof("route_specifier"):
        case "route_config":
            return hcm.route_config
        case "rds":
            found = configuration.route_configurations.get(hcm.rds.route_config_name)
            return found if found is not None else Stop(Failure.NO_ROUTE_CONFIGURATION)
        case kind:
            return Stop(Failure.NOT_SIMULATED, f"routes by {kind!r}")


def _acted(configuration: Configuration, result: Result, action: Action | Stop, deviations: Deviations) -> Result:
    """The result with its action, and the cluster's origin; a missing cluster is where the walk ends."""
    if isinstance(action, Stop):
        return result.stopped(action)
    result = replace(result, action=action)
    names = clusters_of(action)
    missing = [name for name in names if name not in configuration.clusters]
    if missing and not deviations.lenient_requests:
        return result.stopped(Stop(Failure.NO_CLUSTER, missing[0]))
    if len(names) == 1 and not missing:
        return _with_origin(result, "cluster", configuration.clusters[names[0]].metadata)
    return result


def _with_origin(result: Result, step: str, metadata: v3.Metadata) -> Result:
    origin = origin_of(metadata)
    return replace(result, origins=replace(result.origins, **{step: origin})) if origin else result
