"""Scenario 12: TLS begins at the egress gateway; with 12b it shows a certificate of its own there."""

from __future__ import annotations

from meshgate.tour.checks import Fails, IsEncrypted, Matches, Says
from meshgate.tour.openssl import authority, certificate
from meshgate.tour.scenario import APPLIED, SLEEP, Capture, Scenario, Step, apply, inside, step

ASK = "curl -sS -o /dev/null -D - http://edition.cnn.com/politics"
ANSWERED = (Matches(r"HTTP/1\.1 200 OK\s*", 1), Says("x-outside-sni: edition.cnn.com"))
LOG = "meshgate logs -l istio=egressgateway -c istio-proxy -n istio-system | tail"
LINE = r'.*"GET /politics HTTP/2" 200 .* outbound\|443\|\|edition\.cnn\.com .* edition\.cnn\.com -'
WIRE = Capture("istio=egressgateway", "istio-system", 8080)
BASE = ("workloads", "09-egress-install")
DEMAND = """
meshgate apply -f - <<EOF
apiVersion: v1
kind: ConfigMap
metadata: {name: meshgate-lab, namespace: istio-system}
data:
  clientCertificates: edition.cnn.com
  clientAuthorities: |
$(sed 's/^/    /' clients.crt)
EOF""".strip()
OTHERS = "awk -v RS='---\\n' -v ORS='---\\n' 'NR < 4' 12-egress-tls-origination.yaml"
"""All of scenario 12 but its last DestinationRule, which 12b replaces."""
CREATE = (
    "meshgate create -n istio-system secret generic client-credential "
    "--from-file=tls.key=client.key --from-file=tls.crt=client.crt --from-file=ca.crt=$MESHGATE_DATA_DIR/lab-ca.crt"
)
DELETE = "meshgate delete secret client-credential -n istio-system --ignore-not-found"

SCENARIO = Scenario(
    number="12",
    title="TLS begins at the egress gateway",
    base=BASE,
    steps=(
        *apply("10-egress-serviceentry", "12-egress-tls-origination"),
        Step(
            command=SLEEP + ASK,
            sees=(*ANSWERED, IsEncrypted()),
            shows="200 without a redirect; no plain HTTP on the wire between the pods",
            capture=WIRE,
        ),
        step(LOG, Matches(LINE, 1), shows="the log has outbound|443||edition.cnn.com", within_s=15),
        inside("curl -sS https://edition.cnn.com/", Fails(), shows="TLS in TLS fails"),
        step("meshgate status", Says("originate-tls-for-edition-cnn-com"), shows="and is reported"),
    ),
)

MUTUAL = Scenario(
    number="12b",
    title="and shows a certificate there",
    base=BASE,
    steps=(
        authority("clients", "/O=clients/CN=authority of clients"),
        certificate("client", "clients", "client.example.com", "clients"),
        step(DEMAND, undo="meshgate delete configmap meshgate-lab -n istio-system"),
        *apply("10-egress-serviceentry", "12b-egress-mutual"),
        step(f"{OTHERS} | meshgate apply -f -", undo=f"{OTHERS} | meshgate delete --ignore-not-found -f -"),
        APPLIED,
        inside(ASK, Matches(r"HTTP/1\.1 503 .*", 1)),
        step(LOG, Says("Secret_is_not_supplied_by_SDS"), within_s=15),
        step("meshgate status", Says("client-credential"), shows="without the Secret 503, and reported"),
        step(CREATE, undo=DELETE),
        inside(
            ASK,
            *ANSWERED,
            Says("x-outside-client: O=clients,CN=client.example.com"),
            shows="with it 200, and the server has seen the certificate",
            within_s=10,
        ),
    ),
)
