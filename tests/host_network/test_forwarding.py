"""The note about the host's forwarding: when it counts, and when it is void."""

from __future__ import annotations

from pathlib import Path

import pytest

from meshgate.host.network import forwarding
from meshgate.host.network.forwarding import NOTE_FILE, Forwarding


@pytest.fixture
def setting(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, str]:
    """The host's setting, and a boot of our own."""
    values = {forwarding.SETTING: "0"}
    monkeypatch.setattr(forwarding, "read_sysctl", values.__getitem__)
    monkeypatch.setattr(forwarding, "write_sysctl", values.__setitem__)
    boot = tmp_path / "boot_id"
    boot.write_text("first\n")
    monkeypatch.setattr(forwarding, "_BOOT", boot)
    return values


def data(tmp_path: Path) -> Path:
    path = tmp_path / "data"
    path.mkdir(exist_ok=True)
    return path


def test_the_note_is_written_before_the_setting(
    setting: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(_name: str, _value: str) -> None:
        assert (data(tmp_path) / NOTE_FILE).exists()
        raise KeyboardInterrupt

    monkeypatch.setattr(forwarding, "write_sysctl", killed)
    with pytest.raises(KeyboardInterrupt):
        Forwarding(data(tmp_path)).switch_on(())
    assert setting[forwarding.SETTING] == "0"


def test_after_a_kill_the_next_one_knows(setting: dict[str, str], tmp_path: Path) -> None:
    assert Forwarding(data(tmp_path)).switch_on(())
    assert Forwarding(data(tmp_path)).switch_on(())

    assert Forwarding(data(tmp_path)).put_back(other_meshes_run=False)
    assert setting[forwarding.SETTING] == "0"
    assert not Forwarding(data(tmp_path)).put_back(other_meshes_run=False)


def test_a_note_of_an_earlier_boot_is_void(setting: dict[str, str], tmp_path: Path) -> None:
    Forwarding(data(tmp_path)).switch_on(())
    (tmp_path / "boot_id").write_text("second\n")

    assert not Forwarding(data(tmp_path)).switch_on(())
    assert not Forwarding(data(tmp_path)).put_back(other_meshes_run=False)
    assert setting[forwarding.SETTING] == "1"


def test_a_note_that_was_half_written_is_none(setting: dict[str, str], tmp_path: Path) -> None:
    (data(tmp_path) / NOTE_FILE).write_bytes(b'{"boot":')
    setting[forwarding.SETTING] = "1"

    assert not Forwarding(data(tmp_path)).switch_on(())


def test_what_another_mesh_has_noted_is_taken_over(setting: dict[str, str], tmp_path: Path) -> None:
    setting[forwarding.SETTING] = "1"
    alias = Forwarding(tmp_path / "other").alias(True)

    assert Forwarding(data(tmp_path)).switch_on([alias])
    assert Forwarding(data(tmp_path)).put_back(other_meshes_run=False)
    assert setting[forwarding.SETTING] == "0"


def test_while_another_mesh_runs_nothing_is_put_back(setting: dict[str, str], tmp_path: Path) -> None:
    Forwarding(data(tmp_path)).switch_on(())

    assert not Forwarding(data(tmp_path)).put_back(other_meshes_run=True)
    assert setting[forwarding.SETTING] == "1"
