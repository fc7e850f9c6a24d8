"""The run: each assertion of each case becomes an outcome."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from tests.conformance.cases import Case, case_files, read_cases
from tests.conformance.checks import check_call, check_case
from tests.conformance.compiled import RefusedError, compile_case
from tests.conformance.outcome import Outcome, broken
from tests.conformance.scope import why_call_is_out, why_case_is_out


def run(paths: Iterable[Path]) -> Iterator[Outcome]:
    """The outcomes of all cases in these files and folders, in their order."""
    for path in case_files(paths):
        for case in read_cases(path):
            yield from run_case(case)


def run_case(case: Case) -> Iterator[Outcome]:
    """The outcomes of one case. What it asserts is skipped, fails or passes item by item; whatever is in it, it has
    some."""
    try:
        yield from _outcomes(case)
    except Exception as error:  # one broken case must not hide the others
        yield broken(case.id, error)


def _outcomes(case: Case) -> Iterator[Outcome]:
    reason = why_case_is_out(case)
    if reason:
        yield from (Outcome(case=case.id, item=item, status="skipped", text=reason) for item in _items(case))
        return
    try:
        made = compile_case(case)
    except RefusedError as refused:
        yield from (Outcome(case=case.id, item=item, status="failed", text=str(refused)) for item in _items(case))
        return
    for call in case.calls:
        out = why_call_is_out(case, call)
        skipped = Outcome(case=case.id, item=f"call {call.name}", status="skipped", text=out)
        yield skipped if out else check_call(case, call, made)
    yield from check_case(case, made)
    yield from (
        Outcome(case=case.id, item=item, status="skipped", text="assertion not implemented")
        for item in _other_assertions(case)
    )


def _items(case: Case) -> list[str]:
    """Names of what the case asserts, for when none of it can be looked at."""
    calls = [f"call {call.name}" for call in case.calls]
    valid = ["valid resources"] if case.calls and not case.skip_xds_validation else []
    hosts = [] if case.expect_route_config_absent_ok else [f"routes of {host}" for host in case.expect_virtual_hosts]
    inbound = ["inbound clusters"] if case.expect_inbound_clusters is not None else []
    services = [f"services of {name}" for name in case.expect_cluster_services]
    sds = ["sds"] if case.expect_sds else []
    return [*calls, *valid, *hosts, *inbound, *sds, *services, *_other_assertions(case)] or ["case"]


def _other_assertions(case: Case) -> list[str]:
    """Assertions about headless listeners and failover, which come with those parts."""
    wanted = {
        "listener shape": case.expect_listener_shape,
        "failover": case.expect_failover,
    }
    return [name for name, content in wanted.items() if content]
