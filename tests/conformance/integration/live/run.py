"""The run in a mesh: each case is applied, its calls are made, and each expectation becomes an outcome."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from tests.conformance.cases import Raw
from tests.conformance.integration.cases import (
    SETTINGS,
    UNIQUE,
    IntegrationCase,
    LiveCall,
    Suite,
    is_wanted,
    read_suite,
)
from tests.conformance.integration.live.echo_mesh import EchoMesh, started
from tests.conformance.integration.live.environment import APPS
from tests.conformance.integration.live.expectations import CHECKS
from tests.conformance.integration.scope import why_case_is_out
from tests.conformance.outcome import Outcome, broken, verdict
from tests.echo.calls import Answer

_PATIENCE_S = 10.0
"""How long a call may fail: endpoints and names come a moment after their objects, and shares may be off by chance."""
_POLL_S = 0.1


def run(paths: Iterable[Path], filters: Iterable[str] = ()) -> Iterator[Outcome]:
    """The outcomes of all wanted cases; one mesh for each suite."""
    filters = tuple(filters)
    for path in paths:
        suite = read_suite(path)
        yield from run_suite(suite, [case for case in suite.cases if is_wanted(case, filters)])


def run_suite(suite: Suite, cases: Sequence[IntegrationCase]) -> Iterator[Outcome]:
    """The outcomes of these cases, as they come."""
    with started(suite.environment) as run_in_mesh:
        for case in cases:
            yield from run_in_mesh(lambda mesh, case=case: _all(run_case(mesh, suite, case)))  # type: ignore[misc]


async def _all(outcomes: AsyncIterator[Outcome]) -> list[Outcome]:
    return [one async for one in outcomes]


async def run_case(mesh: EchoMesh, suite: Suite, case: IntegrationCase) -> AsyncIterator[Outcome]:
    """The outcomes of one case. What is wrong with it is said, not raised."""
    reason = why_case_is_out(suite.environment, case) or _why_out_live(case)
    if reason:
        for item, _ in _items(case):
            yield Outcome(case=case.id, item=item, status="skipped", text=reason)
        return
    try:
        async with mesh.applied(list(_without_our_own(case.config))):
            for number, call in enumerate(case.calls):
                async for outcome in _run_call(mesh, case, number, call):
                    yield outcome
    except Exception as error:  # one broken case must not hide the others
        yield broken(case.id, error)


def _without_our_own(config: Iterable[Raw]) -> Iterator[Raw]:
    """Without what the mesh has already: the Service of its egress gateway."""
    return (raw for raw in config if (raw["kind"], raw["metadata"]["name"]) != ("Service", "istio-egressgateway"))


def _why_out_live(case: IntegrationCase) -> str:
    unknown = sorted({call.source for call in case.calls} - {*APPS, "ingressgateway"})
    return f"no application {', '.join(unknown)} is run" if unknown else ""


async def _run_call(mesh: EchoMesh, case: IntegrationCase, number: int, call: LiveCall) -> AsyncIterator[Outcome]:
    reason = _why_call_is_out(call)
    if reason:
        for item, _ in _call_items(number, call):
            yield Outcome(case=case.id, item=item, status="skipped", text=reason)
        return
    wrong = await _settled(mesh, call)
    for item, key in _call_items(number, call):
        known = key in CHECKS or key == "mirrored_to"
        skipped = Outcome(case=case.id, item=item, status="skipped", text="needs more than one cluster")
        yield verdict(case.id, item, wrong.get(key, "")) if known else skipped


def _why_call_is_out(call: LiveCall) -> str:
    if call.scheme not in ("http", "https", "grpc", "tcp", "dns"):
        return f"{call.scheme} calls are not made"
    if call.propagate_cookies or call.proxy_protocol_version:
        return "such a client is not there"
    if call.scheme == "dns" and "server=" in call.address:
        return "a pod's DNS server is at this very address"
    return "" if "gateway-ns" not in call.address else "a gateway with a topology of its own"


async def _settled(mesh: EchoMesh, call: LiveCall) -> Mapping[str, str]:
    """What is wrong, by key, once nothing is or patience ends."""
    end = time.monotonic() + _PATIENCE_S
    while True:
        wrong = await _wrong(mesh, call)
        if not wrong or time.monotonic() > end:
            return wrong
        await asyncio.sleep(_POLL_S)


async def _wrong(mesh: EchoMesh, call: LiveCall) -> Mapping[str, str]:
    path = call.path.replace(UNIQUE, uuid.uuid4().hex)
    if "mirrored_to" in call.expect and UNIQUE not in call.path:
        path = f"/{uuid.uuid4().hex}"
    answers, expect = await mesh.call(call.source, _order(call, path)), mesh.addresses.mapped_object(_expected(call))
    checked = {key: CHECKS[key](expected, answers, expect) for key, expected in expect.items() if key in CHECKS}
    if "mirrored_to" in call.expect:
        checked["mirrored_to"] = await _mirrored(mesh, call, path, answers)
    return {key: wrong for key, wrong in checked.items() if wrong}


async def _mirrored(mesh: EchoMesh, call: LiveCall, path: str, answers: list[Answer]) -> str:
    """Copies arrive when they arrive: until the right number is there, or for a while."""
    wanted, tolerance = call.expect.get("mirrored_percent", 100), call.expect.get("tolerance", 0)
    end, got = time.monotonic() + 1.0, -1.0
    while abs(got - wanted) > tolerance and time.monotonic() < end:
        got = 100 * await mesh.seen(call.expect["mirrored_to"], path) / len(answers)
        await asyncio.sleep(_POLL_S)
    return "" if abs(got - wanted) <= tolerance else f"expected {wanted} %, got {got} %"


def _order(call: LiveCall, path: str) -> dict[str, object]:
    return {
        "scheme": call.scheme,
        "address": call.address,
        "port": call.port,
        "host": call.host or call.address.partition("?")[0],
        "path": path,
        "method": call.method,
        "headers": call.header_lines,
        "http2": call.http2,
        "message": call.message,
        "server_first": call.port_name.endswith("tcp-server"),
        "alpn": call.alpns,
        "sni": call.sni,
        "follow_redirects": call.follow_redirects,
        "count": call.count,
    }


def _items(case: IntegrationCase) -> list[tuple[str, str]]:
    found = [item for number, call in enumerate(case.calls) for item in _call_items(number, call)]
    return found or [("case", "")]


def _expected(call: LiveCall) -> Raw:
    """What is expected of the answers; of a call that is none of HTTP, no header that a proxy would have added."""
    is_http = call.scheme in ("http", "grpc")
    return {key: value for key, value in call.expect.items() if is_http or key != "mtls_if_http"}


def _call_items(number: int, call: LiveCall) -> list[tuple[str, str]]:
    keys = [key for key in _expected(call) if key not in SETTINGS] or ["nothing"]
    return [(f"call {number} {key}", key) for key in keys]
