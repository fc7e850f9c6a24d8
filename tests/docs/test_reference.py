"""The reference says what the commands say."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent


def test_the_commands_page_is_up_to_date() -> None:
    done = subprocess.run([sys.executable, "tools/reference.py", "--check"], cwd=ROOT, timeout=60)
    assert done.returncode == 0, "docs/reference/commands.md is old: run python tools/reference.py"
