"""Rules of a WorkloadEntry. istio:pkg/config/validation/validation.go#ValidateWorkloadEntry

The endpoints of a ServiceEntry have rules of their own, since its resolution and ports say what they may be.
"""

from __future__ import annotations

from meshgate.api.rules.finding import Finding, Findings, at_key, doubt
from meshgate.api.rules.host_names import HOST_RULE, host_fault, is_address, is_label
from meshgate.api.rules.service_entry import UNIX
from meshgate.api.rules.values import labels, port, unix_path
from meshgate.api.service_entry import WorkloadEntry


def workload_entry_findings(spec: WorkloadEntry) -> Findings:
    """What istiod would refuse, and warn about."""
    if not spec.address and not spec.network:
        hint = "give the IP address or the DNS name of the workload"
        yield Finding("spec.address", "a workload entry needs an address", hint)
        return
    yield from _address(spec)
    for name, number in spec.ports:
        at = at_key("spec.ports", name)
        if not is_label(name):
            yield Finding(at, f'"{name}" is no name of a port', 'at most 63 letters, digits and "-"')
        yield from port(at, number)
    yield from labels("spec.labels", spec.labels)


def _address(spec: WorkloadEntry) -> Findings:
    if not spec.address:
        yield doubt(
            "spec.address",
            f'without an address only a gateway of network "{spec.network}" can be used, and there is none',
        )
    elif spec.address.startswith(UNIX):
        yield from unix_path("spec.address", spec.address.removeprefix(UNIX))
        if spec.ports:
            yield Finding("spec.ports", "a Unix socket has no ports", "leave them out")
    elif not is_address(spec.address) and host_fault(spec.address):
        yield Finding("spec.address", f'"{spec.address}" is neither a host name nor an address', HOST_RULE)
