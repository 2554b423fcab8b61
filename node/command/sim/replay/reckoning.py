"""What all books say at the end: who was paid, what was held for how long, who lost what.

Read from the rows of all nodes, by rules of its own and not by those of the core.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from node.command.sim.cores.world import Node, World
from node.command.sim.replay.outcome import Loss, Outcome, Verdict
from node.core.invariants import check
from node.core.rows import (
    Direction,
    Incident,
    IncidentKind,
    Line,
    Payment,
    Promise,
    PromisePhase,
    Request,
    RequestPhase,
    Transaction,
)
from proto.descriptor import decode_descriptor
from proto.fees import FREE_REGISTRY, price_of_pair
from proto.modes import Mode, mode_of

if TYPE_CHECKING:
    from node.command.sim.replay.replaying import Begun


def audit(world: World, *, drained: bool) -> None:
    """Protocol section 9 over all books: AssertionError that says what broke.

    `drained`: no message is on its way, so both sides of every line are mirror images.
    """
    assert not world.faults, world.faults[:3]  # nobody here says what no honest node says
    for node in world.nodes.values():
        check(node.books.rows.values())
        for row in node.books.rows.values():
            if isinstance(row, Promise) and row.direction is Direction.IN:
                _audit_pair(node, row)
    if not drained:
        return
    by_id = {node.id: node for node in world.nodes.values()}
    total = 0
    for node in world.nodes.values():
        for row in node.books.rows.values():
            if isinstance(row, Promise):
                assert row.phase.final, f"{node.name}: a promise never ended: {row}"
            if isinstance(row, Line):
                total += row.balance
                mirror = by_id[row.peer].books.rows[row.key]
                assert isinstance(mirror, Line)
                ours, theirs = (
                    (row.booked_out, row.sequence_out),
                    (mirror.booked_in, mirror.sequence_in),
                )
                assert ours == theirs, f"{node.name}: {ours}, mirrored as {theirs}"
    assert total == 0, f"balances sum to {total}"


def _audit_pair(node: Node, held: Promise) -> None:
    """Invariants 4 and 5 of one intermediary in one chain."""
    given = _partner(node, held)
    if given is None:
        return
    assert held.amount >= _least_held(node, held, given), f"{node.name}: below its price: {held}"
    loss = loss_of(node, held)
    assert loss is None or loss.mode is not Mode.ATOMIC, f"{node.name} lost in mode ATOMIC: {held}"


def _least_held(node: Node, held: Promise, given: Promise) -> int:
    """What the node's terms ask for the promise that it gave."""
    transaction = node.books.rows[(Transaction.table, held.commit, b"")]
    assert isinstance(transaction, Transaction)
    members = decode_descriptor(transaction.descriptor).policy.members
    terms = node.settings
    fees = [terms.registry_fees.get(member, FREE_REGISTRY) for member in members]
    price = price_of_pair(terms.fees, fees, incoming=held.level, outgoing=given.level)
    assert price is not None, f"{node.name}: refuses this pair: {held.level}, {given.level}"
    return price.amount_in_ceil(given.amount)


def _partner(node: Node, held: Promise) -> Promise | None:
    given = node.books.rows.get((Promise.table, bytes(held.partner), held.partner_id))
    return given if isinstance(given, Promise) else None


def loss_of(node: Node, held: Promise) -> Loss | None:
    """What this node owes ahead without being owed behind."""
    given = _partner(node, held)
    if given is None or given.phase is not PromisePhase.REDEEMED:
        return None
    if not held.phase.final or held.phase is PromisePhase.REDEEMED:
        return None
    mode = mode_of(held.level, given.level)
    assert mode is not None
    incident = node.books.rows.get(
        (Incident.table, held.promisor[:16] + held.id, bytes((IncidentKind.LOSS,)))
    )
    # The node says so itself, and to whoever runs it.
    assert isinstance(incident, Incident) and incident.amount == given.amount, held
    return Loss(mode, given.amount)


def reckon(world: World, begun: Mapping[int, "Begun"]) -> dict[int, Outcome]:
    """Outcomes of the payments that were begun, by number."""
    held: dict[bytes, int] = {}
    losses: dict[bytes, list[Loss]] = {}
    for node in world.nodes.values():
        for row in node.books.rows.values():
            if not isinstance(row, Promise):
                continue
            if row.direction is Direction.OUT:
                weight = row.amount * (row.ended_at_us - row.made_at_us)
                held[row.commit] = held.get(row.commit, 0) + weight
            elif (loss := loss_of(node, row)) is not None:
                losses.setdefault(row.commit, []).append(loss)
    return {i: _outcome(world, one, held, losses) for i, one in begun.items()}


def _outcome(
    world: World, begun: "Begun", held: Mapping[bytes, int], losses: Mapping[bytes, list[Loss]]
) -> Outcome:
    wish, route, commit = begun.wish, begun.route, begun.attempt.commit
    request = world.nodes[wish.payee].books.rows[begun.request.key]
    payment = world.nodes[wish.payer].books.rows[(Payment.table, begun.attempt.payment, b"")]
    assert isinstance(request, Request) and isinstance(payment, Payment)
    paid = request.phase is RequestPhase.PAID
    because = payment.because.reason.name if payment.because and not paid else ""
    return Outcome(
        wish.amount,
        Verdict.PAID if paid else Verdict.FAILED,
        route.cost,
        tuple(hop.level for hop in route.hops),
        tuple(mode for _, mode in route.modes),
        held[commit],
        tuple(losses.get(commit, ())),
        because,
    )
