"""Route configurations: each virtual host is spelled by itself, so that one that has not changed costs a look-up.

A protobuf message is the concatenation of its fields, so the bytes of a configuration are those of its name, of its
virtual hosts one after the other, and of the rest: one changed host of 1,000 costs one host. Hosts are remembered in
blocks, too, so that the others are not even looked up one by one.
"""

from __future__ import annotations

from meshgate.envoy.memo import Memo
from meshgate.envoy.route import route
from meshgate.plan.values import RouteConfigurationPlan, VirtualHostPlan
from meshgate.proto import v3

BLOCK = 32
"""Virtual hosts: about the root of 1,000."""


def route_configuration_body(plan: RouteConfigurationPlan, memo: Memo) -> bytes:
    head = v3.RouteConfiguration(name=plan.name).SerializeToString(deterministic=True)
    hosts = plan.virtual_hosts
    blocks = (memo.of(_block, hosts[start : start + BLOCK]) for start in range(0, len(hosts), BLOCK))
    tail = v3.RouteConfiguration(**_settings(plan)).SerializeToString(deterministic=True)
    return b"".join((head, *blocks, tail))


def inline_route_configuration(plan: RouteConfigurationPlan) -> v3.RouteConfigurationDict:
    """The same, for a connection manager that holds its routes itself."""
    spelled = _settings(plan)
    spelled["name"] = plan.name
    spelled["virtual_hosts"] = [_virtual_host(host) for host in plan.virtual_hosts]
    return spelled


def _settings(plan: RouteConfigurationPlan) -> v3.RouteConfigurationDict:
    settings: v3.RouteConfigurationDict = {
        "validate_clusters": {"value": plan.validate_clusters},
        "ignore_port_in_host_matching": plan.ignore_port_in_host,
    }
    if plan.max_direct_response_body_size_bytes is not None:
        settings["max_direct_response_body_size_bytes"] = {"value": plan.max_direct_response_body_size_bytes}
    return settings


def _block(hosts: tuple[VirtualHostPlan, ...], memo: Memo) -> bytes:
    return b"".join(memo.of(_virtual_host_field, host) for host in hosts)


def _virtual_host_field(host: VirtualHostPlan, _memo: Memo) -> bytes:
    """Tag, length and bytes of one `virtual_hosts` entry."""
    return v3.RouteConfiguration(virtual_hosts=[_virtual_host(host)]).SerializeToString(deterministic=True)


def _virtual_host(host: VirtualHostPlan) -> v3.VirtualHostDict:
    return {
        "name": host.name,
        "domains": host.domains,
        "routes": [route(plan) for plan in host.routes],
        "require_tls": host.require_tls,
        "include_request_attempt_count": host.include_request_attempt_count,
    }
