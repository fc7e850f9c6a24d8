"""Users' certificates at a gateway: missing, coming, renewed under load, broken, in files, and never shown."""

from __future__ import annotations

import base64
import shutil
import socket
import ssl
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from meshgate.cli.connection import talk
from tests.certificates import Made, certificate
from tests.e2e.mesh import Mesh, running_mesh, wait_until
from tests.machine import has_tool
from tests.mesh.secret_objects import secret

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

SOON_S = 1.0
"""A changed certificate serves new connections within this time."""
PLAIN, BY_SECRET, BY_VOLUME, BY_FILE, ALONE = 80, 443, 8443, 9443, 7443
OBJECTS = """
apiVersion: v1
kind: Namespace
metadata: {name: edge}
---
apiVersion: v1
kind: Service
metadata: {name: door, namespace: edge}
spec:
  type: LoadBalancer
  selector: {app: door}
  ports:
  - {name: http, port: 80}
  - {name: https, port: 443}
  - {name: https-volume, port: 8443}
  - {name: https-file, port: 9443}
  - {name: https-alone, port: 7443}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: door, namespace: edge}
spec:
  selector: {matchLabels: {app: door}}
  template:
    metadata:
      labels: {app: door}
      annotations: {inject.istio.io/templates: gateway}
    spec:
      containers:
      - name: istio-proxy
        image: auto
        volumeMounts:
        - {name: certs, mountPath: /etc/certs, readOnly: true}
        - {name: single, mountPath: /etc/single, readOnly: true}
      volumes:
      - {name: certs, secret: {secretName: door-volume, optional: true}}
      - {name: single, hostPath: {path: DIRECTORY}}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  selector: {app: web}
  ports: [{name: http, port: 80, targetPort: 8080}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata:
      labels: {app: web}
      annotations: {sidecar.istio.io/inject: "false"}
    spec:
      containers:
      - name: web
        command: [python3, -m, meshgate.apps.httpbin, --port, "8080"]
        readinessProbe: {tcpSocket: {port: 8080}, periodSeconds: 1}
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: door}
spec:
  selector: {app: door}
  servers:
  - {port: {number: 80, name: http, protocol: HTTP}, hosts: ["*"]}
  - port: {number: 443, name: https-a, protocol: HTTPS}
    hosts: [a.org]
    tls: {mode: SIMPLE, credentialName: door-secret}
  - port: {number: 443, name: https-b, protocol: HTTPS}
    hosts: [b.org]
    tls: {mode: SIMPLE, credentialName: door-neighbour}
  - port: {number: 7443, name: https-c, protocol: HTTPS}
    hosts: ["*"]
    tls: {mode: SIMPLE, credentialName: door-alone}
  - port: {number: 8443, name: https-volume, protocol: HTTPS}
    hosts: ["*"]
    tls: {mode: SIMPLE, serverCertificate: /etc/certs/tls.crt, privateKey: /etc/certs/tls.key}
  - port: {number: 9443, name: https-file, protocol: HTTPS}
    hosts: ["*"]
    tls: {mode: SIMPLE, serverCertificate: /etc/single/tls.crt, privateKey: /etc/single/tls.key}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: door}
spec:
  hosts: ["*"]
  gateways: [door]
  http: [{route: [{destination: {host: web, port: {number: 80}}}]}]
"""
FIRST, SECOND, NEIGHBOUR = (certificate(name, key=f"P-256/{name}") for name in ("first", "second", "neighbour"))


