"""Every operation of a view does what it says, in that container alone."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from meshgate.host.holder.mounts import _unescape
from meshgate.host.holder.requests import Operation, SpawnRequest
from meshgate.host.spawn import SpawnFault
from tests.host.capsules import CapsuleUnderTest, capsule_under_test, output_of, shell

pytestmark = pytest.mark.e2e


def _output(directory: Path, script: str, *view: Operation) -> str:
    async def run(capsule: CapsuleUnderTest) -> str:
        client = capsule.connect()
        text = await output_of(client, shell("pod/app", script)._replace(view=view))
        client.close()
        return text

    with capsule_under_test(directory) as capsule:
        return asyncio.run(run(capsule))


@pytest.fixture
def shown(tmp_path: Path) -> Path:
    """A directory that ordinary users can read."""
    for parent in (tmp_path.parent.parent, tmp_path.parent, tmp_path):
        os.chmod(parent, 0o755)
    shown = tmp_path / "shown, with: odd\\name"
    shown.mkdir()
    (shown / "file").write_text("content\n")
    (shown / "other").write_text("other\n")
    (shown / "link").symlink_to("file")
    (shown / "inner").mkdir()
    return shown


def test_layer_changes_a_directory_for_this_view_only(tmp_path: Path, shown: Path) -> None:
    text = _output(
        tmp_path,
        f"cd '{shown}'; cat file link other; cat new/deep; readlink link2; stat -c %a:%u new/deep",
        Operation("layer", str(shown)),
        Operation("file", f"{shown}/file", text="changed\n", mode=0o644),
        Operation("directory", f"{shown}/new"),
        Operation("file", f"{shown}/new/deep", text="deep\n", mode=0o640, uid=54321),
        Operation("link", f"{shown}/link2", source="elsewhere"),
    )
    assert text.split() == ["changed", "changed", "other", "deep", "elsewhere", "640:54321"]
    assert sorted(path.name for path in shown.iterdir()) == ["file", "inner", "link", "other"]
    assert (shown / "file").read_text() == "content\n"


def test_layer_keeps_what_is_mounted_below_it(tmp_path: Path) -> None:
    text = _output(
        tmp_path,
        "cat /dev/new; stat -fc %T /dev/pts; cat /dev/null",
        Operation("layer", "/dev"),
        Operation("file", "/dev/new", text="new\n", mode=0o644),
    )
    assert text.split() == ["new", "devpts"]


def test_layer_falls_back_to_binds_where_overlays_cannot_go(tmp_path: Path, shown: Path) -> None:
    deep = [Operation("layer", str(shown))] * 3  # overlays stack two deep; the kernel refuses the third
    text = _output(
        tmp_path,
        f"cd '{shown}'; cat file link other; ls -d inner; cat new; stat -fc %T .",
        *deep,
        Operation("file", f"{shown}/new", text="new\n", mode=0o644),
    )
    assert text.split() == ["content", "content", "other", "inner", "new", "tmpfs"]


def test_root_of_its_own_can_have_new_entries(tmp_path: Path) -> None:
    text = _output(
        tmp_path,
        "ls -d /etc /proc/self /bin; cat /brand/new; ls /brand; stat -c %a /; id -u",
        Operation("root", "/"),
        Operation("file", "/brand/new", text="here\n", mode=0o644),
    )
    assert text.split() == ["/bin", "/etc", "/proc/self", "here", "new", f"{os.stat('/').st_mode & 0o7777:o}", "54321"]
    assert not os.path.exists("/brand")


def test_bind_takes_its_source_from_below_what_is_hidden(tmp_path: Path, shown: Path) -> None:
    text = _output(
        tmp_path,
        f"ls '{tmp_path}' | wc -l; ls /run; cat /run/a/shown/file /run/single; touch /run/a/shown/x 2>&1",
        Operation("tmpfs", "/run"),
        Operation("tmpfs", str(tmp_path), mode=0o755),
        Operation("bind", "/run/a/shown", source=str(shown), read_only=True),
        Operation("bind", "/run/single", source=f"{shown}/other"),
    )
    assert text.splitlines()[:5] == ["0", "a", "single", "content", "other"]
    assert "Read-only file system" in text


def test_tmpfs_belongs_to_whom_it_is_given(tmp_path: Path) -> None:
    tmpfs = Operation("tmpfs", "/mnt", mode=0o700, uid=54321, gid=54322, size_bytes=8192)
    text = _output(tmp_path, "stat -c %a:%u:%g /mnt; head -c 20000 /dev/zero > /mnt/x; stat -c %s /mnt/x", tmpfs)
    assert text.splitlines()[0] == "700:54321:54322"
    assert text.splitlines()[-1] == "8192"


def test_path_inside_a_source_is_bound(tmp_path: Path, shown: Path) -> None:
    text = _output(tmp_path, "cat /mnt/link", Operation("bind", "/mnt", source=str(shown.parent), inside=shown.name))
    assert text == "content\n"


def test_link_that_leads_out_of_a_source_is_refused(tmp_path: Path, shown: Path) -> None:
    (shown / "out").symlink_to("/etc")

    async def run(capsule: CapsuleUnderTest) -> None:
        client = capsule.connect()
        for inside in ("out", "../..", "inner/../../.."):
            view = (Operation("bind", "/mnt", source=str(shown), inside=inside),)
            with pytest.raises(SpawnFault, match=f'opening "{inside}" inside'):
                await client.spawn(SpawnRequest(f"pod/{inside}", ("/bin/true",), {}, view=view))
        client.close()

    with capsule_under_test(tmp_path) as capsule:
        asyncio.run(run(capsule))


@pytest.mark.parametrize(
    ("operation", "reason"),
    [
        (Operation("bind", "/mnt", source="/no/such"), 'No such file or directory: "/no/such"'),
        (Operation("bind", "/mnt", source="/etc/passwd"), 'mount bind on "/mnt": Not a directory'),
        (Operation("nonsense", "/mnt"), 'unknown operation "nonsense" on "/mnt"'),
    ],
    ids=["missing-source", "file-on-directory", "unknown"],
)
def test_failed_operation_keeps_the_container_from_starting(tmp_path: Path, operation: Operation, reason: str) -> None:
    async def run(capsule: CapsuleUnderTest) -> None:
        client = capsule.connect()
        with pytest.raises(SpawnFault) as fault:
            await client.spawn(SpawnRequest("pod/app", ("/bin/true",), {}, view=(operation,)))
        assert reason in fault.value.text
        client.close()

    with capsule_under_test(tmp_path) as capsule:
        asyncio.run(run(capsule))


def test_escapes_of_the_mount_table_are_read() -> None:
    assert _unescape(b"/a\\040b\\134c\\011d\303\244") == "/a b\\c\tdä"
