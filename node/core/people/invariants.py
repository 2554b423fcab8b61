"""What always holds of the accounts of people. Tests and simulations look after every step."""

from collections.abc import Iterable

from node.core.people.rows import OWNER, Confirmation, ConfirmationPhase, Mandate, Purse
from node.core.rows import Payment, PaymentPhase, Row

P = ConfirmationPhase
_PHASES = {
    PaymentPhase.ROUTING: (P.APPROVED, P.ABORTED),
    PaymentPhase.PROMISED: (P.EXECUTING,),
    PaymentPhase.COMMITTED: (P.COMMITTED,),
    PaymentPhase.ABORTED: (P.EXPIRED,),
}


def check_people(rows: Iterable[Row]) -> None:
    """Raises AssertionError that names the row and what broke."""
    rows = list(rows)
    held: dict[tuple[bytes, bytes], int] = {}
    confirmations = {row.id: row for row in rows if isinstance(row, Confirmation)}
    for asked in confirmations.values():
        _check_confirmation(asked)
        if asked.person != OWNER:
            key = (asked.person, asked.brand.guid)
            held[key] = held.get(key, 0) + asked.reserved
    for row in rows:
        match row:
            case Purse():
                of_approvals = held.pop((row.person, row.guid), 0)
                assert row.reserved == of_approvals, f"{_name(row)}: holds what no approval does"
                assert min(row.booked_in, row.booked_out) >= 0, _name(row)
            case Mandate():
                assert 0 <= row.in_period <= row.spent, f"{_name(row)}: {row.in_period}"
                assert row.spent <= row.total, f"{_name(row)}: beyond its total"
            case Payment() if row.confirmation in confirmations:
                phase = confirmations[row.confirmation].phase
                fits = phase in _PHASES[row.phase]
                assert fits, f"{_name(row)}: {row.phase.name} of one that is {phase.name}"
            case _:
                pass
    assert not any(held.values()), "an approval holds what is in no purse"


def _check_confirmation(row: Confirmation) -> None:
    where = _name(row)
    assert row.reserved >= 0 and row.debited >= 0, where
    assert row.reserved + row.debited <= row.debit_max, f"{where}: beyond what was approved"
    assert row.phase.final == (row.ended_at_us > 0), f"{where}: an end without a time"
    unapproved = row.phase.waiting or row.phase is P.DENIED
    assert not (unapproved and row.debit_max), f"{where}: held without an approval"
    if row.phase in (P.EXPIRED, P.DENIED):
        assert not row.reserved and not row.debited, f"{where}: ended, and it moved something"
    if row.phase is P.COMMITTED:
        assert row.debited > 0, f"{where}: committed without a debt"


def _name(row: Row) -> str:
    return f"{row.table} {row.key[1].hex()[:8]}"
