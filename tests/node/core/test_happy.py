"""Payments that nothing disturbs: over every viable assignment of levels, one to five hops."""

from itertools import product

import pytest

from node.command.sim.cast import NOW_US, RECORDS, SECOND, SINGLE, TWO_OF_THREE
from node.command.sim.cores.plan import (
    Route,
    assert_books_mirror,
    balance,
    chain_world,
    ended,
    is_viable,
    make_request,
    pay,
    payment_of,
    policy_for,
    request_of,
)
from node.core.rows import (
    PaymentPhase,
    PromisePhase,
    RequestPhase,
    Transaction,
)
from proto.certificate import CommitCertificate, verify_commit_certificate
from proto.commit import Commit, commit_is_valid
from proto.descriptor import decode_descriptor
from proto.levels import Level
from proto.policy import RegistryPolicy


def viable(hops: int, policy: RegistryPolicy = SINGLE) -> list[tuple[Level, ...]]:
    return [c for c in product(Level, repeat=hops) if is_viable(c, policy)]


def name_of(levels: tuple[Level, ...]) -> str:
    return " ".join(level.name for level in levels)


def run_payment(levels: tuple[Level, ...], policy: RegistryPolicy = SINGLE) -> None:
    world, names = chain_world(levels)
    request = make_request(world, names[-1], 100_000, policies=(policy,))
    attempt = pay(world, [Route(names, levels, 100_000)], request, policy=policy)
    start_us = world.now_us
    world.run(world.now_us)
    assert not world.faults and not world.incidents()
    assert payment_of(world, "P", attempt).phase is PaymentPhase.COMMITTED, world.trace
    assert request_of(world, "Q", request).phase is RequestPhase.PAID
    assert ended(world) and world.now_us == start_us
    assert_books_mirror(world)
    assert balance(world, "Q") == 100_000
    assert balance(world, "P") == -payment_of(world, "P", attempt).cost
    assert all(balance(world, name) >= 0 for name in names[1:])
    for name in names:
        assert all(p.phase is PromisePhase.REDEEMED for p in world.promises(name))
        assert_evidence(world.rows(name, Transaction)[0], policy_for(levels, policy))
    world.run(attempt.deadline_us + 60 * SECOND)  # nothing waits for anything any more
    assert not world.calls and not world.faults


def assert_evidence(transaction: object, policy: RegistryPolicy) -> None:
    """What each node keeps proves the commit to anybody."""
    assert isinstance(transaction, Transaction)
    if transaction.commit_certificate:
        certificate = CommitCertificate.decode(transaction.commit_certificate)
        assert verify_commit_certificate(certificate, RECORDS, NOW_US).policy == policy
    else:
        descriptor = decode_descriptor(transaction.descriptor)
        commit = Commit(transaction.descriptor, transaction.commit_evidence)
        assert commit_is_valid(descriptor, commit)


@pytest.mark.parametrize("levels", [c for n in (1, 2, 3) for c in viable(n)], ids=name_of)
def test_every_short_chain_commits(levels: tuple[Level, ...]) -> None:
    run_payment(levels)


@pytest.mark.parametrize("hops", [4, 5])
def test_every_longer_chain_commits(hops: int) -> None:
    chains = viable(hops)
    assert len(chains) > 50
    step = len(chains) // 30  # spread over the whole list, so that every pair of levels occurs
    for levels in chains[::step]:
        run_payment(levels)


@pytest.mark.parametrize(
    "levels", viable(2, TWO_OF_THREE) + viable(3, TWO_OF_THREE)[::3], ids=name_of
)
def test_a_collective_decides_as_well(levels: tuple[Level, ...]) -> None:
    run_payment(levels, TWO_OF_THREE)
