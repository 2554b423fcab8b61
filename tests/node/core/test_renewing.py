"""A registry's key ends between a decision and its claim: whoever holds the promise is paid."""

from dataclasses import replace

import pytest

from node.command.sim.cast import (
    NOW_US,
    R1,
    R2,
    SECOND,
    TWO_OF_THREE,
    certified,
    record_message,
    signing_key,
    statement_key_certificate,
)
from node.command.sim.cores.plan import (
    Attempt,
    Route,
    assert_books_mirror,
    chain_world,
    ended,
    held_by,
    make_request,
    pay,
    payment_of,
)
from node.command.sim.cores.world import World
from node.core.rows import Ask, IncidentKind, PaymentPhase, Transaction
from proto.certificate import CommitCertificate
from proto.levels import Level
from proto.registry_record import RegistryRecord, read_record, sign_record

A = Level.ATOMIC
NEW = signing_key("the key that follows")


def successor() -> RegistryRecord:
    """Revokes the key that R1 signs with, from before everything, and certifies another."""
    keys = [
        certified(statement_key_certificate(R1.id, key), R1.operators) for key in (R1.online, NEW)
    ]
    message = record_message(R1.name, R1.operators, keys)
    message.revocations.add(key=R1.online.public, at_us=NOW_US - 1)
    message.sequence = 2
    return read_record(sign_record(message, R1.operators))


LATER = successor()


def hears(world: World, *names: str) -> None:
    """Gossip brings the record."""
    for name in names:
        books = world.nodes[name].books
        books.settings = replace(books.settings, records={**books.settings.records, R1.id: LATER})


def signs_by(world: World, *, new: bool) -> None:
    (judge,) = [j for j in world.judges.values() if j.id == R1.id]
    judge.registry = replace(R1, online=NEW) if new else R1


def severed_before_the_claim(levels: tuple[Level, ...]) -> tuple[World, Attempt, list[str]]:
    world, names = chain_world(levels)
    request = make_request(world, "Q", 10_000)
    attempt = pay(world, [Route(names, levels, 10_000)], request)
    (judge,) = [j for j in world.judges.values() if j.id == R1.id]
    for name in names[:-1]:
        world.sever(name, judge.name)
    while not any(
        isinstance(row, Transaction) and row.commit_certificate
        for row in world.rows("Q", Transaction)
    ):
        found = world.choices()
        if not found:
            due = world.next_timer_us()
            assert due is not None
            world.now_us = max(world.now_us, due)
            world.fire()
            continue
        world.do(found[0])
    world.sever(names[-2], "Q")
    return world, attempt, names


def transaction_of(world: World, name: str) -> Transaction:
    (row,) = world.rows(name, Transaction)
    assert isinstance(row, Transaction)
    return row


def assert_paid(world: World, attempt: Attempt) -> None:
    assert payment_of(world, "P", attempt).phase is PaymentPhase.COMMITTED
    assert ended(world) and not world.faults
    assert_books_mirror(world)
    certificate = CommitCertificate.decode(transaction_of(world, "Q").commit_certificate)
    assert {p.key for s in certificate.statements for p in s.proofs} == {NEW.public}
    told = {(incident.kind, incident.detail) for incident in world.incidents()}
    assert {kind for kind, _ in told} == {IncidentKind.CLAIM_DENIED}


@pytest.mark.parametrize("levels", [(A,), (A, A)])
def test_a_claim_that_came_too_late_for_its_key_is_made_anew(levels: tuple[Level, ...]) -> None:
    world, attempt, names = severed_before_the_claim(levels)
    hears(world, *names)
    signs_by(world, new=True)
    world.heal(names[-2], "Q")
    world.run(world.now_us + 60 * SECOND)
    assert_paid(world, attempt)


@pytest.mark.parametrize("levels", [(A,), (A, A)])
def test_the_holder_hears_of_the_end_of_the_key_later_than_who_owes(
    levels: tuple[Level, ...],
) -> None:
    world, attempt, names = severed_before_the_claim(levels)
    hears(world, *names[:-1])
    world.heal(names[-2], "Q")
    world.run(world.now_us + 300 * SECOND)
    assert all(p.pending for p in held_by(world, "Q"))
    assert transaction_of(world, "Q").ask is Ask.RENEW
    claims = sum("Claim" in line for line in world.trace if line.startswith("Q to"))
    assert claims == 1, "the same is not shown again"
    signs_by(world, new=True)
    world.run(world.now_us + 300 * SECOND)
    assert all(p.pending for p in held_by(world, "Q")), "by a key that it does not know yet"
    hears(world, "Q")
    world.run(world.now_us + 300 * SECOND)
    assert_paid(world, attempt)


def test_a_crash_in_between_forgets_nothing() -> None:
    world, attempt, names = severed_before_the_claim((A,))
    hears(world, *names)
    world.heal("P", "Q")
    world.run(world.now_us + 5 * SECOND)
    world.crash("Q")
    signs_by(world, new=True)
    world.run(world.now_us + 60 * SECOND)
    assert_paid(world, attempt)


def test_an_answer_whose_key_has_ended_makes_room_for_the_next() -> None:
    """Of two members that are needed one is silent; meanwhile the other's key ends."""
    world, names = chain_world((A, A))
    request = make_request(world, "Q", 10_000, policies=(TWO_OF_THREE,))
    attempt = pay(world, [Route(names, (A, A), 10_000)], request, policy=TWO_OF_THREE)
    for judge in world.judges.values():
        judge.down = judge.id != R1.id
        # Whoever asks for the first time after the end hears the new key at once: only the payee,
        # who keeps the answer from before, can bring this to its end.
        for name in names[:-1]:
            world.sever(name, judge.name)
    world.run(attempt.deadline_us - SECOND)
    assert len(transaction_of(world, "Q").statements) == 1
    hears(world, *names)
    signs_by(world, new=True)
    (second,) = [j for j in world.judges.values() if j.id == R2.id]
    second.down = False
    world.run(attempt.deadline_us + 60 * SECOND)
    assert payment_of(world, "P", attempt).phase is PaymentPhase.COMMITTED
    assert ended(world) and not world.faults and not world.incidents()
