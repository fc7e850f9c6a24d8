"""Rules of an HTTP route as a whole: what excludes what, matches, destinations. Actions: `http_actions.py`.

istio:pkg/config/validation/virtualservice.go#validateHTTPRoute
"""

from __future__ import annotations

import msgspec

from meshgate.api.rules.destinations import destination, routed_destination, weights
from meshgate.api.rules.finding import Finding, Findings, at_key, doubt
from meshgate.api.rules.headers import CLAIM_PREFIX, authorities, headers, is_claim, matched_header_name
from meshgate.api.rules.host_names import gateway_names, is_label
from meshgate.api.rules.http_actions import cors, direct_response, fault, redirect, retries, rewrite
from meshgate.api.rules.string_matches import regex_match, string_match
from meshgate.api.rules.values import duration, labels, number_text, port
from meshgate.api.string_match import Prefix, Present, Regex, ValueMatch
from meshgate.api.value import Pairs
from meshgate.api.virtual_service import HTTPMatchRequest, HTTPRoute


class Setting(msgspec.Struct, frozen=True):
    """What the rules of one rule need to know of the VirtualService around it."""

    is_delegate: bool
    """It has no hosts."""
    is_for_mesh: bool
    """Sidecars read it."""
    is_made_of_route: bool
    """Istio itself made it from a route of the Gateway API: its destinations need not be hosts."""


def http_route(path: str, rule: HTTPRoute, setting: Setting) -> Findings:
    """One rule."""
    if rule.delegate and not setting.is_delegate:
        yield from _delegating(path, rule)
    else:
        yield from _action_conflicts(path, rule, is_delegate=setting.is_delegate)
    for index, match in enumerate(rule.match):
        yield from http_match(f"{path}.match[{index}]", match, is_for_mesh=setting.is_for_mesh)
    yield from _prefix_to_rewrite(path, rule)
    yield from headers(f"{path}.headers", rule.headers)
    yield from _authority(path, rule)
    yield from _actions(path, rule)
    yield from _mirrors(path, rule)
    for index, target in enumerate(rule.route):
        at = f"{path}.route[{index}]"
        yield from routed_destination(f"{at}.destination", target.destination, is_free=setting.is_made_of_route)
        yield from headers(f"{at}.headers", target.headers)
    yield from weights(f"{path}.route", [target.weight for target in rule.route])
    yield from duration(f"{path}.timeout", rule.timeout)


def _delegating(path: str, rule: HTTPRoute) -> Findings:
    for key, given in (("route", rule.route), ("redirect", rule.redirect)):
        if given:
            yield Finding(f"{path}.{key}", f"a rule with a delegate cannot have {key}", "it belongs into the delegate")


def _action_conflicts(path: str, rule: HTTPRoute, *, is_delegate: bool) -> Findings:
    if is_delegate and rule.delegate:
        yield Finding(f"{path}.delegate", "a delegate cannot delegate further")
    if rule.mirror and rule.mirrors:
        yield Finding(f"{path}.mirrors", "a rule cannot have both mirror and mirrors", "put all into mirrors")
    action = "redirect" if rule.redirect else "directResponse" if rule.direct_response else "route"
    if action == "route":
        if not rule.route:
            yield Finding(path, "a rule needs one of route, redirect, directResponse")
        return
    others = {
        "route": bool(rule.route),
        "directResponse": rule.direct_response is not None,
        "fault": rule.fault is not None,
        "rewrite": rule.rewrite is not None,
    }
    for key, given in others.items():
        if given and key != action:
            yield Finding(f"{path}.{key}", f"a rule with {action} cannot have {key}")


def http_match(path: str, match: HTTPMatchRequest, *, is_for_mesh: bool) -> Findings:
    """The conditions of a match."""
    yield from _header_matches(f"{path}.headers", match.headers, is_for_mesh=is_for_mesh)
    # the regular expression "*" is none: here it stands for any value
    without = tuple((name, Present() if value == Regex(value="*") else value) for name, value in match.without_headers)
    yield from _header_matches(f"{path}.withoutHeaders", without, is_for_mesh=is_for_mesh)
    yield from regex_match(f"{path}.uri", match.uri)
    yield from string_match(f"{path}.scheme", match.scheme)
    yield from string_match(f"{path}.method", match.method)
    yield from string_match(f"{path}.authority", match.authority)
    for name, value in match.query_params:
        yield from string_match(at_key(f"{path}.queryParams", name), value)
    if match.port:
        yield from port(f"{path}.port", match.port)
    yield from labels(f"{path}.sourceLabels", match.source_labels)
    yield from gateway_names(f"{path}.gateways", match.gateways, doubts=False)
    if match.source_namespace and not is_label(match.source_namespace):
        yield Finding(f"{path}.sourceNamespace", f'"{match.source_namespace}" is no namespace')


def _header_matches(path: str, matches: Pairs[ValueMatch], *, is_for_mesh: bool) -> Findings:
    for name, value in matches:
        at = at_key(path, name)
        if is_claim(name):
            if is_for_mesh:
                yield Finding(at, "claims of JWTs can be matched at gateways only", "name gateways, without mesh")
        else:
            yield from matched_header_name(at, name)
        yield from string_match(at, value)
    if any(name.startswith(CLAIM_PREFIX) and not is_claim(name) for name, _ in matches):
        yield doubt(path, f'claims are written "{CLAIM_PREFIX}.name" or "{CLAIM_PREFIX}[name]"')


def _prefix_to_rewrite(path: str, rule: HTTPRoute) -> Findings:
    """What a redirect replaces is the prefix that was matched, so there must be one."""
    if rule.redirect is None or not rule.redirect.prefix_rewrite:
        return
    for index, match in enumerate(rule.match):
        if match.uri is not None and not isinstance(match.uri, Prefix):
            text = "redirect.prefixRewrite replaces a prefix, but this match is none"
            yield Finding(f"{path}.match[{index}].uri", text, "match the uri by prefix, or redirect by uri")


def _authority(path: str, rule: HTTPRoute) -> Findings:
    """The authority can be set in one place only. As in istiod, setting it to nothing does not count before another."""
    settings = [rule.rewrite.authority if rule.rewrite else "", *authorities(rule.headers)]
    if any(settings[:-1]):
        yield Finding(path, "the authority is set more than once", "use rewrite.authority alone")


def _actions(path: str, rule: HTTPRoute) -> Findings:
    if rule.cors_policy:
        yield from cors(f"{path}.corsPolicy", rule.cors_policy)
    if rule.fault:
        yield from fault(f"{path}.fault", rule.fault)
    if rule.redirect:
        yield from redirect(f"{path}.redirect", rule.redirect)
    if rule.direct_response:
        yield from direct_response(f"{path}.directResponse", rule.direct_response)
    if rule.retries:
        yield from retries(f"{path}.retries", rule.retries)
    if rule.rewrite:
        yield from rewrite(f"{path}.rewrite", rule.rewrite)


def _mirrors(path: str, rule: HTTPRoute) -> Findings:
    if rule.mirror:
        yield from destination(f"{path}.mirror", rule.mirror)
    yield from _share(f"{path}.mirrorPercentage", rule.mirror_percentage)
    for index, policy in enumerate(rule.mirrors):
        at = f"{path}.mirrors[{index}]"
        yield from destination(f"{at}.destination", policy.destination)
        yield from _share(f"{at}.percentage", policy.percentage)


def _share(path: str, percentage: float | None) -> Findings:
    if percentage is not None and not 0 <= percentage <= 100:
        yield Finding(path, f"{number_text(percentage)} is no percentage", "percentages are 0 to 100")
