"""What must hold at the end of a run, when every fault has healed and the messages have drained."""

from collections import defaultdict
from collections.abc import Iterable

from node.command.sim.oracle.book import Book, Complaint
from node.command.sim.oracle.oracle import Oracle, ended_well
from node.command.sim.oracle.tables import MODES, WAYS_TO_LOSE
from node.command.sim.oracle.troubles import wire
from node.core.rows import Direction, Line, Promise, PromisePhase
from proto.descriptor import decode_descriptor


def judge(oracle: Oracle) -> None:
    """Adds to the oracle's violations what did not come right."""
    for name, book in oracle.books.items():
        if name in oracle.liars:
            continue
        oracle.complain(name, _ended(oracle, book))
        oracle.complain(name, _mirrored(oracle, book))
        oracle.complain(name, losses(oracle, book))
    oracle.complain("everybody", _zero(oracle))


def _ended(oracle: Oracle, book: Book) -> Iterable[Complaint]:
    for promise in book.promises():
        if promise.pending and oracle.names[promise.peer] not in oracle.liars:
            yield 8, f"promise {promise.id.hex()[:8]} {promise.level.name} is still pending"
    for payment in book.payments():
        if not ended_well(payment) and not _held_by_liar(oracle, book, payment.commit):
            yield 8, f"payment {payment.id.hex()[:8]} is still {payment.phase.name}"


def _held_by_liar(oracle: Oracle, book: Book, commit: bytes) -> bool:
    peers = [p.peer for p in book.promises() if p.commit == commit]
    return any(oracle.names[peer] in oracle.liars for peer in peers)


def _mirrored(oracle: Oracle, book: Book) -> Iterable[Complaint]:
    for line in book.lines():
        peer = oracle.names[line.peer]
        if peer in oracle.liars:
            continue
        theirs = oracle.books[peer].rows.get(line.key)
        if not isinstance(theirs, Line):
            yield 1, f"{peer} knows nothing of line {line.id.hex()[:8]}"
            continue
        mine = (line.booked_out, line.sequence_out, line.booked_in, line.sequence_in)
        mirror = (theirs.booked_in, theirs.sequence_in, theirs.booked_out, theirs.sequence_out)
        if mine != mirror:
            yield 1, f"line {line.id.hex()[:8]} says {mine}, {peer} says {mirror}"


def _zero(oracle: Oracle) -> Iterable[Complaint]:
    if oracle.liars:
        return
    sums: dict[str, int] = defaultdict(int)
    for book in oracle.books.values():
        for line in book.lines():
            sums[line.brand.name] += line.booked_in - line.booked_out
    for brand, total in sums.items():
        if total:
            yield 1, f"all balances in {brand} sum to {total}"


def losses(oracle: Oracle, book: Book) -> Iterable[Complaint]:
    """Invariants 5 and 6: who paid and was not paid, and whether a fault excuses it."""
    for given in book.promises():
        if given.direction is Direction.IN or not given.partner_id:
            continue
        held = book.promise(bytes(given.partner), given.partner_id)
        if held is None or given.phase is not PromisePhase.REDEEMED:
            continue
        if held.phase is PromisePhase.REDEEMED or held.pending:
            continue  # what is pending at the end is complained about by itself
        levels = held.level.name, given.level.name
        if any(_excused(oracle, book, held, way) for way in WAYS_TO_LOSE[levels]):
            continue
        invariant = 5 if MODES[levels] == "ATOMIC" else 6
        yield (
            invariant,
            (
                f"loses {given.amount}: {levels[0]} held ended as {held.phase.name},"
                f" {levels[1]} given was paid"
            ),
        )


def _excused(oracle: Oracle, book: Book, held: Promise, way: frozenset[str]) -> bool:
    return all(_failed(oracle, book, held, one) for one in way)


def _failed(oracle: Oracle, book: Book, held: Promise, what: str) -> bool:
    """Whether U or R may have failed in the time that mattered for this promise."""
    transaction = book.transaction(held.commit)
    assert transaction is not None
    made_us = book.made_us[held.key]
    ended_us = book.ended_us[held.key]
    learned_us = book.learned_us.get(held.commit, made_us)
    upstream = oracle.names[held.peer]
    own = ("node", book.name)
    if what == "U":
        places = [own, ("node", upstream), wire(book.name, upstream)]
        return upstream in oracle.liars or oracle.troubles.touches(places, learned_us, ended_us)
    members = decode_descriptor(transaction.descriptor).policy.members
    names = [name for name, registry in oracle.registry_ids.items() if registry in members]
    places = [own, *(("registry", n) for n in names), *(("road", book.name, n) for n in names)]
    return oracle.troubles.touches(places, made_us, ended_us)
