"""The same resources, so that one live Envoy of the test's own can serve them.

Sockets move to free ports of 127.0.0.1, where a PROXY line says what the client dialled; clusters become the echoing
upstreams; secrets come by ADS. Of the filters only those stay that decide where a call goes. What chooses listeners,
filter chains, virtual hosts and routes is left as it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping

from meshgate.envoy import CLUSTER, LISTENER, ROUTES, Resource
from meshgate.envoy.resource import resource_of
from meshgate.explain import Configuration
from meshgate.explain.simulate.configuration import unpack_as
from meshgate.explain.simulate.http_filters import Scope
from meshgate.proto import any_of, v3


def rehosted(made: Configuration, ports: Mapping[str, int], upstreams: Mapping[str, int]) -> list[Resource]:
    """Resources for the live Envoy. `ports`: listener name to free port; `upstreams`: cluster name to echoing port."""
    return [
        *(_resource(CLUSTER, _cluster(name, upstreams[name])) for name in made.clusters),
        *(_resource(LISTENER, _listener(one, ports[one.name])) for one in made.listeners),
        *(_resource(ROUTES, _routes(one)) for one in made.route_configurations.values()),
    ]


def is_bound(listener: v3.Listener) -> bool:
    """Whether it has a socket of its own."""
    return not listener.HasField("bind_to_port") or listener.bind_to_port.value


def _resource(type_url: str, message: v3.Cluster | v3.Listener | v3.RouteConfiguration) -> Resource:
    return resource_of(message.name, type_url, message.SerializeToString(deterministic=True))


def _cluster(name: str, port: int) -> v3.Cluster:
    made = v3.Cluster(name=name, type="STATIC")
    made.load_assignment.cluster_name = name
    socket = made.load_assignment.endpoints.add().lb_endpoints.add().endpoint.address.socket_address
    socket.address, socket.port_value = "127.0.0.1", port
    return made


def _listener(listener: v3.Listener, port: int) -> v3.Listener:
    made = v3.Listener()
    made.CopyFrom(listener)
    made.ClearField("access_log")
    kept = [one for one in listener.listener_filters if unpack_as(one.typed_config, v3.OriginalDst) is None]
    del made.listener_filters[:]
    if is_bound(made):
        made.address.socket_address.address, made.address.socket_address.port_value = "127.0.0.1", port
        made.ClearField("additional_addresses")
        made.listener_filters.add(name="proxy_protocol", typed_config=any_of(v3.ProxyProtocol()))
    made.listener_filters.extend(kept)
    for chain in _chains(made):
        _rewrite_chain(chain)
    return made


def _chains(listener: v3.Listener) -> Iterator[v3.FilterChain]:
    yield from listener.filter_chains
    if listener.HasField("default_filter_chain"):
        yield listener.default_filter_chain


def _rewrite_chain(chain: v3.FilterChain) -> None:
    filters = [made for one in chain.filters if (made := _network_filter(one))]
    del chain.filters[:]
    chain.filters.extend(filters)
    tls = unpack_as(chain.transport_socket.typed_config, v3.DownstreamTlsContext)
    if tls is not None:
        _rewrite_tls(tls)
        chain.transport_socket.typed_config.CopyFrom(any_of(tls))


def _rewrite_tls(tls: v3.DownstreamTlsContext) -> None:
    """Secrets by ADS, whoever gave them; any certificate of the test's root will do."""
    common = tls.common_tls_context
    references = list(common.tls_certificate_sds_secret_configs)
    if common.HasField("combined_validation_context"):
        common.combined_validation_context.default_validation_context.Clear()
        references.append(common.combined_validation_context.validation_context_sds_secret_config)
        references[-1].name = "ROOTCA"
    for reference in references:
        reference.sds_config.CopyFrom(v3.ConfigSource(ads={}, resource_api_version="V3"))


def _network_filter(one: v3.NetworkFilter) -> v3.NetworkFilter | None:
    proxy = unpack_as(one.typed_config, v3.TcpProxy)
    if proxy is not None:
        proxy.ClearField("access_log")
        return v3.NetworkFilter(name=one.name, typed_config=any_of(proxy))
    hcm = unpack_as(one.typed_config, v3.HttpConnectionManager)
    if hcm is None:
        return None
    hcm.ClearField("access_log")
    hcm.ClearField("tracing")
    hcm.delayed_close_timeout.FromMilliseconds(10)  # else a client that is refused waits a second for the end
    kept = [one for one in hcm.http_filters if _is_simulated(one)]
    del hcm.http_filters[:]
    hcm.http_filters.extend(kept)
    hcm.http_filters.add(name="router", typed_config=any_of(v3.Router()))
    if hcm.HasField("route_config"):
        hcm.route_config.CopyFrom(_routes(hcm.route_config))
    return v3.NetworkFilter(name=one.name, typed_config=any_of(hcm))


def _is_simulated(one: v3.HttpFilter) -> bool:
    return unpack_as(one.typed_config, v3.HTTPFault) is not None or unpack_as(one.typed_config, v3.Cors) is not None


def _keep_simulated(configs: MutableMapping[str, v3.Any]) -> None:
    """What the route says to faults and CORS; no delays, for which nobody here has time."""
    for name, packed in list(configs.items()):
        fault = unpack_as(packed, v3.HTTPFault)
        if fault is not None:
            fault.ClearField("delay")
            packed.CopyFrom(any_of(fault))
        elif unpack_as(packed, v3.CorsPolicy) is None:
            del configs[name]


def _routes(routes: v3.RouteConfiguration) -> v3.RouteConfiguration:
    """Answers name their route; what is for filters that are gone goes."""
    made = v3.RouteConfiguration()
    made.CopyFrom(routes)
    made.response_headers_to_add.add(header={"key": "x-route", "value": "%ROUTE_NAME%"})
    scopes: list[Scope] = [made, *made.virtual_hosts, *(route for one in made.virtual_hosts for route in one.routes)]
    scopes += [one for scope in scopes if isinstance(scope, v3.Route) for one in scope.route.weighted_clusters.clusters]
    for scope in scopes:
        _keep_simulated(scope.typed_per_filter_config)
    return made
