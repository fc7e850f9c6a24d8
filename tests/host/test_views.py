"""Plans of views on an imagined machine: which operations, in which order."""

from __future__ import annotations

import os
from collections.abc import Mapping

import pytest
from msgspec.structs import replace

from meshgate.errors import EnvironmentFault
from meshgate.host.holder.requests import Operation
from meshgate.host.views import (
    Empty,
    FileToWrite,
    Kind,
    Mounted,
    PodFiles,
    ThisMachine,
    User,
    View,
    plan_view,
    pod_files,
)

USER = User(uid=1000, gid=1000)


class ImaginedMachine:
    """Directories (with their mode), files and links by path."""

    def __init__(self, entries: Mapping[str, int | str | None]) -> None:
        self._entries = {"/": 0o755, **entries}

    def kind(self, path: str) -> Kind:
        if path not in self._entries:
            return "nothing"
        match self._entries[path]:
            case int():
                return "directory"
            case str():
                return "link"
            case _:
                return "file"

    def real(self, path: str) -> str:
        done = ""
        for part in os.path.normpath(path).strip("/").split("/"):
            done = f"{done}/{part}"
            link = self._entries.get(done)
            if isinstance(link, str):
                done = self.real(os.path.join(os.path.dirname(done), link))
        return done or "/"

    def can_enter(self, directory: str, user: User) -> bool:
        mode = self._entries[directory]
        assert isinstance(mode, int)
        return user.uid == 0 or bool(mode & 1)


MACHINE = ImaginedMachine(
    {
        "/etc": 0o755,
        "/etc/resolv.conf": "../run/resolve/stub",
        "/etc/ssl": 0o755,
        "/etc/ssl/certs": 0o755,
        "/etc/ssl/certs/ca.crt": None,
        "/mnt": 0o755,
        "/root": 0o700,
        "/root/python": 0o755,
        "/run": 0o755,
        "/tmp": 0o1777,
        "/var": 0o755,
        "/var/run": "/run",
        "/var/lib": 0o755,
        "/var/lib/mesh": 0o700,
        "/venv": 0o755,
        "/venv/python": "/root/python/bin",
    }
)


def _summary(*operations: Operation) -> list[str]:
    return [f"{operation.kind} {operation.target}" for operation in operations]


def _plan(**parts: object) -> list[str]:
    return _summary(*plan_view(View(user=USER, **parts), MACHINE))  # type: ignore[arg-type] # a view's fields


def test_link_to_resolv_conf_becomes_a_file_in_a_layer_of_its_directory() -> None:
    plan = _plan(hidden=("/run",), files=(FileToWrite(target="/etc/resolv.conf", text="x"),))
    assert plan == ["layer /etc", "file /etc/resolv.conf", "tmpfs /run"]


def test_missing_mount_point_needs_a_layer_of_the_deepest_directory() -> None:
    mounts = (
        Mounted(target="/etc/certs/deep", source="/a"),
        Mounted(target="/etc/ssl/certs/new.pem", source="/b"),
        Mounted(target="/etc/ssl/certs/ca.crt", source="/c"),
        Mounted(target="/mnt", source="/d"),
    )
    assert _plan(mounts=mounts) == [
        "layer /etc",
        "layer /etc/ssl/certs",
        "bind /etc/certs/deep",
        "bind /etc/ssl/certs/ca.crt",
        "bind /etc/ssl/certs/new.pem",
        "bind /mnt",
    ]


def test_entry_of_the_root_needs_a_root_of_its_own() -> None:
    assert _plan(mounts=(Mounted(target="/data", source="/a"),)) == ["root /", "bind /data"]


def test_mount_through_a_link_lands_in_what_is_hidden() -> None:
    plan = _plan(hidden=("/run",), mounts=(Mounted(target="/var/run/secrets/x", source="/a"),))
    assert plan == ["tmpfs /run", "bind /run/secrets/x"]


def test_mount_inside_another_needs_nothing_more() -> None:
    mounts = (Mounted(target="/mnt/inner/deep", source="/b"), Mounted(target="/mnt", source="/a"))
    assert _plan(mounts=mounts) == ["bind /mnt", "bind /mnt/inner/deep"]


def test_way_to_the_interpreter_is_opened_where_it_is_closed() -> None:
    assert _plan(reachable=("/venv", "/root/python")) == ["tmpfs /root", "bind /root/python"]


