"""`pledgeway registry witness`: who cosigns a registry's log."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import click

from node.command.display import facts, say, table
from node.command.exit_status import REFUSED, UNUSABLE, fail
from node.command.registry_policy import STATUSES
from node.command.witness_status import ask_witness
from proto.record_parts import RecordWitness, read_witnesses
from proto.registry_record import RegistryRecord
from proto.v1 import types_pb2 as pb
from proto.wire import WireFault
from registry.config import URL_SCHEMES, Config, ConfigFault, read_config
from registry.config_edit import edit_witnesses
from registry.home import Home, HomeFault, load_record, load_root_keys, require_threshold
from registry.record import content_of, fill_record, same_content

DIRECTORY: Final = click.Path(path_type=Path, file_okay=False, exists=True)
QUORUM: Final = click.option(
    "--quorum",
    type=click.IntRange(min=0),
    metavar="Q",
    help="So many of them must have cosigned a checkpoint before it counts."
    "  [default: as it was; more than half where it was never said]",
)
JSON: Final = click.option("--json", "as_json", is_flag=True, help="One JSON object.")


@click.group("witness")
def registry_witness() -> None:
    """Say who cosigns the log of a registry, so that nobody has to take it on trust.

    Witnesses are run by others (`pledgeway witness --help`), who add this registry's record first.
    They are named in config.toml and in the signed record: a change counts from the next start on,
    which needs the root keys at hand, or a record that operators have signed elsewhere.

    \b
    Example, of three of whom two must have cosigned:
      pledgeway registry witness add ./r1 a.example+1a2b3c4d+B... --url https://a.example
      pledgeway registry witness add ./r1 b.example+5e6f7a8b+B... --url https://b.example
      pledgeway registry witness add ./r1 c.example+9c0d1e2f+B... --url https://c.example
      pledgeway registry witness list ./r1
    """


@registry_witness.command("add", epilog=STATUSES)
@click.argument("directory", type=DIRECTORY, metavar="DIR")
@click.argument("key", metavar="KEY")
@click.option("--url", help="Where it is asked.  [default: https:// and the host in its name]")
@QUORUM
@click.option("--offline", is_flag=True, help="Do not ask it whether it answers under this key.")
@JSON
def add(
    directory: Path, key: str, url: str | None, quorum: int | None, offline: bool, as_json: bool
) -> None:
    """Let the witness with KEY (NAME+HASH+BASE64, as its operator says) cosign from now on.

    One that is there already gets the new address and quorum.

    \b
    Example:
      pledgeway registry witness add ./r1 a.example+1a2b3c4d+B... --url https://a.example
    """
    home = Home(directory)
    record = _record(home)
    witness = _witness(key, url)
    known = None if offline else _ask(witness, record)
    config = _edit(home, [witness], (), quorum)
    if as_json:
        answer = _as_json(home, config) | {"added": witness.key.name, "knows_log": known}
        click.echo(json.dumps(answer))
        return
    facts((("witness", witness.key.name), ("asked at", witness.url), *_quorum(config)))
    if known is None and not offline:
        say(f"Nobody answers at {witness.url} now. It is added all the same.")
    if not known:
        say("Its operator has to know this registry: hand over registry.record, to be added by")
        say("  pledgeway witness add-log DIR registry.record")
    _teach(home, config, record)


@registry_witness.command("list", epilog=STATUSES)
@click.argument("directory", type=DIRECTORY, metavar="DIR")
@JSON
def list_(directory: Path, as_json: bool) -> None:
    """List the witnesses in config.toml, and whether the signed record names them yet.

    \b
    Example:
      pledgeway registry witness list ./r1
    """
    home = Home(directory)
    record = _record(home)
    config = _config(home)
    if as_json:
        click.echo(json.dumps(_as_json(home, config)))
        return
    signed = {witness.key.encode() for witness in record.witnesses}
    rows = ((w.key.encode(), w.url, _signed(w, signed)) for w in config.witnesses)
    empty = "None: nobody vouches for its log. `pledgeway registry witness add DIR KEY` adds one."
    table(("key", "asked at", "signed record"), rows, empty=empty)
    if config.witnesses:
        facts(_quorum(config))
    _teach(home, config, record)


@registry_witness.command("drop", epilog=STATUSES)
@click.argument("directory", type=DIRECTORY, metavar="DIR")
@click.argument("name", metavar="NAME")
@QUORUM
@JSON
def drop(directory: Path, name: str, quorum: int | None, as_json: bool) -> None:
    """Ask the witness NAME (or its key) no more from the next start on.

    What it cosigned stays what it is. Nodes that count this registry's witnesses by its record
    count the others from then on.

    \b
    Example:
      pledgeway registry witness drop ./r1 a.example
    """
    home = Home(directory)
    record = _record(home)
    name = name.partition("+")[0]
    if all(witness.key.name != name for witness in _config(home).witnesses):
        fail(REFUSED, f"no witness {name!r}: see `pledgeway registry witness list {directory}`")
    config = _edit(home, (), [name], quorum)
    if as_json:
        click.echo(json.dumps(_as_json(home, config) | {"dropped": name}))
        return
    facts((("dropped", name), *_quorum(config)))
    # Anybody may show it the last checkpoint it saw, and get a later time under it: beside an old
    # record that looks like a log that kept back what was decided since (E6, E7).
    say("Ask its operator to take this record out of logs/ too, once your new one is in force:")
    say("  a witness that sees nothing new can be made to say, ever later, that there is nothing.")
    _teach(home, config, record)


def _witness(key: str, url: str | None) -> RecordWitness:
    where = url if url is not None else f"https://{key.partition('+')[0].partition('/')[0]}"
    if not where.startswith(URL_SCHEMES):
        fail(UNUSABLE, f"--url {where!r} must begin with http:// or https://")
    try:
        (witness,) = read_witnesses([pb.Witness(key=key, url=where.rstrip("/"))], 0)
    except WireFault as fault:
        fail(UNUSABLE, f"{key}: {fault}; `pledgeway witness status` shows the key of a witness")
    return witness


def _ask(witness: RecordWitness, record: RegistryRecord) -> bool | None:
    """Whether the witness there accepts our log; None where nobody answers."""
    answer = ask_witness(witness.url)
    if answer is None:
        return None
    if answer["key"] != witness.key.encode():
        fail(
            REFUSED,
            f"{witness.url}: answers under another key, {answer['key']}:"
            " compare both with what its operator publishes",
        )
    logs = answer.get("logs")
    entries = logs if isinstance(logs, list) else []
    ours = record.registry.hex()
    return any(isinstance(entry, dict) and entry.get("registry") == ours for entry in entries)


def _edit(
    home: Home, added: Sequence[RecordWitness], dropped: Sequence[str], quorum: int | None
) -> Config:
    try:
        return edit_witnesses(home.config, added, dropped, quorum)
    except ConfigFault as fault:
        fail(REFUSED, f"{fault}; left as it was")
    except OSError as error:
        fail(REFUSED, f"{home.config}: cannot be written: {error.strerror}")


def _record(home: Home) -> RegistryRecord:
    """A directory that is no registry's is told at once."""
    try:
        return load_record(home.record)
    except HomeFault as fault:
        fail(UNUSABLE, str(fault))


