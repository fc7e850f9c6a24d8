"""The command table and the one place where a command ends: exit codes and the form of an error.

A command's module is imported when the command is called, so a quick command stays quick. Exit codes are those of the
field: 0 done, 1 failed, 64 called wrongly, 65 objects refused (as istioctl has them); `exec` and `run` give their
command's own.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence

import click

from meshgate.errors import ApiError, MeshgateError, Refused

COMMANDS = {
    "up": ("up", "start the mesh on this machine"),
    "down": ("down", "end the mesh and all that runs in it"),
    "status": ("status", "what runs, what is applied, what is wrong"),
    "apply": ("apply", "make or change objects, all of them or none"),
    "create": ("create", "make an object by name"),
    "delete": ("delete", "delete objects"),
    "get": ("get", "show objects"),
    "logs": ("logs", "show what a container wrote"),
    "exec": ("exec", "run a command in a container"),
    "run": ("run", "make a local process a pod, in the foreground"),
    "proxy-config": ("proxy_config", "what a proxy's Envoy holds (alias: pc)"),
    "pc": ("proxy_config", ""),
    "proxy-status": ("proxy_status", "whether every proxy has what it should have (alias: ps)"),
    "ps": ("proxy_status", ""),
    "authn": ("authn", "which TLS a proxy takes and sends, and who says so"),
    "translate": ("translate", "what one proxy would be told, offline"),
    "wait": ("wait", "wait until every proxy has the newest configuration"),
    "tour": ("tour", "demonstrations that come with meshgate"),
    "version": ("version", "versions of meshgate and of its Envoy"),
    "control-plane": ("control_plane", ""),
}
"""Command -> (module of this package, one line of help; without a line it is not listed)."""


class LazyCommands(click.Group):
    """A group whose commands are imported when they are called; help lines come from the table."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [name for name, (_, line) in COMMANDS.items() if line]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"meshgate.cli.{COMMANDS[cmd_name][0]}")
        command = module.command
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            import difflib

            near = difflib.get_close_matches(args[0], self.list_commands(ctx), 1)
            hint = f"; nearest: {near[0]!r}" if near else ""
            raise click.UsageError(f"no command {args[0]!r}{hint}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items() if line])


@click.group(cls=LazyCommands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
def commands() -> None:
    """Istio's API on one Linux machine: real Envoy gateways and sidecars, no cluster."""


def print_error(error: MeshgateError) -> None:
    """What is wrong, on standard error: each refused field on a line of its own, warnings after them, then the hint."""
    if isinstance(error, Refused) and error.problems:
        from meshgate.cli.problems import print_refusal

        print_refusal(error.problems)
    elif isinstance(error, ApiError):
        print(f"Error from server ({error.reason}): {error.text}", file=sys.stderr)
    else:
        print(f"error: {error.text}", file=sys.stderr)
    if error.hint:
        print(f"hint: {error.hint}", file=sys.stderr)


def first_fault(group: BaseExceptionGroup[BaseException]) -> MeshgateError | None:
    """The fault that a group of tasks failed with; None if it was a bug."""
    found: BaseException | None = group.subgroup(MeshgateError)
    while isinstance(found, BaseExceptionGroup):
        found = found.exceptions[0]
    return found if isinstance(found, MeshgateError) else None


def main(arguments: Sequence[str] | None = None) -> None:
    """The console script. Always ends by `sys.exit`."""
    try:
        result = commands.main(args=None if arguments is None else list(arguments), standalone_mode=False)
    except click.exceptions.Exit as ending:
        sys.exit(ending.exit_code)
    except click.Abort:
        sys.exit(130)
    except click.UsageError as error:
        error.show()
        sys.exit(64)
    except click.ClickException as error:
        error.show()
        sys.exit(1)
    except MeshgateError as error:
        print_error(error)
        sys.exit(error.exit_code)
    except BaseExceptionGroup as group:
        fault = first_fault(group)
        if fault is None:
            raise
        print_error(fault)
        sys.exit(fault.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(141)
    sys.exit(result if isinstance(result, int) else 0)
