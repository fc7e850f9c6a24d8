"""The outside world's parts: who has which address, what its name server says, what its certificates are for."""

from __future__ import annotations

import contextlib
import doctest
import json
import socket
import ssl
import struct
from ipaddress import IPv4Network
from pathlib import Path

import dns.message
import dns.rcode
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from meshgate.apps.outside import certificates, hosts
from meshgate.apps.outside.certificates import AUTHORITY_FILE, make_certificates
from meshgate.apps.outside.envoy import CLIENT_AUTHORITIES, Demands, listeners
from meshgate.apps.outside.front import read_demands
from meshgate.apps.outside.hosts import HOSTS, NAME_SERVER, find_host
from meshgate.apps.outside.names import answer, open_sockets, serve_names
from tests.certificates import certificate

NETWORK = IPv4Network("203.0.113.0/24")
CNN = next(host for host in HOSTS if host.name == "edition.cnn.com")


@pytest.mark.parametrize("module", [hosts, certificates], ids=lambda module: module.__name__)
def test_examples(module: object) -> None:
    tested = doctest.testmod(module)  # type: ignore[arg-type]  # a module
    assert tested.attempted
    assert not tested.failed


def test_every_host_has_an_address_of_its_own() -> None:
    places = [place for host in HOSTS for place in host.places]
    assert len(set(places)) == len(places)
    assert NAME_SERVER not in places


def test_a_name_below_a_wildcard_always_has_the_same_address() -> None:
    wildcard = find_host("fr.wikipedia.org")
    assert wildcard is not None
    addresses = {name: wildcard.address(f"{name}.wikipedia.org", NETWORK) for name in ("fr", "it", "es")}
    assert len(set(addresses.values())) == 3
    assert addresses["fr"] == wildcard.address("fr.wikipedia.org", NETWORK)


def test_the_reference_tells_of_all_of_them() -> None:
    text = (Path(__file__).parents[2] / "docs" / "reference" / "lab.md").read_text()
    for host in HOSTS:
        assert f"| {host.name} | {host.address(host.name, NETWORK)} |" in text or host.name.endswith(".wikipedia.org")
    assert "www, en, de .wikipedia.org | 203.0.113.80, .81, .82" in text


def ask(name: str, kind: str = "A") -> dns.message.Message:
    wire = answer(dns.message.make_query(name, kind).to_wire(), NETWORK)
    assert wire is not None
    return dns.message.from_wire(wire)


@pytest.mark.parametrize("name", ["edition.cnn.com", "EDITION.cnn.com"])
def test_known_names_have_their_address(name: str) -> None:
    (found,) = ask(name).answer
    assert (found.name.to_text(), [record.to_text() for record in found]) == (f"{name}.", ["203.0.113.10"])


def test_known_names_have_nothing_but_addresses() -> None:
    told = ask("edition.cnn.com", "AAAA")
    assert (told.rcode(), told.answer) == (dns.rcode.NOERROR, [])


@pytest.mark.parametrize("name", ["nobody.example.org", "cnn.com", "org"])
def test_other_names_do_not_exist(name: str) -> None:
    assert ask(name).rcode() == dns.rcode.NXDOMAIN


def test_what_is_no_query_has_no_answer() -> None:
    response = dns.message.make_response(dns.message.make_query("edition.cnn.com", "A"))
    assert [answer(wire, NETWORK) for wire in (b"", b"x" * 40, response.to_wire())] == [None] * 3


def test_names_are_served_by_udp_and_by_tcp() -> None:
    datagrams, connections = open_sockets("127.0.0.1", 0)
    serve_names(NETWORK, datagrams, connections)
    query = dns.message.make_query("de.wikipedia.org", "A").to_wire()
    with contextlib.closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as client:
        client.settimeout(5)
        client.sendto(query, datagrams.getsockname())
        by_udp = client.recv(4096)
    with socket.create_connection(connections.getsockname(), timeout=5) as stream, stream.makefile("rwb") as file:
        for _ in range(2):  # the connection stays open for the next one
            file.write(struct.pack(">H", len(query)) + query)
            file.flush()
            assert file.read(struct.unpack(">H", file.read(2))[0]) == by_udp
    assert dns.message.from_wire(by_udp).answer[0][0].to_text() == "203.0.113.82"


