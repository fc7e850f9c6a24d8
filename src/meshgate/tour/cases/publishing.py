"""What scenarios 16 to 19 share: a service published at weather.com by a gateway with single files in /etc."""

from __future__ import annotations

from meshgate.tour.openssl import authority, certificate
from meshgate.tour.scenario import Gateway, Step, step

HOST = "weather.com"
GATEWAY = Gateway("ingress-gateway", "istio-system")
CURL = "curl -sSv --cacert ca.cert.pem "
FILES = "server.pem privatekey.pem ca.cert.pem"
_WORKLOADS = 'sed "s#FILES#$PWD#" ingress-gateway.yaml'


def prepared() -> tuple[Step, ...]:
    """Certificates, and the gateway and the service that read them."""
    return (
        authority("weather", "/O=weather/CN=weather authority"),
        certificate("first", "weather", HOST, "first"),
        certificate("second", "weather", HOST, "second"),
        certificate("client", "weather", f"client.{HOST}"),
        certificate("frontend", "weather", HOST, "frontend"),
        step(
            "meshgate create secret tls weather-certs --key=frontend.key --cert=frontend.crt",
            undo="meshgate delete secret weather-certs",
        ),
        step(
            "cp first.crt server.pem; cp first.key privatekey.pem; cp weather.crt ca.cert.pem; "
            f"chmod 644 {FILES}  # the proxy reads them, and it is not root",
            undo=f"rm -f {FILES}",
        ),
        step(
            f"{_WORKLOADS} | meshgate apply -f -",
            undo=f"{_WORKLOADS} | meshgate delete --ignore-not-found -f -",
        ),
        step("meshgate wait --for condition=Available deployment ingress-gateway -n istio-system"),
        step("meshgate wait --for condition=Available deployment frontend"),
    )
