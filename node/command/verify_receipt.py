"""`pledgeway verify receipt FILE`: who got what from which request, without asking anybody."""

import json
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NoReturn

import click

from node.command.argument_types import PATH
from node.command.display import amount, facts, moment, say, short
from node.command.exit_status import plain
from node.command.verify_certificate import ProvesNothing, Unreadable, newest_records, read_records
from proto.passkey import ApprovalInvalid, Given, GivenBy, check_approved
from proto.policy import REGISTRY_ID_BYTES
from proto.receipt import MAX_RECEIPT_BYTES
from proto.receipt_check import (
    Paid,
    ReceiptFault,
    ReceiptInvalid,
    RestsOn,
    Trust,
    check_receipt,
)
from proto.registry_record import RegistryRecord

REFUSED: Final = 1
UNUSABLE: Final = 2

RESTS_ON: Final = {
    RestsOn.CERTIFIED: "a commit certificate of the registries below",
    RestsOn.BARE_COMMIT: "the payee's own signature that it takes it as paid; no registry decided",
    RestsOn.IN_HOUSE: "the payee's node alone: payer and payee have their accounts there",
}
NO_TRUST: Final = (
    "That the registries deserve trust: it went by those that the payee's request names. Name"
    " yours with --registry."
)
NO_PAYEE: Final = (
    "Who stands behind the payee's key and name: compare the payee's id with what you know."
)
NO_LOGS: Final = (
    "That the registries said the same to everybody: no proof of all their logs is in it. A newer"
    " receipt may have them."
)
NO_NEWEST: Final = (
    "That no key was revoked since it was made: give each registry's newest record with --registry."
)
NO_PERSON: Final = "Whose passkey or key it is that approved: the payer's node knows that."
NO_CAPS: Final = "That the standing approval was given, and not used up: its node keeps count."
NO_BOOKING: Final = (
    "That the money arrived: the payee signed that it may be taken from its neighbour."
)
OTHERS_BOOKING: Final = "Which promise the booking is of: its signer and the payee know."


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a receipt proves, and the approval in it, where it has one that holds."""

    paid: Paid
    given: Given | None
    by_own_list: bool


@click.command("receipt")
@click.argument("file", type=PATH, metavar="FILE")
@click.option(
    "--registry",
    "registries",
    multiple=True,
    metavar="RECORD|ID",
    help="Trust this registry, and no other: its record's file or its whole id; repeatable.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def verify_receipt(file: Path, registries: tuple[str, ...], as_json: bool) -> None:
    """Say what a receipt proves, offline.

    FILE is what `pledgeway payment receipt` or `pledgeway request receipt` has written. Every
    signature in it is verified: the payee's under the request, the certificate's by the registries
    that decided, and the payer's approval where it is in there. Without --registry the registries
    count that the payee's request names; with it, only those that you name.

    Exit status 0: it proves the payment; 1: it proves nothing, with the reason and a stable code;
    2: FILE or a record cannot be read.

    \b
    Example:
      pledgeway verify receipt lamp.receipt
      pledgeway verify receipt lamp.receipt --registry harbour.record --json
    """
    try:
        with file.open("rb") as opened:
            data = opened.read(MAX_RECEIPT_BYTES + 1)
        trust, records = _trusted(registries)
        paid = check_receipt(data, newest_records(records), time.time_ns() // 1000, trust)
        given = _given(paid)
    except OSError as error:
        _unusable(Path(error.filename or file), error.strerror or "unreadable", as_json)
    except Unreadable as fault:
        _unusable(file, str(fault), as_json)
    except ProvesNothing as fault:
        _refused(fault.code, str(fault), as_json)
    except ReceiptInvalid as fault:
        if fault.fault is ReceiptFault.FORM:
            how = "`pledgeway payment receipt ID --out FILE` writes one"
            _unusable(file, f"{fault}: {how}", as_json)
        code = fault.certificate.name if fault.certificate is not None else fault.fault.name
        _refused(code, str(fault), as_json)
    except ApprovalInvalid as fault:
        _refused(fault.fault.name, str(fault), as_json)
    verdict = Verdict(paid, given, trust is not None)
    if as_json:
        click.echo(json.dumps(_json(verdict)))
    else:
        _show(verdict)


def _trusted(named: tuple[str, ...]) -> tuple[Trust | None, list[RegistryRecord]]:
    """Whom the reader trusts, None for whom the request names, and the records that he gave."""
    if not named:
        return None, []
    ids, files = [], []
    for one in named:
        # A name would be whatever a registry calls itself; an id and a record cannot be chosen.
        if len(one) == 2 * REGISTRY_ID_BYTES and all(c in "0123456789abcdefABCDEF" for c in one):
            ids.append(bytes.fromhex(one))
        else:
            files.append(Path(one))
    records = read_records(files)
    return Trust(frozenset([*ids, *(record.registry for record in records)])), records


def _given(paid: Paid) -> Given | None:
    if paid.approved is None:
        return None
    return check_approved(paid.approved, paid.request, paid.request_hash, paid.amount, paid.policy)


def not_proven(verdict: Verdict) -> Iterator[str]:
    """What a reader might take for proven, and is not."""
    paid, given = verdict.paid, verdict.given
    yield NO_PAYEE
    if paid.rests_on is RestsOn.CERTIFIED and not verdict.by_own_list:
        yield NO_TRUST
        yield NO_NEWEST
    if not all(one.logged for one in paid.deciders):
        yield NO_LOGS
    if paid.rests_on is RestsOn.BARE_COMMIT:
        yield NO_BOOKING if paid.booked_by is None else OTHERS_BOOKING
    if given is not None:
        yield NO_CAPS if given.by is GivenBy.MANDATE else NO_PERSON


def _show(verdict: Verdict) -> None:
    """For people: the payment first, then what it rests on, then what it does not say."""
    paid, request = verdict.paid, verdict.paid.request
    say(f"PAID: {amount(paid.amount, paid.brand.name)} to {plain(request.payee_alias)}")
    when = "no registry decided" if paid.decided_at_us is None else moment(paid.decided_at_us)
    goods = "with goods, in the same decision" if paid.exchange else None
    facts(
        (
            ("payee", paid.payee.hex()),
            ("person", request.person.hex() or None),
            ("payer", paid.payer.hex() if paid.payer is not None else None),
            ("brand id", paid.brand.guid.hex()),
            ("for", plain(request.description) or None),
            ("order", paid.order_hash.hex() or None),
            ("request", f"{request.request_id.hex()}, hash {short(paid.request_hash.hex())}..."),
            ("asked by", _requester(paid)),
            ("decided", when),
            ("rests on", RESTS_ON[paid.rests_on]),
            *(("registry", line) for line in _deciders(paid)),
            ("booked by", paid.booked_by.hex() if paid.booked_by is not None else None),
            ("goods", goods),
            ("approved by", _approver(verdict.given)),
        )
    )
    say("It does not prove:")
    for line in not_proven(verdict):
        say(f"  - {line}")


def _deciders(paid: Paid) -> Iterator[str]:
    for one in paid.deciders:
        logged = ", in its log" if one.logged else ""
        clock = f"clock within {one.max_error_us} us"
        said = f"{moment(one.decided_at_us)} ({clock}){logged}"
        yield f"{one.registry.hex()} {plain(one.name)} at {said}"


def _requester(paid: Paid) -> str | None:
    requester = paid.request.requester
    if requester is None:
        return None
    signed = "signed" if paid.requested else "not signed here"
    return f"{plain(requester.name)} {requester.key.hex()} ({signed})"


def _approver(given: Given | None) -> str | None:
    if given is None:
        return None
    if given.by is GivenBy.PASSKEY:
        return f"a passkey on {given.origin}, for at most {given.approval.total_debit_max} in all"
    if given.by is GivenBy.KEY:
        return f"the key {given.key.hex()}, for at most {given.approval.total_debit_max} in all"
    return f"a standing approval of request {given.granted.hex()}"


def _json(verdict: Verdict) -> dict[str, Any]:
    paid, given, requester = verdict.paid, verdict.given, verdict.paid.request.requester
    policy = paid.policy
    return {
        "valid": True,
        "rests_on": paid.rests_on.name,
        "payee": paid.payee.hex(),
        "payee_alias": paid.request.payee_alias,
        "person": paid.request.person.hex(),
        "payer": paid.payer.hex() if paid.payer is not None else None,
        "amount": paid.amount,
        "brand": paid.brand.name,
        "brand_id": paid.brand.guid.hex(),
        "description": paid.request.description,
        "request_id": paid.request.request_id.hex(),
        "request_hash": paid.request_hash.hex(),
        "order_hash": paid.order_hash.hex(),
        "exchange": paid.exchange.hex(),
        "requester": requester.key.hex() if requester is not None else None,
        "requester_signed": paid.requested,
        "commit_id": paid.commit_id.hex(),
        "decided_at_us": paid.decided_at_us,
        "policy": {
            "members": [member.hex() for member in policy.members],
            "qc": policy.qc,
            "qa": policy.qa,
            "f": policy.f,
            "delta_us": policy.delta_us,
        },
        "registries": [
            {
                "registry": one.registry.hex(),
                "name": one.name,
                "decided_at_us": one.decided_at_us,
                "max_error_us": one.max_error_us,
                "logged": one.logged,
            }
            for one in paid.deciders
        ],
        "booked_by": paid.booked_by.hex() if paid.booked_by is not None else None,
        "approved": None
        if given is None
        else {
            "by": given.by.name,
            "key": given.key.hex(),
            "origin": given.origin,
            "granted": given.granted.hex(),
            "total_debit_max": given.approval.total_debit_max,
            "fee_max": given.approval.fee_max,
        },
        "does_not_prove": list(not_proven(verdict)),
    }


def _unusable(file: Path, cause: str, as_json: bool) -> NoReturn:
    if as_json:
        click.echo(json.dumps({"valid": False, "code": "UNREADABLE", "cause": cause}))
    click.echo(plain(f"pledgeway verify receipt: {file}: {cause}"), err=True)
    sys.exit(UNUSABLE)


def _refused(code: str, cause: str, as_json: bool) -> NoReturn:
    if as_json:
        click.echo(json.dumps({"valid": False, "code": code, "cause": cause}))
    else:
        say(f"PROVES NOTHING ({code}): {cause}")
    sys.exit(REFUSED)
