"""Scenario 1: one gateway, five ports, with certificates of files and of a Secret."""

from __future__ import annotations

from meshgate.tour.checks import Fails, Matches, Says
from meshgate.tour.openssl import authority, certificate
from meshgate.tour.scenario import APPLIED, Gateway, Scenario, apply, outside, step

STATUS = r"curl -sS --cacert bookinfo.crt -o /dev/null -w '%{http_code} %{redirect_url}\n' "
WHO = "curl -sSv --cacert bookinfo.crt -o /dev/null "
NAMESPACE = "some-config-namespace"
FILES = "my-gateway-certs"
CREATE_FILES = (
    f"meshgate create -n {NAMESPACE} secret generic {FILES} "
    "--from-file=servercert.pem=files.crt --from-file=privatekey.pem=files.key"
)
CREATE_SECRET = f"meshgate create -n {NAMESPACE} secret tls bookinfo-secret --key=secret.key --cert=secret.crt"
OF_ANOTHER_NAMESPACE = """
meshgate apply -f - <<EOF
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: another, namespace: prod}
spec:
  hosts: [us.bookinfo.com]
  gateways: [some-config-namespace/my-gateway]
  http:
  - route:
    - destination: {host: reviews.prod.svc.cluster.local, port: {number: 9080}}
EOF""".strip()

SCENARIO = Scenario(
    number="1",
    title="one gateway, five ports",
    base=("gateway-workloads", "workloads"),
    gateway=Gateway("my-gateway-controller", NAMESPACE),
    hosts=("uk.bookinfo.com", "eu.bookinfo.com", "us.bookinfo.com", "www.example.org", "nobody.example.org"),
    steps=(
        authority("bookinfo", "/O=bookinfo/CN=bookinfo.com"),
        certificate("files", "bookinfo", "uk.bookinfo.com", "files"),
        certificate("secret", "bookinfo", "uk.bookinfo.com", "secret"),
        step(CREATE_FILES, undo=f"meshgate delete secret {FILES} -n {NAMESPACE}"),
        step(CREATE_SECRET, undo=f"meshgate delete secret bookinfo-secret -n {NAMESPACE}"),
        *apply("01-gateway-many-ports", "01-routes"),
        outside(
            f"{STATUS} http://uk.bookinfo.com/productpage?a=b",
            Matches(r"301 https://uk\.bookinfo\.com/productpage\?a=b", 1),
        ),
        outside(f"{STATUS} http://www.example.org/productpage", Matches("404 ", 1), shows="80: 301 to https, 404"),
        outside(
            f"{WHO} https://uk.bookinfo.com/productpage",
            Says("O=files"),
            Says("HTTP/2 200"),
            shows="443: 200 with the mounted files",
            within_s=10,
        ),
        outside(f"{WHO} https://uk.bookinfo.com:9443/productpage", Says("O=secret"), Says("HTTP/2 200"), within_s=10),
        step(OF_ANOTHER_NAMESPACE, undo="meshgate delete vs another -n prod"),
        APPLIED,
        outside(f"{STATUS} -k https://us.bookinfo.com:9443/", Matches("404 ", 1)),
        outside(f"{STATUS} http://us.bookinfo.com:9080/", Matches("200 ", 1), shows="9443: 200 with the Secret, 404"),
        outside(f"{STATUS} http://www.example.org:9080/", Matches("200 ", 1)),
        outside(f"{STATUS} http://nobody.example.org:9080/", Matches("404 ", 1), shows="9080: 200, 404"),
        outside(
            "exec 3<>/dev/tcp/$GW/2379; echo hello >&3; head -n 1 <&3", Matches("mongo hello", 1), shows="2379: TCP"
        ),
        outside(f"{STATUS} https://www.example.org/", Fails()),
    ),
)