class Door:
    """The mesh, and its gateway's address."""

    def __init__(self, mesh: Mesh, directory: Path) -> None:
        self.mesh = mesh
        self.directory = directory
        self.address = mesh.load_balancer_address("door", "edge")

    def shown(self, port: int, host: str = "a.org") -> bytes:
        """The certificate that a new connection is shown (DER); empty if there is none."""
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with socket.create_connection((self.address, port), timeout=10) as plain:
            try:
                with context.wrap_socket(plain, server_hostname=host) as connection:
                    return connection.getpeercert(binary_form=True) or b""
            except (ConnectionError, ssl.SSLEOFError):
                return b""

    def shows(self, made: Made, port: int, host: str = "a.org") -> None:
        """Wait until it is this one; it must not take longer than promised."""
        expected = ssl.PEM_cert_to_DER_cert(made.pem.decode())
        wait_until(lambda: self.shown(port, host) == expected, f"{made.name} is shown", SOON_S)

    def apply(self, name: str, made: Made, key: bytes | None = None) -> None:
        """Not waiting for anything but the answer."""
        text = secret(name, "edge", kind="kubernetes.io/tls", tls_crt=made.pem, tls_key=key or made.key)
        raw = yaml.safe_load(text)
        talk(self.mesh.data_dir, lambda client: client.transact([raw]))

    def delete(self, name: str) -> None:
        self.mesh.meshgate("delete", "secret", name, "-n", "edge", "--ignore-not-found")

    def status(self, url: str) -> str:
        """Of an HTTP request to the gateway, whatever its certificate."""
        done = subprocess.run(
            [
                *("curl", "-sk", "-o", "/dev/null", "-w", "%{http_code}", "--max-time", "10", "--noproxy", "*"),
                *("--connect-to", f"::{self.address}:", url),
            ],
            capture_output=True,
            text=True,
            timeout=30,
        )
        return done.stdout

    def problems(self, code: str) -> list[str]:
        return [line for line in self.mesh.problems() if line.endswith(f"[{code}]")]

    def write(self, name: str, content: bytes) -> None:
        """In place, as an editor or `cp` does."""
        path = self.directory / name
        with path.open("r+b" if path.exists() else "wb") as file:
            file.truncate()
            file.write(content)
        path.chmod(0o644)


@pytest.fixture(scope="module")
def door() -> Iterator[Door]:
    directory = Path(tempfile.mkdtemp(prefix="meshgate-certs-"))
    directory.chmod(0o755)
    try:
        with running_mesh() as mesh:
            mesh.meshgate("apply", "-f", "-", stdin=OBJECTS.replace("DIRECTORY", str(directory)))
            mesh.wait_ready("app=door", namespace="edge")
            mesh.wait_ready("app=web")
            mesh.wait_applied()
            yield Door(mesh, directory)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def test_a_missing_secret_harms_nobody_else_and_serves_when_it_comes(door: Door) -> None:
    door.delete("door-secret")
    door.apply("door-neighbour", NEIGHBOUR)
    door.shows(NEIGHBOUR, BY_SECRET, "b.org")
    assert door.shown(BY_SECRET) == b""
    assert door.status("http://a.org/") == "200"
    [told] = [line for line in door.problems("IST0101") if '"door-secret"' in line]
    expected = 'no Secret "door-secret" in namespace "edge", where the gateway\'s pods are'
    assert told.startswith(f"Gateway/default/door spec.servers[1].tls.credentialName: {expected}")
    door.apply("door-secret", FIRST)
    door.shows(FIRST, BY_SECRET)
    assert door.status("https://a.org/") == "200"
    assert not [line for line in door.problems("IST0101") if '"door-secret"' in line]


def test_a_secret_of_another_namespace_is_not_used_and_told(door: Door) -> None:
    door.delete("door-alone")
    text = secret("door-alone", "default", tls_crt=FIRST.pem, tls_key=FIRST.key)
    door.mesh.apply(text)
    try:
        assert door.shown(ALONE) == b""
        [told] = [line for line in door.problems("IST0101") if '"door-alone"' in line]
        assert 'the one in "default" is not used; create it in "edge" with: -n edge' in told
    finally:
        door.mesh.meshgate("delete", "secret", "door-alone")


