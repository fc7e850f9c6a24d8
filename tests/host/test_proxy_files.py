"""Files are read as the proxy sees them and may read them, and no others."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from meshgate.host.proxy_files import LARGEST, FileGroup, ProxyProcess, Read, read_files
from meshgate.host.views import User

pytestmark = pytest.mark.e2e

UID, GID, GROUP = 0x7000_0001, 1337, 0x7000_0002
PROXY = User(uid=UID, gid=GID, groups=(GROUP,))
ME = User(uid=os.geteuid(), gid=os.getegid())
LATER_NS = 10_000_000_000
IN_ROOT = "import os, sys, time; os.chroot(sys.argv[1]); os.chdir('/'); print(flush=True); time.sleep(600)"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The root directory of a proxy."""
    tmp_path.chmod(0o755)
    (tmp_path / "etc").mkdir(mode=0o755)
    return tmp_path


@contextlib.contextmanager
def proxy_in(root: Path, user: User = PROXY) -> Iterator[ProxyProcess]:
    command = [sys.executable, "-I", "-c", IN_ROOT, str(root)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield ProxyProcess(pid=process.pid, user=user)
        process.kill()


def write(path: Path, text: str, mode: int = 0o644, owner: tuple[int, int] = (0, 0)) -> None:
    path.write_text(text)
    os.chown(path, *owner)
    path.chmod(mode)


def read(process: ProxyProcess, *paths: str, now_ns: int = 0) -> Read:
    [found] = read_files(process, [FileGroup(paths=paths)], now_ns or time.time_ns() + LATER_NS)
    assert found is not None
    return found


def contents(found: Read) -> list[str]:
    return [each.fault or each.content.reveal().decode() for each in found]


def test_what_the_proxy_may_read(root: Path) -> None:
    write(root / "etc/open", "open")
    write(root / "etc/own", "own", 0o400, (UID, 0))
    write(root / "etc/group", "group", 0o440, (0, GROUP))
    write(root / "etc/root", "secret of root", 0o600)
    write(root / "etc/others", "secret of others", 0o640, (0, 0))
    (root / "closed").mkdir(mode=0o700)
    write(root / "closed/file", "secret")
    paths = ("/etc/open", "etc/own", "/etc/group", "/etc/root", "/etc/others", "/closed/file", "/etc/none")
    refused = "the proxy may not read it"
    with proxy_in(root) as process:
        expected = ["open", "own", "group", refused, refused, refused, "it does not exist"]
        assert contents(read(process, *paths)) == expected
    assert os.access("/etc/shadow", os.R_OK), "this thread is who it was"


def test_nothing_leads_out_of_the_view(root: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    outside = tmp_path_factory.mktemp("outside")
    outside.chmod(0o755)
    write(outside / "file", "outside")
    write(root / "etc/file", "inside")
    (root / "absolute").symlink_to("/etc/file")
    (root / "relative").symlink_to("etc/../etc/file")
    (root / "out").symlink_to(outside / "file")
    (root / "up").symlink_to("../" * 20 + str(outside / "file"))
    (root / "loop").symlink_to("loop")
    (root / "through").symlink_to("/proc/self/root")
    paths = ("/absolute", "/relative", "/out", "/up", f"/etc{'/..' * 20}{outside}/file", "/loop", "/through/etc/passwd")
    with proxy_in(root) as process:
        found = contents(read(process, *paths))
    missing = "it does not exist"
    assert found == ["inside", "inside", missing, missing, missing, "its links lead nowhere", missing]


def test_what_is_no_file(root: Path) -> None:
    os.mkfifo(root / "pipe", 0o666)
    with (root / "large").open("wb") as large:
        large.truncate(LARGEST + 1)
    with proxy_in(root) as process:
        found = contents(read(process, "/pipe", "/etc", "/large", "/etc/a\0b", "/" + "a" * 5000))
    assert found[:3] == ["it is no regular file", "it is no regular file", "it is larger than 1 MiB"]
    assert found[3] == "its path cannot be one"
    assert found[4].startswith("it cannot be read")


def test_what_did_not_change_is_not_read(root: Path) -> None:
    write(root / "etc/a", "one")
    with proxy_in(root, ME) as process:
        [first] = read(process, "/etc/a")
        group = FileGroup(paths=("/etc/a",), stamps=(first.stamp,))
        assert read_files(process, [group], time.time_ns()) == (None,)
        write(root / "etc/a", "two")
        [again] = read_files(process, [group], time.time_ns())
        assert again is not None
        assert contents(again) == ["two"]


@pytest.mark.parametrize("change", ["rename", "remove", "forbid"])
def test_each_change_is_seen(root: Path, change: str) -> None:
    write(root / "etc/a", "one")
    with proxy_in(root) as process:
        [first] = read(process, "/etc/a")
        if change == "rename":
            write(root / "etc/b", "two")
            (root / "etc/b").replace(root / "etc/a")
        elif change == "remove":
            (root / "etc/a").unlink()
        else:
            (root / "etc/a").chmod(0o600)
        [again] = read_files(process, [FileGroup(paths=("/etc/a",), stamps=(first.stamp,))], time.time_ns())
        assert again is not None
        expected = {"rename": "two", "remove": "it does not exist", "forbid": "the proxy may not read it"}
        assert contents(again) == [expected[change]]


def test_a_file_that_was_just_written_is_looked_at_again(root: Path) -> None:
    """Two writes within one tick of the file system's clock have one time."""
    write(root / "etc/a", "one")
    with proxy_in(root, ME) as process:
        [first] = read(process, "/etc/a", now_ns=time.time_ns())
        assert first.stamp == ()
        [again] = read_files(process, [FileGroup(paths=("/etc/a",), stamps=(first.stamp,))], time.time_ns())
        assert again is not None


def test_a_process_that_has_ended(root: Path) -> None:
    with proxy_in(root) as process:
        pass
    with pytest.raises(OSError, match=f"/proc/{process.pid}/root"):
        read_files(process, [], 0)


def test_no_content_is_shown(root: Path) -> None:
    write(root / "etc/a", "secret")
    with proxy_in(root, ME) as process:
        assert "secret" not in repr(read(process, "/etc/a"))
