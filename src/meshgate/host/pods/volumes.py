"""A pod's volumes on this machine: made, kept up to date, mounted into containers' views."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path

from meshgate.api import Container, HostPathVolume, Volume
from meshgate.host.pods.atomic_directory import write_files
from meshgate.host.pods.fault import CannotStart
from meshgate.host.pods.objects import Objects, PodResource
from meshgate.host.pods.places import PodPlaces
from meshgate.host.pods.volume_files import Field, volume_files
from meshgate.host.views import Mounted

_OPEN_TO_ALL = 0o2777
"""As the kubelet's emptyDir; the set-group bit lets all containers of the pod write what one makes."""


class Volumes:
    """The volumes of one pod. `gid` is the pod's group, which all of its containers have."""

    def __init__(self, pod: PodResource, places: PodPlaces, gid: int) -> None:
        self._pod = pod
        self._places = places
        self._gid = gid
        self._by_name: Mapping[str, Volume] = {volume.name: volume for volume in pod.spec.volumes}

    def prepare(self, objects: Objects, field: Field) -> None:
        """Make all volumes, or bring their content up to date; CannotStart names what is missing."""
        for volume in self._pod.spec.volumes:
            files = volume_files(volume, self._pod.meta.namespace, objects, field)
            if files is not None:
                write_files(self._places.volume_in_memory(volume.name), files, self._gid)
            elif volume.host_path is not None:
                _check_host_path(volume.host_path)
            else:
                self._make_directory(self._source(volume))

    def mounts(self, container: Container) -> tuple[Mounted, ...]:
        """What the container mounts, for its view."""
        return tuple(self._mounted(container, number) for number in range(len(container.volume_mounts)))

    def _mounted(self, container: Container, number: int) -> Mounted:
        mount = container.volume_mounts[number]
        volume = self._by_name.get(mount.name)
        if volume is None:
            raise CannotStart(f'container "{container.name}" mounts volume "{mount.name}", which the pod does not have')
        source = self._source(volume)
        if mount.sub_path:
            self._make_inside(source, mount.sub_path, volume)
        return Mounted(
            target=os.path.normpath(mount.mount_path),
            source=str(source),
            inside=os.path.normpath(mount.sub_path) if mount.sub_path else "",
            read_only=mount.read_only or _is_made_of_files(volume),
            is_host_path=volume.host_path is not None,
        )

    def _source(self, volume: Volume) -> Path:
        if volume.host_path is not None:
            return Path(volume.host_path.path)
        is_in_memory = volume.empty_dir is not None and volume.empty_dir.medium == "Memory"
        if is_in_memory or _is_made_of_files(volume):
            return self._places.volume_in_memory(volume.name)
        return self._places.volume_on_disk(volume.name)

    def _make_directory(self, path: Path) -> None:
        if path.exists():  # a restarted pod finds what it had
            return
        path.mkdir(parents=True, mode=0o700)
        os.chown(path, 0, self._gid)
        path.chmod(_OPEN_TO_ALL)

    def _make_inside(self, source: Path, inside: str, volume: Volume) -> None:
        """A directory below the volume, where it is missing: step by step, for a container may have put links there."""
        if _is_made_of_files(volume):
            return
        at = os.open(source, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            for part in Path(inside).parts:
                at = self._step(at, part)
        except NotADirectoryError:  # a file, or a link: the mount decides whether it may be taken
            return
        finally:
            os.close(at)

    def _step(self, at: int, part: str) -> int:
        try:
            os.mkdir(part, 0o755, dir_fd=at)
            os.chown(part, -1, self._gid, dir_fd=at, follow_symlinks=False)
            os.chmod(f"/proc/self/fd/{at}/{part}", _OPEN_TO_ALL)
        except FileExistsError:
            pass
        below = os.open(part, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=at)
        os.close(at)
        return below


def _is_made_of_files(volume: Volume) -> bool:
    return any((volume.secret, volume.config_map, volume.downward_api, volume.projected))


def _check_host_path(volume: HostPathVolume) -> None:
    """The kubelet's checks of `hostPath.type`; the two that make something make it."""
    path = Path(volume.path)
    if volume.type == "DirectoryOrCreate" and not path.exists():
        path.mkdir(parents=True, mode=0o755)
    if volume.type == "FileOrCreate" and not path.exists():
        path.touch(mode=0o644)
    wanted = {
        "Directory": stat.S_ISDIR,
        "DirectoryOrCreate": stat.S_ISDIR,
        "File": stat.S_ISREG,
        "FileOrCreate": stat.S_ISREG,
        "Socket": stat.S_ISSOCK,
        "CharDevice": stat.S_ISCHR,
        "BlockDevice": stat.S_ISBLK,
    }
    if not path.exists():
        raise CannotStart(f'MountVolume.SetUp failed: hostPath "{path}" does not exist', reason="FailedMount")
    if volume.type in wanted and not wanted[volume.type](path.stat().st_mode):
        raise CannotStart(f"hostPath type check failed: {path} is not a {volume.type}", reason="FailedMount")
