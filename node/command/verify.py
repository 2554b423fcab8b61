"""`pledgeway verify FILE`: what a certificate or an accusation proves, without asking anybody."""

import json
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import click
from rich.console import Console
from rich.table import Table

from node.command.lazy import Place, load
from node.command.verify_certificate import (
    MAX_FILE_BYTES,
    ProvesNothing,
    Unreadable,
    Verdict,
    judge,
    read_records,
)
from node.command.verify_fraud import Judge, newest, read_accusation, show_accusation
from node.command.verify_proof import about_equivocation, log_json, log_lines
from node.command.verify_sale import is_sale_file
from node.command.whose_clocks import monitors_by, witnesses_by
from proto.descriptor import transaction_uuid
from proto.limits import US
from proto.receipt import read_receipt
from proto.wire import WireFault

PROVES_NOTHING: Final = 1
UNREADABLE: Final = 2

MEANING: Final = {
    "COMMITTED": "Every SECURED, ATOMIC and PROXY promise under this transaction is redeemable"
    " with this file (PROXY until its own expiry).",
    "NOT_COMMITTED": "This transaction will never commit: every ATOMIC promise under it is free,"
    " every SECURED one once its own expiry has passed.",
}
NO_TRUST: Final = (
    "That the registries named here deserve trust: compare their ids with your own list."
)
NO_NEWEST: Final = (
    "That no key was revoked since this file was made: give the registry's newest record with"
    " --record."
)
NO_TERMS: Final = "Who paid whom, how much or for what: a registry never learns it."


def not_proven(verdict: Verdict) -> list[str]:
    """What a reader might take for proven, and is not."""
    members = verdict.members
    logs = [(_printable(m.name) or m.registry.hex(), m.log) for m in members]
    open_end = about_equivocation(logs, [m.witnesses for m in members])
    return [NO_TRUST, open_end, NO_NEWEST, NO_TERMS]


def shown_time(at_us: int) -> str:
    """ISO 8601 UTC; a number where a registry signed a time that no calendar has."""
    try:
        whole = datetime.fromtimestamp(at_us // US, UTC)
    except (OverflowError, OSError, ValueError):
        return f"{at_us} us"
    return f"{whole:%Y-%m-%d %H:%M:%S}.{at_us % US:06d} UTC"


def as_json(verdict: Verdict) -> dict[str, object]:
    policy = verdict.descriptor.policy
    return {
        "valid": True,
        "outcome": verdict.outcome,
        "commit_id": verdict.commit_id.hex(),
        "uuid": str(transaction_uuid(verdict.commit_id)),
        "deadline_us": verdict.descriptor.deadline_us,
        "policy": {
            "members": [member.hex() for member in policy.members],
            "qc": policy.qc,
            "qa": policy.qa,
            "f": policy.f,
            "delta_us": policy.delta_us,
        },
        "statements": [
            {
                "registry": member.registry.hex(),
                "name": _printable(member.name),
                "reason": member.leaf.reason.name,
                "decided_at_us": member.leaf.decided_at_us,
                "max_error_us": member.leaf.max_error_us,
                "limit_us": member.leaf.limit_us,
                "log_origin": _printable(member.log_origin),
                "log_index": member.log_index,
                "log_proof": log_json(member.log),
            }
            for member in verdict.members
        ],
        "proves": MEANING[verdict.outcome],
        "does_not_prove": not_proven(verdict),
    }


def show(verdict: Verdict) -> None:
    """For people: the verdict first, then who said it, then what it does not say."""
    policy = verdict.descriptor.policy
    needed = policy.qc if verdict.outcome == "COMMITTED" else policy.qa
    # The statement that completed the quorum made it so.
    times_us = sorted(member.leaf.decided_at_us for member in verdict.members)
    console = Console(markup=False, highlight=False, soft_wrap=True)
    if verdict.outcome == "COMMITTED":
        console.print(f"COMMITTED at {shown_time(times_us[needed - 1])}")
    else:
        console.print("WILL NEVER COMMIT")
    console.print(MEANING[verdict.outcome])
    table = Table(show_header=False, box=None)
    table.add_row("transaction", str(transaction_uuid(verdict.commit_id)))
    table.add_row("commit id", verdict.commit_id.hex())
    table.add_row("deadline", shown_time(verdict.descriptor.deadline_us))
    members = len(policy.members)
    table.add_row("quorum", f"{len(verdict.members)} statements, {needed} of {members} needed")
    for member in verdict.members:
        said = f"{member.leaf.reason.name} at {shown_time(member.leaf.decided_at_us)}"
        place = f"log {_printable(member.log_origin)} entry {member.log_index}"
        table.add_row("decided by", f"{member.registry.hex()} {_printable(member.name)}")
        table.add_row("", f"{said} (clock within {member.leaf.max_error_us} us), {place}")
        for line in log_lines(member.log, member.witnesses):
            table.add_row("", _printable(line))
    console.print(table)
    console.print("It does not prove:")
    for line in not_proven(verdict):
        console.print(f"  - {line}")


def _printable(text: str) -> str:
    """A registry chooses its name: it must not move the reader's cursor."""
    return "".join(c if c.isprintable() else "?" for c in text)


class _OrAnother(click.Command):
    """`verify FILE`, and readers of other files beside it: a file of such a name is `./sale`.

    Each is imported when it is asked for: what verifies passkeys takes longer to load than all the
    rest."""

    OTHERS: Final[Mapping[str, Place]] = {
        "sale": Place("node.command.verify_sale", "verify_sale", ""),
        "receipt": Place("node.command.verify_receipt", "verify_receipt", ""),
    }

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: Any,
    ) -> click.Context:
        place = self.OTHERS.get(args[0]) if args else None
        if place is None:
            return super().make_context(info_name, args, parent, **extra)
        other = load(place)
        return other.make_context(f"{info_name} {other.name}", args[1:], parent, **extra)


