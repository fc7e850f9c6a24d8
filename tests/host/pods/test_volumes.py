"""Volumes: their files, all at once, and where they may lead."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from meshgate.host.pods.atomic_directory import write_files
from meshgate.host.pods.fault import CannotStart
from meshgate.host.pods.objects import Whereabouts, pod_field
from meshgate.host.pods.places import Places, PodPlaces
from meshgate.host.pods.volume_files import Files, VolumeFile, object_names, volume_files
from meshgate.host.pods.volumes import Volumes
from meshgate.host.views import Mounted
from tests.host.pods.objects import FewObjects, pod

OBJECTS = FewObjects(
    """
{apiVersion: v1, kind: ConfigMap, metadata: {name: settings, namespace: shop}, data: {a: one, b: two}}
---
{apiVersion: v1, kind: Secret, metadata: {name: key, namespace: shop}, data: {tls.key: aGlkZGVu}}
"""
)
GID = os.getgid()


def _files(volume: str) -> dict[str, tuple[bytes, int]] | None:
    found = pod(f"{{containers: [{{name: app, command: [x]}}], volumes: [{{name: v, {volume}}}]}}", "labels: {a: b}")
    at = Whereabouts("10.1.2.3", "here", "10.1.0.1")
    files = volume_files(found.spec.volumes[0], "shop", OBJECTS, lambda path: pod_field(found, path, at))
    return None if files is None else {path: (file.content, file.mode) for path, file in files.items()}


@pytest.mark.parametrize(
    ("volume", "expected"),
    [
        ("configMap: {name: settings}", {"a": (b"one", 0o644), "b": (b"two", 0o644)}),
        ("configMap: {name: settings, items: [{key: a, path: in/a.txt}]}", {"in/a.txt": (b"one", 0o644)}),
        ("secret: {secretName: key, defaultMode: 0400}", {"tls.key": (b"hidden", 0o440)}),
        ("secret: {secretName: key, items: [{key: tls.key, path: k, mode: 0600}]}", {"k": (b"hidden", 0o640)}),
        ("secret: {secretName: other, optional: true}", {}),
        ("secret: {secretName: key, optional: true, items: [{key: none, path: k}]}", {}),
        ("downwardAPI: {items: [{path: l, fieldRef: {fieldPath: metadata.labels}}]}", {"l": (b'a="b"', 0o644)}),
        (
            "projected: {sources: [{secret: {name: key}}, {configMap: {name: settings, items: [{key: a, path: x}]}}]}",
            {"tls.key": (b"hidden", 0o644), "x": (b"one", 0o644)},
        ),
        ("emptyDir: {}", None),
    ],
)
def test_volume_has_these_files(volume: str, expected: dict[str, tuple[bytes, int]] | None) -> None:
    assert _files(volume) == expected


@pytest.mark.parametrize(
    ("volume", "text"),
    [
        ("secret: {secretName: other}", 'secret "other" not found'),
        ("configMap: {name: settings, items: [{key: none, path: x}]}", "has no key 'none'"),
        ("projected: {sources: [{configMap: {name: other}}]}", 'configmap "other" not found'),
        ("projected: {sources: [{serviceAccountToken: {path: t}}]}", "pods get no tokens in volumes"),
    ],
)
def test_what_is_missing_is_named(volume: str, text: str) -> None:
    with pytest.raises(CannotStart, match=text):
        _files(volume)


def test_names_of_all_objects_are_known() -> None:
    volumes = "[{name: a, secret: {secretName: key}}, {name: b, configMap: {name: settings}}, {name: c, emptyDir: {}}]"
    spec = pod(f"{{containers: [{{name: app, command: [x]}}], volumes: {volumes}}}").spec
    assert [object_names(volume) for volume in spec.volumes] == [(("Secret", "key"),), (("ConfigMap", "settings"),), ()]


def _read(directory: Path) -> dict[str, bytes]:
    return {entry.name: entry.read_bytes() for entry in directory.iterdir() if not entry.name.startswith("..")}


def _made(**contents: str) -> Files:
    return {name: VolumeFile(text.encode(), 0o640) for name, text in contents.items()}


def test_files_change_all_at_once(tmp_path: Path) -> None:
    assert write_files(tmp_path / "v", _made(a="1", b="2"), GID)
    held = os.open(tmp_path / "v" / "..data", os.O_PATH)
    assert write_files(tmp_path / "v", _made(a="3", c="4"), GID)
    assert _read(tmp_path / "v") == {"a": b"3", "c": b"4"}
    assert stat.S_IMODE((tmp_path / "v" / "a").stat().st_mode) == 0o640
    assert len(list((tmp_path / "v").glob("..[0-9]*"))) == 1
    os.close(held)


def test_equal_files_are_not_written_again(tmp_path: Path) -> None:
    write_files(tmp_path / "v", _made(a="1"), GID)
    before = os.readlink(tmp_path / "v" / "..data")
    assert not write_files(tmp_path / "v", _made(a="1"), GID)
    assert os.readlink(tmp_path / "v" / "..data") == before


def _volumes(tmp_path: Path, volume: str, mount: str) -> tuple[Volumes, PodPlaces, tuple[Mounted, ...]]:
    found = pod(
        f"{{containers: [{{name: app, command: [x], volumeMounts: [{{name: v, {mount}}}]}}],"
        f" volumes: [{{name: v, {volume}}}]}}"
    )
    places = Places(data=tmp_path / "data", run=tmp_path / "run").pod("u-1", "shop", "web")
    volumes = Volumes(found, places, GID)
    volumes.prepare(OBJECTS, lambda path: path)
    return volumes, places, volumes.mounts(found.spec.containers[0])


def test_empty_directory_is_on_disk_and_secrets_are_in_memory(tmp_path: Path) -> None:
    _, places, (mount,) = _volumes(tmp_path, "emptyDir: {}", "mountPath: /data/")
    assert (mount.target, mount.source, mount.read_only) == ("/data", str(places.disk / "v"), False)
    assert stat.S_IMODE((places.disk / "v").stat().st_mode) == 0o2777
    _, places, (mount,) = _volumes(tmp_path, "secret: {secretName: key}", "mountPath: /certs")
    assert (mount.source, mount.read_only) == (str(places.memory / "v" / "v"), True)
    _, places, (mount,) = _volumes(tmp_path, "emptyDir: {medium: Memory}", "mountPath: /x, readOnly: true")
    assert (mount.source, mount.read_only) == (str(places.memory / "v" / "v"), True)


def test_missing_sub_path_is_made_but_not_through_links(tmp_path: Path) -> None:
    volumes, places, (mount,) = _volumes(tmp_path, "emptyDir: {}", "mountPath: /x, subPath: deep/er")
    assert mount.inside == "deep/er"
    assert (places.disk / "v" / "deep" / "er").is_dir()
    (places.disk / "v" / "link").symlink_to(tmp_path)
    _, _, (mount,) = _volumes(tmp_path, "emptyDir: {}", "mountPath: /x, subPath: link/new")
    assert not (tmp_path / "new").exists()
    assert mount.inside == "link/new"
    assert volumes


@pytest.mark.parametrize(
    ("kind", "path", "text"),
    [
        ("", "no", "does not exist"),
        ("Directory", "file", "is not a Directory"),
        ("File", "directory", "is not a File"),
        ("Socket", "file", "is not a Socket"),
    ],
)
def test_host_path_is_what_it_is_said_to_be(tmp_path: Path, kind: str, path: str, text: str) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "directory").mkdir()
    with pytest.raises(CannotStart, match=text):
        _volumes(tmp_path, f"hostPath: {{path: {tmp_path / path}, type: '{kind}'}}", "mountPath: /x")


def test_host_path_is_made_where_it_says_so(tmp_path: Path) -> None:
    _volumes(tmp_path, f"hostPath: {{path: {tmp_path}/d, type: DirectoryOrCreate}}", "mountPath: /x")
    _, _, (mount,) = _volumes(tmp_path, f"hostPath: {{path: {tmp_path}/f, type: FileOrCreate}}", "mountPath: /x")
    assert (tmp_path / "d").is_dir()
    assert (tmp_path / "f").is_file()
    assert mount.is_host_path


def test_places_are_removed_with_the_pod(tmp_path: Path) -> None:
    _, places, _ = _volumes(tmp_path, "emptyDir: {}", "mountPath: /x")
    places.remove()
    places.remove()
    assert not places.disk.exists()
