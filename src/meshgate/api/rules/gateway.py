"""Rules of a Gateway. istio:pkg/config/validation/validation.go#ValidateGateway"""

from __future__ import annotations

from collections.abc import Set
from typing import Final

from meshgate.api.gateway import Gateway, Server, ServerPort, ServerTLSMode, ServerTLSSettings
from meshgate.api.meta import Meta
from meshgate.api.rules.annotations import GATEWAY, GATEWAY_SEMANTICS
from meshgate.api.rules.finding import Finding, Findings, doubt
from meshgate.api.rules.host_names import host_hint, is_address, is_label, is_partial_wildcard, wildcard_host_fault
from meshgate.api.rules.protocols import PROTOCOL_RULE, is_http, is_protocol, is_tls
from meshgate.api.rules.server_tls import server_tls
from meshgate.api.rules.values import port, unix_path

UNIX: Final = "unix://"
_PASSTHROUGH: Final = frozenset({ServerTLSMode.PASSTHROUGH, ServerTLSMode.AUTO_PASSTHROUGH})


def gateway_findings(meta: Meta, gateway: Gateway) -> Findings:
    """What istiod would refuse, and warn about."""
    is_made_of_gateway = meta.annotation(GATEWAY_SEMANTICS) == GATEWAY
    if not is_label(meta.name) and not is_made_of_gateway:
        yield Finding("metadata.name", f'"{meta.name}" is no name of a gateway', "it must not contain dots")
    if not gateway.servers:
        yield Finding("spec.servers", "a gateway needs at least one server")
    names: set[str] = set()
    for index, server in enumerate(gateway.servers):
        path = f"spec.servers[{index}]"
        yield from _server(path, server, {"*", ".", "~"} if is_made_of_gateway else {"*", "."})
        name = server.port.name if server.port else ""
        if name and name in names:
            yield Finding(f"{path}.port.name", f'the port name "{name}" is given twice', "names must be unique")
        names.add(name)


def _server(path: str, server: Server, wide: Set[str]) -> Findings:
    if not server.hosts:
        yield Finding(f"{path}.hosts", "a server needs at least one host", 'for all hosts write "*"')
    for index, host in enumerate(server.hosts):
        yield from _server_host(f"{path}.hosts[{index}]", host, wide)
    port_findings = list(_server_port(f"{path}.port", server.port, server.bind))
    yield from port_findings
    yield from _bind(path, server)
    if server.tls:
        yield from server_tls(f"{path}.tls", server.tls)
    if server.port and not port_findings:
        yield from _tls_for_protocol(path, server.port, server.tls)


def _server_host(path: str, host: str, wide: Set[str]) -> Findings:
    namespace, slash, name = host.partition("/")
    if not slash:
        yield from _host_part(path, host)
        return
    if not namespace or not name:
        yield Finding(path, f'"{host}" lacks the namespace or the host', 'write "namespace/host"')
        return
    if namespace not in wide and not is_label(namespace):
        yield Finding(path, f'"{namespace}" is no namespace', 'before the slash stands a namespace, "." or "*"')
    yield from _host_part(path, name)


def _host_part(path: str, host: str) -> Findings:
    if host != "*" and "." not in host:
        yield Finding(path, f'"{host}" is a short name', "a gateway needs the full host name of its clients' requests")
    if is_partial_wildcard(host):
        yield Finding(path, f'"{host}" has a wildcard that is not a whole first part', 'write "*" or "*.example.com"')
    fault = wildcard_host_fault(host)
    if fault and not is_address(host):
        yield Finding(path, fault, host_hint(host))


def _server_port(path: str, server_port: ServerPort | None, bind: str) -> Findings:
    if server_port is None:
        yield Finding(path, "a server needs a port")
        return
    if not server_port.protocol:
        yield Finding(f"{path}.protocol", "a port needs a protocol", PROTOCOL_RULE)
    elif not is_protocol(server_port.protocol):
        yield Finding(f"{path}.protocol", f'"{server_port.protocol}" is no protocol', PROTOCOL_RULE)
    if server_port.number > 0 or not bind.startswith(UNIX):
        yield from port(f"{path}.number", server_port.number)
    if server_port.target_port:
        yield Finding(f"{path}.targetPort", "a gateway's port has no target port", "leave it out")
    if not server_port.name:
        yield Finding(f"{path}.name", "a port needs a name")


def _bind(path: str, server: Server) -> Findings:
    if server.bind.startswith(UNIX):
        yield from unix_path(f"{path}.bind", server.bind.removeprefix(UNIX))
        if server.port and server.port.number:
            yield Finding(f"{path}.port.number", "a Unix socket has no port", "write 0")
    elif server.bind and not is_address(server.bind):
        yield Finding(f"{path}.bind", f'"{server.bind}" is neither an address nor {UNIX} and a path')


def _tls_for_protocol(path: str, server_port: ServerPort, tls: ServerTLSSettings | None) -> Findings:
    protocol = server_port.protocol
    if is_tls(protocol):
        if tls is None:
            hint = "such as {mode: SIMPLE, credentialName: a-secret} or {mode: PASSTHROUGH}"
            yield Finding(f"{path}.tls", f"a server of protocol {protocol} needs tls", hint)
        return
    if tls is None:
        return
    if not is_http(protocol):
        yield Finding(f"{path}.tls", f"a server of protocol {protocol} cannot have tls", "use HTTPS or TLS")
    elif tls.mode not in _PASSTHROUGH or tls.ca_certificates or tls.private_key or tls.server_certificate:
        yield Finding(f"{path}.tls", f"a server of protocol {protocol} can only redirect", "use protocol HTTPS")
    elif tls.credential_name:
        yield doubt(f"{path}.tls.credentialName", "a plaintext server uses no certificate")
