"""What commands print: kubectl's tables, and objects as YAML and JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

GAP = "   "


def table_text(
    columns: Sequence[str], rows: Sequence[Sequence[object]], *, headers: bool = True, gap: str = GAP
) -> str:
    """Columns of their widest cell, three spaces between them, as kubectl prints."""
    lines = [[str(cell) for cell in row] for row in rows]
    if headers:
        lines.insert(0, [column.upper() for column in columns])
    if not lines:
        return ""
    widths = [max(len(line[number]) for line in lines) for number in range(len(lines[0]))]
    padded = (gap.join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in lines)
    return "".join(f"{line.rstrip()}\n" for line in padded)


def server_table_text(table: Mapping[str, object], *, wide: bool, namespaces: bool, headers: bool = True) -> str:
    """The text of a `meta.k8s.io/v1` Table; `wide` shows columns of lower priority, `namespaces` each row's."""
    definitions = table["columnDefinitions"]
    rows = table.get("rows") or []
    assert isinstance(definitions, list)
    assert isinstance(rows, list)
    shown = [number for number, column in enumerate(definitions) if wide or not column.get("priority")]
    columns = [definitions[number]["name"] for number in shown]
    cells = [[shown_cell(row["cells"][number]) for number in shown] for row in rows]
    if namespaces:
        columns.insert(0, "Namespace")
        for row, line in zip(rows, cells, strict=True):
            line.insert(0, row["object"]["metadata"].get("namespace", ""))
    return table_text(columns, cells, headers=headers)


def shown_cell(value: object) -> str:
    """A cell as kubectl shows it: lists as JSON, nothing as `<none>`."""
    if value is None or value == "":
        return ""
    return json.dumps(value) if isinstance(value, list | dict) else str(value)


def json_text(value: object) -> str:
    return json.dumps(value, indent=4) + "\n"


def yaml_text(value: object) -> str:
    import yaml

    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    text = yaml.dump(value, Dumper=dumper, sort_keys=False, allow_unicode=True, default_flow_style=False)
    assert isinstance(text, str)
    return text
