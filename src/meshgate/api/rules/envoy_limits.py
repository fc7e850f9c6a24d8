"""What istiod takes, but Envoy would refuse: one such value would hold back all routes of a gateway, or a cluster.

Envoy checks a resource as a whole, and a route configuration has the routes of many objects. So these are refused
here, where their author sees it. https://www.envoyproxy.io/docs/envoy/latest/api-v3/config/route/v3/route_components.proto
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from meshgate.api import codes
from meshgate.api.destination_rule import DestinationRule, LoadBalancerSettings
from meshgate.api.rules.finding import Finding, Findings, at_key
from meshgate.api.rules.header_format import header_format_fault
from meshgate.api.rules.header_operators import operator_fault
from meshgate.api.service_entry import ServiceEntry
from meshgate.api.virtual_service import HeaderOperations, Headers, HTTPRoute, VirtualService

HIGHEST_STATUS: Final = 599
LARGEST_RING: Final = 8 * 1024 * 1024
LARGEST_SUM_OF_WEIGHTS: Final = 2**32 - 1

_CONTROL: Final = re.compile(r"[\0\r\n]")


def route_limits(spec: VirtualService) -> Findings:
    """Of a VirtualService."""
    for index, rule in enumerate(spec.http):
        yield from _rule(f"spec.http[{index}]", rule)


def _rule(path: str, rule: HTTPRoute) -> Findings:
    if rule.direct_response:
        yield from _status(f"{path}.directResponse.status", rule.direct_response.status)
    if rule.fault and rule.fault.abort and rule.fault.abort.http_status is not None:
        yield from _status(f"{path}.fault.abort.httpStatus", rule.fault.abort.http_status)
    for index, match in enumerate(rule.match):
        if any(not name for name, _ in match.query_params):
            yield _refused(f"{path}.match[{index}].queryParams", "the name of a query parameter is empty")
    yield from _weights(f"{path}.route", sum(target.weight for target in rule.route))
    yield from _texts(rule_texts(path, rule))
    yield from _operators(f"{path}.headers", rule.headers)
    for index, target in enumerate(rule.route):
        yield from _operators(f"{path}.route[{index}].headers", target.headers)


def rule_texts(path: str, rule: HTTPRoute) -> Iterable[tuple[str, str]]:
    """What goes into headers and first lines of requests and answers."""
    if rule.rewrite:
        yield f"{path}.rewrite.uri", rule.rewrite.uri
        yield f"{path}.rewrite.authority", rule.rewrite.authority
    if rule.redirect:
        yield f"{path}.redirect.uri", rule.redirect.uri
        yield f"{path}.redirect.prefixRewrite", rule.redirect.prefix_rewrite
        yield f"{path}.redirect.authority", rule.redirect.authority
    yield from _header_texts(f"{path}.headers", rule.headers)
    for index, target in enumerate(rule.route):
        yield from _header_texts(f"{path}.route[{index}].headers", target.headers)


def _header_texts(path: str, changes: Headers | None) -> Iterable[tuple[str, str]]:
    for at, name, value in _written(path, changes):
        yield at, name
        yield at, value
    for side, operations in _sides(changes):
        for index, name in enumerate(operations.remove):
            yield f"{path}.{side}.remove[{index}]", name


def _sides(changes: Headers | None) -> Iterable[tuple[str, HeaderOperations]]:
    if changes and changes.request:
        yield "request", changes.request
    if changes and changes.response:
        yield "response", changes.response


def _written(path: str, changes: Headers | None) -> Iterable[tuple[str, str, str]]:
    """Where, the name and the value of each header that is set or added."""
    for side, operations in _sides(changes):
        for verb, pairs in (("set", operations.set), ("add", operations.add)):
            for name, value in pairs:
                yield at_key(f"{path}.{side}.{verb}", name), name, value


def _operators(path: str, changes: Headers | None) -> Findings:
    for at, _, value in _written(path, changes):
        # Of a value of a wrong form the commands cannot be told; headers.py reports it.
        if "%" in value and not header_format_fault(value):
            fault, hint = operator_fault(value)
            if fault:
                yield _refused(at, fault, hint)


def _texts(texts: Iterable[tuple[str, str]]) -> Findings:
    for path, text in texts:
        if _CONTROL.search(text):
            yield _refused(path, "a line break or a zero cannot be in a header or a path")


def _status(path: str, status: int) -> Findings:
    """istiod takes 600."""
    if status == HIGHEST_STATUS + 1:
        yield _refused(path, f"{status} is no HTTP status", f"statuses are 200 to {HIGHEST_STATUS}")


def policy_limits(spec: DestinationRule) -> Findings:
    """Of a DestinationRule."""
    policies = [("spec.trafficPolicy", spec.traffic_policy)]
    policies += [
        (f"spec.subsets[{index}].trafficPolicy", subset.traffic_policy) for index, subset in enumerate(spec.subsets)
    ]
    for path, policy in policies:
        if policy is None:
            continue
        yield from _balancer(f"{path}.loadBalancer", policy.load_balancer)
        for index, settings in enumerate(policy.port_level_settings):
            yield from _balancer(f"{path}.portLevelSettings[{index}].loadBalancer", settings.load_balancer)


def _balancer(path: str, settings: LoadBalancerSettings | None) -> Findings:
    hashing = settings.consistent_hash if settings else None
    if hashing is None:
        return
    at = f"{path}.consistentHash"
    sizes = (
        ("minimumRingSize", hashing.minimum_ring_size),
        ("ringHash.minimumRingSize", hashing.ring_hash.minimum_ring_size if hashing.ring_hash else 0),
    )
    for key, size in sizes:
        if size > LARGEST_RING:
            yield _refused(f"{at}.{key}", f"{size} is too large", f"at most {LARGEST_RING}")


def endpoint_limits(spec: ServiceEntry) -> Findings:
    """Of a ServiceEntry. Envoy adds up the weights of a locality, and those of the localities."""
    yield from _weights("spec.endpoints", sum(endpoint.weight for endpoint in spec.endpoints))


def _weights(path: str, total: int) -> Findings:
    if total > LARGEST_SUM_OF_WEIGHTS:
        at_most = f"at most {LARGEST_SUM_OF_WEIGHTS}; only their proportions matter"
        yield _refused(path, f"the weights add up to {total}, which is too large", at_most)


def _refused(path: str, text: str, hint: str = "") -> Finding:
    return Finding(path, text, hint, code=codes.REFUSED_BY_ENVOY)
