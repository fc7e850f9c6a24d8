"""One run of the load: wrk keeps a proxy busy, and what the proxy uses meanwhile is read.

Rounds of ours and of the same by hand alternate, so that whatever else the machine does meets both.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

from tests.bench.figure import Figure, Target

SECONDS = 3
CONNECTIONS = 32
_RATE = re.compile(r"Requests/sec:\s+([0-9.]+)")
_COUNT = re.compile(r"([0-9]+) requests in")
AT_ADDRESS, HANDSHAKES = (Path(__file__).with_name(name) for name in ("at_address.lua", "handshakes.py"))
TICKS = os.sysconf("SC_CLK_TCK")


class Side(msgspec.Struct, frozen=True, kw_only=True):
    """Where requests go: a pod's address, a port, and the host that is asked for."""

    address: str
    port: int
    host: str
    is_tls: bool = False
    """Over TLS, the host as SNI."""
    is_new: bool = False
    """Each request on a TLS connection of its own, with a whole handshake."""
    caller: str = ""
    """Address of the pod that asks, whose Envoy is the first; empty for the host."""

    def command(self, seconds: int) -> list[str]:
        if self.is_new:
            return [sys.executable, str(HANDSHAKES), self.address, str(self.port), self.host, str(seconds)]
        inside = ["nsenter", "-t", str(envoy_at(self.caller)), "-n"] if self.caller else []
        lookup = ["-s", str(AT_ADDRESS)] if self.is_tls else []
        url = f"https://{self.host}:{self.port}/" if self.is_tls else f"http://{self.address}:{self.port}/"
        wrk = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "-H", f"Host: {self.host}"]
        return [*inside, *wrk, *lookup, url]

    def processor_s(self) -> float:
        """What its first Envoy has used until now."""
        pid = envoy_at(self.caller or self.address)
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """One run of the load."""

    per_second: float
    microseconds: float
    """The first proxy's processor time for a request: little disturbed by others on the machine."""

    def in_unit(self, unit: str) -> float:
        return self.per_second if unit == "/s" else self.microseconds


def in_turns(ours: Side, hand: Side, rounds: int) -> list[tuple[Load, Load]]:
    """Of each round: ours, theirs."""
    for side in (ours, hand):
        load(side, seconds=1)  # connections, caches, the processor's clock
    return [(load(ours), load(hand)) for _ in range(rounds)]


def figure(
    name: str, baseline_name: str, loads: Sequence[tuple[Load, Load]], *, unit: str = "/s", target: Target | None = None
) -> Figure:
    return Figure(
        name=name,
        unit=unit,
        target=target,
        measured=tuple(ours.in_unit(unit) for ours, _ in loads),
        baseline=tuple(theirs.in_unit(unit) for _, theirs in loads),
        baseline_name=baseline_name,
    )


def load(side: Side, seconds: int = SECONDS) -> Load:
    """Keep the side busy; AssertionError if not all answers are 2xx."""
    before = side.processor_s()
    done = subprocess.run(
        side.command(seconds),
        env={**os.environ, "BENCH_ADDRESS": side.address},
        capture_output=True,
        text=True,
        timeout=seconds + 20,
        check=True,
    )
    spent_s = side.processor_s() - before
    rate, count = _RATE.search(done.stdout), _COUNT.search(done.stdout)
    if rate is None or count is None or "Non-2xx" in done.stdout or "Socket errors" in done.stdout:
        raise AssertionError(f"wrk of {side}:\n{done.stdout}{done.stderr}")
    return Load(per_second=float(rate[1]), microseconds=spent_s / int(count[1]) * 1e6)


def envoy_at(address: str) -> int:
    """The pid of the Envoy whose network namespace has the address."""
    for line in Path("/proc").glob("[0-9]*/comm"):
        try:
            if line.read_text().startswith("envoy") and f"{address}\n" in (line.parent / "net/fib_trie").read_text():
                return int(line.parent.name)
        except OSError:  # the process ended meanwhile
            continue
    raise AssertionError(f"no Envoy has the address {address}")
