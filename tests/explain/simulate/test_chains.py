"""Filter chain matching: Envoy's order, most specific first, and no way back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshgate.explain import Call, Deviations, Failure
from meshgate.explain.simulate.chains import choose_filter_chain
from meshgate.explain.simulate.connection import dialled
from meshgate.explain.simulate.listener_filters import run_listener_filters
from meshgate.explain.simulate.result import Stop
from meshgate.proto import v3
from tests.explain.simulate.chain_tables import CALLS, CHAINS, MATCHES
from tests.explain.simulate.made import Fields, call, chain, listener
from tests.explain.simulate.nested_maps import choose_by_nested_maps

ENVOY = Deviations()


def _chosen(made: v3.Listener, asked: Call) -> str | Failure:
    connection = run_listener_filters(made, dialled(asked), asked)
    found = choose_filter_chain(made, connection, asked, ENVOY)
    return found.failure if isinstance(found, Stop) else found.name


@pytest.mark.parametrize(("chains", "fields", "expected"), [row[1:] for row in CHAINS], ids=[row[0] for row in CHAINS])
def test_most_specific_chain_wins(chains: dict[str, Fields], fields: Fields, expected: str | Failure) -> None:
    made = [chain(name, match=match) for name, match in chains.items()]
    assert _chosen(listener(*made), call(fields)) == expected
    assert _chosen(listener(*reversed(made)), call(fields)) == expected


def test_default_chain_takes_what_no_chain_takes() -> None:
    made = listener(chain("81", match={"destination_port": 81}), default=chain("default"))
    assert _chosen(made, call()) == "default"
    assert _chosen(made, call({"port": 81})) == "81"


def test_matcher_tree_is_not_simulated() -> None:
    made = listener(chain("a"), fields={"filter_chain_matcher": {}})
    assert _chosen(made, call()) == Failure.NOT_SIMULATED


@pytest.mark.slow
@given(st.lists(MATCHES, max_size=6), CALLS)
def test_sieve_is_envoys_nested_maps(matches: list[Fields], fields: Fields) -> None:
    made = listener(*(chain(str(number), match=match) for number, match in enumerate(matches)))
    asked = call(fields)
    chosen = _chosen(made, asked)
    if chosen is not Failure.MULTIPLE_FILTER_CHAINS:
        assert chosen == choose_by_nested_maps(made, run_listener_filters(made, dialled(asked), asked), asked)
