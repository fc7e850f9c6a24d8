"""Writes docs/reference/commands.md from the commands themselves; `--check` only says whether it is up to date."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from meshgate.cli.group import COMMANDS, commands

TARGET = Path(__file__).resolve().parent.parent / "docs" / "reference" / "commands.md"
HEAD = """# Commands

Made from the commands by `tools/reference.py`; a test holds it up to date. Exit codes: 0 done, 1 failed, 64 called
wrongly, 65 objects refused; `exec` and `run` give their command's own.
"""


def option_row(option: click.Option) -> str:
    names = ", ".join(f"`{name}`" for name in (*option.opts, *option.secondary_opts))
    value = "" if option.is_flag else f" {option.make_metavar(click.Context(click.Command('x')))}"
    return f"| {escaped(names + value)} | {escaped(option.help or '')} |"


def escaped(text: str) -> str:
    """Text for a cell: a bar would end it."""
    return text.replace("|", "\\|")


def command_lines(path: str, command: click.Command, context: click.Context) -> list[str]:
    own = click.Context(command, info_name=path.rsplit(" ", 1)[-1], parent=context)
    lines = ["", f"## {path}", "", (command.help or "").strip().split("\n\n")[0].replace("\n", " "), ""]
    lines += [f"    {path} {' '.join(command.collect_usage_pieces(own))}", ""]
    options = [p for p in command.params if isinstance(p, click.Option) and not p.hidden]
    if options:
        lines += ["| option | |", "|---|---|", *(option_row(option) for option in options)]
    if isinstance(command, click.Group):
        for name in command.list_commands(own):
            inner = command.get_command(own, name)
            assert inner is not None
            lines += command_lines(f"{path} {name}", inner, own)
    return lines


def text() -> str:
    context = click.Context(commands, info_name="meshgate")
    lines = [HEAD.rstrip()]
    for name, (_, line) in COMMANDS.items():
        command = commands.get_command(context, name) if line else None
        if command is not None:
            lines += command_lines(f"meshgate {name}", command, context)
    return "\n".join(lines) + "\n"


def main() -> int:
    made = text()
    if "--check" in sys.argv[1:]:
        return 0 if TARGET.exists() and TARGET.read_text() == made else 1
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    TARGET.write_text(made)
    return 0


if __name__ == "__main__":
    sys.exit(main())
