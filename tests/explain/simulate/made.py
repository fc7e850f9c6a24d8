"""Small resources made by hand: just what one rule needs. Fields are in JSON's form, as in Envoy's documentation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
from google.protobuf.message import Message

from meshgate.explain import Call, Configuration
from meshgate.proto import any_of, from_json, v3

Fields = Mapping[str, object]
NOTHING: Fields = {}


def call(fields: Fields = NOTHING) -> Call:
    """A plaintext HTTP/1.1 request to a gateway at 10.0.0.1:80, but for `fields`."""
    return msgspec.convert({"address": "10.0.0.1", "port": 80, "host": "a.test", **fields}, Call)


def tcp(cluster: str) -> v3.NetworkFilter:
    """A TCP proxy to one cluster."""
    return _filter("tcp_proxy", v3.TcpProxy(stat_prefix=cluster, cluster=cluster))


def http(*virtual_hosts: Fields, fields: Fields = NOTHING) -> v3.NetworkFilter:
    """A connection manager with inline routes, or with what `fields` says instead."""
    routes = {"name": "inline", "virtual_hosts": [named(one) for one in virtual_hosts]}
    specifier = {} if "rds" in fields else {"route_config": routes}
    return _filter("hcm", from_json({"stat_prefix": "h", **specifier, **fields}, v3.HttpConnectionManager))


def rds(name: str) -> v3.NetworkFilter:
    """A connection manager that asks for its routes by name."""
    return http(fields={"rds": {"route_config_name": name, "config_source": {"ads": {}}}})


def named(virtual_host: Fields) -> Fields:
    """A virtual host with a name: its first domain."""
    domains = virtual_host.get("domains", ["*"])
    assert isinstance(domains, list)
    return {"name": domains[0], "domains": domains, **virtual_host}


def to(cluster: str, match: Fields = NOTHING) -> Fields:
    """A route to a cluster, named like it, for any path unless `match` says otherwise."""
    has_path = {"prefix", "path", "path_separated_prefix", "safe_regex", "connect_matcher", "path_match_policy"} & set(
        match
    )
    any_path = {} if has_path else {"prefix": "/"}
    return {"name": cluster, "match": {**any_path, **match}, "route": {"cluster": cluster}}


def chain(name: str, *filters: v3.NetworkFilter, match: Fields = NOTHING, tls: Fields | None = None) -> v3.FilterChain:
    """A filter chain; by default its TCP proxy goes to a cluster of the chain's own name."""
    made = v3.FilterChain(name=name, filters=filters or [tcp(name)])
    made.filter_chain_match.CopyFrom(from_json(match, v3.FilterChainMatch))
    if tls is not None:
        made.transport_socket.name = "tls"
        made.transport_socket.typed_config.CopyFrom(any_of(from_json(tls, v3.DownstreamTlsContext)))
    return made


def inspectors() -> list[v3.ListenerFilter]:
    """TLS inspector, then HTTP inspector, as Istio has them."""
    return [listener_filter(v3.TlsInspector()), listener_filter(v3.HttpInspector())]


def listener_filter(config: Message, disabled: Fields = NOTHING) -> v3.ListenerFilter:
    """A listener filter of this kind, switched off where `disabled` holds."""
    made = v3.ListenerFilter(name=type(config).__name__, typed_config=any_of(config))
    if disabled:
        made.filter_disabled.CopyFrom(from_json(disabled, v3.ListenerFilterChainMatchPredicate))
    return made


def listener(
    *chains: v3.FilterChain,
    name: str = "l",
    at: tuple[str, int] = ("0.0.0.0", 80),
    filters: Sequence[v3.ListenerFilter] | None = None,
    default: v3.FilterChain | None = None,
    fields: Fields = NOTHING,
) -> v3.Listener:
    """A listener; with both inspectors unless `filters` says otherwise."""
    address = {"socket_address": {"address": at[0], "port_value": at[1]}}
    made = from_json({"name": name, "address": address, **fields}, v3.Listener)
    made.filter_chains.extend(chains)
    made.listener_filters.extend(inspectors() if filters is None else filters)
    if default is not None:
        made.default_filter_chain.CopyFrom(default)
    return made


def configuration(
    *listeners: v3.Listener, routes: Sequence[v3.RouteConfiguration] = (), clusters: Sequence[str] = ()
) -> Configuration:
    """As bytes and back, as resources travel."""
    return Configuration.decode(
        listeners=[one.SerializeToString() for one in listeners],
        route_configurations=[one.SerializeToString() for one in routes],
        clusters=[v3.Cluster(name=name).SerializeToString() for name in clusters],
    )


def _filter(name: str, config: Message) -> v3.NetworkFilter:
    return v3.NetworkFilter(name=name, typed_config=any_of(config))
