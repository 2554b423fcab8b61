"""Opening a pool and staking into it: every check, by name, and what is left where it says yes."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from node.command.sim.cast import SECOND, TWO_OF_THREE, digest
from node.registrar import owner, pools
from node.registrar.pool_rows import PoolState, Tally
from node.registrar.rows import account_id
from proto.descriptor import decode_descriptor
from proto.escrow.legs import read_leg_promise
from proto.escrow.ops import Offer, Refund, RegistrarError
from proto.escrow.rights import Vetting
from proto.escrow.terms import plant
from proto.policy import single
from proto.sale.contract import (
    lock_order,
    make_decision,
    pool_account,
    pool_hold,
    sign_contract,
    stake_legs,
)
from proto.sale.ops import OpenPool
from proto.sale.promise import pool_promise, read_pool_promise
from proto.sale.stakes import STAKERS, Decision, SaleRole, Times
from tests.node.registrar.pool_table import AGENT, BUYER, FUNDS, SELLER, PoolTable
from tests.node.registrar.world import CAROL, HOUSE_KEY, cap, fee
from tests.sale_table import MINUTE, STAKES, SaleTable

E = RegistrarError


def test_a_pool_is_promised_before_anybody_agrees() -> None:
    table = PoolTable()
    (result,) = table.world.do(table.key(SELLER), table.open_op())
    sale = table.sale
    promise = read_pool_promise(result.promise)
    assert promise == pool_promise(sale.contract, sale.signed, sale.agreement)
    assert promise.account == result.account == pool_account(sale.pool)
    assert promise.house == HOUSE_KEY.node_id and promise.total == sale.figures.total
    pool = table.pool
    assert (pool.state, pool.opener) == (PoolState.OPEN, sale.account(SELLER))
    assert all(table.balance(role) == FUNDS for role in STAKERS)
    table.sound()


def test_the_same_contract_has_the_same_promise() -> None:
    table = PoolTable()
    first = table.world.do(table.key(BUYER), table.open_op())
    rows = dict(table.world.view.rows)
    for role in STAKERS:
        assert table.world.do(table.key(role), table.open_op()) == first
    assert table.world.view.rows == rows
    table.world.now_us += 2 * MINUTE  # also when it would be too late for another
    assert table.world.do(table.key(AGENT), table.open_op()) == first


def test_a_pool_has_one_agreement_and_a_decision_one_pool() -> None:
    table = PoolTable()
    table.open()
    other = make_decision(
        *(table.sale.sale, table.sale.parties, Decision.AGREE, digest("other")),
        *(table.sale.ends[Decision.AGREE], table.sale.policy, table.sale.pool),
    )
    op = OpenPool(table.sale.signed, other)
    assert table.world.no(table.key(BUYER), op) == (E.REPEATED_OTHERWISE, 0)
    # Another contract over the same decisions: one certificate would move money in two pools.
    twin = SaleTable(table.right, changes={"choice": digest("other choice")})
    assert twin.pool != table.sale.pool
    refused = table.world.no(table.key(BUYER), table.open_op(twin))
    assert refused == (E.REPEATED_OTHERWISE, 0)


def _frozen(table: PoolTable) -> None:
    account = table.sale.account(SELLER)
    table.world.act(lambda step: owner.freeze(step, account, True))


def _ceiling(table: PoolTable) -> None:
    """Sally may come to 999 more than she has, and the sale may bring her the price."""
    guid, node = table.right.brand.guid, table.key(SELLER).node_id
    table.world.act(lambda step: owner.account_of(step, guid, node, FUNDS + 999))


def _vetted(table: PoolTable) -> None:
    right = replace(table.right, vetting=Vetting.LISTED)
    table.world.act(lambda step: owner.change_brand(step, right))
    for role in (BUYER, SELLER):
        node = table.key(role).node_id
        table.world.act(lambda step, node=node: owner.list_node(step, b"", node, True))


def _priced(table: PoolTable) -> None:
    right = replace(table.right, fee=fee("1.002", 1))
    table.world.act(lambda step: owner.change_brand(step, right))


def _short(table: PoolTable) -> None:
    right = replace(table.right, longest_lock_us=1439 * SECOND)  # it takes 1440
    table.world.act(lambda step: owner.change_brand(step, right))


def _late(table: PoolTable) -> None:
    table.world.now_us += MINUTE - SECOND


def _resigned(**changes: Any) -> Callable[[PoolTable], OpenPool]:
    def made(table: PoolTable) -> OpenPool:
        sale = SaleTable(table.right, **changes)
        return OpenPool(sale.signed, sale.agreement)

    return made


def _elsewhere(table: PoolTable) -> OpenPool:
    sale = SaleTable(table.right, changes={"house": CAROL.node_id})
    return OpenPool(sale.signed, sale.agreement)


def _bound_otherwise(table: PoolTable) -> OpenPool:
    return OpenPool(table.sale.signed, table.sale._descriptor(Decision.AGREE, bytes(32)))


def _other_end(table: PoolTable) -> OpenPool:
    sale = table.sale
    agreed = replace(decode_descriptor(sale.agreement), deadline_us=sale.at_us + MINUTE - 1)
    return OpenPool(sale.signed, agreed.encode())


def _of_the_house(table: PoolTable) -> OpenPool:
    return _resigned(names={**table.sale.names, AGENT: "registrar"})(table)


def _account_of_another(table: PoolTable) -> OpenPool:
    parties = list(table.sale.parties)
    parties[2] = replace(parties[2], account=account_id(table.right.brand.guid, CAROL.node_id))
    return _resigned(changes={"parties": tuple(parties)})(table)


def _release_as_agreement(table: PoolTable) -> OpenPool:
    return OpenPool(table.sale.signed, table.sale.descriptor(Decision.RELEASE))


def _coarse(table: PoolTable) -> OpenPool:
    right = replace(table.right, brand=replace(table.right.brand, unit=10))
    sale = SaleTable(right)
    return OpenPool(sale.signed, sale.agreement)


def _signed_by_the_seller(table: PoolTable) -> OpenPool:
    return OpenPool(sign_contract(table.key(SELLER), table.sale.contract), table.sale.agreement)


DAY = 24 * 60 * MINUTE
NO_VOTES = Times(MINUTE, MINUTE, MINUTE, MINUTE, MINUTE, 0, 0)
TOO_LONG = Times(MINUTE, MINUTE, 10 * MINUTE, MINUTE, MINUTE, 0, DAY)
ELSEWHERE = single(TWO_OF_THREE.members[2])
OPENINGS: dict[str, tuple[Callable[[PoolTable], OpenPool | None], RegistrarError, int]] = {
    "not its buyer's": (_signed_by_the_seller, E.BAD_CONTRACT, 0),
    "nonsense": (lambda _: OpenPool(b"contract", b""), E.BAD_CONTRACT, 0),
    "another house": (_elsewhere, E.BAD_CONTRACT, 0),
    "the house as agent": (_of_the_house, E.BAD_CONTRACT, 0),
    "an account of another": (_account_of_another, E.BAD_CONTRACT, 0),
    "another brand": (_resigned(changes={"brand": bytes(16)}), E.WRONG_BRAND, 0),
    "T0 about another pool": (_bound_otherwise, E.BAD_DESCRIPTOR, 0),
    "T0 of another end": (_other_end, E.BAD_DESCRIPTOR, 0),
    "T2 as T0": (_release_as_agreement, E.BAD_DESCRIPTOR, 0),
    "another registry": (_resigned(policy=ELSEWHERE), E.POLICY_NOT_ACCEPTED, 0),
    "votes without time": (_resigned(times=NO_VOTES), E.BAD_CONTRACT, 0),
    "for too long": (_resigned(times=TOO_LONG), E.LOCK_TOO_LONG, DAY + 14 * MINUTE),
    "too long here": (_short, E.LOCK_TOO_LONG, SECOND),
    "another lot": (_coarse, E.BAD_LOT, 1),
    "frozen": (_frozen, E.NOT_VETTED, int(SELLER)),
    "not vetted": (_vetted, E.NOT_VETTED, int(AGENT)),
    "no room": (_ceiling, E.ABOVE_CEILING, 1),
    "no fee": (_priced, E.BAD_CONTRACT, 3),
    "too late": (_late, E.TOO_LATE, SECOND // 2),
}


@pytest.mark.parametrize("case", sorted(OPENINGS))
def test_what_is_not_opened(case: str) -> None:
    bend, error, figure = OPENINGS[case]
    table = PoolTable()
    op = bend(table) or table.open_op()
    who = table.key(SELLER if case == "the house as agent" else BUYER)
    assert table.world.no(who, op) == (error, figure)


def test_only_those_who_stake_open_it() -> None:
    table = PoolTable({"arbitrated": True})
    for who in (CAROL, table.key(SaleRole.ARBITER), HOUSE_KEY):
        assert table.world.no(who, table.open_op()) == (E.NOT_A_PARTY, 0)


def test_a_house_fee_is_enough() -> None:
    table = PoolTable({"fee": 3}, {"fee": fee("1.002", 1)})
    table.open()
    assert table.pool.state is PoolState.OPEN


def test_open_pools_are_counted_against_who_opens(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever names others in his contracts takes none of their room and none of their quota."""
    monkeypatch.setattr(pools, "MAX_OPEN_POOLS", 2)
    table = PoolTable()
    sales = [SaleTable(table.right, label=f"sale {i}") for i in range(4)]
    for sale in sales[:2]:
        table.world.do(table.key(BUYER), table.open_op(sale))
    assert table.world.no(table.key(BUYER), table.open_op(sales[2])) == (E.QUOTA, 2)
    assert all(table.world.account(table.right, table.key(r)).reserved == 0 for r in STAKERS)
    table.world.do(table.key(SELLER), table.open_op(sales[2]))
    table.sale = sales[0]
    table.show(table.sale.aborted(Decision.AGREE))
    assert table.pool.state is PoolState.VOID
    table.world.do(table.key(BUYER), table.open_op(sales[3]))


# ---------------------------------------------------------------- stakes


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
    _frozen(table)
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
