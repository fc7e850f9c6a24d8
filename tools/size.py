"""Alarm for files and functions that outgrew one reader's head: prints sizes, fails on what has no stated reason.

Limits: file 400 lines, function 60 lines, nesting 3 (an `elif` does not nest), parameters 6. A file or function with a
comment `# size: REASON` on its first lines is let through, and is printed.
"""

from __future__ import annotations

import ast
import statistics
import sys
from collections.abc import Iterator
from pathlib import Path

FILE_LINES, FUNCTION_LINES, NESTING, PARAMETERS = 400, 60, 3, 6
NESTS = (ast.If, ast.For, ast.While, ast.With, ast.Try, ast.AsyncFor, ast.AsyncWith, ast.Match)
Function = ast.FunctionDef | ast.AsyncFunctionDef


def functions(tree: ast.AST) -> Iterator[Function]:
    return (node for node in ast.walk(tree) if isinstance(node, Function))


def depth(node: ast.AST, level: int = 0) -> int:
    """How deep statements nest below `node`; functions inside count for themselves."""
    deepest = level
    for child in ast.iter_child_nodes(node):
        if isinstance(child, Function | ast.ClassDef | ast.Lambda):
            continue
        is_elif = isinstance(node, ast.If) and isinstance(child, ast.If) and child in node.orelse
        inside = level + (isinstance(child, NESTS) and not is_elif)
        deepest = max(deepest, depth(child, inside))
    return deepest


def parameters(function: Function) -> int:
    named = [a.arg for a in (*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs)]
    return len([name for name in named if name not in ("self", "cls")])


def faults(path: Path, text: str, tree: ast.AST) -> Iterator[str]:
    lines = text.splitlines()
    if len(lines) > FILE_LINES and not any("# size:" in line for line in lines[:30]):
        yield f"{path}: {len(lines)} lines (limit {FILE_LINES})"
    for function in functions(tree):
        last = function.end_lineno or function.lineno
        if any("# size:" in line for line in lines[function.lineno - 2 : function.lineno + 16]):
            continue
        found = (
            ("lines", last - function.lineno + 1, FUNCTION_LINES),
            ("levels of nesting", depth(function), NESTING),
            ("parameters", parameters(function), PARAMETERS),
        )
        for what, count, limit in found:
            if count > limit:
                yield f"{path}:{function.lineno}: {function.name}: {count} {what} (limit {limit})"


def spread(values: list[int]) -> str:
    ordered = sorted(values)
    return f"{statistics.median(ordered):.0f} / {ordered[int(len(ordered) * 0.9)]} / {ordered[-1]}"


def main(root: Path) -> int:
    files, lengths, found = [], [], []
    for path in sorted(root.rglob("*.py")):
        text = path.read_text()
        tree = ast.parse(text)
        files.append(len(text.splitlines()))
        lengths += [(f.end_lineno or f.lineno) - f.lineno + 1 for f in functions(tree)]
        found += faults(path, text, tree)
    print(f"{len(files)} files, {sum(files)} lines; median / 90 % / most: files {spread(files)}", end="; ")
    print(f"functions {spread(lengths)}")
    for line in found:
        print(line, file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1] if len(sys.argv) > 1 else "src")))
