"""Tables look as kubectl's."""

from __future__ import annotations

from meshgate.cli.printing import server_table_text, table_text

TABLE = {
    "columnDefinitions": [{"name": "Name"}, {"name": "Ready"}, {"name": "IP", "priority": 1}],
    "rows": [
        {"cells": ["web-1", "2/2", "10.244.0.2"], "object": {"metadata": {"name": "web-1", "namespace": "shop"}}},
        {"cells": ["x", "0/2", None], "object": {"metadata": {"name": "x", "namespace": "shop"}}},
    ],
}


def test_columns_are_as_wide_as_their_widest_cell() -> None:
    assert table_text(["Name", "Age"], [["web", "1s"], ["longer-name", "20m"]]) == (
        "NAME          AGE\nweb           1s\nlonger-name   20m\n"
    )


def test_wide_columns_show_only_when_asked() -> None:
    assert server_table_text(TABLE, wide=False, namespaces=False) == "NAME    READY\nweb-1   2/2\nx       0/2\n"
    assert "10.244.0.2" in server_table_text(TABLE, wide=True, namespaces=False)


def test_all_namespaces_show_whose_each_row_is() -> None:
    assert server_table_text(TABLE, wide=False, namespaces=True).splitlines()[1].startswith("shop ")
