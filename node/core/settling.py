"""Which rows are settled, and leave together for the archive (protocol sections 5 and 8).

A transaction is settled once nothing that an honest node does can touch it any more: its promises
have ended, its times have passed, and the neighbours have what we said about it. A word that comes
later still brings its rows back, so that leaving is never a second end.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from node.core.escrow import hooks
from node.core.rows import (
    Ask,
    Direction,
    Payment,
    Promise,
    PromisePhase,
    Request,
    RequestPhase,
    Role,
    Row,
    Settled,
    Transaction,
    replace,
)
from node.core.view import View
from proto.descriptor import Descriptor, decode_descriptor
from proto.envelope import Envelope
from proto.keys import NodeId
from proto.levels import Level
from proto.limits import GRACE_US, GUARD_US, US
from proto.messages import Redeemed, decode

SETTLED_AFTER_US = 10 * US  # by then what was under way has arrived, or comes as a late word

Quiet = Callable[[NodeId, int], bool]
"""Whether a neighbour has acknowledged everything that we said up to a time (µs)."""


@dataclass(frozen=True, slots=True)
class Bundle:
    """Rows that leave together: a transaction with its promises, and the payment or the request
    whose last attempt it was; or one of these two alone, where there was no attempt. Of an exchange
    all of ours that were legs of it."""

    transaction: Transaction | None
    promises: tuple[Promise, ...]
    owners: tuple[Payment | Request, ...] = ()

    @property
    def rows(self) -> tuple[Row, ...]:
        first = () if self.transaction is None else (self.transaction,)
        return (*first, *self.promises, *self.owners)

    @property
    def payments(self) -> tuple[Payment, ...]:
        return tuple(owner for owner in self.owners if isinstance(owner, Payment))

    @property
    def requests(self) -> tuple[Request, ...]:
        return tuple(owner for owner in self.owners if isinstance(owner, Request))

    @property
    def until_us(self) -> int:
        """No promise of this bundle is taken anew after this time; 0 where it has none."""
        if self.transaction is None:
            return 0
        descriptor = decode_descriptor(self.transaction.descriptor)
        return max(
            (barred_from_us(p.level, p.expires_at_us, descriptor) for p in self.promises),
            default=0,
        )


def barred_from_us(level: Level, expires_at_us: int, descriptor: Descriptor) -> int:
    """After this time a promise on these terms is refused, whoever makes it (node.core.offer)."""
    bars = [expires_at_us] if level.has_expiry else []
    if descriptor.policy.members:
        bars.append(descriptor.deadline_us)
    return min(bars)


def bundle_of(view: View, row: Row, now_us: int, quiet: Quiet) -> Bundle | None:
    """What leaves with this row, or None while it has to stay."""
    match row:
        case Transaction():
            return _transaction_bundle(view, row, now_us, quiet)
        case Payment() if row.phase.final and not row.commit:
            old = row.ended_at_us + SETTLED_AFTER_US <= now_us
            return Bundle(None, (), (row,)) if old else None
        case Request() if not row.commit and _is_over(row, now_us):
            return Bundle(None, (), (row,))
        case _:
            return None


def _is_over(request: Request, now_us: int) -> bool:
    """Whether no attempt of it will be taken any more."""
    if request.phase in (RequestPhase.PAID, RequestPhase.DECLINED):
        return request.ended_at_us + SETTLED_AFTER_US <= now_us
    return request.expires_at_us + SETTLED_AFTER_US <= now_us


def _transaction_bundle(
    view: View, transaction: Transaction, now_us: int, quiet: Quiet
) -> Bundle | None:
    if transaction.ask is not Ask.NOTHING:
        return None
    promises = tuple(view.promises_of(transaction.commit))
    if any(p.pending for p in promises):
        return None
    ends = [max(p.ended_at_us, p.expires_at_us + GRACE_US) for p in promises]
    if decode_descriptor(transaction.descriptor).policy.members:
        ends.append(transaction.limit_us + GUARD_US)
    if max(ends, default=0) + SETTLED_AFTER_US > now_us:
        return None
    if not all(quiet(p.peer, p.ended_at_us) for p in promises):
        return None
    owners = _owners(view, transaction, promises)
    if not all(_may_leave(owner, now_us) for owner in owners):
        return None
    if transaction.role is Role.SEAT and not hooks.is_over(view, transaction):
        return None
    return Bundle(transaction, promises, owners)


def _may_leave(owner: Payment | Request, now_us: int) -> bool:
    return owner.phase.final if isinstance(owner, Payment) else _is_over(owner, now_us)


def _owners(
    view: View, transaction: Transaction, promises: Iterable[Promise]
) -> tuple[Payment | Request, ...]:
    """The payments and requests whose last attempt this is; earlier attempts leave without them."""
    named = dict.fromkeys((_table_of(p), p.owner) for p in promises if p.owner)
    rows = (view.row((table, owner, b"")) for table, owner in named)
    ours = (row for row in rows if isinstance(row, Payment | Request))
    return tuple(row for row in ours if row.commit == transaction.commit)


def _table_of(promise: Promise) -> str:
    return Payment.table if promise.direction is Direction.OUT else Request.table


def sums_with(
    settled: Callable[[bytes], Settled], promises: Iterable[Promise], sign: int
) -> dict[bytes, Settled]:
    """What the lines' sums become when these promises leave (+1) or come back (-1)."""
    sums: dict[bytes, Settled] = {}
    newest: dict[bytes, int] = {}  # sequence of head_in
    for promise in promises:
        if promise.phase is not PromisePhase.REDEEMED:
            continue
        line = sums.get(promise.line) or settled(promise.line)
        amount = sign * promise.amount
        if promise.direction is Direction.OUT:
            line = replace(line, total_out=line.total_out + amount, count_out=line.count_out + sign)
        else:
            line = replace(line, total_in=line.total_in + amount, count_in=line.count_in + sign)
            number = _sequence(promise.ended_by) if sign > 0 else 0
            if number > newest.setdefault(line.line, _sequence(line.head_in)):
                newest[line.line] = number
                line = replace(line, head_in=promise.ended_by)
        sums[promise.line] = line
    return sums


def _sequence(booking: bytes) -> int:
    """The number of a signed booking that was verified when it came; 0 where there is none."""
    if not booking:
        return 0
    body = decode(Envelope.decode_unverified(booking).payload)[2]
    assert isinstance(body, Redeemed)
    return body.sequence