@click.command(cls=_OrAnother)
@click.argument("file", type=click.Path(path_type=Path), metavar="FILE")
@click.option(
    "--record",
    type=click.Path(path_type=Path),
    multiple=True,
    help="A newer record of a registry than the one in FILE; say it once for each.",
)
@click.option("--json", "json_wanted", is_flag=True, help="One JSON object.")
@click.option("--witness", "witnesses", multiple=True, metavar="KEY", help="Whose clock counts.")
@click.option("--quorum", type=click.IntRange(1), help="So many of those witnesses are needed.")
@click.option("--monitor", "monitors", multiple=True, metavar="KEY", help="Whose word counts.")
def verify(
    file: Path,
    record: tuple[Path, ...],
    json_wanted: bool,
    witnesses: tuple[str, ...],
    quorum: int | None,
    monitors: tuple[str, ...],
) -> None:
    """Say what FILE proves, offline.

    FILE is a certificate with the records of its registries, or a fraud file that accuses a
    registry: a CertificateFile or a FraudProof, as protobuf or as protobuf JSON. Exit status 0: it
    proves what it says; 1: it proves nothing, with the reason and a stable code; 2: it cannot be
    read.

    An accusation is judged by the record in its own file, which its maker may have chosen: give
    the registry's newest record with --record where you have it. That a registry was late is
    vouched for by the witnesses that its record names, unless you name yours with --witness.

    \b
    Examples:
      pledgeway verify payment.certificate
      pledgeway verify payment.certificate --json
      pledgeway verify payment.certificate --record registry.record
      pledgeway verify two-answers.fraud --record registry.record

    Receipts of payments, and what a sale leaves, have readers of their own:

    \b
      pledgeway verify receipt lamp.receipt
      pledgeway verify sale lamp.sale
    """
    now_us = time.time_ns() // 1000
    try:
        with file.open("rb") as opened:
            data = opened.read(MAX_FILE_BYTES + 1)
        if is_sale_file(data):
            raise Unreadable(f"it is of a sale: `pledgeway verify sale {file}` reads it")
        if _is_receipt(data):
            raise Unreadable(f"it is a receipt: `pledgeway verify receipt {file}` reads it")
        newer = read_records(record)
        accusation = read_accusation(data)
        if accusation is not None:
            clocks = witnesses_by(witnesses, quorum), monitors_by(monitors)
            show_accusation(accusation, Judge(now_us, *clocks, newest(newer)), json_wanted)
            return
        verdict = judge(data, now_us, newer)
    except WireFault as fault:
        _unreadable(file, str(fault), json_wanted)
    except OSError as error:
        _unreadable(Path(error.filename or file), error.strerror or "unreadable", json_wanted)
    except Unreadable as fault:
        _unreadable(file, str(fault), json_wanted)
    except ProvesNothing as fault:
        if json_wanted:
            click.echo(json.dumps({"valid": False, "code": fault.code, "cause": str(fault)}))
        else:
            click.echo(f"PROVES NOTHING ({fault.code}): {fault}")
        sys.exit(PROVES_NOTHING)
    else:
        if json_wanted:
            click.echo(json.dumps(as_json(verdict)))
        else:
            show(verdict)


def _is_receipt(data: bytes) -> bool:
    try:
        read_receipt(data)
    except WireFault:
        return False
    return True


def _unreadable(file: Path, cause: str, json_wanted: bool) -> None:
    if json_wanted:
        click.echo(json.dumps({"valid": False, "code": "UNREADABLE", "cause": cause}))
    click.echo(f"pledgeway verify: {file}: {cause}", err=True)
    sys.exit(UNREADABLE)
