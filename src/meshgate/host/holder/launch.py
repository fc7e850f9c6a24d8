"""Makes the capsule: a PID and a mount namespace whose init is the holder."""

from __future__ import annotations

import errno
import gc
import json
import os
from typing import NoReturn

from meshgate.host import namespaces as ns
from meshgate.host.holder.requests import items
from meshgate.host.holder.serve import Holder, Settings
from meshgate.host.holder.wire import Message


def launch(settings_fd: int) -> NoReturn:
    """Read the settings, fork the capsule's init, tell its pid, exit.

    Faults go to the status pipe as `{"failed": text, "errno": n}`.
    """
    with os.fdopen(settings_fd) as pipe:
        settings = json.load(pipe)
    status_fd = settings["status_fd"]
    try:
        ns.unshare(ns.CLONE_NEWPID | ns.CLONE_NEWNS)
        pid = os.fork()
    except OSError as fault:
        _fail(status_fd, "making the capsule's namespaces", fault)
    if pid:
        os.write(status_fd, json.dumps({"pid": pid}).encode() + b"\n")
        os._exit(0)
    try:
        _prepare(settings)
    except OSError as fault:
        _fail(status_fd, "preparing the capsule", fault)
    os._exit(_hold(settings))


def _fail(status_fd: int, doing: str, fault: OSError) -> NoReturn:
    text = {"failed": f"{doing}: {fault.strerror or fault}", "errno": fault.errno or errno.EIO}
    os.write(status_fd, json.dumps(text).encode() + b"\n")
    os._exit(1)


def _prepare(settings: Message) -> None:
    os.setsid()  # a Ctrl-C in the terminal of `up` is for `up`, which ends the capsule in order
    ns.set_process_name(b"meshgate-holder")
    ns.mount("none", "/", flags=ns.MS_REC | ns.MS_SLAVE)
    ns.mount("proc", "/proc", "proc", ns.MS_NOSUID | ns.MS_NODEV | ns.MS_NOEXEC)
    ns.mount("tmpfs", str(settings["run_directory"]), "tmpfs", ns.MS_NOSUID | ns.MS_NODEV, "mode=700")


def _hold(settings: Message) -> int:
    env = settings["env"]
    status_fd, lifeline_fd = settings["status_fd"], settings["lifeline_fd"]
    assert isinstance(env, dict)
    assert isinstance(status_fd, int)
    assert isinstance(lifeline_fd, int)
    argv = tuple(str(word) for word in items(settings["argv"]))
    holder = Holder(Settings(argv, env, str(settings["cwd"]), status_fd, lifeline_fd))
    os.set_blocking(status_fd, False)  # a starter that does not read must not hold up the holder
    gc.collect()
    gc.freeze()  # a collection would write to pages that every forked child shares
    return holder.run()
