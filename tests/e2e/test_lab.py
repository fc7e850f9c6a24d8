"""`up --lab`: an outside world that pods find by name and trust, that outlives the control plane and nothing else."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.answers import Caller, inside
from tests.e2e.manifests import deployment, text_of
from tests.e2e.mesh import Mesh, running_mesh, wait_until
from tests.machine import host_pid

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

GATEWAY = "components.egressGateways[0]"
EGRESS = ("--set", f"{GATEWAY}.name=istio-egressgateway", "--set", f"{GATEWAY}.enabled=true")
CLIENT = """
apiVersion: v1
kind: Pod
metadata: {name: client, labels: {sidecar.istio.io/inject: "false"}}
spec:
  hostAliases:
  - {ip: 203.0.113.10, hostnames: [news.example.com, edition.cnn.com.example.com]}
  containers:
  - {name: client, command: [sleep, infinity]}
"""


@pytest.fixture(scope="module")
def mesh() -> Iterator[Mesh]:
    with running_mesh("--lab", *EGRESS) as mesh:
        sleep = deployment("sleep", {"app": "sleep"}, ["sleep", "infinity"])
        mesh.meshgate("apply", "-f", "-", stdin=text_of([sleep]) + "\n---\n" + CLIENT)
        mesh.wait_ready("app=sleep")
        wait_until(lambda: mesh.exec("client", "true").returncode == 0, "the client runs")
        yield mesh


@pytest.fixture(params=["deploy/sleep", "client"])
def caller(mesh: Mesh, request: pytest.FixtureRequest) -> Caller:
    """One with a sidecar and one without."""
    return inside(mesh, request.param)


def lab(mesh: Mesh) -> dict[str, object]:
    told = json.loads(mesh.meshgate("status", "-o", "json").stdout)["lab"]
    assert isinstance(told, dict)
    return told


def test_the_egress_gateway_is_there_by_settings(mesh: Mesh) -> None:
    mesh.wait_ready("istio=egressgateway", namespace="istio-system")
    labels = ("-n", "istio-system", "-l", "istio=egressgateway")
    for kind in ("services", "deployments"):
        (name,) = [line.split()[0] for line in mesh.meshgate("get", kind, *labels, "--no-headers").stdout.splitlines()]
        assert name == "istio-egressgateway"


def test_http_leads_to_https_which_has_http_2(caller: Caller) -> None:
    answer = caller.get("http://edition.cnn.com/politics")
    assert (answer.status, answer.body) == (301, "")
    assert answer.headers["location"] == "https://edition.cnn.com/politics"
    done = caller.run("curl -sSL -o /dev/null -w '%{http_code} %{http_version}' http://edition.cnn.com/politics")
    assert done.stdout == "200 2", done


def test_every_host_has_its_address_and_a_certificate_that_pods_trust(caller: Caller) -> None:
    for name, address in (("en", "203.0.113.81"), ("de", "203.0.113.82")):
        answer = caller.get(f"https://{name}.wikipedia.org/")
        seen = answer.headers["x-outside-address"], answer.headers["x-outside-sni"]
        assert (answer.status, *seen) == (200, address, f"{name}.wikipedia.org")
    assert caller.get("https://any.wikipedia.org/").status == 200


def test_openssl_and_python_trust_it_too(mesh: Mesh) -> None:
    connect = "openssl s_client -connect httpbin.org:443 -servername httpbin.org </dev/null"
    assert "Verify return code: 0 (ok)" in mesh.exec("client", "sh", "-c", connect).stdout
    ask = "import urllib.request as u; print(u.urlopen('https://httpbin.org/').status)"
    assert mesh.exec("client", "python3", "-c", ask).stdout == "200\n"


def test_nobody_else_can_be_found(caller: Caller) -> None:
    assert "Could not resolve host" in caller.get("https://nobody.example.org/").body


def test_aliases_of_a_pod_lead_there(mesh: Mesh) -> None:
    answer = inside(mesh, "client").get("http://news.example.com/", "-H", "Host: edition.cnn.com")
    assert answer.headers["x-outside-address"] == "203.0.113.10"
    assert (
        "203.0.113.10\tnews.example.com edition.cnn.com.example.com" in mesh.exec("client", "cat", "/etc/hosts").stdout
    )


def test_status_and_up_say_what_it_offers(mesh: Mesh) -> None:
    told = lab(mesh)
    assert isinstance(told["hosts"], dict)
    assert told["hosts"]["edition.cnn.com"] == "203.0.113.10"
    assert told["demanding"] == ["mutual.example.com"]
    text = mesh.meshgate("status").stdout
    assert "edition.cnn.com      203.0.113.10" in text
    assert f"their certificate authority is {told['authority']}" in text
    assert Path(str(told["authority"])).read_text().startswith("-----BEGIN CERTIFICATE-----")


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A directory with a client's certificate and key of an authority of its own."""
    new = ("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    files = ("-keyout", tmp_path / "client.key", "-out", tmp_path / "client.crt")
    subprocess.run([*new, *files, "-subj", "/CN=visitor", "-days", "2"], check=True, capture_output=True)
    return tmp_path


@contextlib.contextmanager
def demanding(mesh: Mesh, hosts: str, authorities: str) -> Iterator[None]:
    metadata = {"name": "meshgate-lab", "namespace": "istio-system"}
    data = {"clientCertificates": hosts, "clientAuthorities": authorities}
    text = json.dumps({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data})
    mesh.apply(text)
    yield
    mesh.meshgate("delete", "-f", "-", stdin=text)
    mesh.wait_applied()


def test_hosts_demand_certificates_as_told(mesh: Mesh, certificate: Path) -> None:
    shown = ("sh", "-c", 'f=$(mktemp); cat >"$f"; exec curl -sS -D - -o /dev/null --cert "$f" --key "$f" "$@"', "sh")
    pem = (certificate / "client.crt").read_text() + (certificate / "client.key").read_text()

    def ask(host: str, *words: str) -> str:
        command = ("exec", "-i", "client", "--", *words, f"https://{host}/")
        done = mesh.meshgate(*command, stdin=pem, check=False)
        return done.stdout + done.stderr

    def is_refused(told: str) -> bool:
        """With TLS 1.3 the client hears of it after its request: as an alert, or by the connection's end."""
        return told.startswith("curl: (") and "HTTP/" not in told

    plain = ("curl", "-sS", "-D", "-", "-o", "/dev/null")
    assert is_refused(ask("mutual.example.com", *plain))
    assert is_refused(ask("mutual.example.com", *shown)), "nobody has been named who signs certificates of clients"
    with demanding(mesh, "edition.cnn.com", (certificate / "client.crt").read_text()):
        assert lab(mesh)["demanding"] == ["edition.cnn.com", "mutual.example.com"]
        assert is_refused(ask("edition.cnn.com", *plain))
        for host in ("edition.cnn.com", "mutual.example.com"):
            assert "x-outside-client: CN=visitor" in ask(host, *shown)
    assert inside(mesh, "client").get("https://edition.cnn.com/").status == 200


def test_demands_that_cannot_be_met_are_reported(mesh: Mesh) -> None:
    with demanding(mesh, "nobody.example.org", "no certificate"):
        told = [line for line in mesh.problems() if "[MG0302]" in line]
    for fault in ('there is no host "nobody.example.org"', "the authorities are no certificates in PEM"):
        assert any(line.startswith(f"ConfigMap/istio-system/meshgate-lab data: {fault}") for line in told)
    assert mesh.problems() == []


def test_it_runs_on_while_the_control_plane_is_started_again(mesh: Mesh) -> None:
    before = lab(mesh)
    pid = json.loads(mesh.meshgate("status", "-o", "json").stdout)["controlPlane"]["pid"]
    os.kill(host_pid(mesh.holder_pid(), pid), signal.SIGKILL)
    wait_until(lambda: mesh.meshgate("status", check=False).returncode == 0, "the control plane is back")
    assert lab(mesh) == before
    assert inside(mesh, "client").get("https://en.wikipedia.org/").status == 200


def test_it_is_started_again_with_the_same_authority(mesh: Mesh) -> None:
    authority = Path(str(lab(mesh)["authority"])).read_text()
    pids = [path.parent.name for path in Path("/proc").glob("[0-9]*/comm") if is_envoy_of_lab(path)]
    for pid in pids:
        os.kill(int(pid), signal.SIGKILL)
    assert pids
    caller = inside(mesh, "client")
    wait_until(lambda: caller.get("https://de.wikipedia.org/").status == 200, "the outside world is back")
    assert Path(str(lab(mesh)["authority"])).read_text() == authority


def is_envoy_of_lab(comm: Path) -> bool:
    """The lab's Envoy: of another mesh that a test has at the same time it would be, too, so there is only one."""
    try:
        return b"/run/meshgate/lab/bootstrap.json" in (comm.parent / "cmdline").read_bytes()
    except OSError:  # the process ended meanwhile
        return False


def test_it_brings_its_own_name_server(mesh: Mesh) -> None:
    done = mesh.meshgate("up", "--lab", "--dns-upstream", "127.0.0.1:53", check=False)
    assert done.returncode == 64
    assert "--lab and --dns-upstream do not go together" in done.stderr
