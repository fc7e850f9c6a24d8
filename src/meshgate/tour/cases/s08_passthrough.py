"""Scenario 8: TLS that passes through the gateway to a server with a certificate of its own."""

from __future__ import annotations

from meshgate.tour.checks import Fails, Matches, Says, SaysNot
from meshgate.tour.openssl import authority, certificate
from meshgate.tour.scenario import INGRESS, Scenario, apply, outside, step

HOST = "nginx.example.com"
CREATE = f"meshgate create secret tls nginx-server-certs --key={HOST}.key --cert={HOST}.crt"

SCENARIO = Scenario(
    number="8",
    title="TLS through the gateway",
    base=(),
    gateway=INGRESS,
    hosts=(HOST, "other.example.com"),
    steps=(
        authority("example.com", "/O=example/CN=example.com"),
        certificate(HOST, "example.com", HOST, "nginx"),
        step(CREATE, undo="meshgate delete secret nginx-server-certs"),
        *apply("my-nginx"),
        step("meshgate wait --for condition=Available deployment my-nginx"),
        *apply("08-tls-passthrough"),
        outside(
            f"curl -sSv --cacert example.com.crt https://{HOST}",
            Says(f"CN={HOST}; O=nginx"),
            Matches(r"< HTTP/[12.]+ 200.*", 1),
            Says('"name": "my-nginx"'),
            shows="200 with the server's own certificate",
        ),
        outside(
            "curl -sSv -k https://other.example.com",
            Fails(),
            SaysNot("Server certificate"),
            shows="another SNI is refused",
        ),
    ),
)
