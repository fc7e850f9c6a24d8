"""Rules of pods and of what makes them: those of Kubernetes, and two of ours: a process to run, nobody as 1337."""

from __future__ import annotations

from collections.abc import Iterator, Set
from typing import Final

from meshgate.api import codes
from meshgate.api.rules.container import container_findings
from meshgate.api.rules.finding import Finding, Findings
from meshgate.api.rules.host_names import is_address
from meshgate.api.rules.kubernetes_names import is_dns_label, is_dns_name, label_pairs
from meshgate.api.value import is_subset
from meshgate.api.volume import Volume
from meshgate.api.workload import Container, Deployment, Pod, PodSecurityContext, RestartPolicy, SecurityContext

SIDECAR: Final = "istio-proxy"
SIDECAR_ID: Final = 1337
"""User and group of the sidecar: capture lets its traffic pass, so nobody else may have them."""


def deployment_findings(spec: Deployment) -> Findings:
    """What Kubernetes would refuse."""
    if spec.replicas < 0:
        yield Finding("spec.replicas", "replicas cannot be negative")
    selector = spec.selector.match_labels
    labels = spec.template.metadata.labels
    yield from label_pairs("spec.selector.matchLabels", selector)
    yield from label_pairs("spec.template.metadata.labels", labels)
    if not selector:
        yield Finding("spec.selector", "a Deployment needs a selector", "give matchLabels, as in the template")
    elif not is_subset(selector, labels):
        hint = "the template's labels must have all labels of the selector"
        yield Finding("spec.template.metadata.labels", "the selector does not select the template's pods", hint)
    if spec.template.spec.restart_policy is not RestartPolicy.ALWAYS:
        yield Finding("spec.template.spec.restartPolicy", "the pods of a Deployment are always started again")
    yield from pod_findings("spec.template.spec", spec.template.spec)


def pod_findings(path: str, pod: Pod) -> Findings:
    """A pod's spec at a path."""
    if not pod.containers:
        yield Finding(f"{path}.containers", "a pod needs at least one container")
    yield from _volumes(f"{path}.volumes", pod.volumes)
    yield from _containers(path, pod)
    yield from _names(path, pod)
    for index, alias in enumerate(pod.host_aliases):
        if not is_address(alias.ip):
            yield Finding(f"{path}.hostAliases[{index}].ip", f'"{alias.ip}" is no address')
    if pod.termination_grace_period_seconds < 0:
        yield Finding(f"{path}.terminationGracePeriodSeconds", "a period cannot be negative")
    only_sidecars = all(container.name == SIDECAR for container in pod.containers)
    if pod.security_context and not only_sidecars:
        yield from _ids(f"{path}.securityContext", pod.security_context)


def _names(path: str, pod: Pod) -> Findings:
    account = pod.service_account_name
    if account and not is_dns_name(account):
        yield Finding(f"{path}.serviceAccountName", f'"{account}" is no name of a ServiceAccount')
    for key, name in (("hostname", pod.hostname), ("subdomain", pod.subdomain)):
        if name and not is_dns_label(name):
            yield Finding(f"{path}.{key}", f'"{name}" is no part of a DNS name')


def _volumes(path: str, volumes: tuple[Volume, ...]) -> Findings:
    names: set[str] = set()
    for index, volume in enumerate(volumes):
        at = f"{path}[{index}]"
        if not is_dns_label(volume.name):
            yield Finding(f"{at}.name", f'"{volume.name}" is no name of a volume')
        if volume.name in names:
            yield Finding(f"{at}.name", f'the volume "{volume.name}" is given twice')
        names.add(volume.name)
        if volume.secret and not volume.secret.secret_name:
            yield Finding(f"{at}.secret.secretName", "the Secret's name is missing")
        if volume.config_map and not volume.config_map.name:
            yield Finding(f"{at}.configMap.name", "the ConfigMap's name is missing")
        if volume.host_path and ".." in volume.host_path.path.split("/"):
            yield Finding(f"{at}.hostPath.path", 'the path must not contain ".."')


def _containers(path: str, pod: Pod) -> Findings:
    volumes: Set[str] = {volume.name for volume in pod.volumes}
    names: set[str] = set()
    for at, container in _all_containers(path, pod):
        if container.name in names:
            yield Finding(f"{at}.name", f'the container "{container.name}" is given twice')
        names.add(container.name)
        yield from container_findings(at, container, volumes)
        if not (container.image or container.command or container.args):
            hint = "give command, or an image that the image map knows"
            yield Finding(at, f'the container "{container.name}" has nothing to run', hint, code=codes.NO_COMMAND)
        if container.security_context and container.name != SIDECAR:
            yield from _ids(f"{at}.securityContext", container.security_context)


def _all_containers(path: str, pod: Pod) -> Iterator[tuple[str, Container]]:
    for key, containers in (("initContainers", pod.init_containers), ("containers", pod.containers)):
        for index, container in enumerate(containers):
            yield f"{path}.{key}[{index}]", container


def _ids(path: str, context: SecurityContext | PodSecurityContext) -> Findings:
    for key, value in (("runAsUser", context.run_as_user), ("runAsGroup", context.run_as_group)):
        if value == SIDECAR_ID:
            hint = "choose another: its traffic would pass the sidecar by"
            text = f"{SIDECAR_ID} belongs to the sidecar"
            yield Finding(f"{path}.{key}", text, hint, code=codes.RESERVED_USER)
        elif value is not None and not 0 <= value < 2**31:
            yield Finding(f"{path}.{key}", f"{value} is no id")
