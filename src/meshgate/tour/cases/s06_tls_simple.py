"""Scenario 6: https at the gateway by a Secret, which comes and changes while the gateway serves."""

from __future__ import annotations

from meshgate.tour.checks import Fails, Matches, Says
from meshgate.tour.openssl import authority, certificate
from meshgate.tour.scenario import INGRESS, Scenario, apply, outside, step

HOST = "service-a.localserver.com"
URL = f'"https://{HOST}/api/v1/testA/"'
SECRET = "secret tls localserver-credential"
CREATE = f"meshgate create -n istio-system {SECRET} --key={HOST}.key --cert={HOST}.crt"
REPLACE = (
    f"meshgate create -n istio-system {SECRET} --key=next.key --cert=next.crt --dry-run=client -o yaml "
    "| meshgate apply -f -"
)
DELETE = "meshgate delete secret localserver-credential -n istio-system --ignore-not-found"
ASK = f"curl -sS --cacert localserver.com.crt -o /dev/null -w '%{{http_code}}\\n' {URL}"
WHILE = f"(for n in $(seq 60); do {ASK}; done) & sleep 0.2; {REPLACE} >&2; wait"

SCENARIO = Scenario(
    number="6",
    title="https by a Secret",
    gateway=INGRESS,
    hosts=(HOST,),
    steps=(
        authority("localserver.com", "/O=localserver/CN=localserver.com"),
        certificate(HOST, "localserver.com", HOST, "first"),
        certificate("next", "localserver.com", HOST, "second"),
        *apply("06-tls-simple", "06-route"),
        outside(f"curl -sS --cacert localserver.com.crt {URL}", Fails()),
        outside(f"curl -sS -o /dev/null -w '%{{http_code}}\\n' http://{HOST}/api/v1/testA/", Matches("200", 1)),
        step(
            "meshgate status", Says("localserver-credential"), shows="without the Secret 443 fails and status says why"
        ),
        step(CREATE, undo=DELETE),
        outside(
            f"curl -v --cacert localserver.com.crt {URL}",
            Says("HTTP/2 200"),
            Says(f"CN={HOST}; O=first"),
            Says("i am service c, come from service b or a."),
            shows="200, HTTP/2, the Secret's subject",
            within_s=1,
        ),
        outside(f"curl -sS {URL}", Fails(60), shows="without --cacert curl refuses"),
        outside(WHILE, Matches("200", 60), undo=DELETE),
        outside(
            f"curl -v --cacert localserver.com.crt {URL}",
            Says(f"CN={HOST}; O=second"),
            shows="a new Secret is used within a second and drops nobody",
            within_s=1,
        ),
    ),
)
