"""`pledgeway registry list`: make a list of registries that many nodes can follow, and read one."""

import json
import os
import time
from pathlib import Path

import click

from node.command.argument_types import PATH, SPAN
from node.command.display import facts, moment, say
from node.command.exit_status import REFUSED, UNUSABLE, fail
from proto.keys import KEY_BYTES, SigningKey
from proto.limits import MAX_ADVERT_BYTES, US
from proto.registry_list import RegistryList, list_from_text, make_list
from proto.wire import WireFault
from registry.home import Home, HomeFault, load_record, read_key, write_public
from runtime.tls import write_private


@click.group("list")
def registry_list() -> None:
    """Make and read shared lists: who follows one relies on the registries that it names.

    Its owner vouches for a choice, and may change it: the next edition reaches all who follow.

    \b
    Example:
      pledgeway registry list make harbour.list --key list.key ./r1 other.record
      pledgeway node registry follow harbour.list --node ./alice
    """


@registry_list.command()
@click.argument("file", type=PATH, metavar="FILE")
@click.argument("records", type=PATH, metavar="RECORD...", nargs=-1, required=True)
@click.option("--key", "key_file", type=PATH, required=True, help="The owner's; made if absent.")
@click.option("--lasts", type=SPAN, default="365d", show_default=True, help="Until it expires.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def make(file: Path, records: tuple[Path, ...], key_file: Path, lasts: int, as_json: bool) -> None:
    """Write a list of the registries whose RECORDs (or directories) are named into FILE.

    A FILE that is there is replaced by its next edition, which names these registries alone. Keep
    the key: the list is known by it, and another key makes another list.

    \b
    Example:
      pledgeway registry list make harbour.list --key list.key ./r1 other.record
    """
    try:
        if not key_file.exists():
            write_private(key_file, os.urandom(KEY_BYTES).hex().encode() + b"\n")
        key = read_key(key_file)
        ids = {load_record(Home(p).record if p.is_dir() else p).registry for p in records}
    except OSError as error:
        fail(REFUSED, f"{key_file}: cannot be written: {error.strerror}")
    except HomeFault as fault:
        fail(UNUSABLE, str(fault))
    sequence = _next_edition(file, key) if file.exists() else 1
    now_us = time.time_ns() // 1000
    try:
        made = make_list(key, ids, sequence, now_us + lasts * US)
        write_public(file, made.to_text().encode() + b"\n")
    except WireFault as fault:
        fail(UNUSABLE, str(fault))
    except OSError as error:
        fail(REFUSED, f"{file}: cannot be written: {error.strerror}")
    _show(made, as_json)


@registry_list.command()
@click.argument("file", type=PATH, metavar="FILE")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def show(file: Path, as_json: bool) -> None:
    """Say what the list in FILE names, and by whose key.

    \b
    Example:
      pledgeway registry list show harbour.list
    """
    _show(_read(file), as_json)


def _next_edition(file: Path, key: SigningKey) -> int:
    known = _read(file)
    if known.owner != key.public:
        fail(REFUSED, f"{file}: is another owner's list, and is left as it is")
    return known.sequence + 1


def _read(file: Path) -> RegistryList:
    try:
        with file.open("rb") as opened:
            return list_from_text(opened.read(2 * MAX_ADVERT_BYTES + 1).decode(errors="replace"))
    except OSError as error:
        fail(UNUSABLE, f"{file}: cannot be read: {error.strerror}")
    except WireFault as fault:
        fail(UNUSABLE, f"{file}: {fault}")


def _show(known: RegistryList, as_json: bool) -> None:
    registries = sorted(registry.hex() for registry in known.registries)
    if as_json:
        answer = {
            "id": known.id.hex(),
            "owner": known.owner.hex(),
            "sequence": known.sequence,
            "expires_at_us": known.expires_at_us,
            "registries": registries,
        }
        click.echo(json.dumps(answer))
        return
    facts(
        (
            ("list", known.id.hex()),
            ("owner", known.owner.hex()),
            ("edition", known.sequence),
            ("expires", moment(known.expires_at_us)),
            *(("registry", registry) for registry in registries),
        )
    )
    say("Compare the owner's key with what the owner publishes: the list certifies only itself.")
