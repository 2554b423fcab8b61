"""`pledgeway registry record`: the next record, signed by operators on machines of their own."""

import json
import time
from pathlib import Path

import click

from node.command.argument_types import PATH
from node.command.display import facts, moment, say, table
from node.command.exit_status import REFUSED, UNUSABLE, fail
from node.command.registry_proposal import (
    proposal_json,
    proposed,
    show_missing,
    show_proposal,
    teach,
)
from proto.key_certificate import read_key_certificate
from proto.registry_record import Root
from proto.wire import WireFault
from registry.home import Home, HomeFault, read_key, write_public
from registry.next_record import collect, load_draft, propose
from registry.record_draft import Draft, sign_draft


@click.group("record")
def registry_record() -> None:
    """Make the registry's next record where its root keys are offline, as they should be.

    A record takes effect when enough operators have signed it. New roots and new keys are signed
    first and then the record around them, so that a draft may come to the first operator twice.

    \b
    Example, two of three operators:
      pledgeway registry record draft ./r1 > next.draft
      pledgeway registry record show next.draft
      pledgeway registry record sign next.draft --key operator-1.key
      pledgeway registry record sign next.draft --key operator-2.key
      pledgeway registry record publish ./r1 next.draft
    """


@registry_record.command()
@click.argument("directory", type=PATH, metavar="DIR")
@click.option("--json", "as_json", is_flag=True, help="One JSON object, instead of the draft.")
def draft(directory: Path, as_json: bool) -> None:
    """Write the next record of the registry in DIR to standard output, to be signed.

    It says what config.toml says, holds what is waiting in DIR/record.draft, and lasts a year from
    now. With enough root keys in DIR/root it is published at once.

    \b
    Example:
      pledgeway registry record draft ./r1 > next.draft
    """
    home = Home(directory)
    proposal = proposed(lambda: propose(home, lambda record: record, time.time_ns() // 1000))
    if as_json:
        click.echo(json.dumps(proposal_json(home, proposal)))
        return
    click.echo(proposal.draft.encode())
    if proposal.record is not None:
        click.echo(f"pledgeway: published as {home.record}: its root keys are here", err=True)


@registry_record.command()
@click.argument("file", type=PATH, metavar="FILE")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def show(file: Path, as_json: bool) -> None:
    """Say what the draft in FILE would make true, and which signatures it lacks.

    \b
    Example:
      pledgeway registry record show next.draft
    """
    draft = _load(file)
    try:
        description = _describe(draft)
    except WireFault as fault:
        fail(REFUSED, f"{file}: {fault}")
    missing = draft.missing()
    if as_json:
        lacking = [{"part": m.part, "lacking": m.lacking} for m in missing]
        click.echo(json.dumps(description | {"missing": lacking}))
        return
    _show(description)
    say("It lacks:" if missing else "It lacks nothing.")
    show_missing(tuple(missing))


@registry_record.command()
@click.argument("file", type=PATH, metavar="FILE")
@click.option("--key", "keys", type=PATH, multiple=True, required=True, help="An operator's key.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def sign(file: Path, keys: tuple[Path, ...], as_json: bool) -> None:
    """Sign the draft in FILE, in place, with an operator's key. Needs no network.

    It shows what is signed: compare the registry's id and its keys with what you were told by
    another way.

    \b
    Example:
      pledgeway registry record sign next.draft --key operator-1.key
    """
    draft = _load(file)
    done: list[str] = []
    try:
        description = _describe(draft)
        for path in keys:
            draft, parts = sign_draft(draft, read_key(path))
            done += parts
    except (HomeFault, WireFault) as fault:
        fail(REFUSED, str(fault))
    try:
        write_public(file, draft.encode().encode() + b"\n")
    except OSError as error:
        fail(REFUSED, f"{file}: cannot be written: {error.strerror}")
    missing = draft.missing()
    if as_json:
        lacking = [{"part": m.part, "lacking": m.lacking} for m in missing]
        click.echo(json.dumps(description | {"signed": done, "missing": lacking}))
        return
    _show(description)
    say(f"Signed: {', '.join(done)}." if done else "Nothing in it lacks the signature of this key.")
    say("It still lacks:" if missing else "It is complete: publish it.")
    show_missing(tuple(missing))


@registry_record.command()
@click.argument("directory", type=PATH, metavar="DIR")
@click.argument("files", type=PATH, metavar="FILE...", nargs=-1, required=True)
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def publish(directory: Path, files: tuple[Path, ...], as_json: bool) -> None:
    """Put signed drafts together and, where enough operators signed, into force in DIR.

    Exit status 1: signatures are missing still; the draft with all that came is in
    DIR/record.draft, to be passed round again.

    \b
    Example:
      pledgeway registry record publish ./r1 from-anna.draft from-ben.draft
    """
    home = Home(directory)
    drafts = [_load(file) for file in files]
    proposal = proposed(lambda: collect(home, drafts))
    if proposal.record is not None or as_json:
        show_proposal(home, proposal, as_json)
    else:
        say(f"Not yet in force; {home.draft} lacks:")
        show_missing(proposal.missing)
        teach(directory, home.draft)
    if proposal.record is None:
        raise SystemExit(REFUSED)


def _load(file: Path) -> Draft:
    try:
        return load_draft(file)
    except HomeFault as fault:
        fail(UNUSABLE, str(fault))


def _describe(draft: Draft) -> dict[str, object]:
    """What an operator has to read before signing. Raises WireFault."""
    content = draft.content
    roots = [Root.decode(entry.root) for entry in content.roots]
    certificates = [read_key_certificate(entry) for entry in content.keys]
    return {
        "registry": content.registry_key_id.hex(),
        "name": content.name,
        "sequence": content.sequence,
        "expires_at_us": content.expires_at_us,
        "grpc_target": content.grpc_target,
        "archive_url": content.archive_url,
        "log_origin": content.log_origin,
        "witnesses": [witness.key for witness in content.witnesses],
        "witness_quorum": content.witness_quorum,
        "roots": [
            {
                "version": root.version,
                "threshold": root.threshold,
                "keys": [key.hex() for key in root.keys],
            }
            for root in roots
        ],
        "keys": [
            {
                "purpose": c.purpose.name.lower(),
                "key": c.key.hex(),
                "begins_us": c.not_before_us,
                "ends_us": c.not_after_us,
            }
            for c in certificates
        ],
        "revocations": [{"key": r.key.hex(), "at_us": r.at_us} for r in content.revocations],
    }


def _show(said: dict[str, object]) -> None:
    roots, keys, revocations = (said[name] for name in ("roots", "keys", "revocations"))
    assert isinstance(roots, list) and isinstance(keys, list) and isinstance(revocations, list)
    witnesses = said["witnesses"]
    assert isinstance(witnesses, list)
    facts(
        (
            ("registry", said["name"]),
            ("id", said["registry"]),
            ("record", said["sequence"]),
            ("expires", moment(said["expires_at_us"])),
            ("reached at", said["grpc_target"]),
            ("archive", said["archive_url"]),
            ("log", said["log_origin"]),
            *(("witness", witness) for witness in witnesses),
            ("witness quorum", said["witness_quorum"] if witnesses else None),
            *(
                (f"root {r['version']}", f"{r['threshold']} of {', '.join(k for k in r['keys'])}")
                for r in roots
            ),
            *(("revoked", f"{r['key']} after {moment(r['at_us'])}") for r in revocations),
        )
    )
    table(
        ("", "purpose", "from", "until", "key"),
        (
            (f"key {n}", k["purpose"], moment(k["begins_us"]), moment(k["ends_us"]), k["key"])
            for n, k in enumerate(keys, start=1)
        ),
        empty="It certifies no key.",
    )
