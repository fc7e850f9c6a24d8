"""Rules and matches of a VirtualService that nothing can reach, because an earlier one takes all that they would.

Istio warns about these too, by rules of thumb on path prefixes; here a match counts as covered only where every request
that it takes is certainly taken before. The first rule that matches decides, whatever it does.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from meshgate.api import codes
from meshgate.api.rules.finding import Finding, Findings
from meshgate.api.rules.host_names import is_covered
from meshgate.api.string_match import Exact, Prefix, Present, Regex, ValueMatch
from meshgate.api.value import Pairs
from meshgate.api.virtual_service import (
    HTTPMatchRequest,
    L4MatchAttributes,
    TLSMatchAttributes,
    VirtualService,
)

L4Match = L4MatchAttributes | TLSMatchAttributes
Match = HTTPMatchRequest | L4Match


def unused_rules(spec: VirtualService) -> Findings:
    """Warnings IST0130 (a rule) and IST0131 (one of several matches of a rule)."""
    http = [rule for rule in spec.http if not rule.delegate]
    if len(http) == len(spec.http):  # what a delegate takes is not known here
        yield from _unused("spec.http", [rule.match for rule in http])
    yield from _unused("spec.tls", [rule.match for rule in spec.tls])
    yield from _unused("spec.tcp", [rule.match for rule in spec.tcp])


class _Earlier:
    """The matches of earlier rules, found by path: there may be thousands of them, but a path has few prefixes."""

    def __init__(self) -> None:
        self._by_path: dict[str, list[tuple[str, Match]]] = {}

    def add(self, place: str, match: Match) -> None:
        self._by_path.setdefault(_path_of(match), []).append((place, match))

    def covering(self, match: Match) -> str:
        """The place of a match that takes all that this one would; empty if there is none."""
        path = _path_of(match)
        for length in range(len(path) + 1):
            for place, other in self._by_path.get(path[:length], ()):
                if covers(other, match):
                    return place
        return ""


def _path_of(match: Match) -> str:
    """What a path that is matched begins with, in lower case; empty where it may begin with anything."""
    uri = match.uri if isinstance(match, HTTPMatchRequest) else None
    return uri.value.lower() if uri else ""


def _unused(path: str, rules: Sequence[Sequence[Match]]) -> Findings:
    if len(rules) < 2 and all(len(matches) < 2 for matches in rules):
        return
    earlier = _Earlier()
    everything = ""
    for index, matches in enumerate(rules):
        at = f"{path}[{index}]"
        places = [f"{at}.match[{number}]" for number in range(len(matches))]
        if everything:
            yield _unreachable(at, f"{everything} has no match and takes everything before it")
            continue
        covered = {place: earlier.covering(match) for place, match in zip(places, matches, strict=True)}
        if covered and all(covered.values()):
            yield _unreachable(at, f"{covered[places[0]]} takes everything before it")
        else:
            yield from (_useless(place, by) for place, by in covered.items() if by)
            yield from _repeated(places, matches)
        for place, match in zip(places, matches, strict=True):
            earlier.add(place, match)
        if not matches:
            everything = at


def _repeated(places: Sequence[str], matches: Sequence[Match]) -> Findings:
    """Equal matches of one rule, whatever their names."""
    seen: dict[Match, str] = {}
    for place, match in zip(places, matches, strict=True):
        nameless = msgspec.structs.replace(match, name="") if isinstance(match, HTTPMatchRequest) else match
        if nameless in seen:
            yield _useless(place, seen[nameless])
        seen.setdefault(nameless, place)


def _useless(place: str, by: str) -> Finding:
    return Finding(place, f"nothing gets here: {by} takes it before", "", "warning", codes.UNUSED_MATCH)


def _unreachable(path: str, text: str) -> Finding:
    hint = "put the narrower rule first, or take it away"
    return Finding(path, f"nothing reaches this rule: {text}", hint, "warning", codes.UNREACHABLE_RULE)


def covers(wide: Match, match: Match) -> bool:
    """Whether all that the second takes is certainly taken by the first."""
    if isinstance(wide, HTTPMatchRequest) and isinstance(match, HTTPMatchRequest):
        return _is_common_covered(wide, match) and _is_request_covered(wide, match)
    if isinstance(wide, HTTPMatchRequest) or isinstance(match, HTTPMatchRequest):
        return False
    return _is_common_covered(wide, match) and _is_connection_covered(wide, match)


def _is_common_covered(wide: Match, match: Match) -> bool:
    return (
        wide.port in (0, match.port)
        and set(wide.source_labels) <= set(match.source_labels)
        and wide.source_namespace in ("", match.source_namespace)
        # without gateways of its own a match is for those of the VirtualService, which need not have these
        and (wide.gateways == match.gateways or (bool(match.gateways) and set(match.gateways) <= set(wide.gateways)))
    )


def _is_request_covered(wide: HTTPMatchRequest, match: HTTPMatchRequest) -> bool:
    return (
        _is_uri_covered(wide, match)
        and all(
            _is_text_covered(wider, text)
            for wider, text in (
                (wide.scheme, match.scheme),
                (wide.method, match.method),
                (wide.authority, match.authority),
            )
        )
        and _is_map_covered(wide.headers, match.headers)
        and _is_map_covered(wide.query_params, match.query_params)
        and _excludes_less(wide.without_headers, match.without_headers)
    )


def _is_uri_covered(wide: HTTPMatchRequest, match: HTTPMatchRequest) -> bool:
    if wide.uri is None:
        return True
    if wide.ignore_uri_case != match.ignore_uri_case:
        return False
    if wide.ignore_uri_case and wide.uri and match.uri and not isinstance(wide.uri, Regex):
        lower = type(wide.uri)(value=wide.uri.value.lower())
        return _is_text_covered(lower, type(match.uri)(value=match.uri.value.lower()))
    return _is_text_covered(wide.uri, match.uri)


def _is_text_covered(wide: ValueMatch | None, text: ValueMatch | None) -> bool:
    if wide is None or wide == text:
        return True
    if isinstance(wide, Present):
        return text is not None
    return isinstance(wide, Prefix) and isinstance(text, Exact | Prefix) and text.value.startswith(wide.value)


def _is_map_covered(wide: Pairs[ValueMatch], pairs: Pairs[ValueMatch]) -> bool:
    given = dict(pairs)
    return all(_is_text_covered(wider, given.get(name)) for name, wider in wide)


def _excludes_less(wide: Pairs[ValueMatch], pairs: Pairs[ValueMatch]) -> bool:
    """Whether whatever the first shuts out is shut out by the second, too."""
    given = dict(pairs)
    return all(name in given and _is_text_covered(given[name], excluded) for name, excluded in wide)


def _is_connection_covered(wide: L4Match, match: L4Match) -> bool:
    if wide.destination_subnets not in ((), match.destination_subnets):
        return False
    if isinstance(wide, TLSMatchAttributes) and isinstance(match, TLSMatchAttributes):
        return all(any(is_covered(host, wider) for wider in wide.sni_hosts) for host in match.sni_hosts)
    if isinstance(wide, L4MatchAttributes) and isinstance(match, L4MatchAttributes):
        return wide.source_subnet in ("", match.source_subnet)
    return False
