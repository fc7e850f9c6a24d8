"""Rules of a Sidecar. istio:pkg/config/validation/validation.go#ValidateSidecar"""

from __future__ import annotations

from typing import Final

from meshgate.api.gateway import ServerTLSMode, ServerTLSSettings
from meshgate.api.meta import Meta
from meshgate.api.rules.connections import connection_pool
from meshgate.api.rules.destinations import destination
from meshgate.api.rules.egress_hosts import egress_hosts
from meshgate.api.rules.finding import Finding, Findings, doubt
from meshgate.api.rules.host_names import host_fault, is_address, is_label
from meshgate.api.rules.protocols import PROTOCOL_RULE, is_http, is_protocol, is_tls
from meshgate.api.rules.server_tls import server_tls
from meshgate.api.rules.values import port, selector, unix_path
from meshgate.api.sidecar import (
    CaptureMode,
    IstioEgressListener,
    IstioIngressListener,
    Sidecar,
    SidecarOutboundMode,
    SidecarOutboundTrafficPolicy,
    SidecarPort,
)

UNIX: Final = "unix://"
OWN_ADDRESSES: Final = frozenset({"", "127.0.0.1", "0.0.0.0", "::1", "::"})
"""What `defaultEndpoint` may name: the workload itself."""
_ENDPOINT_RULE: Final = "127.0.0.1:port, 0.0.0.0:port, [::1]:port, [::]:port or unix:// and a path"


def sidecar_findings(meta: Meta, spec: Sidecar) -> Findings:
    """What istiod would refuse, and warn about."""
    if spec.workload_selector:
        found = selector("spec.workloadSelector.labels", spec.workload_selector.labels)
        if found:
            yield found
        if not spec.workload_selector.labels:
            yield doubt("spec.workloadSelector", "a selector without labels selects all workloads of the namespace")
    if not (spec.egress or spec.ingress or spec.outbound_traffic_policy or spec.inbound_connection_pool):
        yield Finding("spec", "a sidecar that says nothing", "give egress, ingress or outboundTrafficPolicy")
    yield from _ingress(spec.ingress)
    yield from _egress(meta, spec.egress)
    if spec.outbound_traffic_policy:
        yield from _outbound_policy("spec.outboundTrafficPolicy", spec.outbound_traffic_policy)
    if spec.inbound_connection_pool:
        yield from connection_pool("spec.inboundConnectionPool", spec.inbound_connection_pool)


def _ingress(listeners: tuple[IstioIngressListener, ...]) -> Findings:
    numbers: set[int] = set()
    for index, listener in enumerate(listeners):
        path = f"spec.ingress[{index}]"
        if listener.port is None:
            yield Finding(f"{path}.port", "a listener for what comes in needs a port")
            continue
        yield from _port(f"{path}.port", listener.port)
        yield from port(f"{path}.port.number", listener.port.number)
        yield from _bound_address(f"{path}.bind", listener.bind)
        if listener.port.number in numbers:
            yield Finding(f"{path}.port.number", f"the port {listener.port.number} is given twice")
        numbers.add(listener.port.number)
        if listener.default_endpoint:
            yield from _default_endpoint(f"{path}.defaultEndpoint", listener.default_endpoint)
        if listener.tls:
            yield from _ingress_tls(f"{path}.tls", listener.tls, listener.port)
        if listener.connection_pool:
            yield from _ingress_pool(f"{path}.connectionPool", listener, listener.port)


def _port(path: str, given: SidecarPort) -> Findings:
    if given.target_port:
        yield Finding(f"{path}.targetPort", "a sidecar's port has no target port", "leave it out")
    if given.name and not is_label(given.name):
        yield Finding(f"{path}.name", f'"{given.name}" is no name of a port', 'letters, digits and "-"')
    if given.protocol and not is_protocol(given.protocol):
        yield Finding(f"{path}.protocol", f'"{given.protocol}" is no protocol', PROTOCOL_RULE)


def _bound_address(path: str, bind: str) -> Findings:
    if bind and not is_address(bind):
        yield Finding(path, f'"{bind}" is no address')


