"""Pod and Deployment: what runs. A container is a local process here, or an image that an image map turns into one."""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar

from meshgate.api.service import IntOrString, TransportProtocol
from meshgate.api.value import Labels, Value
from meshgate.api.volume import FieldRef, Volume, VolumeMount


class KeySelector(Value, frozen=True, kw_only=True):
    """A key of a Secret or ConfigMap."""

    name: str
    key: str
    optional: bool = False


class EnvSource(Value, frozen=True, kw_only=True):
    """Where the value of a variable comes from."""

    one_of: ClassVar = (("field_ref", "secret_key_ref", "config_map_key_ref"),)

    field_ref: FieldRef | None = None
    secret_key_ref: KeySelector | None = None
    config_map_key_ref: KeySelector | None = None


class EnvVar(Value, frozen=True, kw_only=True):
    """A variable of the environment; `$(NAME)` in the value refers to those before it."""

    name: str
    value: str = ""
    value_from: EnvSource | None = None


class EnvFromRef(Value, frozen=True, kw_only=True):
    """A Secret or ConfigMap, all of whose keys become variables."""

    name: str
    optional: bool = False


class EnvFromSource(Value, frozen=True, kw_only=True):
    """Variables from a whole Secret or ConfigMap."""

    one_of: ClassVar = (("config_map_ref", "secret_ref"),)

    prefix: str = ""
    config_map_ref: EnvFromRef | None = None
    secret_ref: EnvFromRef | None = None


class ContainerPort(Value, frozen=True, kw_only=True):
    """A port that the container says it listens on."""

    container_port: int
    name: str = ""
    protocol: TransportProtocol = TransportProtocol.TCP


class HTTPHeader(Value, frozen=True, kw_only=True):
    """A header of a probe."""

    name: str
    value: str = ""


class HTTPGetAction(Value, frozen=True, kw_only=True):
    """200..399 is healthy."""

    port: IntOrString
    path: str = "/"
    host: str = ""
    scheme: str = "HTTP"
    """`HTTP` or `HTTPS`."""
    http_headers: tuple[HTTPHeader, ...] = ()


class TCPSocketAction(Value, frozen=True, kw_only=True):
    """A connection that opens is healthy."""

    port: IntOrString
    host: str = ""


class ExecAction(Value, frozen=True, kw_only=True):
    """Exit status 0 is healthy."""

    command: tuple[str, ...] = ()


class Probe(Value, frozen=True, kw_only=True):
    """A check of a container. Times are in seconds."""

    one_of: ClassVar = (("http_get", "tcp_socket", "exec"),)

    http_get: HTTPGetAction | None = None
    tcp_socket: TCPSocketAction | None = None
    exec: ExecAction | None = None
    initial_delay_seconds: int = 0
    period_seconds: int = 10
    timeout_seconds: int = 1
    success_threshold: int = 1
    failure_threshold: int = 3


class SecurityContext(Value, frozen=True, kw_only=True):
    """The ids that a container's process gets. None: allocated."""

    run_as_user: int | None = None
    run_as_group: int | None = None


class PodSecurityContext(Value, frozen=True, kw_only=True):
    """The ids of all containers that do not say otherwise."""

    run_as_user: int | None = None
    run_as_group: int | None = None
    fs_group: int | None = None


class Container(Value, frozen=True, kw_only=True):
    """A process of a pod."""

    name: str
    image: str = ""
    command: tuple[str, ...] = ()
    args: tuple[str, ...] = ()
    working_dir: str = ""
    env: tuple[EnvVar, ...] = ()
    env_from: tuple[EnvFromSource, ...] = ()
    ports: tuple[ContainerPort, ...] = ()
    volume_mounts: tuple[VolumeMount, ...] = ()
    readiness_probe: Probe | None = None
    liveness_probe: Probe | None = None
    startup_probe: Probe | None = None
    security_context: SecurityContext | None = None


class RestartPolicy(StrEnum):
    """When a container that ended is started again."""

    ALWAYS = "Always"
    ON_FAILURE = "OnFailure"
    NEVER = "Never"


class HostAlias(Value, frozen=True, kw_only=True):
    """A line of the pod's /etc/hosts."""

    ip: str
    hostnames: tuple[str, ...] = ()


class Pod(Value, frozen=True, kw_only=True):
    """Spec of a Pod."""

    containers: tuple[Container, ...] = ()
    init_containers: tuple[Container, ...] = ()
    volumes: tuple[Volume, ...] = ()
    service_account_name: str = ""
    """Empty: `default`."""
    restart_policy: RestartPolicy = RestartPolicy.ALWAYS
    termination_grace_period_seconds: int = 30
    hostname: str = ""
    subdomain: str = ""
    host_aliases: tuple[HostAlias, ...] = ()
    security_context: PodSecurityContext | None = None
    node_name: str = ""


class TemplateMeta(Value, frozen=True, kw_only=True):
    """The metadata that a template gives its pods."""

    labels: Labels = ()
    annotations: Labels = ()


class PodTemplate(Value, frozen=True, kw_only=True):
    """What a Deployment makes pods from."""

    metadata: TemplateMeta = TemplateMeta()
    spec: Pod = Pod()


class LabelSelector(Value, frozen=True, kw_only=True):
    """Selects pods by label."""

    match_labels: Labels = ()


class Deployment(Value, frozen=True, kw_only=True):
    """Spec of a Deployment."""

    replicas: int = 1
    selector: LabelSelector = LabelSelector()
    template: PodTemplate = PodTemplate()
    min_ready_seconds: int = 0
    paused: bool = False
