"""`pledgeway registry keys`: which keys a registry signs with, new ones, and the end of one."""

import json
import os
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import click

from node.command.argument_types import PATH, SPAN
from node.command.display import moment, say, table
from node.command.exit_status import REFUSED, UNUSABLE, fail
from node.command.registry_proposal import proposed, show_proposal
from proto.keys import KeyPurpose
from proto.limits import US
from proto.registry_record import NEVER, RegistryRecord
from registry.home import Home, HomeFault, load_record, read_key
from registry.keyring import ONLINE_PURPOSES, KeyRing, key_ring
from registry.next_record import revoke as revoke_key
from registry.next_record import rotate as rotate_keys

PURPOSES: Final = {
    "both": ONLINE_PURPOSES,
    "statement": (KeyPurpose.STATEMENT,),
    "log": (KeyPurpose.LOG,),
}
LEAST_KEY_DIGITS: Final = 8  # of a public key: nobody revokes another by a slip


@click.group("keys")
def registry_keys() -> None:
    """See, change and revoke the keys that a registry signs with while it runs.

    The root certifies them; its keys belong offline, with the operators. A statement key signs
    decisions, a log key checkpoints. Change both once a year, and revoke one at once when a
    stranger may have it: what it signed before counts where the log holds it, and nothing after.
    The running process holds these keys itself, in DIR/keys: signing by a separate process or by
    hardware is not built.

    \b
    Example:
      pledgeway registry keys list ./r1
      pledgeway registry keys rotate ./r1
      pledgeway registry keys revoke ./r1 3fb2c91a04d7
    """


@registry_keys.command("list")
@click.argument("directory", type=PATH, metavar="DIR")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def list_(directory: Path, as_json: bool) -> None:
    """List the keys that the record of the registry in DIR certifies, and which sign now.

    \b
    Example:
      pledgeway registry keys list ./r1
    """
    record, ring = _load(Home(directory))
    keys = _keys(record, ring, _now_us())
    if as_json:
        click.echo(json.dumps({"registry": record.registry.hex(), "keys": keys}))
        return
    table(
        ("purpose", "key", "from", "until", "state"),
        (
            (k["purpose"], k["key"][:16], moment(k["begins_us"]), moment(k["ends_us"]), k["state"])
            for k in keys
        ),
        empty="None: the record certifies no key.",
    )


def _keys(record: RegistryRecord, ring: KeyRing, now_us: int) -> list[dict[str, Any]]:
    held = {h.key.public for h in ring.held}
    found = []
    for certificate in (*record.statement_keys, *record.log_keys):
        newest = ring.newest(certificate.purpose, now_us)
        revoked_us = record.revoked_from_us(certificate.key)
        if revoked_us != NEVER:
            state = "revoked"
        elif now_us > certificate.not_after_us:
            state = "ended"
        elif certificate.key not in held:
            state = "not here"
        elif now_us < certificate.not_before_us:
            state = "to come"
        else:
            in_use = newest is not None and newest.key.public == certificate.key
            state = "signs" if in_use else "followed by another"
        found.append(
            {
                "purpose": certificate.purpose.name.lower(),
                "key": certificate.key.hex(),
                "begins_us": certificate.not_before_us,
                "ends_us": min(certificate.not_after_us, revoked_us),
                "state": state,
            }
        )
    return found


@registry_keys.command()
@click.argument("directory", type=PATH, metavar="DIR")
@click.option("--purpose", type=click.Choice(tuple(PURPOSES)), default="both", show_default=True)
@click.option(
    "--lead",
    type=SPAN,
    default="1d",
    show_default=True,
    help="How long until a new key takes over: meanwhile nodes and witnesses hear of it.",
)
@click.option("--now", "at_once", is_flag=True, help="Let it take over at the next start.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def rotate(directory: Path, purpose: str, lead: int, at_once: bool, as_json: bool) -> None:
    """Make new keys for the registry in DIR, each certified for 400 days.

    Restart the registry once to log and publish them. A new statement key then takes over by
    itself when its time comes, a log key at the first start after that. Keep the old key files:
    the record shows what they signed. Without enough root keys here the new record waits in
    DIR/record.draft for operators' signatures, and the next step is shown.

    \b
    Example:
      pledgeway registry keys rotate ./r1 --lead 2d
    """
    home = Home(directory)
    lead_us = 0 if at_once else lead * US
    proposal = proposed(
        lambda: rotate_keys(home, PURPOSES[purpose], lead_us, _now_us(), os.urandom)
    )
    show_proposal(home, proposal, as_json)


@registry_keys.command()
@click.argument("directory", type=PATH, metavar="DIR")
@click.argument("key", metavar="KEY")
@click.option(
    "--at",
    "at",
    metavar="TIME",
    help="The last moment at which it was surely ours, as 2026-11-21T05:00:00Z.  [default: now]",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def revoke(directory: Path, key: str, at: str | None, as_json: bool) -> None:
    """End KEY (hex, or the beginning of it) of the registry in DIR before its time.

    What it signed about decisions after TIME is void everywhere, and of those before only what the
    log holds counts. Promises that are pending lose nothing: the registry signs stored decisions
    anew. Where no other key is left one is made. Restart the registry as soon as it is published.

    \b
    Example:
      pledgeway registry keys revoke ./r1 3fb2c91a04d7 --at 2026-11-21T05:00:00Z
    """
    home = Home(directory)
    now_us = _now_us()
    at_us = now_us if at is None else _time_us(at)
    if at_us > now_us:
        fail(UNUSABLE, f"--at {at}: lies in the future; rotate ends a key at a time to come")
    public = _find(_load(home)[0], key)
    made: list[bool] = []

    def make() -> Any:
        proposal, successor = revoke_key(home, public, at_us, now_us, os.urandom)
        made.append(successor)
        return proposal

    proposal = proposed(make)
    if not as_json:
        say(f"revoked  {public.hex()} from {moment(at_us)} on")
        if made[0]:
            say("No other key was in force: a new one follows it.")
    show_proposal(home, proposal, as_json, key=public.hex(), at_us=at_us, successor=made[0])


def _find(record: RegistryRecord, digits: str) -> bytes:
    keys = [c.key for c in (*record.statement_keys, *record.log_keys)]
    found = {key for key in keys if key.hex().startswith(digits.lower())}
    if len(digits) < LEAST_KEY_DIGITS or len(found) != 1:
        fail(
            UNUSABLE,
            f"{digits!r}: at least {LEAST_KEY_DIGITS} digits of one key of this registry;"
            " `pledgeway registry keys list --json` shows them",
        )
    return found.pop()


def _time_us(text: str) -> int:
    try:
        moment_ = datetime.fromisoformat(text)
    except ValueError:
        fail(UNUSABLE, f"--at {text!r}: no time; write it as 2026-11-21T05:00:00Z")
    if moment_.tzinfo is None:
        moment_ = moment_.replace(tzinfo=UTC)
    return int(moment_.timestamp()) * US


def _load(home: Home) -> tuple[RegistryRecord, KeyRing]:
    try:
        record = load_record(home.record)
        return record, key_ring(record, (read_key(path) for path in home.online_keys()))
    except HomeFault as fault:
        fail(REFUSED, str(fault))


def _now_us() -> int:
    return time.time_ns() // 1000