def _default_endpoint(path: str, endpoint: str) -> Findings:
    if endpoint.startswith(UNIX):
        yield from unix_path(path, endpoint.removeprefix(UNIX))
        return
    host, number = split_endpoint(endpoint)
    if host is None:
        yield Finding(path, f'"{endpoint}" has no port', _ENDPOINT_RULE)
        return
    if host not in OWN_ADDRESSES:
        yield Finding(path, f'"{host}" is not the workload itself', _ENDPOINT_RULE)
    if not number.isascii() or not number.isdecimal():
        yield Finding(path, f'the port "{number}" is no number', _ENDPOINT_RULE)
    else:
        yield from port(path, int(number))


def split_endpoint(endpoint: str) -> tuple[str | None, str]:
    """Host and port of a default endpoint; no host if there is no port.

    >>> split_endpoint("127.0.0.1:80"), split_endpoint("[::1]:80"), split_endpoint(":80"), split_endpoint("::1")
    (('127.0.0.1', '80'), ('::1', '80'), ('', '80'), (None, ''))
    """
    host, colon, number = endpoint.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        return host[1:-1], number
    return (None, "") if not colon or ":" in host else (host, number)


def _ingress_tls(path: str, tls: ServerTLSSettings, given: SidecarPort) -> Findings:
    given_in_vain = {
        "subjectAltNames": tls.subject_alt_names,
        "httpsRedirect": tls.https_redirect,
        "credentialName": tls.credential_name,
        "credentialNames": tls.credential_names,
        "tlsCertificates": tls.tls_certificates,
    }
    for key, value in given_in_vain.items():
        if value:
            yield Finding(f"{path}.{key}", f"a sidecar's TLS has no {key}", "give serverCertificate and privateKey")
    if tls.mode is ServerTLSMode.AUTO_PASSTHROUGH:
        yield Finding(f"{path}.mode", "a sidecar's TLS cannot have mode AUTO_PASSTHROUGH")
    if not is_tls(given.protocol):
        yield Finding(path, f'a port of protocol "{given.protocol}" cannot have tls', "use HTTPS or TLS")
    yield from server_tls(path, tls)


def _ingress_pool(path: str, listener: IstioIngressListener, given: SidecarPort) -> Findings:
    assert listener.connection_pool is not None
    yield from connection_pool(path, listener.connection_pool)
    if listener.connection_pool.http and not is_http(given.protocol):
        text = f'port {given.number} is not HTTP ("{given.protocol}"), so only settings of TCP count'
        yield doubt(f"{path}.http", text)


def _egress(meta: Meta, listeners: tuple[IstioEgressListener, ...]) -> Findings:
    numbers: set[int] = set()
    sockets: set[str] = set()
    for index, listener in enumerate(listeners):
        path = f"spec.egress[{index}]"
        if listener.port is None:
            if index != len(listeners) - 1:
                yield Finding(f"{path}.port", "a listener without a port must be the last one, and the only one")
        else:
            yield from _egress_port(path, listener, listener.port)
            taken: set[int] | set[str] = numbers if listener.port.number else sockets
            key = listener.port.number or listener.bind
            if key in taken:
                yield Finding(path, f'two listeners for "{key}"', "join their hosts")
            numbers.add(listener.port.number)
            sockets.add(listener.bind)
        yield from egress_hosts(f"{path}.hosts", listener.hosts, meta.namespace)


def _egress_port(path: str, listener: IstioEgressListener, given: SidecarPort) -> Findings:
    yield from _port(f"{path}.port", given)
    if given.number:
        yield from port(f"{path}.port.number", given.number)
        yield from _bound_address(f"{path}.bind", listener.bind)
        return
    yield from unix_path(f"{path}.bind", listener.bind.removeprefix(UNIX))
    if listener.capture_mode is CaptureMode.IPTABLES:
        yield Finding(f"{path}.captureMode", "a Unix socket cannot be captured", "use NONE")


def _outbound_policy(path: str, policy: SidecarOutboundTrafficPolicy) -> Findings:
    proxy = policy.egress_proxy
    if proxy is None:
        return
    if policy.mode is not SidecarOutboundMode.ALLOW_ANY:
        yield Finding(f"{path}.egressProxy", "only ALLOW_ANY sends unknown traffic anywhere", "give mode: ALLOW_ANY")
        return
    fault = host_fault(proxy.host)
    if fault:
        yield Finding(f"{path}.egressProxy.host", fault)
    if not proxy.port:
        yield Finding(f"{path}.egressProxy.port", "a proxy for all unknown traffic needs its port")
    elif not fault:
        yield from destination(f"{path}.egressProxy", proxy)
