"""The volumes of a pod. Each has exactly one source."""

from __future__ import annotations

from typing import ClassVar

import msgspec

from meshgate.api.value import Value


class KeyToPath(Value, frozen=True, kw_only=True):
    """Which key becomes which file."""

    key: str
    path: str
    mode: int | None = None


class EmptyDirVolume(Value, frozen=True, kw_only=True):
    """An empty directory that lives as long as the pod."""

    medium: str = ""
    """`Memory` or empty."""


class SecretVolume(Value, frozen=True, kw_only=True):
    """Files from a Secret."""

    secret_name: str = ""
    items: tuple[KeyToPath, ...] = ()
    default_mode: int | None = None
    optional: bool = False


class ConfigMapVolume(Value, frozen=True, kw_only=True):
    """Files from a ConfigMap."""

    name: str = ""
    items: tuple[KeyToPath, ...] = ()
    default_mode: int | None = None
    optional: bool = False


class HostPathVolume(Value, frozen=True, kw_only=True):
    """A path of the host."""

    path: str
    type: str = ""


class FieldRef(Value, frozen=True, kw_only=True):
    """A field of the pod itself, such as `metadata.name` or `status.podIP`."""

    field_path: str
    api_version: str = ""


class DownwardFile(Value, frozen=True, kw_only=True):
    """A file with a field of the pod."""

    path: str
    field_ref: FieldRef | None = None
    mode: int | None = None


class DownwardVolume(Value, frozen=True, kw_only=True):
    """Files with fields of the pod."""

    items: tuple[DownwardFile, ...] = ()
    default_mode: int | None = None


class SecretProjection(Value, frozen=True, kw_only=True):
    """Files from a Secret, in a projected volume."""

    name: str = ""
    items: tuple[KeyToPath, ...] = ()
    optional: bool = False


class TokenProjection(Value, frozen=True, kw_only=True):
    """A token of the pod's ServiceAccount."""

    path: str
    audience: str = ""
    expiration_seconds: int = 3600


class Projection(Value, frozen=True, kw_only=True):
    """One source of a projected volume."""

    one_of: ClassVar = (("secret", "config_map", "downward_api", "service_account_token"),)

    secret: SecretProjection | None = None
    config_map: SecretProjection | None = None
    downward_api: DownwardVolume | None = msgspec.field(default=None, name="downwardAPI")
    service_account_token: TokenProjection | None = None


class ProjectedVolume(Value, frozen=True, kw_only=True):
    """Files from several sources in one directory."""

    sources: tuple[Projection, ...] = ()
    default_mode: int | None = None


class Volume(Value, frozen=True, kw_only=True):
    """A volume; without a source it is an empty directory."""

    one_of: ClassVar = (("empty_dir", "secret", "config_map", "host_path", "downward_api", "projected"),)

    name: str
    empty_dir: EmptyDirVolume | None = None
    secret: SecretVolume | None = None
    config_map: ConfigMapVolume | None = None
    host_path: HostPathVolume | None = None
    downward_api: DownwardVolume | None = msgspec.field(default=None, name="downwardAPI")
    projected: ProjectedVolume | None = None


class VolumeMount(Value, frozen=True, kw_only=True):
    """Where a container sees a volume."""

    name: str
    mount_path: str
    sub_path: str = ""
    read_only: bool = False
