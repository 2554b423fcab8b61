"""Staking into a pool: every check, by name, and that at most one T1 ever fills it."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from node.command.sim.cast import SECOND, TWO_OF_THREE, digest
from node.registrar import owner, pools
from node.registrar.pool_rows import PoolState, Tally
from node.registrar.rows import Terms
from proto.escrow.legs import read_leg_promise
from proto.escrow.ops import Accept, Offer, Prepare, Refund, RegistrarError, Transfer
from proto.escrow.terms import plant
from proto.money import SCALE
from proto.policy import single
from proto.sale.contract import (
    lock_order,
    pool_hold,
    stake_legs,
)
from proto.sale.stakes import STAKERS, Decision, SaleRole
from tests.node.registrar.pool_table import AGENT, BUYER, FUNDS, SELLER, PoolTable
from tests.node.registrar.world import ALICE, CAROL, cap, deal, leg_of
from tests.sale_table import MINUTE, STAKES, SaleTable

E = RegistrarError
ELSEWHERE = single(TWO_OF_THREE.members[2])


def freeze(table: PoolTable, role: SaleRole) -> None:
    account = table.sale.account(role)
    table.world.act(lambda step: owner.freeze(step, account, True))


def staked(**options: Any) -> PoolTable:
    """A pool that is promised, and holds out of which stakes can be given."""
    table = PoolTable(options)
    table.open()
    for role in STAKERS:
        amount = table.sale.figures.stake(role)
        table.world.do(table.key(role), Offer(cap(role.name), amount, cap(f"{role.name} out")))
    return table


def test_a_stake_lies_in_limbo_with_a_promise() -> None:
    table = PoolTable()
    table.open()
    lock = table.sale.lock()
    legs = stake_legs(table.sale.contract, table.sale.pool)
    for role, leg in zip(STAKERS, legs, strict=True):
        offer, stake = table.stake_ops(role, lock)
        result = table.world.do(table.key(role), offer, stake)[1]
        promise = read_leg_promise(result.promise)
        assert (promise.commit, promise.leg, promise.net, promise.fee) == (
            *(lock.commit, leg, leg.amount),
            0,
        )
        assert promise.to == pool_hold(table.sale.pool, leg.no)
        # Asked again it is the same promise, and nothing more has happened.
        rows = dict(table.world.view.rows)
        assert table.world.do(table.key(role), stake)[0].promise == result.promise
        assert table.world.view.rows == rows
        locked = table.world.no(table.key(role), Refund(cap(role.name), stake.source))
        assert locked == (E.LOCKED, 0)
        table.sound()
    assert table.pool.lock == lock.commit and table.in_pool() == 0
    # As soon as they are aborted all is as it was.
    table.show(table.sale.aborted(Decision.LOCK, lock=lock))
    assert table.won() == dict.fromkeys((*STAKERS, SaleRole.HOUSE), 0)
    assert all(table.world.account(table.right, table.key(r)).reserved == 0 for r in STAKERS)


def test_the_pool_is_filled_by_all_stakes_together() -> None:
    table = PoolTable()
    table.fill()
    assert table.in_pool() == table.sale.figures.total
    assert {r: -table.won()[r] for r in STAKERS} == {
        r: table.sale.figures.stake(r) for r in STAKERS
    }
    assert table.world.view.find(Tally, (table.pool.opener,)) is None
    table.sound()


def test_whoever_stakes_keeps_room_for_what_may_come() -> None:
    """Sally's ceiling leaves just the room that the best end needs; after it her room is gone."""
    table = PoolTable()
    guid, node = table.right.brand.guid, table.key(SELLER).node_id
    table.world.act(lambda step: owner.account_of(step, guid, node, FUNDS + 1000))
    table.fill()
    kept = table.world.account(table.right, table.key(SELLER))
    assert kept.balance + kept.reserved == kept.ceiling
    table.show(table.sale.committed(Decision.RELEASE))
    kept = table.world.account(table.right, table.key(SELLER))
    assert (kept.balance, kept.reserved) == (FUNDS + 990, STAKES.vote_bond)


