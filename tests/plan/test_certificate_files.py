"""What is said to be read from files is what plans name."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from meshgate.api import ClientTLSMode, ClientTLSSettings, MeshConfig, ServerTLSMode, ServerTLSSettings, TLSCertificate
from meshgate.mesh import credential_place, server_uses
from meshgate.plan import client_files, paths_of, server_files
from meshgate.plan.gateway_tls import is_passed_through, server_tls

A, K, CA = "/a.crt", "/a.key", "/ca.crt"
TWO = (
    TLSCertificate(server_certificate="/1.crt", private_key="/1.key"),
    TLSCertificate(server_certificate="/2.crt", private_key="/2.key"),
)


@pytest.mark.parametrize("mode", list(ServerTLSMode))
@pytest.mark.parametrize(
    "settings",
    [
        pytest.param(ServerTLSSettings(server_certificate=A, private_key=K), id="files"),
        pytest.param(ServerTLSSettings(server_certificate=A, private_key=K, ca_certificates=CA), id="with roots"),
        pytest.param(
            ServerTLSSettings(server_certificate=A, private_key=K, ca_certificates=CA, ca_crl="/crl"), id="with a list"
        ),
        pytest.param(ServerTLSSettings(tls_certificates=TWO, ca_certificates=CA), id="two"),
        pytest.param(ServerTLSSettings(credential_name="web"), id="Secret"),
        pytest.param(ServerTLSSettings(credential_names=("web", "web2")), id="Secrets"),
        pytest.param(ServerTLSSettings(credential_name="kubernetes://web"), id="Secret in full"),
        pytest.param(ServerTLSSettings(credential_name="builtin://"), id="its own"),
        pytest.param(ServerTLSSettings(credential_name="a", ca_cert_credential_name="configmap://b/c"), id="map"),
        pytest.param(ServerTLSSettings(credential_name="web", ca_certificates=CA), id="Secret and roots"),
        pytest.param(ServerTLSSettings(credential_names=("web", "web2"), ca_certificates=CA), id="Secrets and roots"),
        pytest.param(
            ServerTLSSettings(server_certificate=A, private_key=K, ca_cert_credential_name="web"),
            id="roots of a Secret",
        ),
    ],
)
def test_servers_files_are_those_of_the_plan(settings: ServerTLSSettings, mode: ServerTLSMode) -> None:
    settings = replace(settings, mode=mode)
    files = {use.name for use in server_files(settings)}
    credentials = {use.name for use in server_uses(settings)}
    if is_passed_through(settings):
        assert (files, credentials) == (set(), set())
        return
    tls = server_tls(settings, MeshConfig())
    names = {one.name for one in tls.certificates} | ({tls.validation.roots.name} if tls.validation else set())
    assert files == {name for name in names if paths_of(name)}
    assert credentials == {name for name in names if credential_place(name, "shop")}


def test_fields() -> None:
    settings = ServerTLSSettings(mode=ServerTLSMode.MUTUAL, tls_certificates=TWO, ca_certificates=CA, ca_crl="/crl")
    assert [(use.name, use.fields) for use in server_files(settings)] == [
        (
            f"file-cert:/{place + 1}.crt~/{place + 1}.key",
            (
                ("certificate", f"tlsCertificates[{place}].serverCertificate"),
                ("key", f"tlsCertificates[{place}].privateKey"),
            ),
        )
        for place in (0, 1)
    ] + [("file-root:/ca.crt~/crl", (("roots", "caCertificates"), ("crl", "caCrl")))]


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        pytest.param(ClientTLSSettings(mode=ClientTLSMode.SIMPLE), ["file-root:system"], id="system"),
        pytest.param(
            ClientTLSSettings(mode=ClientTLSMode.SIMPLE, ca_certificates="/ca"), ["file-root:/ca"], id="roots"
        ),
        pytest.param(
            ClientTLSSettings(
                mode=ClientTLSMode.MUTUAL,
                client_certificate="/c",
                private_key="/k",
                ca_certificates="/ca",
                ca_crl="/crl",
            ),
            ["file-cert:/c~/k", "file-root:/ca~/crl"],
            id="mutual",
        ),
        pytest.param(ClientTLSSettings(mode=ClientTLSMode.SIMPLE, insecure_skip_verify=True), [], id="unverified"),
        pytest.param(ClientTLSSettings(mode=ClientTLSMode.SIMPLE, credential_name="web"), [], id="Secret"),
        pytest.param(ClientTLSSettings(mode=ClientTLSMode.ISTIO_MUTUAL), [], id="mesh"),
        pytest.param(ClientTLSSettings(), [], id="none"),
    ],
)
def test_clients(settings: ClientTLSSettings, expected: list[str]) -> None:
    assert [use.name for use in client_files(settings)] == expected
