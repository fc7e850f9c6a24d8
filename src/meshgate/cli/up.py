"""`meshgate up`: start the mesh, in the foreground until Ctrl-C, or detached.

The control plane's own words go to the terminal in the foreground, and to `meshgate.log` in the data directory when
detached. Nothing of the mesh outlives its holder, and a foreground mesh not its terminal.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import click

from meshgate.app.options import LB_CIDR, POD_CIDR, SERVICE_CIDR, XDS_PORT, XDS_TLS_PORT, Options
from meshgate.cli.connection import api_socket, data_dir_option
from meshgate.cli.lab import lab_lines
from meshgate.errors import EnvironmentFault, UsageError
from meshgate.host.capsule import Capsule, CapsuleOptions, find_holder, start_capsule
from meshgate.host.port_owner import check_ports

READY_TIMEOUT_S = 60.0
LOG_LINES_SHOWN = 20


@click.command("up")
@click.option(
    "-f",
    "--filename",
    "files",
    multiple=True,
    type=click.Path(exists=True, path_type=Path),
    metavar="PATH",
    help="a YAML file or directory that is watched and owns its objects: save, and it applies (repeatable)",
)
@click.option("-d", "--detach", is_flag=True, help="return when the mesh is up, and leave it running")
@click.option(
    "--http-port",
    type=click.IntRange(0, 65535),
    help="host port of the ingress gateway's port 80  [80; 8080 unless root]",
)
@click.option("--https-port", type=click.IntRange(0, 65535), help="host port of its port 443  [443; 8443 unless root]")
@click.option("--host-address", default="127.0.0.1", show_default=True, help="address of the host's ports")
@data_dir_option
@click.option("--pod-cidr", default=POD_CIDR, show_default=True, help="range of the pods' addresses")
@click.option("--service-cidr", default=SERVICE_CIDR, show_default=True, help="range of the Services' addresses")
@click.option("--lb-cidr", default=LB_CIDR, show_default=True, help="range of LoadBalancer Services' addresses")
@click.option(
    "--xds-port",
    type=click.IntRange(0, 65535),
    default=XDS_PORT,
    show_default=True,
    help="loopback port of the plaintext ADS (no secrets); 0: none",
)
@click.option(
    "--xds-tls-port",
    type=click.IntRange(0, 65535),
    default=XDS_TLS_PORT,
    show_default=True,
    help="where proxies elsewhere get certificates and join, by token or certificate; 0: nowhere",
)
@click.option(
    "--dns-upstream", default="", metavar="ADDRESS:PORT", help="asked for names outside the mesh  [the host's]"
)
@click.option("--lab", is_flag=True, help="with an outside world: servers, their names and a certificate authority")
@click.option(
    "--set", "settings", multiple=True, metavar="PATH=VALUE", help="a setting by istioctl's path (repeatable)"
)
def command(
    files: tuple[Path, ...],
    detach: bool,
    http_port: int | None,
    https_port: int | None,
    data_dir: Path,
    **values: object,
) -> None:  # size: each option is one parameter
    """Start the mesh on this machine."""
    is_root = os.geteuid() == 0
    options = Options(
        data_dir=str(data_dir.resolve()),
        api_socket=str(api_socket(data_dir)),
        files=tuple(str(path.resolve()) for path in files),
        http_port=(80 if is_root else 8080) if http_port is None else http_port,
        https_port=(443 if is_root else 8443) if https_port is None else https_port,
        **values,  # type: ignore[arg-type]  # click has parsed them by the options' own types
    )
    start(options, detach=detach)


def start(options: Options, *, detach: bool) -> None:
    """Start the mesh and, unless detached, stay until it ends or Ctrl-C."""
    if options.settings:
        check_settings(options.settings)
    if options.lab and options.dns_upstream:
        raise UsageError("--lab and --dns-upstream do not go together", hint="the lab has a name server of its own")
    if find_holder(options.data_path) is None:  # else the mesh that runs here has the ports, and that is told below
        check_ports(options.host_address, (("--http-port", options.http_port), ("--https-port", options.https_port)))
    if sys.stderr.isatty():
        click.echo("starting the mesh: control plane, network, gateways", err=True)
    options.data_path.mkdir(mode=0o700, parents=True, exist_ok=True)
    log_path = options.data_path / "meshgate.log"
    began = time.monotonic()
    output = os.open(log_path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600) if detach else sys.stderr.fileno()
    log_start = log_path.stat().st_size if detach else 0
    capsule = start_capsule(
        CapsuleOptions(
            data_directory=options.data_path,
            environment=control_plane_environment(),
            output=output,
            is_foreground=not detach,
        ),
        [sys.executable, "-P", "-m", "meshgate", "control-plane", options.to_json()],
    )
    try:
        told = capsule.wait_ready(READY_TIMEOUT_S)
    except EnvironmentFault as fault:
        capsule.end()
        raise explained(fault, log_path, log_start) if detach else fault from None
    except KeyboardInterrupt:
        capsule.end()
        raise
    print_welcome(options, told, time.monotonic() - began)
    if not detach:
        stay(capsule)
    capsule.close()


def check_settings(settings: tuple[str, ...]) -> None:
    """What is wrong with them is told before anything is started. Raises Refused."""
    from meshgate.app.overlay import overlay_of  # reads all kinds: a tenth of a second that most starts spare

    overlay_of(settings)


def control_plane_environment() -> Mapping[str, str]:
    """What of the caller's environment the control plane needs: no more than where to find things."""
    kept = ("PATH", "HOME", "LANG", "LC_ALL", "XDG_CACHE_HOME", "MESHGATE_ENVOY", "MESHGATE_LOG")
    return {name: os.environ[name] for name in kept if name in os.environ}


def explained(fault: EnvironmentFault, log_path: Path, start: int) -> EnvironmentFault:
    """The fault with what the control plane wrote about it."""
    with log_path.open("rb") as log:
        log.seek(start)
        lines = log.read().decode(errors="replace").splitlines()[-LOG_LINES_SHOWN:]
    errors = [line.removeprefix("error: ") for line in lines if line.startswith("error: ")]
    hints = [line.removeprefix("hint: ") for line in lines if line.startswith("hint: ")]
    if errors:
        return EnvironmentFault(errors[-1], hint=hints[-1] if hints else fault.hint)
    return EnvironmentFault("\n".join([fault.text, *lines]), hint=f"all of it is in {log_path}")


def print_welcome(options: Options, told: Mapping[str, object], took_s: float) -> None:
    click.echo(f"the mesh is up ({took_s:.1f} s), data in {options.data_dir}")
    gateways = told.get("gateways")
    for gateway in gateways if isinstance(gateways, list) else []:
        click.echo(f"  {gateway}")
    lab = told.get("lab")
    if isinstance(lab, dict):
        click.echo("\n".join(lab_lines(lab)))
    notes = told.get("notes")
    for note in notes if isinstance(notes, list) else []:
        click.echo(f"note: {note}")


def stay(capsule: Capsule) -> None:
    """Until the mesh ends by itself (`meshgate down` elsewhere) or by Ctrl-C here."""
    click.echo("Ctrl-C ends it")
    try:
        capsule.wait_ended()
    except KeyboardInterrupt:
        click.echo("\nending the mesh")
        capsule.end()