def test_a_ceiling_that_was_lowered_refuses_the_stake() -> None:
    table = PoolTable()
    table.open()
    guid, node = table.right.brand.guid, table.key(SELLER).node_id
    table.world.act(lambda step: owner.account_of(step, guid, node, FUNDS + 999))
    refused = table.world.no(table.key(SELLER), *table.stake_ops(SELLER, table.sale.lock()))
    assert refused == (E.ABOVE_CEILING, 1)


def test_a_second_lock_needs_the_abort_of_the_first() -> None:
    table = PoolTable()
    table.open()
    first, second = table.sale.lock("first"), table.sale.lock("second", 2 * MINUTE)
    table.stake(first, BUYER)
    for role in (SELLER, BUYER):
        assert table.world.no(table.key(role), *table.stake_ops(role, second)) == (E.LOCKED, 0)
    table.show(table.sale.aborted(Decision.LOCK, lock=first))
    assert table.world.no(table.key(AGENT), *table.stake_ops(AGENT, first)) == (E.FENCED, 0)
    table.world.now_us += 63 * SECOND
    table.stake(second)
    table.show(table.sale.committed(Decision.LOCK, lock=second))
    assert (table.pool.state, table.pool.lock) == (PoolState.FILLED, second.commit)
    assert table.pool.locks == 2
    table.sound()
    third = table.sale.lock("third", 2 * MINUTE)
    assert table.world.no(table.key(SELLER), *table.stake_ops(SELLER, third)) == (E.FENCED, 0)


def test_locks_of_one_pool_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pools, "MAX_LOCKS", 1)
    table = PoolTable()
    table.open()
    first, second = table.sale.lock("first"), table.sale.lock("second")
    table.stake(first, AGENT)
    table.show(table.sale.aborted(Decision.LOCK, lock=first))
    assert table.world.no(table.key(BUYER), *table.stake_ops(BUYER, second)) == (E.QUOTA, 1)


def test_a_stake_that_came_alone_goes_back() -> None:
    """All three signed T1 though one had not staked: no pool, but nobody's stake is lost."""
    table = PoolTable()
    table.open()
    lock = table.sale.lock()
    table.stake(lock, BUYER, SELLER)
    table.show(table.sale.committed(Decision.LOCK, lock=lock))
    assert table.pool.state is PoolState.OPEN
    assert table.world.no(table.key(AGENT), *table.stake_ops(AGENT, lock)) == (E.FENCED, 0)
    table.show(table.sale.committed(Decision.RELEASE))  # proves nothing: there is no pool
    table.world.conserved()
    table.world.now_us = table.pool.due_us
    table.tend()
    assert table.pool.state is PoolState.VOID
    assert table.won() == dict.fromkeys((*STAKERS, SaleRole.HOUSE), 0)
    table.sound()


def test_a_pool_that_was_never_filled_ends() -> None:
    table = PoolTable()
    table.open()
    due = table.pool.due_us
    assert due == table.sale.ends[Decision.LOCK] + 2 * SECOND
    table.tend()
    assert table.pool.state is PoolState.OPEN
    lock = table.sale.lock()
    table.stake(lock, BUYER)
    table.world.now_us = due
    table.tend()  # T1 is not decided, so the stake may still come to lie there
    assert table.pool.state is PoolState.OPEN and table.pool.due_us > due
    table.show(table.sale.aborted(Decision.LOCK, lock=lock))
    table.world.now_us = table.pool.due_us
    table.tend()
    assert table.pool.state is PoolState.VOID and table.pool.ended_us == table.world.now_us
    table.sound()


def _cut(table: PoolTable, lock_changes: dict[str, Any]) -> Any:
    lock = table.sale.lock("cut", **lock_changes)
    return table.stake_op(BUYER, lock, "BUYER out")


def _mixed(table: PoolTable) -> Any:
    """Sally's leg, staked by Bob."""
    op = table.stake_op(BUYER, table.sale.lock(), "BUYER out")
    return replace(op, leg=table.sale.lock().openings[1])


def _other_order(table: PoolTable) -> Any:
    legs = stake_legs(table.sale.contract, table.sale.pool)
    order = lock_order(table.sale.pool, table.sale.descriptor(Decision.RELEASE))
    root, openings = plant((*legs, order), [digest(f"other {i}") for i in range(4)])
    op = _cut(table, {"terms_root": root})
    return replace(op, leg=openings[0], order=openings[3])


def _other_root(table: PoolTable) -> Any:
    return _cut(table, {"terms_root": digest("nothing")})


