"""`pledgeway registry`: found a commit registry, run it, look at it."""

import json
import logging
import os
import sys
import time
from pathlib import Path
from typing import Any, Final, NoReturn

import click

from node.command.registry_audit import audit_command, mirror_command
from node.command.registry_keys import registry_keys
from node.command.registry_list import registry_list
from node.command.registry_member import member
from node.command.registry_monitor import monitor_key
from node.command.registry_policy import policy
from node.command.registry_record import registry_record
from node.command.registry_root import registry_root
from node.command.registry_status import status
from node.command.registry_witness import registry_witness
from proto.limits import MAX_ROOT_KEYS
from proto.note import is_note_name
from registry.config import (
    CLOCKS,
    MAX_ADDRESS_CHARS,
    MAX_NAME_CHARS,
    URL_SCHEMES,
    Config,
    ConfigFault,
)
from registry.daemon import run as run_daemon
from registry.home import Home, HomeFault, create
from runtime.address import split_address
from runtime.handover import DaemonCrash
from runtime.store import StoreUnusable

REFUSED: Final = 1  # understood, but not done
UNUSABLE: Final = 2  # the input cannot be used


def fail(status: int, line: str) -> NoReturn:
    """One line on standard error, and the exit status."""
    click.echo(f"pledgeway: {line}", err=True)
    sys.exit(status)


@click.group()
def registry() -> None:
    """A commit registry decides once and for ever whether a payment happened.

    \b
    Try it:
      pledgeway registry init ./r1 --name "Harbour Registry"
      pledgeway registry run ./r1
      pledgeway registry status ./r1
    """


class _Address(click.ParamType[str]):
    name = "HOST:PORT"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        text = str(value)
        if split_address(text) is None:
            self.fail(f"{text!r} is not HOST:PORT", param, ctx)
        return text


@registry.command()
@click.argument("directory", type=click.Path(path_type=Path), metavar="DIR")
@click.option("--name", default="registry", show_default=True, help="What people call it.")
@click.option(
    "--listen",
    type=_Address(),
    default="127.0.0.1:7443",
    show_default=True,
    help="gRPC over TLS. Port 0 takes any free port at each start.",
)
@click.option(
    "--archive",
    type=_Address(),
    default="127.0.0.1:7480",
    show_default=True,
    help="HTTP archive. Port 0 takes any free port at each start.",
)
@click.option(
    "--operators",
    type=click.IntRange(1, MAX_ROOT_KEYS),
    default=1,
    show_default=True,
    help="How many operators hold a key of the root.",
)
@click.option(
    "--threshold",
    type=click.IntRange(1, MAX_ROOT_KEYS),
    default=None,
    help="How many of them must sign.  [default: more than half]",
)
@click.option("--public-listen", type=_Address(), help="What others dial, if not as in --listen.")
@click.option(
    "--public-archive",
    metavar="URL",
    help="What others are told, where a proxy with TLS stands in front. It names the log for ever.",
)
@click.option(
    "--clock",
    type=click.Choice(CLOCKS),
    default=CLOCKS[0],
    show_default=True,
    help="Its error: vouched for by you, or measured by chrony.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def init(
    directory: Path,
    operators: int,
    threshold: int | None,
    as_json: bool,
    public_listen: str | None,
    public_archive: str | None,
    **settings: str,
) -> None:
    """Create a registry in DIR: keys, config.toml and its signed record.

    DIR must not exist or be empty; nothing is ever overwritten.

    \b
    Example, three operators of whom two must sign:
      pledgeway registry init ./r1 --name "Harbour" --operators 3 --threshold 2

    \b
    For everybody to reach, with nginx before its archive:
      pledgeway registry init ./r1 --name "Harbour" --operators 3 --clock chrony \\
        --listen 0.0.0.0:7443 --public-listen registry.example:7443 \\
        --public-archive https://registry.example
    """
    needed = threshold if threshold is not None else operators // 2 + 1
    if needed > operators:
        fail(UNUSABLE, f"--threshold {needed} is more than --operators {operators}")
    config = _settings(public_listen or "", (public_archive or "").rstrip("/"), **settings)
    try:
        record = create(directory, config, operators, needed, time.time_ns() // 1000, os.urandom)
    except HomeFault as fault:
        fail(REFUSED, str(fault))
    home = Home(directory)
    keys = [str(path) for path in home.root_keys()]
    if as_json:
        answer = {
            "registry": record.registry.hex(),
            "record": str(home.record),
            "config": str(home.config),
            "root_keys": keys,
            "threshold": needed,
        }
        click.echo(json.dumps(answer))
        return
    click.echo(f"registry  {record.registry.hex()}")
    click.echo(f"record    {home.record}    hand this file to node operators")
    click.echo(f"config    {home.config}")
    click.echo(f"\nRoot keys, {needed} of {operators} sign. Give each to its operator, offline:")
    for key in keys:
        click.echo(f"  {key}")
    if any(address.endswith(":0") for address in (config.listen, config.archive)):
        click.echo("Port 0: leave enough of them here until the first run has chosen its ports.")
    click.echo("Running needs none of them; a change of address, limits or keys does.")
    click.echo(f"\nNext: pledgeway registry run {directory}")


def _settings(
    public_listen: str, public_archive: str, name: str, listen: str, archive: str, clock: str
) -> Config:
    """What goes into config.toml. Ends the command where it could not be read back."""
    if not name or len(name) > MAX_NAME_CHARS or not name.isprintable():
        fail(UNUSABLE, f"--name: 1 to {MAX_NAME_CHARS} printable characters")
    url = public_archive
    if url and not (url.startswith(URL_SCHEMES) and is_note_name(url)):
        fail(UNUSABLE, f"--public-archive {url!r} must be a URL with http:// or https://")
    if len(url) > MAX_ADDRESS_CHARS:
        fail(UNUSABLE, f"--public-archive has at most {MAX_ADDRESS_CHARS} characters")
    return Config(
        name=name,
        log_origin="",
        listen=listen,
        archive=archive,
        public_listen=public_listen,
        public_archive=url,
        clock_source=clock,
    )


@registry.command()
@click.argument("directory", type=click.Path(path_type=Path), metavar="DIR")
@click.option("--verbose", is_flag=True, help="Log what happens, not only what is wrong.")
def run(directory: Path, verbose: bool) -> None:
    """Run the registry in DIR until SIGTERM or Ctrl-C.

    Prints one line that begins with "ready" once it answers. Stopping and starting lose nothing:
    every decision is on disk before it is signed.

    \b
    Example:
      pledgeway registry run ./r1
    """
    level = logging.INFO if verbose else logging.WARNING
    logging.basicConfig(format="%(levelname)s %(name)s: %(message)s", level=level)
    try:
        run_daemon(directory, lambda line: click.echo(line))
    except (ConfigFault, HomeFault, StoreUnusable, DaemonCrash, OSError) as fault:
        fail(REFUSED, str(fault))


registry.add_command(audit_command)
registry.add_command(mirror_command)
registry.add_command(status)
registry.add_command(monitor_key)
registry.add_command(policy)
registry.add_command(member)
registry.add_command(registry_keys)
registry.add_command(registry_list)
registry.add_command(registry_record)
registry.add_command(registry_root)
registry.add_command(registry_witness)
