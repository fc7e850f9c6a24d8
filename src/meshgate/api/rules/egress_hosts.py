"""Rules of the hosts that a Sidecar lets its workloads see: `namespace/host`.

istio:pkg/config/validation/validation.go#validateNamespaceSlashWildcardHostname
"""

from __future__ import annotations

from collections import defaultdict
from typing import Final

from meshgate.api.rules.finding import Finding, Findings, doubt
from meshgate.api.rules.host_names import host_hint, is_label, is_partial_wildcard, wildcard_host_fault

_HOST_RULE: Final = 'write "namespace/host"; the namespace may be "." (its own) or "*" (all), the host "*" (all)'


def egress_hosts(path: str, hosts: tuple[str, ...], own: str) -> Findings:
    """The hosts of one listener."""
    if not hosts:
        yield Finding(path, "a listener for what goes out needs at least one host", 'such as "./*"')
    for index, host in enumerate(hosts):
        yield from _egress_host(f"{path}[{index}]", host)
    yield from _repeated(path, hosts, own)


def _egress_host(path: str, host: str) -> Findings:
    namespace, slash, name = host.partition("/")
    if not slash:
        yield Finding(path, f'"{host}" lacks the namespace', _HOST_RULE)
        return
    if not namespace or not name:
        yield Finding(path, f'"{host}" lacks the namespace or the host', _HOST_RULE)
        return
    if namespace.removeprefix("~") not in ("", "*", ".") and not is_label(namespace.removeprefix("~")):
        yield Finding(path, f'"{namespace}" is no namespace', _HOST_RULE)
    if is_partial_wildcard(name):
        text = f'"{name}" has a wildcard that is not a whole first part'
        yield Finding(path, text, 'write "*" or "*.example.com"')
    fault = wildcard_host_fault(name)
    if fault:
        yield Finding(path, fault, host_hint(name))


def _repeated(path: str, hosts: tuple[str, ...], own: str) -> Findings:
    """Hosts that say nothing new. Those that are taken away (`~`) are not looked at."""
    seen: dict[str, set[str]] = defaultdict(set)
    for index, host in enumerate(hosts):
        namespace, slash, name = host.partition("/")
        if not slash or namespace.startswith("~"):
            continue
        known = seen[own if namespace == "." else namespace]
        if known if name == "*" else known & {name, "*"}:
            yield doubt(f"{path}[{index}]", f'"{host}" is given twice, or with "*" beside it', "leave it out")
        known.add(name)
    if "*" in seen["*"] and len([namespace for namespace in seen if seen[namespace]]) > 1:
        yield doubt(path, '"*/*" selects everything already', "leave out the others")
