"""The calls that Python does not have, on the real kernel."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from meshgate.host import namespaces

pytestmark = pytest.mark.e2e


def test_socket_opened_inside_stays_inside() -> None:
    fd = namespaces.new_netns()
    before = os.readlink("/proc/thread-self/ns/net")
    assert f"net:[{os.fstat(fd).st_ino}]" != before
    server = namespaces.run_in_netns(fd, lambda: socket.socket())
    server.bind(("127.0.0.1", 0))
    assert os.readlink("/proc/thread-self/ns/net") == before
    names = namespaces.run_in_netns(fd, lambda: [name for _, name in socket.if_nameindex()])
    assert "lo" in names
    assert "eth0" not in names
    server.close()
    os.close(fd)


def test_what_the_function_raises_is_raised_here() -> None:
    fd = namespaces.new_netns()
    with pytest.raises(ZeroDivisionError):
        namespaces.run_in_netns(fd, lambda: 1 // 0)
    os.close(fd)
    with pytest.raises(OSError, match="setns"):
        namespaces.run_in_netns(fd, lambda: None)


def test_faults_name_the_call_and_its_target() -> None:
    with pytest.raises(FileNotFoundError, match='mount tmpfs on "/no/such"'):
        namespaces.mount("tmpfs", "/no/such", "tmpfs")
    with pytest.raises(OSError, match='umount "/etc"'):
        namespaces.umount("/etc")


def test_path_stays_beneath(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "file").write_text("x")
    (tmp_path / "link").symlink_to("in/file")
    (tmp_path / "out").symlink_to("/etc/passwd")
    for path in ("in/file", "link", "in/../in/file"):
        fd = namespaces.open_beneath(str(tmp_path), path)
        assert Path(f"/proc/self/fd/{fd}").read_text() == "x"
        os.close(fd)
    for path in ("out", "..", "in/../../x"):
        with pytest.raises(OSError, match="opening"):
            namespaces.open_beneath(str(tmp_path), path)


def test_machine_without_namespaces_says_what_still_works(tmp_path: Path) -> None:
    script = """
import sys
from pathlib import Path
from meshgate.errors import EnvironmentFault
from meshgate.host import capsule, namespaces
namespaces.drop_bounding_set()
namespaces.set_capabilities()
try:
    capsule.start_capsule(capsule.CapsuleOptions(data_directory=Path(sys.argv[1]), environment={}), ["/bin/true"])
except EnvironmentFault as fault:
    print(fault.text, "|", fault.hint)
"""
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, timeout=20)
    assert done.stdout.startswith(
        "making the capsule's namespaces: unshare: Operation not permitted | root (or CAP_SYS_ADMIN)"
    )
    assert "validate, analyze, explain, translate, test" in done.stdout
