"""Where the tour works: a directory with the scenarios' files, and a shell that has `meshgate` and means one mesh.

Commands outside find names as a user would by /etc/hosts: each runs in a mount namespace of its own with another
/etc/hosts in it, so that the machine's is left alone.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from meshgate.tour.checks import Seen
from meshgate.tour.scenarios_data import scenario_names, scenario_text

LONGEST_S = 180.0
_WITH_HOSTS = 'mount --bind "$1" /etc/hosts && exec bash -o pipefail -c "$2"'


class Workshop:
    """One directory and one mesh."""

    def __init__(self, directory: Path, data_dir: Path) -> None:
        self.directory = directory
        self.data_dir = data_dir
        self.variables: dict[str, str] = {}
        """For commands: `$GW` and the like."""
        self._hosts = directory / "hosts"
        self._prepare()

    def run(self, command: str, *, is_outside: bool = False, timeout_s: float = LONGEST_S) -> Seen:
        """Run a line of shell; what came of it."""
        words = ["bash", "-o", "pipefail", "-c", command]
        if is_outside:
            words = ["unshare", "--mount", "sh", "-c", _WITH_HOSTS, "sh", str(self._hosts), command]
        try:
            done = subprocess.run(
                words,
                cwd=self.directory,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=timeout_s,
            )
        except subprocess.TimeoutExpired as late:
            return Seen(124, f"{(late.stdout or b'').decode(errors='replace')}\nnot done after {timeout_s:.0f} s")
        return Seen(done.returncode, done.stdout.decode(errors="replace"))

    def know_hosts(self, names: Iterable[str], address: str) -> None:
        """Let commands outside find these names at an address, and no others but the machine's own."""
        own = Path("/etc/hosts").read_text()
        self._hosts.write_text(f"{own.rstrip()}\n{address} {' '.join(names)}\n" if address else own)

    def _prepare(self) -> None:
        for name in scenario_names():
            (self.directory / f"{name}.yaml").write_text(scenario_text(name))
        bin_directory = self.directory / "bin"
        bin_directory.mkdir()
        shim = bin_directory / "meshgate"
        shim.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -P -m meshgate "$@"\n')
        shim.chmod(0o755)
        self.know_hosts((), "")

    def _environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
        path = f"{self.directory / 'bin'}:{os.environ.get('PATH', os.defpath)}"
        return {**kept, "PATH": path, "MESHGATE_DATA_DIR": str(self.data_dir), **self.variables}
