"""`pledgeway registry member`: registries that decide beside this one."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import click

from node.command.display import moment, say, short, table
from node.command.exit_status import REFUSED, UNUSABLE, fail
from node.command.registry_policy import STATUSES, read_record_file
from proto.registry_record import RegistryRecord
from registry.home import Home, HomeFault, load_members, load_record
from registry.relay_members import keep_member

DIRECTORY: Final = click.Path(path_type=Path, file_okay=False, exists=True)


@click.group("member")
def member() -> None:
    """Say which registries decide beside this one, so that commits are passed on between them.

    What one member accepts it sends to the others at once, with its own statement, and checks what
    they send by their records. A record that changes later comes from the member itself.

    \b
    Example, each operator adds the others:
      pledgeway registry member add ./r1 r2.record r3.record
      pledgeway registry member list ./r1
    """


@member.command("add", epilog=STATUSES)
@click.argument("directory", type=DIRECTORY, metavar="DIR")
@click.argument("records", nargs=-1, required=True, metavar="RECORD|DIR...")
def add(directory: Path, records: Sequence[str]) -> None:
    """Make other registries known to the one in DIR; a running one notices within a second.

    Compare their ids with what their operators publish: by its record a member is believed.

    \b
    Example:
      pledgeway registry member add ./r1 r2.record r3.record
    """
    home = Home(directory)
    own = read_record_file(str(directory)).registry
    others = [read_record_file(record) for record in records]
    if any(record.registry == own for record in others):
        fail(UNUSABLE, f"{directory}: is the registry itself: name the others")
    for record in others:
        try:
            kept = keep_member(home, record)
        except HomeFault as fault:
            fail(REFUSED, str(fault))
        except OSError as error:
            fail(REFUSED, f"{home.members}: cannot be written: {error.strerror}")
        say(f"{record.name}  {record.registry.hex()}  {kept}")


@member.command("list", epilog=STATUSES)
@click.argument("directory", type=DIRECTORY, metavar="DIR")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def list_(directory: Path, as_json: bool) -> None:
    """List the registries that the one in DIR knows.

    \b
    Example:
      pledgeway registry member list ./r1
    """
    known = sorted(_members(directory).values(), key=lambda record: (record.name, record.registry))
    if as_json:
        shown = [
            {
                "id": record.registry.hex(),
                "name": record.name,
                "grpc_target": record.grpc_target,
                "expires_at_us": record.expires_at_us,
            }
            for record in known
        ]
        click.echo(json.dumps({"members": shown}))
        return
    table(
        ("registry", "id", "reached at", "record expires"),
        ((r.name, short(r.registry.hex()), r.grpc_target, moment(r.expires_at_us)) for r in known),
        empty="None: it decides alone. `pledgeway registry member add DIR RECORD` adds one.",
    )


@member.command("drop", epilog=STATUSES)
@click.argument("directory", type=DIRECTORY, metavar="DIR")
@click.argument("named", metavar="REGISTRY")
def drop(directory: Path, named: str) -> None:
    """Pass nothing on to REGISTRY (its name, its id or the beginning) any more, and take nothing.

    Payments under policies with it may split until the others drop it too.

    \b
    Example:
      pledgeway registry member drop ./r1 "Harbour Two"
    """
    found = [
        record
        for record in _members(directory).values()
        if record.name == named
        or (len(named) >= 4 and record.registry.hex().startswith(named.lower()))
    ]
    if len(found) != 1:
        what = "no member is" if not found else "several members are"
        fail(REFUSED, f"{what} called {named!r}: see `pledgeway registry member list {directory}`")
    for file in sorted(Home(directory).members.glob("*.record")):
        if load_record(file).registry == found[0].registry:
            file.unlink()
    say(f"{found[0].name} is no member any more")


def _members(directory: Path) -> dict[bytes, RegistryRecord]:
    try:
        return load_members(Home(directory))
    except HomeFault as fault:
        fail(UNUSABLE, str(fault))