def test_certificates_are_of_one_authority_and_are_left_alone(tmp_path: Path) -> None:
    make_certificates(tmp_path, HOSTS)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    make_certificates(tmp_path, HOSTS)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    assert len(before) == 2 * len(HOSTS) + 1
    authority = x509.load_pem_x509_certificate(before[AUTHORITY_FILE])
    wildcard = x509.load_pem_x509_certificate(before["any.wikipedia.org.crt"])
    wildcard.verify_directly_issued_by(authority)
    names = wildcard.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["*.wikipedia.org"]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "edition.cnn.com.crt", tmp_path / "edition.cnn.com.key")
    assert (tmp_path / "edition.cnn.com.key").stat().st_mode & 0o077 == 0


def contexts(demands: Demands) -> dict[str, dict[str, object]]:
    """Settings of TLS by host."""
    _, secure = listeners(Path("/lab"), HOSTS, demands)["resources"]
    return {chain["name"]: chain["transport_socket"]["typed_config"] for chain in secure["filter_chains"]}


def test_who_demands_a_certificate_can_change() -> None:
    def demanding(demands: Demands) -> list[str]:
        return sorted(name for name, tls in contexts(demands).items() if tls["require_client_certificate"])

    assert demanding(Demands()) == ["mutual.example.com"]
    assert demanding(Demands(frozenset({CNN.name}))) == ["edition.cnn.com", "mutual.example.com"]


@pytest.mark.parametrize(("given", "file"), [(True, CLIENT_AUTHORITIES), (False, AUTHORITY_FILE)])
def test_certificates_of_clients_are_of_the_authorities_given_or_of_none(given: bool, file: str) -> None:
    common = contexts(Demands(frozenset(), given))["mutual.example.com"]["common_tls_context"]
    assert isinstance(common, dict)
    assert common["validation_context"] == {"trusted_ca": {"filename": f"/lab/{file}"}}


def test_demands_are_read_and_what_is_wrong_is_told(tmp_path: Path) -> None:
    assert read_demands(tmp_path) == (0, Demands(), [])
    told = {"turn": 3, "hosts": [CNN.name, "nobody.org"], "authorities": "no PEM"}
    (tmp_path / "demands.json").write_text(json.dumps(told))
    turn, demands, faults = read_demands(tmp_path)
    assert (turn, demands) == (3, Demands(frozenset({CNN.name}), False))
    assert faults[0] == 'there is no host "nobody.org"'
    assert faults[1].startswith("the authorities are no certificates in PEM")

    make_certificates(tmp_path, HOSTS)
    (tmp_path / "demands.json").write_text(json.dumps({"authorities": (tmp_path / AUTHORITY_FILE).read_text()}))
    assert read_demands(tmp_path) == (0, Demands(frozenset(), True), [])
    assert (tmp_path / CLIENT_AUTHORITIES).read_text() == (tmp_path / AUTHORITY_FILE).read_text()


def test_authorities_of_no_known_version_are_told(tmp_path: Path) -> None:
    known, unknown = (bytes([0xA0, 3, 2, 1, version]) for version in (2, 5))
    content = certificate("clients", is_ca=True).certificate.public_bytes(serialization.Encoding.DER)
    pem = ssl.DER_cert_to_PEM_cert(content.replace(known, unknown, 1))
    (tmp_path / "demands.json").write_text(json.dumps({"authorities": pem}))
    turn, demands, [fault] = read_demands(tmp_path)
    assert (turn, demands) == (0, Demands())
    assert fault.startswith("the authorities are no certificates in PEM")