def _config(home: Home) -> Config:
    try:
        return read_config(home.config)
    except ConfigFault as fault:
        fail(UNUSABLE, str(fault))


def _quorum(config: Config) -> tuple[tuple[str, object], ...]:
    return (("quorum", f"{config.witness_quorum} of {len(config.witnesses)}"),)


def _signed(witness: RecordWitness, signed: set[str]) -> str:
    return "yes" if witness.key.encode() in signed else "not yet"


def _unsigned(config: Config, record: RegistryRecord) -> bool:
    """Whether config.toml and the record name other witnesses."""
    known = content_of(record.signed)
    wanted = fill_record(known, config, record.grpc_target, "")
    wanted.archive_url = known.archive_url
    return not same_content(known, wanted)


def _teach(home: Home, config: Config, record: RegistryRecord) -> None:
    if not _unsigned(config, record):
        return
    say("")
    try:
        require_threshold(load_root_keys(home), record, "")
    except HomeFault:
        say("The signed record says otherwise still, and too few root keys are here to sign it:")
        say(f"  pledgeway registry record draft {home.path} > next.draft")
        say("then let operators sign that file, publish it, and restart the registry.")
        return
    say("The signed record says otherwise still: the next start of the registry signs a new one.")


def _as_json(home: Home, config: Config) -> dict[str, object]:
    record = _record(home)
    signed = {witness.key.encode() for witness in record.witnesses}
    return {
        "witnesses": [
            {"key": key, "url": w.url, "signed": key in signed}
            for w in config.witnesses
            for key in (w.key.encode(),)
        ],
        "quorum": config.witness_quorum,
        "signed": not _unsigned(config, record),
        "config": str(home.config),
    }
