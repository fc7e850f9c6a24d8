"""PeerAuthentications that count for nothing: an older one decides, they select nobody, or they are in the wrong place.

And settings of ports that the workloads do not have.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from meshgate.api import Labels, Origin, Problem, codes, is_subset
from meshgate.mesh.analysis.beside import LabelIndex, NamedPorts
from meshgate.mesh.peer_authentications import BoundPeerAuthentication
from meshgate.mesh.problems import warning
from meshgate.mesh.service import MeshService

Policies = tuple[BoundPeerAuthentication, ...]
Declared = tuple[tuple[str, Labels, NamedPorts], ...]


def repeated_peer_authentication_problems(policies: Policies, root: str, labels: LabelIndex) -> tuple[Problem, ...]:
    """MG0131: policies of one width for the same workloads; the oldest alone counts."""
    found: list[Problem] = []
    for place, policy in enumerate(policies):
        if policy.selector and policy.namespace == root:
            continue
        older = [one for one in policies[:place] if one.namespace == policy.namespace]
        found += _behind_selectors(policy, older, labels) if policy.selector else _behind_the_first(policy, older, root)
    return tuple(found)


def _behind_the_first(
    policy: BoundPeerAuthentication, older: Iterable[BoundPeerAuthentication], root: str
) -> Iterator[Problem]:
    first = next((one for one in older if not one.selector), None)
    if first is not None:
        whose = "the mesh" if policy.namespace == root else f'namespace "{policy.namespace}"'
        text = f"{first.ref} is older and for all of {whose}, too: that one alone counts"
        yield warning(codes.REPEATED_PEER_AUTHENTICATION, Origin(policy.ref, "spec"), text, "join the two, or select")


def _behind_selectors(
    policy: BoundPeerAuthentication, older: list[BoundPeerAuthentication], labels: LabelIndex
) -> Iterator[Problem]:
    """An older policy takes some of the workloads: one that is there counts, not one that could be."""
    for workload in labels.all_with(policy.selector, policy.namespace):
        first = next((one for one in older if one.selector and is_subset(one.selector, workload)), None)
        if first is not None:
            text = (
                f'{first.ref} is older and selects workloads with the labels "{_told(workload)}", too: that one counts'
            )
            yield warning(codes.REPEATED_PEER_AUTHENTICATION, Origin(policy.ref, "spec.selector"), text, "join the two")
            return


def peer_authentication_problems(policy: BoundPeerAuthentication, root: str, labels: LabelIndex) -> tuple[Problem, ...]:
    """MG0132 and IST0127: a policy for nobody."""
    if not policy.selector:
        return ()
    origin = Origin(policy.ref, "spec.selector")
    if policy.namespace == root:
        text = f'in the root namespace "{root}" a policy that selects workloads counts for nothing'
        return (warning(codes.SELECTOR_IN_ROOT_NAMESPACE, origin, text, "move it to the namespace of the workloads"),)
    if not labels.namespaces or labels.has(policy.selector, policy.namespace):
        return ()
    text = f'no workload of namespace "{policy.namespace}" has the labels "{_told(policy.selector)}"'
    return (warning(codes.NO_WORKLOAD, origin, text),)


def foreign_port_problems(
    policy: BoundPeerAuthentication, services: tuple[MeshService, ...], declared: Declared
) -> tuple[Problem, ...]:
    """MG0133: settings of ports that are not the workloads' own, most often those of a Service.

    Whether a workload has a port is known only where services lead to it.
    """
    selected = [
        (labels, ports)
        for namespace, labels, ports in declared
        if namespace == policy.namespace and is_subset(policy.selector, labels)
    ]
    leading = [
        service
        for service in services
        if service.selector
        and service.namespace == policy.namespace
        and any(is_subset(service.selector, labels) for labels, _ in selected)
    ]
    own = {number for _, ports in selected for _, number in ports}
    own |= {target for service in leading for target in _targets(service, selected).values()}
    return tuple(_foreign(policy, port, leading, selected) for port, _ in policy.ports if leading and port not in own)


def _foreign(
    policy: BoundPeerAuthentication,
    port: int,
    leading: Iterable[MeshService],
    selected: list[tuple[Labels, NamedPorts]],
) -> Problem:
    origin = Origin(policy.ref, f"spec.portLevelMtls[{port}]")
    for service in leading:
        target = _targets(service, selected).get(port)
        if target is not None:
            text = f'{port} is a port of service "{service.hostname}"; the workloads have port {target} for it'
            return warning(codes.PORT_OF_NO_WORKLOAD, origin, text, f'write "{target}"')
    text = f"no service leads to port {port} of the workloads that are selected, and none of their containers has it"
    return warning(codes.PORT_OF_NO_WORKLOAD, origin, text, "portLevelMtls has the ports of containers")


def _targets(service: MeshService, selected: list[tuple[Labels, NamedPorts]]) -> dict[int, int]:
    """The workloads' port for each port of a service."""
    names = {
        name: number for labels, ports in selected if is_subset(service.selector, labels) for name, number in ports
    }
    found = {}
    for port in service.ports:
        target = names.get(port.target, 0) if isinstance(port.target, str) else port.target or port.number
        if target:
            found[port.number] = target
    return found


def _told(labels: Labels) -> str:
    return ", ".join(f"{key}={value}" for key, value in labels)
