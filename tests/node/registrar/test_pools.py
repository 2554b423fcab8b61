"""Opening a pool and staking into it: every check, by name, and what is left where it says yes."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from node.command.sim.cast import SECOND, TWO_OF_THREE, digest
from node.registrar import owner, pools
from node.registrar.pool_rows import PoolState
from node.registrar.rows import account_id
from proto.descriptor import decode_descriptor
from proto.escrow.ops import Offer, RegistrarError
from proto.escrow.rights import Vetting
from proto.policy import single
from proto.sale.contract import (
    make_decision,
    pool_account,
    sign_contract,
)
from proto.sale.ops import OpenPool
from proto.sale.promise import pool_promise, read_pool_promise
from proto.sale.stakes import STAKERS, Decision, SaleRole, Times
from tests.node.registrar.pool_table import AGENT, BUYER, FUNDS, SELLER, PoolTable
from tests.node.registrar.world import CAROL, HOUSE_KEY, cap, fee
from tests.sale_table import MINUTE, SaleTable

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


def _poor(table: PoolTable) -> None:
    """Bob has 1100 left where he says that he will give 1160."""
    table.world.do(table.key(BUYER), Offer(cap("BUYER"), FUNDS - 1100, cap("elsewhere")))


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
    "no stake": (_poor, E.INSUFFICIENT_FUNDS, 60),
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
