"""Rules of a PeerAuthentication. istio:pkg/config/validation/validation.go#ValidatePeerAuthentication"""

from __future__ import annotations

from meshgate.api import codes
from meshgate.api.destination_rule import WorkloadSelector
from meshgate.api.peer_authentication import PeerAuthentication
from meshgate.api.rules.finding import Finding, Findings, at_key, doubt
from meshgate.api.rules.values import port, selector

LONGEST_VALUE = 63
"""Characters of a label's value. istiod does not look at it, the schema in a cluster does."""


def peer_authentication_findings(spec: PeerAuthentication) -> Findings:
    """What istiod would refuse, and warn about."""
    if spec.selector is not None:
        yield from _selector(spec.selector)
    if spec.port_level_mtls is None:
        return
    path = "spec.portLevelMtls"
    if not spec.port_level_mtls:
        yield Finding(path, "settings of ports need at least one port", 'write {"8080": {mode: STRICT}}')
    elif spec.selector is None or not spec.selector.match_labels:
        text = "a policy for a whole mesh or namespace cannot have settings of ports"
        yield Finding(path, text, "say with selector.matchLabels which workloads have these ports")
    for number, _ in spec.port_level_mtls:
        yield from port(at_key(path, str(number)), number)


def _selector(given: WorkloadSelector) -> Findings:
    path = "spec.selector"
    found = selector(f"{path}.matchLabels", given.match_labels)
    if found:
        yield found
    if not given.match_labels:
        yield doubt(path, "a selector without labels selects all workloads, as if there were none", "leave it out")
    for key, value in given.match_labels:
        if len(value) > LONGEST_VALUE:
            at = at_key(f"{path}.matchLabels", key)
            yield Finding(at, f"a label's value has at most {LONGEST_VALUE} characters", code=codes.SCHEMA)
