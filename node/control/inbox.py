"""The operator's inbox: what needs a human, with a suggested step, and all evidence there is."""

import json
from base64 import b64encode
from typing import Any, Final

from node.control.context import Context
from node.control.evidence_file import certificate_file
from node.control.failure import Arguments, ControlFailure
from node.core.escrow.rows import Deal, Letter, Seat
from node.core.rows import Incident, IncidentKind, Promise, Row, Transaction
from node.core.sale.reading import known_of
from node.core.sale.rows import Sale
from proto.descriptor import transaction_uuid
from proto.sale.stakes import branch_of

FORMAT: Final = "pledgeway evidence 1"
# What it is in words, and what to do about it (escrow section 7). No step changes a decision.
WORDS: Final = {
    IncidentKind.LOSS: (
        "paid ahead, and not paid behind",
        "see what the mode says of such a loss: `pledgeway fees show`; settle with the neighbour",
    ),
    IncidentKind.CONTRADICTION: (
        "a registry signed both ways",
        "file the proof: `pledgeway node registry expose FILE`, and review what is open under it",
    ),
    IncidentKind.CLAIM_DENIED: (
        "a neighbour does not honour evidence",
        "show it the evidence, and settle by hand",
    ),
    IncidentKind.CLAIM: (
        "owed since a commit came after a return",
        "file the fraud proof against the registry; a right that is gone is a claim against it",
    ),
    IncidentKind.EXPOSED: (
        "a registry that decides about something open was proven to cheat",
        "review what is open under it, and accept another one",
    ),
    IncidentKind.UNDECIDED: (
        "an exchange has no final answer long after its deadline",
        "contact the registry's operator: its answer alone frees what is locked",
    ),
    IncidentKind.UNSETTLED: (
        "a certificate is refused, or unanswered for a day",
        "show the certificate to the other's operator (--evidence FILE), then publish it",
    ),
    IncidentKind.DISPUTE: (
        "the buyer of a sale challenges what its agent has attested",
        "look at the thing again, then `pledgeway sale refund`, or `pledgeway sale release`",
    ),
}


def incident_json(context: Context, row: Incident) -> dict[str, Any]:
    """One entry; `settled`: nothing needs to be done about it any more."""
    what, step = WORDS[row.kind]
    commit = _commit(context, row)
    return {
        "id": _id(row),
        "kind": row.kind.name,
        "what": what,
        "step": step,
        "at_us": row.at_us,
        "age_s": max(0, context.clock.now_us() - row.at_us) // 1_000_000,
        "peer": row.peer.hex(),
        "alias": context.alias_of(row.peer),
        "amount": row.amount,
        "brand": _brand(context, row),
        "detail": row.detail,
        "exchange": deal.hex() if (deal := _deal(context, row, commit)) else None,
        "sale": sale.id.hex() if (sale := _sale(context, row)) else None,
        "commit_id": commit.hex() if commit else None,
        "uuid": str(transaction_uuid(commit)) if commit else None,
        "has_evidence": bool(row.evidence),
        "settled": _settled(context, row, commit),
    }


def _id(row: Incident) -> str:
    """Its subject and kind: one thing may be wrong in several ways."""
    return f"{row.subject.hex()}{row.kind:02x}"


def _letter(context: Context, row: Incident) -> Letter | None:
    found = context.engine.memory.row((Letter.table, row.subject, b""))
    return found if isinstance(found, Letter) else None


def _deal(context: Context, row: Incident, commit: bytes) -> bytes:
    """The exchange that it is about; b"" where it is about none."""
    letter = _letter(context, row) if row.kind is IncidentKind.UNSETTLED else None
    if letter is not None:
        return letter.deal
    memory = context.engine.memory
    owners: list[tuple[bytes, bytes]] = [(d.commit, d.id) for d in memory.owned(Deal)]
    owners += [(seat.commit, seat.deal) for seat in memory.owned(Seat)]
    return next((deal for one, deal in owners if commit and one == commit), b"")


def _sale(context: Context, row: Incident) -> Sale | None:
    """The sale that it is about, if it is about one."""
    letter = _letter(context, row) if row.kind is IncidentKind.UNSETTLED else None
    memory = context.engine.memory
    transaction = memory.row((Transaction.table, row.subject, b""))
    owner = letter.deal if letter is not None else b""
    if isinstance(transaction, Transaction):
        owner = transaction.owner
    found = memory.row((Sale.table, owner, b""))
    return found if isinstance(found, Sale) else None


