"""The Envoy in front of the outside world's servers: started, and told anew what its clients must show."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
import time
from collections.abc import Callable
from ipaddress import IPv4Network
from pathlib import Path

from cryptography import x509

from meshgate.apps.outside.envoy import ADMIN_PORT, CLIENT_AUTHORITIES, LISTENERS, Demands, bootstrap, listeners
from meshgate.apps.outside.hosts import HOSTS, NAME_SERVER

READY_S = 20.0
_LOOK_S = 0.01
_QUIET = ("--log-level", "error", "--concurrency", "1", "--disable-hot-restart", "--drain-time-s", "1")
"""One second: connections that were made under other demands end soon."""


class Front:
    """Envoy's files and process."""

    def __init__(self, directory: Path, network: IPv4Network) -> None:
        self._directory = directory
        self._network = network
        self._turn = 0
        self._faults: list[str] = []
        self._demands = Demands()

    def start(self, envoy: str) -> subprocess.Popen[bytes]:
        """Start Envoy; returns when it listens."""
        self._write_listeners()
        path = self._directory / "bootstrap.json"
        path.write_text(json.dumps(bootstrap(self._directory)))
        process = subprocess.Popen([envoy, "-c", str(path), *_QUIET])
        self._wait(process, "ready", lambda: _admin("/ready") == "LIVE\n")
        return process

    def follow(self) -> None:
        """Read the demands anew, and tell when Envoy obeys them."""
        before = _updates()
        self._write_listeners()
        self._wait(None, "listening as demanded", lambda: _updates() > before)
        self.offer()

    def offer(self) -> None:
        """Tell what is there."""
        hosts = {host.name: str(self._network[host.places[0]]) for host in HOSTS if not host.name.startswith("*")}
        wildcards = {host.name: str(self._network) for host in HOSTS if host.name.startswith("*")}
        always = {host.name for host in HOSTS if host.demands}
        told = {
            "turn": self._turn,
            "hosts": {**hosts, **wildcards},
            "demanding": sorted(always | self._demands.hosts),
            "nameServer": str(self._network[NAME_SERVER]),
            "faults": self._faults,
        }
        replace_file(self._directory / "offers.json", json.dumps(told))

    def _write_listeners(self) -> None:
        self._turn, self._demands, self._faults = read_demands(self._directory)
        content = json.dumps(listeners(self._directory, HOSTS, self._demands))
        replace_file(self._directory / LISTENERS, content)

    def _wait(self, process: subprocess.Popen[bytes] | None, what: str, is_so: Callable[[], bool]) -> None:
        end = time.monotonic() + READY_S
        while not is_so():
            if process is not None and process.poll() is not None:
                sys.exit(f"Envoy has ended: {process.returncode}")
            if time.monotonic() > end:
                sys.exit(f"Envoy is not {what} after {READY_S:.0f} s")
            time.sleep(_LOOK_S)


def read_demands(directory: Path) -> tuple[int, Demands, list[str]]:
    """What `demands.json` says: its turn, the demands (authorities go to a file of their own), and what is wrong."""
    path = directory / "demands.json"
    told = json.loads(path.read_text()) if path.exists() else {}
    hosts, authorities = list(told.get("hosts", ())), str(told.get("authorities", ""))
    known = {host.name for host in HOSTS}
    faults = [f'there is no host "{name}"' for name in hosts if name not in known]
    if authorities:
        try:
            x509.load_pem_x509_certificates(authorities.encode())
        except (ValueError, x509.InvalidVersion) as fault:
            faults.append(f"the authorities are no certificates in PEM: {fault}")
            authorities = ""
        else:
            replace_file(directory / CLIENT_AUTHORITIES, authorities)
    demands = Demands(frozenset(name for name in hosts if name in known), bool(authorities))
    return int(told.get("turn", 0)), demands, faults


def replace_file(path: Path, content: str) -> None:
    """Put a file in the place of another in one step."""
    beside = path.with_name(f".{path.name}")
    beside.write_text(content)
    beside.rename(path)


def _updates() -> int:
    """How often Envoy has read its listeners, with or without success."""
    text = _admin("/stats?filter=listener_manager.lds.update_(success|rejected)")
    return sum(int(line.rpartition(":")[2]) for line in text.splitlines() if line)


def _admin(path: str) -> str:
    """The answer of Envoy's admin interface; empty as long as there is none."""
    connection = http.client.HTTPConnection("127.0.0.1", ADMIN_PORT, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().read().decode()
    except OSError:
        return ""
    finally:
        connection.close()
