"""Scenario 2: one VirtualService for a gateway and the mesh; and its variant, where a destination lacks the port."""

from __future__ import annotations

from meshgate.tour.checks import Matches, Says, Share
from meshgate.tour.scenario import Gateway, Scenario, apply, inside, outside, step

REQUESTS = 1000
POINTS = 6
OUTSIDE = "http://uk.bookinfo.com:9080"
INSIDE = "http://reviews.prod.svc.cluster.local:9080"
MANY = "curl -sS -Z --parallel-immediate --parallel-max 50 --no-progress-meter -o /dev/null"
WHO = r"-w '%{http_code} %header{x-instance}\n'"
STATUS = r"curl -sS -o /dev/null -w '%{http_code}\n'"
WITHOUT_PORT = r"""
meshgate get service reviews -n qa -o json |
python3 -c '
import json, sys
service = json.load(sys.stdin)
service["spec"]["ports"] = [port for port in service["spec"]["ports"] if port["port"] == 7777]
print(json.dumps(service))' | meshgate apply -f -""".strip()

SCENARIO = Scenario(
    number="2",
    title="gateway and mesh in one VirtualService",
    base=("gateway-workloads", "workloads"),
    gateway=Gateway("my-gateway-controller", "some-config-namespace"),
    hosts=("uk.bookinfo.com", "eu.bookinfo.com"),
    steps=(
        *apply("01-gateway-many-ports", "02-virtualservice-gateway-and-mesh"),
        outside(f"{MANY} {WHO} -H 'Cookie: user=dev-123' {OUTSIDE}/any", Matches("200 qa-7777", 1)),
        inside(f"{MANY} {WHO} -H 'Cookie: user=dev-123' {INSIDE}/any", Matches("200 qa-7777", 1), shows="cookie to qa"),
        outside(f"{MANY} {WHO} '{OUTSIDE}/reviews/?n=[1-{REQUESTS}]'", Share("200 prod-9080", 80, POINTS)),
        inside(
            f"{MANY} {WHO} '{INSIDE}/reviews/?n=[1-{REQUESTS}]'",
            Share("200 prod-9080", 80, POINTS),
            Share("200 qa-9080", 20, POINTS),
            shows="80/20 outside and inside",
        ),
        outside(f"{STATUS} {OUTSIDE}/other", Matches("404", 1)),
        inside(f"{STATUS} {INSIDE}/other", Matches("404", 1), shows="404 elsewhere"),
        step(WITHOUT_PORT, undo="meshgate apply -f gateway-workloads.yaml"),
        step("meshgate wait --for applied"),
        outside(f"{MANY} {WHO} '{OUTSIDE}/reviews/?n=[1-{REQUESTS}]'", Share("200 qa-7777", 20, POINTS)),
        inside(
            f"{MANY} {WHO} '{INSIDE}/reviews/?n=[1-{REQUESTS}]'",
            Share("200 prod-9080", 80, POINTS),
            Share("503 ?", 20, POINTS),
        ),
        step("meshgate logs -l app=sleep -c istio-proxy --tail 2000", Says('" 503 NC '), within_s=15),
        step("meshgate status", Says("has no port 9080"), shows="without the port 503 (NC) inside, and reported"),
    ),
)
