"""Tables for the rules that need no plan: retries, faults, headers, hashing, matches, normalisation, inspectors."""

from __future__ import annotations

from datetime import timedelta

import pytest

from meshgate.api import (
    Abort,
    ConsistentHashLB,
    CorsPolicy,
    Delay,
    Headers,
    HTTPCookie,
    HTTPCookieAttribute,
    HTTPFaultInjection,
    HTTPRetry,
    MeshConfig,
    MeshTLS,
    PathNormalization,
    PathNormalizationType,
    TLSProtocol,
    UnmatchedPreflights,
)
from meshgate.api import HeaderOperations as GivenOperations
from meshgate.mesh import Facts, MtlsMode, Protocol, World
from meshgate.plan.hashing import hash_policies
from meshgate.plan.http_managers import outbound_manager
from meshgate.plan.identity import inbound_tls, mutual_tls
from meshgate.plan.inspectors import inspectors_by_port
from meshgate.plan.outbound_settings import outbound_settings
from meshgate.plan.retries import DEFAULT_POLICY, retry_policy
from meshgate.plan.route_extras import cors, fault, header_authority, header_operations, rewrite
from meshgate.plan.values import (
    AbortFault,
    CorsPlan,
    FaultPlan,
    FilterChainMatch,
    FilterChainPlan,
    HashCookie,
    HashHeader,
    HashPolicy,
    HashQuery,
    HashSourceIp,
    HeaderOperations,
    HttpInspectorFilter,
    PortPredicate,
    RdsReference,
    RetryPolicyPlan,
    TextPrefix,
    TlsInspectorFilter,
    TlsParameters,
)
from meshgate.plan.values import PathNormalization as PlannedNormalization

SECOND = timedelta(seconds=1)
DEFAULT = DEFAULT_POLICY.retry_on


@pytest.mark.parametrize(
    ("given", "mesh_default", "expected"),
    [
        pytest.param(None, None, DEFAULT_POLICY, id="default"),
        pytest.param(None, HTTPRetry(attempts=0), None, id="mesh switches off"),
        pytest.param(HTTPRetry(attempts=1), HTTPRetry(attempts=0), 1, id="rule before mesh"),
        pytest.param(HTTPRetry(attempts=-1), None, None, id="negative"),
        pytest.param(
            HTTPRetry(
                attempts=3,
                per_try_timeout=SECOND,
                retry_on="5xx, 409",
                retry_remote_localities=True,
                retry_ignore_previous_hosts=False,
                backoff=SECOND,
            ),
            None,
            RetryPolicyPlan(
                retry_on="5xx,retriable-status-codes",
                attempts=3,
                per_try_timeout=SECOND,
                retriable_status_codes=(409,),
                host_selection_attempts=5,
                previous_priorities=True,
                back_off_base=SECOND,
            ),
            id="everything",
        ),
    ],
)
def test_retries(
    given: HTTPRetry | None, mesh_default: HTTPRetry | None, expected: RetryPolicyPlan | int | None
) -> None:
    found = retry_policy(given, mesh_default, hashed=False)
    if isinstance(expected, int):
        assert found is not None
        assert (found.attempts, found.retry_on) == (expected, DEFAULT)
    else:
        assert found == expected


def test_hashed_requests_go_to_the_same_host_again() -> None:
    found = retry_policy(None, None, hashed=True)
    assert found == RetryPolicyPlan(retry_on=DEFAULT, attempts=2, host_selection_attempts=5)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param(HTTPFaultInjection(), None, id="nothing"),
        pytest.param(HTTPFaultInjection(delay=Delay(exponential_delay=SECOND, percentage=1)), None, id="exponential"),
        pytest.param(HTTPFaultInjection(abort=Abort(http2_error="x", percentage=1)), None, id="HTTP/2 error"),
        pytest.param(
            HTTPFaultInjection(abort=Abort(grpc_status="UNAVAILABLE", percentage=0.5)),
            FaultPlan(abort=AbortFault(per_million=5000, grpc_status=14)),
            id="gRPC",
        ),
        pytest.param(
            HTTPFaultInjection(abort=Abort(http_status=500)),
            FaultPlan(abort=AbortFault(per_million=0, http_status=500)),
            id="without a share none",
        ),
    ],
)
def test_faults(given: HTTPFaultInjection, expected: FaultPlan | None) -> None:
    assert fault(given) == expected


def test_headers_that_envoy_does_not_let_touch() -> None:
    request = GivenOperations(set=(("Host", "a.org"), ("x", "1")), remove=("host", ":method", "y"))
    given = Headers(request=request)
    assert header_operations(given) == HeaderOperations(request_set=(("x", "1"),), request_remove=("y",))
    assert header_authority(given) == "a.org"
    assert header_authority(Headers()) == header_authority(None) == ""
    assert header_operations(Headers()) is header_operations(None) is None
    assert rewrite(None) is None


