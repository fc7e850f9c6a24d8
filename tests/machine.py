"""What the machine under test is: can it make namespaces, what is left on it."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
from pathlib import Path

from pyroute2 import IPRoute

SHARED = Path(__file__).resolve().parent.parent.parent / "shared"
"""Expectations and scenarios beside the project; tests that read them skip where they are missing."""


@functools.cache
def why_no_namespaces() -> str | None:
    """The reason why end-to-end tests can't run here, or None."""
    if os.geteuid() != 0:
        return "network namespaces are made by root here (run the tests as root)"
    tried = subprocess.run(
        ["unshare", "--net", "--pid", "--fork", "--mount", "true"], capture_output=True, text=True, timeout=10
    )
    if tried.returncode != 0:
        return f"unshare says: {tried.stderr.strip() or tried.returncode}"
    return None


def has_tool(name: str) -> bool:
    """Whether a command is installed that users need not have (the Makefile's TEST_APT). AssertionError where it is
    not and nothing may be left out."""
    found = shutil.which(name) is not None
    assert found or not os.environ.get("MESHGATE_REQUIRE_E2E"), f"the tests are to call {name}, which is not installed"
    return found


def network_namespaces() -> frozenset[str]:
    """Network namespaces that any visible process is in."""
    found = set()
    for process in Path("/proc").glob("[0-9]*/ns/net"):
        try:
            found.add(os.readlink(process))
        except OSError:  # the process ended, or is not ours to read
            continue
    return frozenset(found)


def links() -> frozenset[str]:
    """Names of the links in this network namespace."""
    with IPRoute() as route:
        return frozenset(str(link.get_attr("IFLA_IFNAME")) for link in route.get_links())


def routes() -> frozenset[str]:
    """Destinations of the IPv4 routes of this network namespace (`default` for the one without)."""
    with IPRoute() as route:
        return frozenset(
            f"{found.get_attr('RTA_DST') or 'default'}/{found['dst_len']}" for found in route.get_routes(family=2)
        )


def processes_of(text: str) -> frozenset[int]:
    """Ids of processes whose command line holds `text`, but for this one."""
    found = set()
    for line in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if text.encode() in line.read_bytes() and int(line.parent.name) != os.getpid():
                found.add(int(line.parent.name))
        except OSError:  # the process ended meanwhile
            continue
    return frozenset(found)


def mounts_of(text: str) -> tuple[str, ...]:
    """Lines of the mount table that name `text`."""
    return tuple(line for line in Path("/proc/self/mountinfo").read_text().splitlines() if text in line)


def descends_from(pid: int, ancestor: int) -> bool:
    """Whether a process is the ancestor or a descendant of it; False for one that is gone."""
    while pid > 1 and pid != ancestor:
        try:
            pid = int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])
        except OSError:
            return False
    return pid == ancestor


def host_pid(holder: int, capsule_pid: int) -> int:
    """The host's id of a process that has this id in the capsule of this holder."""
    for path in Path("/proc").glob("[0-9]*/status"):
        try:
            lines = path.read_text().splitlines()
        except OSError:  # the process ended meanwhile
            continue
        ids = next((line.split()[1:] for line in lines if line.startswith("NSpid:")), [])
        if len(ids) > 1 and int(ids[1]) == capsule_pid and descends_from(int(ids[0]), holder):
            return int(ids[0])
    raise AssertionError(f"no process {capsule_pid} in the capsule of {holder}")
