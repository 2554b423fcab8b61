"""What holds of a node's rows after every step (protocol section 9). Pure; a breach is our bug.

`check` reads the rows alone, so that an audit of a stored node can run it; `check_step` compares
the rows before a step with what the step changed.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from node.core.caps import Load, load_of
from node.core.money_leg import LEG_TRANSITIONS
from node.core.payee import REQUEST_TRANSITIONS
from node.core.payer import PAYMENT_TRANSITIONS
from node.core.people.invariants import check_people
from node.core.promise import TRANSITIONS
from node.core.proving import same_but_proofs
from node.core.rows import (
    Direction,
    Key,
    Line,
    Payment,
    PaymentPhase,
    Promise,
    PromisePhase,
    Request,
    RequestPhase,
    Role,
    Row,
    Settled,
    Transaction,
)
from proto.descriptor import commit_id

NO_LOAD: Final = Load()


@dataclass(frozen=True, slots=True)
class _Sums:
    """What the promises of one line in one direction say together."""

    pending: Load = NO_LOAD
    paid: int = 0
    paid_count: int = 0


def check(rows: Iterable[Row]) -> None:
    """Raises AssertionError that names the row and what broke."""
    for _ in checks({row.key: row for row in rows}):
        pass


def checks(by_key: Mapping[Key, Row]) -> Iterator[None]:
    """As `check`, row by row: of a hundred thousand it takes more than a second. Whoever has other
    things to do does them between, and gives a mapping that nobody changes."""
    check_people(by_key.values())
    under: dict[bytes, list[Promise]] = defaultdict(list)
    over: dict[tuple[bytes, Direction], _Sums] = defaultdict(_Sums)
    for row in by_key.values():
        if isinstance(row, Promise):
            _check_promise(row, by_key)
            under[row.commit].append(row)
            line = row.line, row.direction
            over[line] = _with(over[line], row, by_key)
            yield
    for row in by_key.values():
        yield
        match row:
            case Line():
                settled = by_key.get((Settled.table, row.id, b""), Settled(row.id))
                assert isinstance(settled, Settled)
                _check_line(row, over, settled)
            case Transaction():
                assert commit_id(row.descriptor) == row.commit, f"{_name(row)}: other descriptor"
                assert not row.commit_certificate or row.commit_evidence, _name(row)
            case Payment():
                _check_payment(row, under[row.commit] if row.commit else [])
            case Request():
                _check_request(row, under[row.commit] if row.commit else [], by_key)
            case _:
                pass


def _name(row: Row) -> str:
    table, first, second = row.key
    return f"{table} {first.hex()[:12]} {second.hex()[:12]}"


def _with(sums: _Sums, promise: Promise, rows: Mapping[Key, Row]) -> _Sums:
    if promise.pending:
        pending = sums.pending.plus(_load(promise, rows))
        return _Sums(pending, sums.paid, sums.paid_count)
    if promise.phase is PromisePhase.REDEEMED:
        return _Sums(sums.pending, sums.paid + promise.amount, sums.paid_count + 1)
    return sums


def _check_line(
    line: Line, over: Mapping[tuple[bytes, Direction], _Sums], settled: Settled
) -> None:
    """Invariants 1 and 3: what a line sums up is what its promises say, each counted once, those
    in the archive included."""
    redeemed_out = line.booked_out - settled.total_out, line.sequence_out - settled.count_out
    redeemed_in = line.booked_in - settled.total_in, line.sequence_in - settled.count_in
    for direction, pending, redeemed in (
        (Direction.OUT, Load(line.count_out, line.pending_out, line.held_out), redeemed_out),
        (Direction.IN, Load(line.count_in, line.pending_in, line.held_in), redeemed_in),
    ):
        sums = over.get((line.id, direction), _Sums())
        where = f"{_name(line)} {direction.name}"
        assert sums.pending == pending, f"{where}: pending sums"
        assert (sums.paid, sums.paid_count) == redeemed, f"{where}: booked totals"


def _load(promise: Promise, rows: Mapping[Key, Row]) -> Load:
    transaction = rows.get((Transaction.table, promise.commit, b""))
    assert isinstance(transaction, Transaction), f"{_name(promise)}: no transaction"
    return load_of(
        promise.amount,
        promise.level,
        promise.expires_at_us,
        transaction.limit_us,
        promise.made_at_us,
    )


def _check_promise(promise: Promise, rows: Mapping[Key, Row]) -> None:
    where = _name(promise)
    assert promise.phase.final == (promise.ended_at_us > 0), f"{where}: end without a time"
    assert (Line.table, promise.line, b"") in rows, f"{where}: no line"
    assert (Transaction.table, promise.commit, b"") in rows, f"{where}: no transaction"
    if not promise.partner_id:
        return
    partner = rows.get((Promise.table, bytes(promise.partner), promise.partner_id))
    assert isinstance(partner, Promise), f"{where}: no partner"
    back = (bytes(partner.partner), partner.partner_id)
    assert back == (bytes(promise.promisor), promise.id), f"{where}: partner of another"
    assert not promise.owner, f"{where}: of a hop, and somebody's own"
    assert partner.direction is not promise.direction, f"{where}: partner in one direction"
    assert partner.commit == promise.commit, f"{where}: partner under another commit"
    if promise.direction is Direction.IN and promise.phase is PromisePhase.RELEASED:
        # What was given up covered nothing that can still be claimed.
        unpaid = partner.phase.final and partner.phase is not PromisePhase.REDEEMED
        assert unpaid, f"{where}: released while what it covers is {partner.phase.name}"


def _check_payment(payment: Payment, promises: list[Promise]) -> None:
    where = _name(payment)
    phases = {p.phase for p in promises if p.owner == payment.id}
    assert payment.phase.final == (payment.ended_at_us > 0), f"{where}: end without a time"
    paid, live = PromisePhase.REDEEMED in phases, any(not p.final for p in phases)
    match payment.phase:
        case PaymentPhase.PROMISED:
            assert live and not paid, f"{where}: promised, but {phases}"
        case PaymentPhase.COMMITTED:
            assert paid, f"{where}: committed without a debt"
        case _:
            # Invariant 7 rests on this: the next attempt begins where nothing can be redeemed.
            assert not live and not paid, f"{where}: {payment.phase.name}, but {phases}"


def _check_request(request: Request, promises: list[Promise], rows: Mapping[Key, Row]) -> None:
    where = _name(request)
    phases = {p.phase for p in promises if p.owner == request.id}
    if not request.commit:
        # Paid within this node: from purse to purse, and `taking` says how much.
        in_house = request.phase is RequestPhase.PAID and request.taking > 0
        assert in_house or request.phase in (RequestPhase.OPEN, RequestPhase.DECLINED), where
        return
    if request.phase is RequestPhase.PAID:
        assert PromisePhase.REDEEMED in phases, f"{where}: paid by nothing"
    transaction = rows.get((Transaction.table, request.commit, b""))
    assert isinstance(transaction, Transaction), f"{where}: no transaction"
    role = Role.SEAT if request.bound else Role.PAYEE
    assert transaction.role is role, f"{where}: not its payee"
    assert request.bound in (b"", request.commit), f"{where}: paid in another exchange"
    if request.phase is RequestPhase.SIGNED and not request.bound:
        assert transaction.commit_evidence, f"{where}: signed without a commit"


def check_step(before: Mapping[Key, Row], changes: Iterable[Row]) -> None:
    """What a step may change. Raises AssertionError that names the row and what broke."""
    after = {row.key: row for row in changes}
    for key, new in after.items():
        old = before.get(key)
        assert type(old) in (type(None), type(new)), f"{_name(new)}: another kind of row"
        match new:
            case Promise():
                assert old is None or isinstance(old, Promise)
                _check_promise_step(old, new, before, after)
            case Payment():
                assert old is None or isinstance(old, Payment)
                _check_payment_step(old, new)
            case Request():
                assert old is None or isinstance(old, Request)
                _check_request_step(old, new)
            case Line():
                assert old is None or isinstance(old, Line)
                _check_line_step(old, new)
            case Transaction():
                assert old is None or isinstance(old, Transaction)
                _check_transaction_step(old, new)
            case _:
                pass


def _check_promise_step(
    old: Promise | None, new: Promise, before: Mapping[Key, Row], after: Mapping[Key, Row]
) -> None:
    where = _name(new)
    if old is None:
        if new.direction is Direction.OUT and new.pending:
            key = (Line.table, new.line, b"")
            line = after.get(key, before.get(key))
            assert isinstance(line, Line), f"{where}: no line"
            assert line.available_out >= 0, f"{where}: beyond the limit"  # invariant 2
        return
    terms = ("amount", "level", "expires_at_us", "line", "commit", "peer", "direction", "owner")
    assert all(getattr(old, t) == getattr(new, t) for t in terms), f"{where}: other terms"
    if old.phase is new.phase:
        return
    mirrored = new.direction is Direction.IN and new.phase is PromisePhase.REDEEMED
    legal = new.phase in TRANSITIONS[old.phase] or (mirrored and old.phase.final)
    assert legal, f"{where}: {old.phase.name} to {new.phase.name}"


def _check_payment_step(old: Payment | None, new: Payment) -> None:
    if old is not None and old.bound != new.bound:
        raise AssertionError(f"{_name(new)}: of another exchange")
    if old is not None and old.phase is not new.phase:
        legal = new.phase in PAYMENT_TRANSITIONS[old.phase]
        assert legal, f"{_name(new)}: {old.phase.name} to {new.phase.name}"


def _check_request_step(old: Request | None, new: Request) -> None:
    if old is None:
        return
    assert old.bound == new.bound, f"{_name(new)}: of another exchange"
    if old.phase is not new.phase:
        table = LEG_TRANSITIONS if new.bound else REQUEST_TRANSITIONS
        in_house = new.phase is RequestPhase.PAID and not new.commit
        legal = new.phase in table[old.phase] or (in_house and old.phase is RequestPhase.OPEN)
        assert legal, f"{_name(new)}: {old.phase.name} to {new.phase.name}"


def _check_line_step(old: Line | None, new: Line) -> None:
    if old is not None:
        grows = new.booked_out >= old.booked_out and new.booked_in >= old.booked_in
        assert grows, f"{_name(new)}: a booked total shrinks"
        assert (old.peer, old.brand) == (new.peer, new.brand), f"{_name(new)}: another line"


def _check_transaction_step(old: Transaction | None, new: Transaction) -> None:
    if old is not None:
        for field in ("commit_certificate", "abort_certificate"):
            had, has = getattr(old, field), getattr(new, field)
            same = had == has or (has and same_but_proofs(old, new))
            assert not had or same, f"{_name(new)}: {field} replaced"
        assert not old.commit_evidence or new.commit_evidence, f"{_name(new)}: commit forgotten"
        # A hop, or the payee of a leg that came early, learns of which exchange it is.
        joined = new.role is Role.SEAT and old.role in (Role.HOP, Role.SEAT) and not old.owner
        same = (old.role, old.owner) == (new.role, new.owner)
        assert same or joined, f"{_name(new)}: another part"
