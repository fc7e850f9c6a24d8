"""Rules of the mesh configuration. istio:pkg/config/validation/agent/validation.go#ValidateMeshConfig"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Final

from meshgate.api.mesh_config import MeshConfig, ProxyConfig
from meshgate.api.rules.finding import Finding, Findings
from meshgate.api.rules.host_names import host_fault
from meshgate.api.rules.http_actions import retries
from meshgate.api.rules.load_balancer import locality
from meshgate.api.rules.values import duration, port

LONGEST_CONNECT_TIMEOUT: Final = timedelta(hours=1)
_SECOND: Final = timedelta(seconds=1)
_DOMAIN: Final = re.compile(r"[-a-zA-Z0-9.]+", re.ASCII)


def mesh_config_findings(mesh: MeshConfig) -> Findings:
    """What istiod would refuse; paths are from the top of the mesh configuration."""
    yield from port("proxyListenPort", mesh.proxy_listen_port)
    yield from port("proxyInboundListenPort", mesh.proxy_inbound_listen_port)
    yield from duration("connectTimeout", mesh.connect_timeout)
    if mesh.connect_timeout > LONGEST_CONNECT_TIMEOUT:
        yield Finding("connectTimeout", "more than an hour")
    if mesh.protocol_detection_timeout:
        yield from duration("protocolDetectionTimeout", mesh.protocol_detection_timeout)
    yield from _trust_domains(mesh)
    if mesh.locality_lb_setting:
        yield from locality("localityLbSetting", mesh.locality_lb_setting, detects_outliers=True)
    if mesh.default_inbound_http_retry_policy:
        yield from _inbound_retries(mesh)
    if mesh.mesh_mtls and mesh.mesh_mtls.ecdh_curves:
        yield Finding("meshMTLS.ecdhCurves", "curves cannot be chosen inside the mesh")
    yield from _proxies(mesh.default_config)


def _inbound_retries(mesh: MeshConfig) -> Findings:
    policy = mesh.default_inbound_http_retry_policy
    assert policy is not None
    yield from retries("defaultInboundHttpRetryPolicy", policy)
    if policy.attempts == 0 and policy.backoff is not None:
        yield Finding("defaultInboundHttpRetryPolicy.backoff", "attempts is 0, which disables retries")


def _trust_domains(mesh: MeshConfig) -> Findings:
    names = [("trustDomain", mesh.trust_domain)]
    names += [(f"trustDomainAliases[{index}]", name) for index, name in enumerate(mesh.trust_domain_aliases)]
    for path, name in names:
        if not _DOMAIN.fullmatch(name) or host_fault(name):
            yield Finding(path, f'"{name}" is no trust domain', 'a trust domain looks like "cluster.local"')


def _proxies(proxies: ProxyConfig) -> Findings:
    yield from port("defaultConfig.proxyAdminPort", proxies.proxy_admin_port)
    for key, value in (
        ("drainDuration", proxies.drain_duration),
        ("terminationDrainDuration", proxies.termination_drain_duration),
    ):
        yield from duration(f"defaultConfig.{key}", value)
        if value % _SECOND:
            yield Finding(f"defaultConfig.{key}", "a drain takes whole seconds")
