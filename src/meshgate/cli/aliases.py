"""A group of commands with other words for its commands, as istioctl has them; help shows each command once."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

import click


class AliasedGroup(click.Group):
    """`aliases`: other word -> name of the command."""

    def __init__(self, *arguments: Any, **attributes: Any) -> None:
        super().__init__(*arguments, **attributes)
        self.aliases: Mapping[str, str] = {}

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        return super().get_command(ctx, self.aliases.get(cmd_name, cmd_name))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        word = args[0] if args else ""
        if self.get_command(ctx, word) is None and not word.startswith("-"):
            known = self.list_commands(ctx)
            near = difflib.get_close_matches(word, known, 1)
            hint = f"; nearest: {near[0]!r}" if near else f": expected one of {', '.join(known)}"
            raise click.UsageError(f"no command {word!r}{hint}", ctx)
        name, command, rest = super().resolve_command(ctx, args)
        return (command.name if command else name), command, rest