def test_way_of_a_link_is_opened_where_it_leads() -> None:
    assert _plan(reachable=("/venv/python",)) == ["tmpfs /root", "bind /root/python/bin"]


def test_way_stays_as_it_is_for_whom_it_is_open() -> None:
    assert plan_view(View(user=User(uid=0, gid=0), reachable=("/root/python",)), MACHINE) == ()


def test_hidden_directory_that_is_missing_needs_nothing() -> None:
    assert _plan(hidden=("/no/such",)) == []


def test_private_directory_is_hidden_in_what_is_mounted_too() -> None:
    mounts = (Mounted(target="/mnt", source="/var", is_host_path=True),)
    plan = _plan(private=("/var/lib/mesh",), mounts=mounts)
    assert plan == ["bind /mnt", "tmpfs /mnt/lib/mesh", "tmpfs /var/lib/mesh"]


@pytest.mark.parametrize("inside", ["", "deeper"])
def test_host_path_into_what_is_private_is_refused(inside: str) -> None:
    mounts = (Mounted(target="/mnt", source="/var/lib/mesh", inside=inside, is_host_path=True),)
    with pytest.raises(EnvironmentFault, match="where the mesh keeps its own data"):
        _plan(private=("/var/lib/mesh",), mounts=mounts)


def test_nothing_is_written_into_what_a_user_mounts() -> None:
    mounts = (Mounted(target="/etc", source="/etc", is_host_path=True),)
    assert _plan(mounts=mounts, files=(FileToWrite(target="/etc/resolv.conf", text="x"),)) == ["bind /etc"]


def test_empty_directories_have_their_mode_and_owner() -> None:
    view = View(user=USER, empty=(Empty(target="/tmp"), Empty(target="/mnt/x", mode=0o700, uid=7)))
    assert plan_view(view, MACHINE) == (
        Operation("layer", "/mnt"),
        Operation("tmpfs", "/mnt/x", mode=0o700, uid=7),
        Operation("tmpfs", "/tmp", mode=0o1777),
    )


def test_files_of_a_pod_name_it() -> None:
    pod = PodFiles(
        hostname="web-1", address="10.1.2.3", resolv_conf="nameserver 127.0.0.1\n", aliases=(("1.2.3.4", ("a", "b")),)
    )
    host = {
        "nsswitch.conf": "passwd: files systemd\nhosts: mymachines resolve dns\n",
        "passwd": "root:x:0:0::/root:/bin/sh\n",
    }
    texts = {file.target: file.text for file in pod_files(pod, USER, host)}
    assert texts["/etc/resolv.conf"] == "nameserver 127.0.0.1\n"
    assert "10.1.2.3\tweb-1\n1.2.3.4\ta b\n" in texts["/etc/hosts"]
    below = replace(pod, full_name="web-1.web.shop.svc.cluster.local")
    [hosts] = [file.text for file in pod_files(below, USER, host) if file.target == "/etc/hosts"]
    assert "10.1.2.3\tweb-1.web.shop.svc.cluster.local\tweb-1\n" in hosts
    assert texts["/etc/nsswitch.conf"] == "passwd: files systemd\nhosts: files dns\n"
    assert texts["/etc/passwd"] == "root:x:0:0::/root:/bin/sh\napp:x:1000:1000::/tmp:/bin/sh\n"


def test_this_machine_is_looked_at() -> None:
    machine = ThisMachine()
    assert machine.kind("/etc") == "directory"
    assert machine.kind("/etc/passwd") == "file"
    assert machine.kind("/etc/passwd/x") == machine.kind("/no/such") == "nothing"
    assert machine.can_enter("/", USER)


def test_what_must_be_reachable_appears_again_in_a_directory_that_is_empty_in_the_view() -> None:
    machine = ImaginedMachine({"/tmp": 0o1777, "/tmp/ci": 0o755, "/tmp/ci/venv": 0o755})
    view = View(user=USER, reachable=("/tmp/ci/venv",), empty=(Empty(target="/tmp"),))
    assert plan_view(view, machine) == (
        Operation("tmpfs", "/tmp", mode=0o1777),
        Operation("bind", "/tmp/ci/venv", source="/tmp/ci/venv", read_only=True),
    )
