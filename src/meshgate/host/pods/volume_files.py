"""The files of a pod's Secret, ConfigMap, downward and projected volumes: pure, from the objects that they name.

Rules as the kubelet's: without `items` every key is a file; a missing object or key keeps the pod from starting
unless it is optional; mode is the item's, else the volume's, else 0644, and the pod's group may read what the owner
may (`fsGroup`): the container's user is never the owner.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

from msgspec import Struct

from meshgate.api import DownwardVolume, KeyToPath, ProjectedVolume, Projection, Volume
from meshgate.host.pods.fault import CannotStart
from meshgate.host.pods.objects import Objects, config_map_data, secret_data

DEFAULT_MODE = 0o644
Field = Callable[[str], str]


class VolumeFile(Struct, frozen=True):
    content: bytes
    mode: int

    def __repr__(self) -> str:
        return f"VolumeFile({len(self.content)} bytes, {self.mode:o})"  # it may be a Secret's


Files: TypeAlias = Mapping[str, VolumeFile]
"""By path below the volume."""


def volume_files(volume: Volume, namespace: str, objects: Objects, field: Field) -> Files | None:
    """The volume's files; None for a volume of another kind (a directory). CannotStart if something is missing."""
    if volume.secret is not None:
        secret, name = volume.secret, volume.secret.secret_name
        data = _found(secret_data(objects, namespace, name), "secret", name, optional=secret.optional)
        return _selected(data, secret.items, _mode(secret.default_mode), f'secret "{name}"', optional=secret.optional)
    if volume.config_map is not None:
        config, name = volume.config_map, volume.config_map.name
        data = _found(config_map_data(objects, namespace, name), "configmap", name, optional=config.optional)
        return _selected(
            data, config.items, _mode(config.default_mode), f'configmap "{name}"', optional=config.optional
        )
    if volume.downward_api is not None:
        return _downward(volume.downward_api, _mode(volume.downward_api.default_mode), field)
    if volume.projected is not None:
        return _projected(volume.projected, namespace, objects, field)
    return None


def object_names(volume: Volume) -> tuple[tuple[str, str], ...]:
    """Kind and name of every object whose change changes the volume."""
    found: list[tuple[str, str]] = []
    if volume.secret is not None:
        found.append(("Secret", volume.secret.secret_name))
    if volume.config_map is not None:
        found.append(("ConfigMap", volume.config_map.name))
    for source in volume.projected.sources if volume.projected is not None else ():
        if source.secret is not None:
            found.append(("Secret", source.secret.name))
        if source.config_map is not None:
            found.append(("ConfigMap", source.config_map.name))
    return tuple(found)


def _found(data: dict[str, bytes] | None, kind: str, name: str, *, optional: bool) -> dict[str, bytes]:
    if data is None and not optional:
        raise CannotStart(f'MountVolume.SetUp failed: {kind} "{name}" not found', reason="FailedMount")
    return data or {}


def _selected(
    data: Mapping[str, bytes], items: tuple[KeyToPath, ...], mode: int, where: str, *, optional: bool
) -> dict[str, VolumeFile]:
    if not items:
        return {key: VolumeFile(content, _readable(mode)) for key, content in data.items()}
    files = {}
    for item in items:
        if item.key in data:
            files[_inside(item.path, where)] = VolumeFile(data[item.key], _readable(item.mode or mode))
        elif not optional:
            raise CannotStart(f"MountVolume.SetUp failed: {where} has no key {item.key!r}", reason="FailedMount")
    return files


def _downward(volume: DownwardVolume, mode: int, field: Field) -> dict[str, VolumeFile]:
    files = {}
    for item in volume.items:
        if item.field_ref is not None:
            content = field(item.field_ref.field_path).encode()
            files[_inside(item.path, "downwardAPI")] = VolumeFile(content, _readable(item.mode or mode))
    return files


def _projected(volume: ProjectedVolume, namespace: str, objects: Objects, field: Field) -> dict[str, VolumeFile]:
    files: dict[str, VolumeFile] = {}
    mode = _mode(volume.default_mode)
    for source in volume.sources:
        files |= _projection(source, namespace, objects, mode, field)
    return files


def _projection(source: Projection, namespace: str, objects: Objects, mode: int, field: Field) -> dict[str, VolumeFile]:
    if source.downward_api is not None:
        return _downward(source.downward_api, mode, field)
    if source.secret is not None:
        part, kind, data = source.secret, "secret", secret_data(objects, namespace, source.secret.name)
    elif source.config_map is not None:
        part, kind, data = source.config_map, "configmap", config_map_data(objects, namespace, source.config_map.name)
    else:
        raise CannotStart("a projected serviceAccountToken is not available: pods get no tokens in volumes")
    found = _found(data, kind, part.name, optional=part.optional)
    return _selected(found, part.items, mode, f'{kind} "{part.name}"', optional=part.optional)


def _mode(given: int | None) -> int:
    return DEFAULT_MODE if given is None else given


def _readable(mode: int) -> int:
    """What the owner may read, the pod's group may."""
    return mode | (mode & 0o400) >> 3


def _inside(path: str, where: str) -> str:
    parts = path.split("/")
    if path.startswith("/") or ".." in parts or parts[0].startswith("..") or not all(parts):
        raise CannotStart(f'{where}: "{path}" must be a relative path that stays inside the volume')
    return path