def _commit(context: Context, row: Incident) -> bytes:
    memory = context.engine.memory
    if row.kind is IncidentKind.UNDECIDED:
        return row.subject
    letter = _letter(context, row) if row.kind is IncidentKind.UNSETTLED else None
    if letter is not None:
        rows: list[Deal | Seat] = [*memory.owned(Deal), *memory.owned(Seat)]
        ours = (one for one in rows if one.commit and letter.deal == one.key[1])
        return next((one.commit for one in ours), b"")
    if len(row.subject) == 32 and memory.row((Transaction.table, row.subject, b"")) is not None:
        return row.subject
    promise = _promise(context, row)
    return promise.commit if promise is not None else b""


def _promise(context: Context, row: Incident) -> Promise | None:
    found = context.engine.memory.row((Promise.table, row.subject[:16], row.subject[16:]))
    return found if isinstance(found, Promise) else None


def _brand(context: Context, row: Incident) -> str | None:
    promise = _promise(context, row)
    if promise is None:
        return None
    return next((x.brand.name for x in context.lines if x.id == promise.line), None)


def _settled(context: Context, row: Incident, commit: bytes) -> bool:
    if row.kind is IncidentKind.UNDECIDED:
        transaction = context.settled.transaction(commit)
        return transaction is not None and transaction.decided
    if row.kind is IncidentKind.UNSETTLED:
        letter = _letter(context, row)
        return letter is not None and letter.answered and "answers a cert" not in row.detail
    if row.kind is IncidentKind.DISPUTE:
        sale = _sale(context, row)
        return sale is not None and branch_of(known_of(context.engine.memory, sale)) is not None
    return False


async def inbox(context: Context, arguments: Arguments) -> dict[str, Any]:
    """Entries, the newest first. `all`: with those that have settled themselves."""
    everything = arguments.flag("all", False)
    arguments.done()
    rows = sorted(context.engine.memory.owned(Incident), key=lambda i: (-i.at_us, i.key))
    shown = [incident_json(context, row) for row in rows]
    return {"inbox": [one for one in shown if everything or not one["settled"]]}


async def bundle(context: Context, arguments: Arguments) -> dict[str, Any]:
    """Everything that this node can show about one entry, as one JSON text: signed words in
    base64, nothing secret."""
    named = arguments.text("id").lower()
    arguments.done()
    rows = [i for i in context.engine.memory.owned(Incident) if named and _id(i).startswith(named)]
    if not rows:
        cause = f"no entry begins with {named!r}"
        raise ControlFailure("NOT_FOUND", cause, "see `pledgeway escrow inbox --all`")
    if len(rows) > 1:
        cause = f"{len(rows)} entries begin with {named!r}"
        raise ControlFailure("AMBIGUOUS", cause, "give more digits")
    entry = incident_json(context, rows[0])
    held = {"format": FORMAT, "entry": entry, "evidence": _text(rows[0].evidence)}
    held |= _decision(context, rows[0]) | _exchange(context, entry["exchange"])
    held |= _documents(_sale(context, rows[0]))
    return {"id": entry["id"], "bundle": json.dumps(held, indent=1, sort_keys=True)}


def _text(data: bytes) -> str:
    return b64encode(data).decode()


def _decision(context: Context, row: Incident) -> dict[str, Any]:
    commit = _commit(context, row)
    transaction = context.settled.transaction(commit) if commit else None
    if transaction is None:
        return {}
    told: dict[str, Any] = {"descriptor": _text(transaction.descriptor)}
    told["statements"] = [_text(one) for one in transaction.statements]
    if transaction.decided:
        told["certificate_file"] = _text(certificate_file(context, transaction))
    return told


def _exchange(context: Context, deal: str | None) -> dict[str, Any]:
    """Proposal, terms and promises. Seeds, capabilities and the decline preimage stay here."""
    if deal is None:
        return {}
    memory, identity = context.engine.memory, bytes.fromhex(deal)
    rows: list[Row] = [r for r in memory.owned(Seat) if r.deal == identity]
    rows += [r for r in memory.owned(Deal) if r.id == identity]
    told: dict[str, Any] = {}
    for row in rows:
        assert isinstance(row, Deal | Seat)
        told["proposal"] = _text(row.proposal)
        told["openings"] = [_text(one) for one in row.openings]
        promises = row.promises if isinstance(row, Deal) else row.promised
        told["promises"] = [_text(one) for one in promises]
    return told


def _documents(sale: Sale | None) -> dict[str, Any]:
    """What was signed in a sale, and the log of its hand-over. The key, credentials and seeds stay
    here; what was sealed opens for nobody but its party."""
    if sale is None:
        return {}
    kept = (*("offer", "contract", "agreement", "promise", "lock", "credential", "sealed"),
            *("statement", "shown", "proof"))  # fmt: skip
    told: dict[str, Any] = {name: _text(getattr(sale, name)) for name in kept}
    for name in ("rules", "openings", "staked", "log"):
        told[name] = [_text(one) for one in getattr(sale, name)]
    return {"sale": told | {"id": sale.id.hex(), "role": sale.role.name}}
