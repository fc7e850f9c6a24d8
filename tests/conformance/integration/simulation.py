"""The run by simulation: each walk, each expectation and each of Istio's resources becomes an outcome."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from http import HTTPStatus
from pathlib import Path

from meshgate.api import unimplemented
from meshgate.explain import Deviations, simulate
from tests.conformance.checks import seen
from tests.conformance.compiled import RefusedError
from tests.conformance.integration import answers, extract
from tests.conformance.integration.cases import IntegrationCase, LiveCall, Simulated, Suite, is_wanted, read_suite
from tests.conformance.integration.compiled import CompiledCase, Compiler
from tests.conformance.integration.scope import why_case_is_out, why_expectation_is_out
from tests.conformance.outcome import Outcome, broken, verdict


def run(paths: Iterable[Path], filters: Iterable[str] = ()) -> Iterator[Outcome]:
    """The outcomes of all wanted cases in these folders and files."""
    filters = tuple(filters)
    for path in paths:
        suite = read_suite(path)
        yield from (Outcome(case=case, item="case", status="failed", text=text) for case, text in suite.refused)
        yield from _left_out(suite)
        compiler = Compiler(suite.environment)
        for case in suite.cases:
            if is_wanted(case, filters):
                yield from run_case(suite, case, compiler)


def _left_out(suite: Suite) -> Iterator[Outcome]:
    """Objects of the environment that need more than there is: every case runs without them."""
    for raw in suite.environment.objects:
        needs = unimplemented(raw)
        if needs:
            text = f"left out of all cases: {', '.join(needs)}"
            yield Outcome(case="environment", item=raw["metadata"]["name"], status="skipped", text=text)


def run_case(suite: Suite, case: IntegrationCase, compiler: Compiler) -> Iterator[Outcome]:
    """The outcomes of one case. Whatever is in it, it has some."""
    try:
        yield from _outcomes(suite, case, compiler)
    except Exception as error:  # one broken case must not hide the others
        yield broken(case.id, error)


def _outcomes(suite: Suite, case: IntegrationCase, compiler: Compiler) -> Iterator[Outcome]:
    reason = why_case_is_out(suite.environment, case)
    if reason:
        yield from (Outcome(case=case.id, item=item, status="skipped", text=reason) for item in _items(suite, case))
        return
    try:
        made = compiler.compile(case)
    except RefusedError as refused:
        yield from (
            Outcome(case=case.id, item=item, status="failed", text=str(refused)) for item in _items(suite, case)
        )
        return
    yield from _walks(case, made)
    yield from _answers(suite, case, made)
    for proxy, theirs in suite.extract.get(case.id, {}).items():
        yield from extract.compared(case, proxy, theirs, made.resources(proxy))


def _walks(case: IntegrationCase, made: CompiledCase) -> Iterator[Outcome]:
    for item, one in _simulated(case):
        yield _walk(case, item, one, made)


def _walk(case: IntegrationCase, item: str, one: Simulated, made: CompiledCase) -> Outcome:
    asked, deviations = one.fields.as_call(), Deviations.istio_harness(one.fields.mtls_secret_config_name)
    got = seen(simulate(made.resources(one.proxy), asked, deviations))
    return verdict(case.id, item, _difference(one.observed, got))


def _answers(suite: Suite, case: IntegrationCase, made: CompiledCase) -> Iterator[Outcome]:
    for number, call in enumerate(case.calls):
        reason = why_expectation_is_out(call)
        if reason:
            yield Outcome(case=case.id, item=f"call {number} answer", status="skipped", text=reason)
            continue
        result = answers.walked(suite.environment, call, made.resources(call.simulated[0].proxy))
        for key, wrong in answers.checked(call, result):
            item = f"call {number} {key}"
            unknown = Outcome(case=case.id, item=item, status="skipped", text=answers.SHOWN_BY_MESH)
            yield unknown if wrong is None or _is_of_handshake(case, call, key) else verdict(case.id, item, wrong)


def _is_of_handshake(case: IntegrationCase, call: LiveCall, key: str) -> bool:
    """Whether it is about certificates that an endpoint or its client does not believe."""
    return key == "status" and call.expect[key] == HTTPStatus.SERVICE_UNAVAILABLE and extract.is_secured(case)


def _difference(observed: Mapping[str, object], got: Mapping[str, object]) -> str:
    wanted = {key: observed.get(key, None if key == "error" else "") for key in got}
    wrong = [f"{key} {wanted[key]!r}, got {got[key]!r}" for key in got if wanted[key] != got[key]]
    return f"expected {'; '.join(wrong)}" if wrong else ""


def _simulated(case: IntegrationCase) -> Iterator[tuple[str, Simulated]]:
    for number, call in enumerate(case.calls):
        for one in call.simulated:
            yield f"call {number} at {one.proxy} ({one.fields.call_mode}, {one.fields.tls})", one


def _items(suite: Suite, case: IntegrationCase) -> list[str]:
    """Names of what would have been looked at."""
    return [*(item for item, _ in _simulated(case)), *extract.items(suite.extract.get(case.id, {}))] or ["case"]