def test_a_broken_one_leaves_the_last_good_one_and_is_told(door: Door) -> None:
    door.apply("door-secret", FIRST)
    door.shows(FIRST, BY_SECRET)
    door.apply("door-secret", SECOND, key=FIRST.key)
    words = 'the private key is not that of the certificate "CN=second"'
    assert [line for line in door.problems("MG0151") if words in line and line.startswith("Secret/edge/door-secret ")]
    assert [line for line in door.problems("IST0161") if words in line and line.startswith("Gateway/default/door ")]
    door.shows(FIRST, BY_SECRET)
    door.apply("door-secret", SECOND)
    door.shows(SECOND, BY_SECRET)
    assert door.problems("MG0151") == []


def test_a_deleted_one_is_served_on_as_istio_does(door: Door) -> None:
    door.apply("door-secret", FIRST)
    door.shows(FIRST, BY_SECRET)
    door.delete("door-secret")
    door.mesh.wait_applied()
    door.shows(FIRST, BY_SECRET)
    assert [line for line in door.problems("IST0101") if '"door-secret"' in line]


@pytest.mark.skipif(not has_tool("wrk"), reason="wrk is missing (apt-get install wrk)")
def test_a_hundred_renewals_under_load_lose_no_request(door: Door) -> None:
    renewals = 100
    door.apply("door-alone", FIRST)
    door.shows(FIRST, ALONE)
    load = ["wrk", "-t1", "-c16", "-d600s", "-H", "Host: a.org", f"https://{door.address}:{ALONE}/"]
    with subprocess.Popen(load, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as wrk:
        for number in range(renewals):
            made = (SECOND, FIRST)[number % 2]
            door.apply("door-alone", made)
            door.shows(made, ALONE)
        wrk.send_signal(2)
        printed = wrk.communicate(timeout=30)[0]
    assert "requests in" in printed, printed
    assert "Socket errors" not in printed, printed
    assert "Non-2xx" not in printed, printed
    print(printed)


def test_an_established_connection_goes_on(door: Door) -> None:
    door.apply("door-alone", FIRST)
    door.shows(FIRST, ALONE)
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with (
        socket.create_connection((door.address, ALONE), timeout=10) as plain,
        context.wrap_socket(plain, server_hostname="a.org") as connection,
        connection.makefile("rwb") as file,
    ):
        for made in (SECOND, FIRST, SECOND):
            file.write(b"GET / HTTP/1.1\r\nHost: a.org\r\n\r\n")
            file.flush()
            assert file.readline() == b"HTTP/1.1 200 OK\r\n"
            length = 0
            while (line := file.readline()) != b"\r\n":
                name, _, value = line.decode().partition(":")
                length = int(value) if name.lower() == "content-length" else length
            file.read(length)
            door.apply("door-alone", made)
            door.shows(made, ALONE)


def test_a_volume_of_a_secret(door: Door) -> None:
    door.delete("door-volume")
    path = 'spec.servers[4].tls.serverCertificate: "/etc/certs/tls.crt" in pod "door-'
    wait_until(lambda: [line for line in door.problems("MG0155") if path in line], "the missing file is told")
    for made in (FIRST, SECOND):
        door.apply("door-volume", made)
        expected = ssl.PEM_cert_to_DER_cert(made.pem.decode())
        wait_until(lambda der=expected: door.shown(BY_VOLUME) == der, "the volume's certificate is shown", 5)  # type: ignore[misc]  # a lambda's default
    wait_until(lambda: not [line for line in door.problems("MG0155") if path in line], "nothing is told any more")


def test_a_file_that_is_written_in_place(door: Door) -> None:
    assert door.shown(BY_FILE) == b""
    for made in (FIRST, SECOND, FIRST):
        door.write("tls.crt", made.pem)
        door.write("tls.key", made.key)
        door.shows(made, BY_FILE)
    door.write("tls.crt", b"hello")
    words = 'tls.serverCertificate: "/etc/single/tls.crt" in pod "door-'
    wait_until(lambda: [line for line in door.problems("MG0155") if words in line], "the broken file is told")
    door.shows(FIRST, BY_FILE)
    (door.directory / "new").write_bytes(FIRST.pem)
    (door.directory / "new").chmod(0o644)
    (door.directory / "new").rename(door.directory / "tls.crt")
    wait_until(lambda: not [line for line in door.problems("MG0155") if words in line], "nothing is told any more")


def test_what_the_proxy_does_not_see_or_may_not_read_is_not_read_for_it(door: Door) -> None:
    door.write("tls.crt", FIRST.pem)
    door.write("tls.key", FIRST.key)
    door.shows(FIRST, BY_FILE)
    outside = door.directory.with_name(door.directory.name + "-outside.crt")
    outside.write_bytes(SECOND.pem)
    (door.directory / "closed").write_bytes(SECOND.key)
    (door.directory / "closed").chmod(0o600)
    try:
        for name, target in (("tls.crt", str(outside)), ("tls.key", "closed")):
            (door.directory / name).unlink()
            (door.directory / name).symlink_to(target)
        path = 'in pod "door-'

        def told() -> list[str]:
            return sorted(line for line in door.problems("MG0155") if path in line and "/etc/single/" in line)

        key, crt = wait_until(lambda: lines if len(lines := told()) == 2 else [], "both are told")
        assert "spec.servers[5].tls.privateKey" in key
        assert "the proxy may not read it" in key
        assert "spec.servers[5].tls.serverCertificate" in crt
        assert "it does not exist" in crt
        door.shows(FIRST, BY_FILE)
    finally:
        outside.unlink()
        for name in ("tls.crt", "tls.key", "closed"):
            (door.directory / name).unlink()


def test_a_restarted_gateway_has_its_certificates_when_it_is_ready(door: Door) -> None:
    door.apply("door-secret", FIRST)
    door.apply("door-alone", SECOND)
    door.write("tls.crt", FIRST.pem)
    door.write("tls.key", FIRST.key)
    [pod] = door.mesh.pods("app=door", "edge")
    metadata = pod["metadata"]
    assert isinstance(metadata, dict)
    door.mesh.meshgate("delete", "pod", metadata["name"], "-n", "edge")
    door.mesh.wait_ready("app=door", namespace="edge")
    for port, made in ((BY_SECRET, FIRST), (ALONE, SECOND), (BY_FILE, FIRST)):
        door.shows(made, port)


def test_no_key_is_shown_anywhere(door: Door) -> None:
    door.apply("door-secret", SECOND, key=FIRST.key)
    door.apply("door-secret", FIRST)
    [pod] = door.mesh.pods("app=door", "edge")
    metadata = pod["metadata"]
    assert isinstance(metadata, dict)
    name = metadata["name"]
    dump = door.mesh.exec(name, "curl", "-s", "http://127.0.0.1:15000/config_dump?include_eds", namespace="edge")
    commands = (
        ("status", "-o", "json"),
        ("get", "events", "-A", "-o", "json"),
        ("get", "gateways", "-o", "json"),
        ("get", "secrets", "-n", "edge"),
        ("logs", "-n", "edge", "-l", "app=door", "-c", "istio-proxy", "--tail", "100000"),
    )
    shown = [door.mesh.meshgate(*command).stdout for command in commands]
    shown += [dump.stdout, *(path.read_text(errors="replace") for path in door.mesh.data_dir.rglob("*.log"))]
    assert all(shown[:4])
    assert any("CN=second" in text for text in shown)
    for made in (FIRST, SECOND, NEIGHBOUR):
        for text in shown:
            assert not [line for line in _parts_of(made.key) if line in text]


def _parts_of(key: bytes) -> list[str]:
    """What would give a key away: its lines, and these as `data` has them."""
    lines = [line for line in key.decode().splitlines() if not line.startswith("-")]
    whole = base64.b64encode(key).decode()
    return [line for line in lines if len(line) > 20] + [whole[at : at + 40] for at in range(40, len(whole) - 80, 40)]
