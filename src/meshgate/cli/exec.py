"""`meshgate exec`: run a command in a container; its exit code is ours."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import sys
import termios
import tty as terminal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import click

from meshgate.cli.connection import data_dir_option, namespace_option, talk
from meshgate.cli.targets import pod_of
from meshgate.client import Client, ExecSession
from meshgate.errors import UsageError

READ_BYTES = 65536


@contextlib.contextmanager
def raw_terminal() -> Iterator[None]:
    """Keys go through as they are typed; the terminal is as before afterwards."""
    descriptor = sys.stdin.fileno()
    before = termios.tcgetattr(descriptor)
    try:
        terminal.setraw(descriptor)
        yield
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)


async def input_pieces() -> AsyncIterator[bytes]:
    """Standard input as it comes. A thread reads it: a file or a terminal can't be waited for otherwise."""
    while piece := await asyncio.to_thread(os.read, sys.stdin.fileno(), READ_BYTES):
        yield piece


async def feed(session: ExecSession) -> None:
    async for piece in input_pieces():
        await session.write_stdin(piece)
    await session.close_stdin()


async def send_size(session: ExecSession) -> None:
    size = shutil.get_terminal_size()
    await session.resize(size.columns, size.lines)


async def follow_size(session: ExecSession) -> None:
    """Tell the terminal's size now and whenever it changes."""
    changed = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGWINCH, changed.set)
    while True:
        await send_size(session)
        await changed.wait()  # no deadline: a window may keep its size for ever
        changed.clear()


async def converse(session: ExecSession, *, stdin: bool, tty: bool) -> int:
    """Carry input and output until the command ends; its exit code."""
    async with asyncio.TaskGroup() as group:
        helpers = [group.create_task(feed(session))] if stdin else []
        if tty:
            helpers.append(group.create_task(follow_size(session)))
        async for channel, data in session.output():
            file = sys.stderr if channel == "stderr" else sys.stdout
            file.buffer.write(data)
            file.buffer.flush()
        for helper in helpers:
            helper.cancel()
    assert session.exit_code is not None
    return session.exit_code


@click.command("exec", context_settings={"ignore_unknown_options": True})
@click.argument("target", metavar="POD | KIND/NAME")
@click.argument("words", nargs=-1, required=True, type=click.UNPROCESSED, metavar="-- CMD [ARG]...")
@click.option("-c", "--container", default="", help="which container  [the pod's own, not the sidecar]")
@click.option("-i", "--stdin", is_flag=True, help="hand standard input on")
@click.option("-t", "--tty", is_flag=True, help="give the command a terminal")
@namespace_option
@data_dir_option
def command(
    target: str, words: tuple[str, ...], container: str, stdin: bool, tty: bool, namespace: str, data_dir: Path
) -> None:  # size: each option is one parameter
    """Run a command in a container."""
    if tty and not sys.stdin.isatty():
        raise UsageError("-t needs a terminal, and standard input is none", hint="leave -t out")

    async def conversation(client: Client) -> int:
        pod = await pod_of(client, namespace, target)
        async with client.exec(pod, namespace, words, container=container, tty=tty, stdin=stdin) as session:
            with raw_terminal() if tty else contextlib.nullcontext():
                return await converse(session, stdin=stdin, tty=tty)

    code = talk(data_dir, conversation)
    if stdin:
        sys.stdout.flush()
        os._exit(code)  # a thread may still wait for a key that nobody will press
    sys.exit(code)
