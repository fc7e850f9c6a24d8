"""Runs scenarios for a user: one mesh for all, a line for each with its time and what was seen.

What a scenario has applied is taken away when it ends, so that the next one finds the mesh as it was; workloads stay.
"""

from __future__ import annotations

import shutil
import signal
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

import click
from msgspec import Struct

from meshgate.errors import MeshgateError
from meshgate.tour.cases import SCENARIOS
from meshgate.tour.checks import Matches, Seen, faults_of
from meshgate.tour.commands import AVAILABLE, gateway_line
from meshgate.tour.demo import free_port
from meshgate.tour.ranges import free_arguments
from meshgate.tour.scenario import Scenario, Step, seen, undoing
from meshgate.tour.wire import captured
from meshgate.tour.workshop import Workshop

POLL_S = 0.1
ADDRESS = r"[\d.]+"
OUTPUT_SHOWN = 2000
"""Characters of a command's output that are shown where something is wrong: the last ones."""


class Failed(MeshgateError):
    """A command did not show what it must."""

    def __init__(self, step: Step, seen: Seen, faults: Sequence[str]) -> None:
        output = seen.text[-OUTPUT_SHOWN:].rstrip()
        super().__init__("\n".join([f"$ {step.command}", *(output.splitlines()), *(f"-> {fault}" for fault in faults)]))


class Wishes(Struct, frozen=True, kw_only=True):
    """How the tour is to be made."""

    keep: bool = False
    """The last scenario's objects and the mesh stay."""
    verbose: bool = False
    """Every command is printed as it runs."""


class Tour:
    """One tour, on a mesh of its own."""

    def __init__(self, directory: Path, wishes: Wishes) -> None:
        self._workshop = Workshop(directory, directory / "data")
        self._wishes = wishes
        self._based: set[str] = set()
        self._ports = free_port(80), free_port(443)
        self._is_up = False

    def start(self) -> None:
        http, https = self._ports
        began = time.monotonic()
        self._is_up = True
        ports = f"--http-port {http} --https-port {https} --xds-port 0"
        self._do(Step(command=f"meshgate up --detach --lab {ports} {free_arguments()}"))
        click.echo(f"a mesh of its own in {self._workshop.data_dir} ({time.monotonic() - began:.1f} s)")

    def show(self, scenario: Scenario, *, is_last: bool) -> bool:
        """Run one scenario and print its line; True if all was seen."""
        began = time.monotonic()
        done: list[Step] = []
        fault = ""
        try:
            self._base(scenario)
            self._workshop.variables = {}
            for step in scenario.steps:
                if step.is_outside and "GW" not in self._workshop.variables:
                    self._find_gateway(scenario)
                done.append(step)
                self._do(step)
        except Failed as failed:
            fault = failed.text
        if not (is_last and self._wishes.keep):
            fault = fault or self._undo(done)
        self._print(scenario, time.monotonic() - began, fault)
        return not fault

    def stay(self) -> None:
        """Until Ctrl-C."""
        told = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: told.set())
        click.echo(
            f"\nthe mesh stays up until Ctrl-C. Look around from another shell:\n\n"
            f"    cd {self._workshop.directory}; export PATH=$PWD/bin:$PATH "
            f"MESHGATE_DATA_DIR={self._workshop.data_dir}"
        )
        for name, value in self._workshop.variables.items():
            click.echo(f"    export {name}={value}")
        told.wait()  # no deadline: it stays as long as the user wants

    def end(self) -> None:
        if self._is_up:
            self._workshop.run("meshgate down")

    # --- one scenario ---------------------------------------------------------------------------------------------

    def _base(self, scenario: Scenario) -> None:
        missing = [name for name in scenario.base if name not in self._based]
        for name in missing:
            self._do(Step(command=f"meshgate apply -f {name}.yaml"))
            self._based.add(name)
        if missing:
            self._do(Step(command=AVAILABLE))

    def _find_gateway(self, scenario: Scenario) -> None:
        """Where commands outside go: the scenario's hosts are at its gateway."""
        assert scenario.gateway is not None, "commands outside go to a gateway"
        found = self._do(Step(command=gateway_line(scenario.gateway), sees=(Matches(ADDRESS, 1),), within_s=10))
        self._workshop.variables["GW"] = address = found.text.strip()
        self._workshop.know_hosts(scenario.hosts, address)

    def _undo(self, done: Sequence[Step]) -> str:
        """Take away what was made; what is wrong with that."""
        commands = undoing(done)
        faults = []
        for command in [*commands, *(["meshgate wait --for applied"] if commands else [])]:
            try:
                self._do(Step(command=command))
            except Failed as failed:
                faults.append(failed.text)
        return "\n".join(faults)

    def _do(self, step: Step) -> Seen:
        """Run a step until all is seen, or its time is over. Raises Failed."""
        if self._wishes.verbose:
            click.echo(click.style(f"$ {step.command}", dim=True))
        end = time.monotonic() + step.within_s
        while True:
            found = self._run(step)
            faults = faults_of(step.sees, found)
            if not faults:
                break
            if time.monotonic() > end:
                raise Failed(step, found, faults)
            time.sleep(POLL_S)
        if self._wishes.verbose and found.text.strip():
            click.echo(found.text[-OUTPUT_SHOWN:].rstrip())
        return found

    def _run(self, step: Step) -> Seen:
        if step.capture is None:
            return self._workshop.run(step.command, is_outside=step.is_outside)
        with captured(step.capture, self._workshop) as wire:
            found = self._workshop.run(step.command, is_outside=step.is_outside)
        return found._replace(wire=wire())

    def _print(self, scenario: Scenario, seconds: float, fault: str) -> None:
        word = click.style("FAIL", fg="red") if fault else click.style("ok", fg="green") + "  "
        told = "" if fault else seen(scenario)
        click.echo(f"{scenario.number:>3}  {word}  {seconds:5.1f} s  {scenario.title}: {told}".rstrip(": "))
        for line in fault.splitlines():
            click.echo(f"       {line}")


def chosen(names: Sequence[str]) -> tuple[Scenario, ...]:
    """The scenarios of these numbers, in the tour's order; all where none is named. Raises MeshgateError."""
    numbers = [scenario.number for scenario in SCENARIOS]
    unknown = [name for name in names if name not in numbers]
    if unknown:
        raise MeshgateError(f"no scenario {unknown[0]!r}", hint=f"there are {', '.join(numbers)}, and demo")
    return tuple(scenario for scenario in SCENARIOS if not names or scenario.number in names)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def run_tour(scenarios: Sequence[Scenario], wishes: Wishes) -> bool:
    """Run scenarios on a mesh that is made for it; True if all was seen."""
    directory = Path(tempfile.mkdtemp(prefix="meshgate-tour-"))
    tour = Tour(directory, wishes)
    began = time.monotonic()
    seen_all = True
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)  # a tour that is told to end takes its mesh along
    try:
        tour.start()
        for scenario in scenarios:
            seen_all &= tour.show(scenario, is_last=scenario is scenarios[-1])
        word = "all was seen" if seen_all else "not all was seen"
        click.echo(f"{word}: {len(scenarios)} scenario{'s' * (len(scenarios) > 1)}, {time.monotonic() - began:.0f} s")
        if wishes.keep:
            tour.stay()
    except KeyboardInterrupt:
        click.echo()
        seen_all = False
    finally:
        tour.end()
        shutil.rmtree(directory, ignore_errors=True)
    return seen_all
