"""The tour's commands as a user pastes them, one scenario after the other.

Where the tour gives a command another /etc/hosts, curl is told by `--resolve`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from meshgate.tour.scenario import Gateway, Scenario, Step, undoing

_URL = re.compile(r"(https?)://([a-zA-Z0-9.-]+)(?::(\d+))?")
_PORTS = {"http": 80, "https": 443}
AVAILABLE = "meshgate wait --for condition=Available deployment --all -A --timeout 60s"


def gateway_line(gateway: Gateway) -> str:
    """The command that prints a gateway's address."""
    return f"meshgate get service {gateway.name} -n {gateway.namespace} --no-headers | awk '{{print $4}}'"


def pasted(step: Step, hosts: Iterable[str]) -> str:
    """A step's command for those whose /etc/hosts does not have the scenario's hosts."""
    if not step.is_outside:
        return step.command
    known = set(hosts)
    found = ((match[1], match[2], match[3]) for match in _URL.finditer(step.command))
    places = dict.fromkeys(f"{host}:{port or _PORTS[scheme]}" for scheme, host, port in found if host in known)
    flags = " ".join(f"--resolve {place}:$GW" for place in places)
    return re.sub(r"\bcurl ", f"curl {flags} ", step.command, count=1) if flags else step.command


def commands(scenarios: Sequence[Scenario], directory: str) -> str:
    """All commands of these scenarios."""
    lines = [f"cd {directory}   # the scenarios' files", "meshgate up --detach --lab"]
    based: list[str] = []
    for scenario in scenarios:
        lines += ["", f"# {scenario.number}: {scenario.title}"]
        missing = [name for name in scenario.base if name not in based]
        based += missing
        lines += [f"meshgate apply -f {name}.yaml" for name in missing]
        lines += [AVAILABLE] if missing else []
        first = next((step for step in scenario.steps if step.is_outside), None)
        for step in scenario.steps:
            if step is first and scenario.gateway is not None:
                lines.append(f"export GW=$({gateway_line(scenario.gateway)})")
            if step.capture is not None:
                where = f"{step.capture.labels} in {step.capture.namespace}, port {step.capture.port}"
                lines.append(f"# meanwhile the tour captures what goes over the wire to {where}")
            lines.append(pasted(step, scenario.hosts))
            lines += [f"#   {step.shows}"] if step.shows else []
        lines += undoing(scenario.steps)
    return "\n".join([*lines, "", "meshgate down"]) + "\n"