@pytest.mark.parametrize(
    ("unmatched", "expected"),
    [
        (UnmatchedPreflights.UNSPECIFIED, True),
        (UnmatchedPreflights.FORWARD, True),
        (UnmatchedPreflights.IGNORE, False),
    ],
)
def test_preflights_that_do_not_match(unmatched: UnmatchedPreflights, *, expected: bool) -> None:
    assert cors(CorsPolicy(unmatched_preflights=unmatched)) == CorsPlan(forward_not_matching_preflights=expected)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (None, ()),
        (ConsistentHashLB(), ()),
        (ConsistentHashLB(http_header_name="x"), (HashHeader(name="x"),)),
        (ConsistentHashLB(use_source_ip=True), (HashSourceIp(),)),
        (ConsistentHashLB(http_query_parameter_name="q"), (HashQuery(name="q"),)),
        (
            ConsistentHashLB(
                http_cookie=HTTPCookie(
                    name="c", path="/", ttl=SECOND, attributes=(HTTPCookieAttribute(name="a", value="b"),)
                )
            ),
            (HashCookie(name="c", path="/", ttl=SECOND, attributes=(("a", "b"),)),),
        ),
    ],
)
def test_hash_policies(given: ConsistentHashLB | None, expected: tuple[HashPolicy, ...]) -> None:
    assert hash_policies(given) == expected


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("DEFAULT", PlannedNormalization()),
        ("BASE", PlannedNormalization()),
        ("NONE", PlannedNormalization(normalize_path=False)),
        ("MERGE_SLASHES", PlannedNormalization(merge_slashes=True)),
        ("DECODE_AND_MERGE_SLASHES", PlannedNormalization(merge_slashes=True, escaped_slashes="UNESCAPE_AND_FORWARD")),
    ],
)
def test_normalisation_of_paths(kind: str, expected: PlannedNormalization) -> None:
    mesh = MeshConfig(path_normalization=PathNormalization(normalization=PathNormalizationType(kind)))
    settings = outbound_settings(World(facts=Facts(), mesh=mesh))
    assert outbound_manager(settings, "x", RdsReference(name="80"), Protocol.HTTP).normalization == expected


def chain(**match: object) -> FilterChainPlan:
    return FilterChainPlan(filters=(), match=FilterChainMatch(**match))  # type: ignore[arg-type]  # fields by name


def test_an_inspector_is_off_where_nothing_depends_on_it() -> None:
    tls_at_9000 = [chain(), chain(destination_port=9000, transport_protocol="tls"), chain(destination_port=8000)]
    assert inspectors_by_port(tls_at_9000) == (
        TlsInspectorFilter(disabled=PortPredicate(ports=(9000,), negated=True), initial_read_buffer_size=512),
    )
    http_everywhere = [chain(application_protocols=("http/1.1",)), chain(destination_port=80)]
    assert inspectors_by_port(http_everywhere) == (HttpInspectorFilter(disabled=PortPredicate(ports=(80,))),)
    assert inspectors_by_port([chain(application_protocols=("h2c",))]) == (HttpInspectorFilter(),)


def test_the_http_inspector_is_on_for_ports_that_nobody_names() -> None:
    only_at_8000 = [chain(transport_protocol="tls"), chain(destination_port=8000, application_protocols=("h2c",))]
    assert inspectors_by_port(only_at_8000)[1] == HttpInspectorFilter(disabled=PortPredicate(ports=(0,)))


MTLS = mutual_tls(MeshConfig())


def test_mutual_tls_is_istios() -> None:
    assert [one.name for one in MTLS.certificates] == ["default"]
    assert MTLS.validation is not None
    assert MTLS.validation.roots.name == "ROOTCA"
    assert MTLS.validation.subject_alt_names == (TextPrefix(value="spiffe://cluster.local/"),)
    assert MTLS.require_client_certificate
    assert (MTLS.parameters.minimum_version, MTLS.parameters.maximum_version) == ("TLSv1_2", "TLSv1_3")
    assert MTLS.parameters.cipher_suites[0] == "ECDHE-ECDSA-AES256-GCM-SHA384"


def test_no_name_of_istios_is_agreed_on() -> None:
    assert not [name for name in MTLS.alpn if "istio" in name]


def test_who_calls_may_be_of_any_domain_of_the_mesh() -> None:
    found = mutual_tls(MeshConfig(trust_domain="new.org", trust_domain_aliases=("old.org", "new.org", "cluster.local")))
    assert found.validation is not None
    assert found.validation.subject_alt_names == tuple(
        TextPrefix(value=f"spiffe://{domain}/") for domain in ("new.org", "old.org", "cluster.local")
    )


@pytest.mark.parametrize(
    ("given", "minimum"),
    [
        (TLSProtocol.TLS_AUTO, "TLSv1_2"),
        (TLSProtocol.TLSV1_0, "TLSv1_2"),
        (TLSProtocol.TLSV1_2, "TLSv1_2"),
        (TLSProtocol.TLSV1_3, "TLSv1_3"),
    ],
)
def test_the_meshs_oldest_version(given: TLSProtocol, minimum: str) -> None:
    found = mutual_tls(MeshConfig(mesh_mtls=MeshTLS(min_protocol_version=given, cipher_suites=("AES128-SHA",))))
    assert found.parameters == TlsParameters(
        minimum_version=minimum,  # type: ignore[arg-type]  # one of its words
        maximum_version="TLSv1_3",
        cipher_suites=("AES128-SHA",),
    )


def test_what_takes_no_tls_has_none() -> None:
    assert inbound_tls(MeshConfig(), MtlsMode.DISABLE).tls is None
    assert {inbound_tls(MeshConfig(), mode).tls for mode in (MtlsMode.PERMISSIVE, MtlsMode.STRICT)} == {MTLS}
