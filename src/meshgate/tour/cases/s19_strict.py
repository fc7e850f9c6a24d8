"""Scenario 19: https outside, mutual TLS of the mesh inside."""

from __future__ import annotations

from meshgate.tour.cases.publishing import CURL, GATEWAY, HOST, prepared
from meshgate.tour.checks import Fails, Matches, Says, SaysNot
from meshgate.tour.scenario import APPLIED, Scenario, apply, outside, step

PLAIN = r"meshgate exec plain -- curl -sS -o /dev/null -w '%{http_code}\n' http://frontend:8000/"
PERMISSIVE = "sed s/STRICT/PERMISSIVE/ 19-strict.yaml | meshgate apply -f -"

SCENARIO = Scenario(
    number="19",
    title="https outside, mTLS inside",
    base=(),
    gateway=GATEWAY,
    hosts=(HOST,),
    steps=(
        *prepared(),
        *apply("17-publish-https-simple", "17-route", "19-strict"),
        outside(
            f"{CURL} https://{HOST}/",
            Says(f"CN={HOST}; O=first"),
            Matches(r"< HTTP/2 200.*", 1),
            Says("By=spiffe://cluster.local/ns/default/sa/default"),
            shows="200 outside, by mTLS to the workload",
            within_s=10,
        ),
        step(
            "meshgate proxy-config secret deploy/ingress-gateway.istio-system",
            Says("default"),
            Says("file-cert:/etc/server.pem~/etc/privatekey.pem"),
            shows="the gateway has two certificates",
        ),
        step(PLAIN, Fails(), SaysNot("200"), shows="a plain client is refused"),
        step(PERMISSIVE, undo="meshgate delete --ignore-not-found -f 19-strict.yaml"),
        APPLIED,
        step(PLAIN, Matches("200", 1), shows="and served where the mode is PERMISSIVE"),
    ),
)
