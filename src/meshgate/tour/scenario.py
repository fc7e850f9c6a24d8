"""What a scenario of the tour is: a configuration, the commands that a user types, and what must be seen.

Commands are lines of shell, run as they are written here and printed by `meshgate tour --commands`. They run in a
directory that has the scenarios' files in it, with variables for what differs from mesh to mesh.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from meshgate.tour.checks import Check


class Gateway(Struct, frozen=True):
    """A Service of type LoadBalancer at whose address commands outside find the scenario's hosts: `$GW`."""

    name: str
    namespace: str


class Capture(Struct, frozen=True):
    """A look at what goes over the wire to a port of a pod."""

    labels: str
    namespace: str
    port: int


class Step(Struct, frozen=True, kw_only=True):
    """One command and what must be seen."""

    command: str
    sees: tuple[Check, ...] = ()
    shows: str = ""
    """What has been seen when all is as expected, in the scenario's line."""
    is_outside: bool = False
    """Its names are found at the gateway."""
    within_s: float = 0.0
    """Tried again until then: for what comes a moment later."""
    capture: Capture | None = None
    undo: str = ""
    """Run when the scenario has ended, the last step's first."""


class Scenario(Struct, frozen=True, kw_only=True):
    """One row of the tour."""

    number: str
    title: str
    base: tuple[str, ...] = ("workloads",)
    """Files of what it needs besides its own objects; they stay for other scenarios."""
    gateway: Gateway | None = None
    hosts: tuple[str, ...] = ()
    """Names that commands outside find at the gateway."""
    steps: tuple[Step, ...]


INGRESS = Gateway("istio-ingressgateway", "istio-system")
SLEEP = "meshgate exec deploy/sleep -c sleep -- "
"""A command inside of the mesh: in a pod that has a sidecar."""


def apply(*names: str) -> tuple[Step, ...]:
    """Apply scenarios' files as they are until the scenario ends, and wait until every proxy has them."""
    files = " ".join(f"-f {name}.yaml" for name in names)
    undo = f"meshgate delete --ignore-not-found {files}"
    return Step(command=f"meshgate apply {files}", undo=undo), APPLIED


def outside(command: str, *sees: Check, shows: str = "", within_s: float = 0.0, undo: str = "") -> Step:
    """A command on the host."""
    return Step(command=command, sees=sees, shows=shows, is_outside=True, within_s=within_s, undo=undo)


def inside(command: str, *sees: Check, shows: str = "", within_s: float = 0.0) -> Step:
    """A command in the pod `sleep`."""
    return Step(command=SLEEP + command, sees=sees, shows=shows, within_s=within_s)


def step(command: str, *sees: Check, shows: str = "", within_s: float = 0.0, undo: str = "") -> Step:
    """Any other command."""
    return Step(command=command, sees=sees, shows=shows, within_s=within_s, undo=undo)


def seen(scenario: Scenario) -> str:
    """What has been seen when all went well."""
    return "; ".join(each.shows for each in scenario.steps if each.shows)


def undoing(steps: Sequence[Step]) -> list[str]:
    """The commands that take away what these steps have made."""
    return [each.undo for each in reversed(steps) if each.undo]


APPLIED = Step(command="meshgate wait --for applied")
