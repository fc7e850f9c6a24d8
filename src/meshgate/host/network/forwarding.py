"""`net.ipv4.ip_forward`: the one setting of the host that is changed, and how it gets back.

Pods reach the internet through the host only if the host forwards. If it doesn't, the setting is changed and a note
of it is written first, in the mesh's data directory. `down` puts it back, or after a kill the next `up`; never while
another mesh runs, which may need it: that one finds the note on our link (its alias) when it starts, and puts the
setting back in its turn.

A note of an earlier boot is void. One limit: who switches forwarding on *after* us for a purpose of his own (a
container engine, say) finds it off after `down`, as nothing tells us; such programs switch it on again when they
start.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

import msgspec

from meshgate.host.network.namespace import read_sysctl, write_sysctl

NOTE_FILE: Final = "ip-forward.json"
SETTING: Final = "net/ipv4/ip_forward"
_BOOT: Final = Path("/proc/sys/kernel/random/boot_id")
_WAS_OFF: Final = "ip_forward was 0"


class _Note(msgspec.Struct, frozen=True):
    boot: str
    was: str


class Forwarding:
    """For one mesh. `switch_on` and `put_back` run in the host's network namespace."""

    def __init__(self, data_directory: Path) -> None:
        self._path = data_directory / NOTE_FILE

    def switch_on(self, other_aliases: Iterable[str]) -> bool:
        """Make the host forward. True if it didn't before us, or before the meshes whose aliases are given."""
        noted = self._noted() or any(_WAS_OFF in alias for alias in other_aliases)
        is_off = read_sysctl(SETTING) == "0"
        if is_off or noted:
            self._path.write_bytes(msgspec.json.encode(_Note(_boot(), "0")))
            self._path.chmod(0o600)
        if is_off:
            write_sysctl(SETTING, "1")
        return is_off or noted

    def put_back(self, *, other_meshes_run: bool) -> bool:
        """What was changed becomes what it was; True if that happened. With other meshes, they will do it."""
        noted = self._noted()
        self._path.unlink(missing_ok=True)
        if not noted or other_meshes_run:
            return False
        write_sysctl(SETTING, "0")
        return True

    def alias(self, switched: bool) -> str:
        """What to write on our link for meshes that start after us: whether we hold a note, and whose the link is."""
        owner = f"data directory {self._path.parent}"
        return f"{_WAS_OFF}; {owner}" if switched else owner

    def _noted(self) -> bool:
        try:
            note = msgspec.json.decode(self._path.read_bytes(), type=_Note)
        except FileNotFoundError:
            return False
        except msgspec.DecodeError:  # a kill in the middle of writing: before the setting was changed
            return False
        return note.boot == _boot() and note.was == "0"


def _boot() -> str:
    return _BOOT.read_text().strip()
