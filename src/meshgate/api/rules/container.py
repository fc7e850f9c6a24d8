"""Rules of a container: ports, environment, mounts, probes."""

from __future__ import annotations

from collections.abc import Set

from meshgate.api.rules.finding import Finding, Findings
from meshgate.api.rules.kubernetes_names import is_dns_label, is_port_name, is_variable
from meshgate.api.rules.kubernetes_service import port_or_name
from meshgate.api.rules.values import port
from meshgate.api.volume import VolumeMount
from meshgate.api.workload import Container, Probe


def container_findings(path: str, container: Container, volumes: Set[str]) -> Findings:
    """A container in a pod that has these volumes."""
    if not is_dns_label(container.name):
        hint = 'lower case letters, digits and "-"'
        yield Finding(f"{path}.name", f'"{container.name}" is no name of a container', hint)
    yield from _ports(path, container)
    yield from _environment(path, container)
    yield from _mounts(f"{path}.volumeMounts", container.volume_mounts, volumes)
    if container.working_dir and not container.working_dir.startswith("/"):
        yield Finding(f"{path}.workingDir", f'"{container.working_dir}" is not an absolute path')
    for key, probe in (
        ("readinessProbe", container.readiness_probe),
        ("livenessProbe", container.liveness_probe),
        ("startupProbe", container.startup_probe),
    ):
        if probe:
            yield from _probe(f"{path}.{key}", probe, container, is_readiness=key == "readinessProbe")


def _ports(path: str, container: Container) -> Findings:
    names: set[str] = set()
    for index, entry in enumerate(container.ports):
        at = f"{path}.ports[{index}]"
        yield from port(f"{at}.containerPort", entry.container_port)
        if entry.name and not is_port_name(entry.name):
            hint = 'at most 15 lower case letters, digits and "-"'
            yield Finding(f"{at}.name", f'"{entry.name}" is no name of a port', hint)
        if entry.name and entry.name in names:
            yield Finding(f"{at}.name", f'the port name "{entry.name}" is given twice')
        names.add(entry.name)


def _environment(path: str, container: Container) -> Findings:
    for index, variable in enumerate(container.env):
        at = f"{path}.env[{index}]"
        if not is_variable(variable.name):
            yield Finding(f"{at}.name", f'"{variable.name}" is no name of a variable')
        if variable.value and variable.value_from:
            yield Finding(f"{at}.valueFrom", "value and valueFrom exclude each other")
        source = variable.value_from
        if source and not (source.field_ref or source.secret_key_ref or source.config_map_key_ref):
            hint = "give fieldRef, secretKeyRef or configMapKeyRef"
            yield Finding(f"{at}.valueFrom", "it is not said where the value comes from", hint)
    for index, whole in enumerate(container.env_from):
        if not (whole.config_map_ref or whole.secret_ref):
            yield Finding(f"{path}.envFrom[{index}]", "give configMapRef or secretRef")


def _mounts(path: str, mounts: tuple[VolumeMount, ...], volumes: Set[str]) -> Findings:
    paths: set[str] = set()
    for index, mount in enumerate(mounts):
        at = f"{path}[{index}]"
        if mount.name not in volumes:
            hint = f"volumes: {', '.join(sorted(volumes))}" if volumes else "add it to volumes"
            yield Finding(f"{at}.name", f'the pod has no volume "{mount.name}"', hint)
        if not mount.mount_path.startswith("/") or ":" in mount.mount_path:
            yield Finding(f"{at}.mountPath", f'"{mount.mount_path}" is not an absolute path')
        if mount.mount_path in paths:
            yield Finding(f"{at}.mountPath", f'"{mount.mount_path}" is used twice')
        paths.add(mount.mount_path)
        if mount.sub_path.startswith("/") or ".." in mount.sub_path.split("/"):
            yield Finding(f"{at}.subPath", 'it must be a relative path without ".."')


def _probe(path: str, probe: Probe, container: Container, *, is_readiness: bool) -> Findings:
    handlers = (probe.http_get, probe.tcp_socket, probe.exec)
    if all(handler is None for handler in handlers):
        yield Finding(path, "a probe needs httpGet, tcpSocket or exec")
    names = {entry.name for entry in container.ports}
    for key, action in (("httpGet", probe.http_get), ("tcpSocket", probe.tcp_socket)):
        if action is None:
            continue
        yield from port_or_name(f"{path}.{key}.port", action.port)
        if isinstance(action.port, str) and is_port_name(action.port) and action.port not in names:
            yield Finding(f"{path}.{key}.port", f'the container has no port "{action.port}"', "add it to ports")
    if probe.http_get and probe.http_get.scheme not in ("HTTP", "HTTPS"):
        yield Finding(f"{path}.httpGet.scheme", f'"{probe.http_get.scheme}" is neither "HTTP" nor "HTTPS"')
    if probe.exec and not probe.exec.command:
        yield Finding(f"{path}.exec.command", "the command is missing")
    yield from _times(path, probe, is_readiness=is_readiness)


def _times(path: str, probe: Probe, *, is_readiness: bool) -> Findings:
    for key, value, least in (
        ("initialDelaySeconds", probe.initial_delay_seconds, 0),
        ("periodSeconds", probe.period_seconds, 1),
        ("timeoutSeconds", probe.timeout_seconds, 1),
        ("successThreshold", probe.success_threshold, 1),
        ("failureThreshold", probe.failure_threshold, 1),
    ):
        if value < least:
            yield Finding(f"{path}.{key}", f"it must be at least {least}")
    if not is_readiness and probe.success_threshold != 1:
        yield Finding(f"{path}.successThreshold", "it must be 1: only readiness counts successes")
