"""Scenario 7: mutual https at the gateway."""

from __future__ import annotations

from meshgate.tour.checks import Fails, Says, SaysNot
from meshgate.tour.openssl import authority, certificate
from meshgate.tour.scenario import INGRESS, Scenario, apply, outside, step

HOST = "service-a.localserver.com"
CURL = "curl -sS --cacert localserver.com.crt -D - "
URL = f'"https://{HOST}/api/v1/testA/"'
CREATE = (
    "meshgate create -n istio-system secret generic localserver-credential "
    f"--from-file=tls.key={HOST}.key --from-file=tls.crt={HOST}.crt --from-file=ca.crt=localserver.com.crt"
)
REFUSED = (Fails(), SaysNot("HTTP/2 200"))

SCENARIO = Scenario(
    number="7",
    title="mutual https by a Secret",
    gateway=INGRESS,
    hosts=(HOST,),
    steps=(
        authority("localserver.com", "/O=localserver/CN=localserver.com"),
        authority("others", "/O=others/CN=others.org"),
        certificate(HOST, "localserver.com", HOST),
        certificate("client", "localserver.com", "client.localserver.com"),
        certificate("stranger", "others", "client.localserver.com"),
        step(CREATE, undo="meshgate delete secret localserver-credential -n istio-system"),
        *apply("07-tls-mutual", "06-route"),
        outside(
            f"{CURL} --cert client.crt --key client.key {URL}",
            Says("HTTP/2 200"),
            Says("i am service c"),
            shows="200 with the client's certificate",
            within_s=10,
        ),
        outside(f"{CURL} {URL}", *REFUSED, shows="without one the handshake fails"),
        outside(
            f"{CURL} --cert stranger.crt --key stranger.key {URL}", *REFUSED, shows="with another authority's as well"
        ),
    ),
)
