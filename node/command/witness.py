"""`pledgeway witness`: make a witness of transparency logs, run it, say which logs it cosigns."""

import json
import logging
import os
from pathlib import Path

import click

from node.command.display import facts, moment, say, table
from node.command.exit_status import REFUSED, UNUSABLE, fail
from node.command.witness_status import status
from proto.note import is_note_name
from proto.registry_record import RegistryRecord
from registry.config import URL_SCHEMES, ConfigFault
from registry.home import HomeFault
from registry.witness.config import WitnessConfig, read_config
from registry.witness.daemon import run as run_daemon
from registry.witness.home import WitnessHome, create_witness
from registry.witness.trust import add_log as add_log_to
from registry.witness.trust import load_logs
from runtime.address import split_address
from runtime.store import StoreUnusable


@click.group()
def witness() -> None:
    """A witness signs the state of a registry's log after checking that it only ever grew.

    Whoever demands the signatures of a few independent witnesses cannot be shown another log than
    everybody else, nor one that was written later than it says.

    \b
    Try it:
      pledgeway witness init ./w1 --name witness.example/harbour
      pledgeway witness add-log ./w1 ./r1/registry.record
      pledgeway witness run ./w1
      pledgeway witness status ./w1
    """


witness.add_command(status)


@witness.command()
@click.argument("directory", type=click.Path(path_type=Path), metavar="DIR")
@click.option(
    "--name",
    required=True,
    help="Its name in every signature, for ever: a host and path, say, without https://.",
)
@click.option(
    "--listen",
    default="127.0.0.1:7490",
    show_default=True,
    metavar="HOST:PORT",
    help="HTTP. Port 0 takes any free port.",
)
@click.option("--public-url", default="", help="What logs are told, where a proxy stands in front.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def init(directory: Path, name: str, listen: str, public_url: str, as_json: bool) -> None:
    """Create a witness in DIR: its key and config.toml.

    DIR must not exist or be empty; nothing is ever overwritten. Keep the key: under another one
    nobody counts this witness any more.

    \b
    Example:
      pledgeway witness init ./w1 --name witness.example/harbour --listen 127.0.0.1:7490
    """
    if not is_note_name(name):
        fail(UNUSABLE, f"--name {name!r}: printable, without spaces and plus signs")
    if split_address(listen) is None:
        fail(UNUSABLE, f"--listen {listen!r} is not HOST:PORT")
    if public_url and not (public_url.startswith(URL_SCHEMES) and public_url.isprintable()):
        fail(UNUSABLE, f"--public-url {public_url!r} must begin with http:// or https://")
    config = WitnessConfig(name=name, listen=listen, public_url=public_url)
    try:
        key = create_witness(directory, config, os.urandom)
    except HomeFault as fault:
        fail(REFUSED, str(fault))
    if as_json:
        answer = {"name": name, "key": key.encode(), "config": str(WitnessHome(directory).config)}
        click.echo(json.dumps(answer))
        return
    say(f"witness  {name}")
    say(f"key      {key.encode()}    hand this to operators of registries and nodes")
    say(f"config   {WitnessHome(directory).config}")
    say("")
    say(f"Next: pledgeway witness add-log {directory} registry.record")


@witness.command()
@click.argument("directory", type=click.Path(path_type=Path), metavar="DIR")
@click.option("--verbose", is_flag=True, help="Log what happens, not only what is wrong.")
def run(directory: Path, verbose: bool) -> None:
    """Run the witness in DIR until SIGTERM or Ctrl-C.

    Prints one line that begins with "ready" once it answers. Stopping and starting lose nothing:
    what it signs is on disk before it is signed. Logs may be added while it runs.

    \b
    Example:
      pledgeway witness run ./w1
    """
    level = logging.INFO if verbose else logging.WARNING
    logging.basicConfig(format="%(levelname)s %(name)s: %(message)s", level=level)
    try:
        run_daemon(directory, lambda line: click.echo(line))
    except (ConfigFault, HomeFault, StoreUnusable, OSError) as fault:
        fail(REFUSED, str(fault))


@witness.command("add-log")
@click.argument("directory", type=click.Path(path_type=Path), metavar="DIR")
@click.argument("record", type=click.Path(path_type=Path), metavar="RECORD")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def add_log(directory: Path, record: Path, as_json: bool) -> None:
    """Let the witness in DIR cosign the log of the registry whose record is the file RECORD.

    All shards of that log are cosigned, under the keys that the record certifies for logs. A newer
    record of the same registry replaces the older one. A running witness needs no restart, and
    fetches newer records from the registry's archive by itself.

    \b
    Example:
      pledgeway witness add-log ./w1 ./r1/registry.record
    """
    home = _home(directory)
    try:
        added = add_log_to(home.logs, record)
    except HomeFault as fault:
        fail(REFUSED, str(fault))
    if as_json:
        click.echo(json.dumps(_as_json(added)))
        return
    facts(
        (
            ("registry", added.name),
            ("id", added.registry.hex()),
            ("log", added.log_origin),
            ("record expires", moment(added.expires_at_us)),
        )
    )
    say("Compare the id with what its operators publish: the record certifies only itself.")


@witness.command()
@click.argument("directory", type=click.Path(path_type=Path), metavar="DIR")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def logs(directory: Path, as_json: bool) -> None:
    """List the logs that the witness in DIR accepts. It need not run.

    \b
    Example:
      pledgeway witness logs ./w1
    """
    records = load_logs(_home(directory).logs)
    if as_json:
        click.echo(json.dumps({"logs": [_as_json(record) for record in records]}))
        return
    table(
        ("registry", "log", "record expires", "id"),
        ((r.name, r.log_origin, moment(r.expires_at_us), r.registry.hex()) for r in records),
        empty=f"None: `pledgeway witness add-log {directory} RECORD` adds one.",
    )


def _home(directory: Path) -> WitnessHome:
    """A directory that really is a witness's: a slip of the pen must not make another."""
    home = WitnessHome(directory)
    try:
        read_config(home.config)
    except ConfigFault as fault:
        fail(UNUSABLE, str(fault))
    return home


def _as_json(record: RegistryRecord) -> dict[str, object]:
    return {
        "registry": record.registry.hex(),
        "name": record.name,
        "log_origin": record.log_origin,
        "sequence": record.sequence,
        "expires_at_us": record.expires_at_us,
    }