STAKES_REFUSED: dict[str, tuple[Callable[[PoolTable], Any], RegistrarError, int]] = {
    "no hashlock": (lambda t: _cut(t, {"hashlocks": ()}), E.BAD_DESCRIPTOR, 0),
    "two of three": (lambda t: _cut(t, {"threshold": 2}), E.BAD_DESCRIPTOR, 0),
    "later than agreed": (lambda t: _cut(t, {"in_us": 121 * SECOND}), E.BAD_DESCRIPTOR, 0),
    "another registry": (lambda t: _cut(t, {"policy": ELSEWHERE}), E.BAD_DESCRIPTOR, 0),
    "too late": (lambda t: _cut(t, {"in_us": SECOND}), E.TOO_LATE, SECOND // 2),
    "another's leg": (_mixed, E.BAD_LEG, 1160),
    "another T0": (_other_order, E.BAD_LEG, 1160),
    "other terms": (_other_root, E.BAD_LEG, 0),
    "another's hold": (
        lambda t: replace(_cut(t, {}), source=cap("SELLER out")),
        *(E.BAD_LEG, 0),
    ),
    "another pool": (lambda t: replace(_cut(t, {}), pool=digest("pool")), E.NOT_YET, 0),
    "an unknown hold": (lambda t: replace(_cut(t, {}), source=cap("new")), E.NOT_YET, 0),
    "no terms": (lambda t: replace(_cut(t, {}), terms=cap("BUYER")), E.NOT_ALLOWED, 0),
    "another's terms": (
        lambda t: replace(_cut(t, {}), terms=cap("SELLER/terms")),
        *(E.NOT_ALLOWED, 0),
    ),
}


@pytest.mark.parametrize("case", sorted(STAKES_REFUSED))
def test_what_is_not_staked(case: str) -> None:
    bend, error, figure = STAKES_REFUSED[case]
    table = staked()
    assert table.world.no(table.key(BUYER), bend(table)) == (error, figure)
    assert not table.world.view.legs_of(table.sale.lock().commit)


def test_a_stake_is_whole_and_its_own() -> None:
    table = staked()
    for label, amount in (("less", 1159), ("more", 1161)):
        table.world.do(table.key(BUYER), Offer(cap("BUYER"), amount, cap(label)))
        op = table.stake_op(BUYER, table.sale.lock(), label)
        assert table.world.no(table.key(BUYER), op) == (E.BAD_LEG, 1160)
    tied = Offer(cap("BUYER"), 1160, cap("tied"), digest("another deal"))
    op = table.stake_op(BUYER, table.sale.lock(), "tied")
    assert table.world.no(table.key(BUYER), tied, op) == (E.NOT_ALLOWED, 0)
    op = table.stake_op(BUYER, table.sale.lock(), "BUYER out")
    for who in (CAROL, table.key(SELLER)):
        assert table.world.no(who, op)[0] in (E.NOT_A_PARTY, E.BAD_LEG)
    freeze(table, SELLER)
    op = table.stake_op(SELLER, table.sale.lock(), "SELLER out")
    assert table.world.no(table.key(SELLER), op) == (E.NOT_ALLOWED, 0)


def test_nothing_is_staked_once_the_agreement_has_failed() -> None:
    table = staked()
    table.show(table.sale.aborted(Decision.AGREE))
    assert table.pool.state is PoolState.VOID
    op = table.stake_op(BUYER, table.sale.lock(), "BUYER out")
    assert table.world.no(table.key(BUYER), op) == (E.FENCED, 0)


def test_an_agreement_that_fails_beside_a_stake_ends_with_it() -> None:
    table = PoolTable()
    table.open()
    lock = table.sale.lock()
    table.stake(lock, BUYER)
    table.show(table.sale.aborted(Decision.AGREE))
    assert table.pool.state is PoolState.OPEN
    table.show(table.sale.aborted(Decision.LOCK, lock=lock))
    assert table.pool.state is PoolState.VOID
    table.sound()


def test_one_lock_fills_one_pool() -> None:
    """A T1 whose terms name two pools, with the same parties and keys."""
    table = PoolTable()
    twin = SaleTable(table.right, at_us=table.sale.at_us + SECOND)
    for sale in (table.sale, twin):
        table.world.do(table.key(BUYER), table.open_op(sale))
    sales = (table.sale, twin)
    orders = [lock_order(sale.pool, sale.agreement) for sale in sales]
    legs = [stake_legs(sale.contract, sale.pool) for sale in sales]
    terms = (*legs[0], orders[0], *legs[1], orders[1])
    root, openings = plant(terms, [digest(f"both {i}") for i in range(8)])
    lock = replace(table.sale.lock(terms_root=root), openings=openings)
    bob = replace(table.stake_op(BUYER, lock, "BUYER out"), order=openings[3])
    table.world.do(table.key(BUYER), Offer(cap("BUYER"), 1160, cap("BUYER out")), bob)
    table.world.do(table.key(SELLER), Offer(cap("SELLER"), 210, cap("SELLER out")))
    table.sale = twin
    sally = table.stake_op(SELLER, lock, "SELLER out")
    sally = replace(sally, leg=openings[5], order=openings[7])
    assert table.world.no(table.key(SELLER), sally) == (E.BAD_LEG, 0)


def test_a_stake_is_not_out_of_a_hold_that_waits() -> None:
    """Something is on its way into it, and would come to lie beside an empty stake."""
    table = staked()
    table.world.do(table.key(BUYER), Accept(cap("BUYER"), cap("both")))
    moved = Transfer(cap("BUYER/terms"), cap("BUYER out"), cap("both"))
    table.world.do(table.key(BUYER), moved)
    d = deal(leg_of(table.right, table.key(AGENT), table.key(BUYER), 5))
    table.world.do(
        table.key(AGENT),
        Offer(cap("AGENT"), 5, cap("five")),
        d.prepare("AGENT", "five", "both"),
    )
    op = table.stake_op(BUYER, table.sale.lock(), "both")
    assert table.world.no(table.key(BUYER), op) == (E.LOCKED, 0)
    table.show(d.aborted)
    table.world.do(table.key(BUYER), op)


def test_terms_bound_a_stake_as_they_bound_a_transfer() -> None:
    """Their brand and their cap, though they ask for no fee."""
    table = staked()
    other = table.world.brand(name="other")
    table.world.owns(table.key(BUYER), other, "else", 5)
    op = table.stake_op(BUYER, table.sale.lock(), "BUYER out")
    wrong = replace(op, terms=cap("else/terms"))
    assert table.world.no(table.key(BUYER), wrong) == (E.WRONG_BRAND, 0)
    capped = Terms(b"capped", table.right.brand.guid, SCALE, 0, cap=1159)
    bob = table.key(BUYER).node_id
    table.world.act(lambda step: owner.grant_terms(step, capped, bob, cap("capped")))
    assert table.world.no(table.key(BUYER), replace(op, terms=cap("capped"))) == (
        *(E.NOT_ALLOWED,),
        1159,
    )
    table.world.act(lambda step: owner.revoke_terms(step, b"capped"))
    assert table.world.no(table.key(BUYER), replace(op, terms=cap("capped")))[1] == 0


def test_other_legs_of_a_lock_are_no_stakes() -> None:
    """Whoever forms T1 may put a leg of his own into its terms."""
    table = staked()
    for name, who in (("carol", CAROL), ("alice", ALICE)):
        table.world.owns(who, table.right, name, 50)
    legs = stake_legs(table.sale.contract, table.sale.pool)
    extra = leg_of(table.right, CAROL, ALICE, 30, no=4)
    order = lock_order(table.sale.pool, table.sale.agreement)
    root, openings = plant((*legs, extra, order), [digest(f"extra {i}") for i in range(5)])
    lock = replace(table.sale.lock(terms_root=root), openings=openings)
    table.world.do(ALICE, Accept(cap("alice"), cap("in")))
    prepared = Prepare(cap("carol/terms"), cap("out"), cap("in"), lock.descriptor, openings[3])
    table.world.do(CAROL, Offer(cap("carol"), 30, cap("out")), prepared)
    table.stake(lock)
    table.show(table.sale.committed(Decision.LOCK, lock=lock))
    assert table.pool.state is PoolState.FILLED and table.in_pool() == table.sale.figures.total
    assert table.world.hold("in").amount == 30
    assert table.world.account(table.right, CAROL).reserved == 0
    table.sound()
