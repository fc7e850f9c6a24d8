"""Scenario 5: a delay for a tenth of the requests; a and b: whether `mesh` is among the VirtualService's gateways."""

from __future__ import annotations

from meshgate.tour.checks import Matches, Share
from meshgate.tour.scenario import APPLIED, INGRESS, Scenario, Step, apply, inside, outside, step

REQUESTS = 400
POINTS = 8
DELAYED = r"200 [5-9]\.\d+"
PROMPT = r"200 [0-3]\.\d+"
"""Far from the five seconds of the fault, and far above all that a busy machine takes."""
MANY = (
    "curl -sS -Z --parallel-immediate --parallel-max 100 --no-progress-meter -o /dev/null "
    r"-w '%{http_code} %{time_total}\n'"
)
OUTSIDE = f"{MANY} 'http://myservice-a.com/api/v1/testA/?n=[1-{REQUESTS}]'"
INSIDE = f"{MANY} 'http://service-a:8000/api/v1/testA/?n=[1-{REQUESTS}]'"
A_TENTH = (Share(DELAYED, 10, POINTS), Share(PROMPT, 90, POINTS))
WITHOUT_MESH = "sed '/^  - mesh$/d' 05-mesh-gateway.yaml"


def scenario(letter: str, title: str, *steps: Step) -> Scenario:
    return Scenario(number=f"5{letter}", title=title, gateway=INGRESS, hosts=("myservice-a.com",), steps=steps)


A = scenario(
    "a",
    "a fault for those who come by the gateway",
    step(f"{WITHOUT_MESH} | meshgate apply -f -", undo="meshgate delete --ignore-not-found -f 05-mesh-gateway.yaml"),
    APPLIED,
    outside(OUTSIDE, *A_TENTH, shows="outside a tenth takes 5 s more"),
    inside(INSIDE, Matches(PROMPT, REQUESTS), shows="inside none does"),
)
B = scenario(
    "b",
    "a fault for everybody",
    *apply("05-mesh-gateway"),
    inside(INSIDE, *A_TENTH, shows="inside a tenth takes 5 s more"),
    outside(OUTSIDE, *A_TENTH, shows="outside as before"),
)
