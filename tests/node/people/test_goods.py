"""Goods in the same decision, for a person of a node: whole daemons in virtual time."""

from collections.abc import Mapping
from typing import Any

import pytest
import trio
import trio.testing

from node.command.sim.cast import signing_key
from node.command.sim.world.disk import Death
from node.core.escrow.rows import SeatPhase
from node.core.people.rows import OWNER, Confirmation, ConfirmationPhase
from proto.approval import Approved, sign_approval
from proto.escrow.legs import read_leg_promise
from proto.reason import Reason
from proto.request import read_asked, to_text
from runtime.control import ControlFailure
from tests.node.people.goods_town import ANN, BEN, LAMPS, PRICE, PURSE, Town, town

C = ConfirmationPhase


async def both(the: Town, row: Confirmation, name: str = "ann", before: int = 0) -> int:
    """Money and lamp have changed hands, once. `before`: what had been debited for as many lamps as
    that paid for; what has been now."""
    ended = await the.over(row)
    assert (ended.phase, ended.because) == (C.COMMITTED, "")
    assert PRICE < ended.debited <= ended.debit_max
    debited = before + ended.debited
    assert (the.purse(name).balance, the.purse(name).reserved) == (-debited, 0)
    await the.until(lambda: the.is_up() and not the.goods(ended).seat.waiting)  # its hold is empty
    assert await the.has(name) == debited // ended.debited
    return debited


async def neither(the: Town, row: Confirmation, name: str = "ann", before: int = 0) -> int:
    """Nobody has lost anything, and nothing is held."""
    ended = await the.over(row)
    assert (ended.phase, ended.debited, ended.reserved) == (C.EXPIRED, 0, 0)
    assert (the.purse(name).balance, the.purse(name).reserved) == (-before, 0)
    await the.until(the.is_up)
    have = await the.has(name)
    assert PRICE * have <= before < 2 * PRICE * have or have == before == 0
    # What was locked is back.
    await the.until(lambda: sum(the.lamps()[the.shop.id]) == LAMPS - have)
    return before


async def test_object_and_money_change_hands(autojump_clock: trio.testing.MockClock) -> None:
    async with town() as the:
        row = await the.offered()
        prepared = await the.prepared(row)
        assert (prepared.amount, prepared.payable) == (PRICE, True)
        assert prepared.goods is not None
        (lamp,) = prepared.goods.returns
        assert (lamp.name, lamp.kind, lamp.amount, lamp.keeper) == ("Lamp", "object", 1, "K1")
        assert lamp.ours and not lamp.opened
        assert "together, or neither" in prepared.risk and "“K1”" in prepared.risk
        began_s = trio.current_time()
        assert await the.approve(row) is None
        assert the.purse().reserved == prepared.total
        await both(the, row)
        assert trio.current_time() - began_s <= prepared.final_within_s
        sold = await the.shop.ask("request.list", limit=5)
        (shown,) = [one for one in sold["requests"] if one["exchange"]]
        assert (shown["phase"], shown["amount"]) == ("PAID", PRICE)


async def test_two_people_have_accounts_of_their_own(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """At the registrar they are one node's; it must not give one what the other has paid for."""
    async with town() as the:
        for name in ("ann", "ben"):
            row = await the.offered(name)
            assert await the.approve(row, name) is None
            await both(the, row, name)
        (ann,), (ben,) = the.exchanging.belongings(ANN), the.exchanging.belongings(BEN)
        assert ann.account != ben.account and ann.capability != ben.capability
        assert (ann.slot[16:], ben.slot[16:]) == (
            ANN.hex()[:16].encode(),
            BEN.hex()[:16].encode(),
        )
        assert the.exchanging.belongings(OWNER) == []
        assert the.lamps()[the.bank.id] == [1, 1]


async def test_goods_whose_invitation_has_not_come_are_waited_for(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """Whoever brings the request may be faster than the letter; nothing is paid without it."""
    async with town() as the:
        the.world.streets.cut.add(frozenset(("Shop", "Bank")))
        exchange = await the.proposed()
        row = await the.brought(await the.asked(exchange))
        prepared = await the.prepared(row)
        assert prepared.because is not None and prepared.goods is None
        assert prepared.because.reason is Reason.EXCHANGE_UNKNOWN
        the.world.streets.cut.clear()
        await the.until(lambda: the.invited(exchange))
        assert await the.approve(row) is None
        await both(the, row)


async def test_a_short_exchange_is_priced_and_paid(autojump_clock: trio.testing.MockClock) -> None:
    """Its D is nearer than what a payment by itself would ask for."""
    async with town() as the:
        row = await the.offered(within_s=8)
        assert await the.approve(row) is None
        await both(the, row)


async def test_an_approval_brought_twice_buys_once(autojump_clock: trio.testing.MockClock) -> None:
    async with town() as the:
        row = await the.offered()
        approved = await the.signed(row)
        confirmations = the.confirmations
        assert await confirmations.approve(row.id, ANN, approved) is None
        assert await confirmations.approve(row.id, ANN, approved) is None
        await both(the, row)
        assert await confirmations.approve(row.id, ANN, approved) is None
        assert the.lamps()[the.bank.id] == [1]


async def test_a_request_with_goods_is_paid_in_no_other_way(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with town() as the:
        exchange = await the.proposed()
        asked = await the.asked(exchange)
        with pytest.raises(ControlFailure, match="EXCHANGE_REFUSED"):
            await the.bank.tell("pay", _silent, request=to_text(asked))


async def test_money_that_pays_somebody_else_is_not_taken_for_the_goods(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """The request says K1's lamp for 40 to the shop; the hop asks in its own name for the same."""
    async with town() as the:
        exchange = await the.proposed()
        await the.until(lambda: the.invited(exchange))
        _, request = read_asked(await the.asked(exchange), the.bank.context.clock.now_us())
        with pytest.raises(ControlFailure, match="NOT_FOUND"):
            await the.world.people["Hop"].ask("request.create", for_exchange=exchange)
        with pytest.raises(ControlFailure, match="NOT_PAID"):
            await the.bank.ask("request.create", for_exchange=exchange)
        assert request.payee == the.shop.id and request.exchange.hex().startswith(exchange)


# ---------------------------------------------------------------- it comes to nothing


async def test_a_shop_that_dies_before_it_joins_costs_nothing(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with town() as the:
        row = await the.offered()
        approved = await the.signed(row)
        the.shop.held = True
        the.shop.kill()
        assert await the.confirmations.approve(row.id, ANN, approved) is None
        await the.over(row)
        the.shop.held = False
        the.shop.start()
        await the.shop.ready.wait()
        await neither(the, row)


async def test_rogue_simulator_denies_delivery(autojump_clock: trio.testing.MockClock) -> None:
    """It has sold the lamp and lets it not go: the object is a leg of the same decision, and the
    money stays where it is."""
    async with town() as the:
        row = await the.offered()
        approved = await the.signed(row)
        listed = await the.keeper.ask("registrar.account.list", brand=the.brand.hex())
        (shops,) = [one for one in listed["accounts"] if one["owner"] == the.shop.id.hex()]
        await the.keeper.ask("registrar.account.freeze", account=shops["account"])
        assert await the.confirmations.approve(row.id, ANN, approved) is None
        await neither(the, row)


async def test_a_simulator_that_promised_and_vanishes_leaves_proof(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """It can still cheat the owners of its own things; its signature says that it did."""
    async with town() as the:
        row = await the.offered()
        approved = await the.signed(row)
        assert await the.confirmations.approve(row.id, ANN, approved) is None

        def signed() -> bool:
            return the.goods(the.row(row.id)).phase is SeatPhase.SIGNED

        await the.until(signed)
        the.keeper.held = True
        the.keeper.kill()
        ended = await the.over(row)
        assert ended.phase is C.COMMITTED and await _balances(the) is None
        goods = the.goods(ended)
        promise = read_leg_promise(goods.seat.promised[goods.returns[0].no - 1])
        assert (promise.registrar, promise.leg.amount) == (the.keeper.id, 1)
        evidence = await the.bank.ask("escrow.evidence", id=goods.seat.deal.hex())
        assert evidence["file"]
        the.keeper.held = False
        the.keeper.start()
        await both(the, row)


async def _balances(the: Town) -> int | None:
    try:
        return await the.has("ann")
    except ControlFailure as failure:
        assert failure.code == "UNREACHABLE"
        return None


async def test_a_registrar_that_opens_no_account_is_told_before_anything_is_held(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with town() as the:
        row = await the.offered()
        approved = await the.signed(row)
        the.keeper.held = True
        the.keeper.kill()
        with pytest.raises(ControlFailure, match="UNREACHABLE"):
            await the.confirmations.approve(row.id, ANN, approved)
        assert the.row(row.id).phase is C.PRESENTED and the.purse().reserved == 0
        the.keeper.held = False
        the.keeper.start()
        await the.keeper.ready.wait()
        assert await the.confirmations.approve(row.id, ANN, approved) is None
        await both(the, row)


async def test_who_would_not_pay_all_of_it_gets_nothing_of_it(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """More than Ann has left is not approved, and an approval of another's is none of hers."""
    async with town() as the:
        row = await the.offered(settings=_settings(the, PURSE))
        prepared = await the.prepared(row)
        assert prepared.because is not None
        assert prepared.because.reason is Reason.BALANCE_SHORT
        row = await the.offered()
        approval = (await the.prepared(row)).approval(ANN)
        by_ben = sign_approval(signing_key("ben"), approval)
        refusal = await the.confirmations.approve(row.id, ANN, by_ben)
        assert refusal is not None and refusal.reason is Reason.APPROVAL_MISMATCH
        assert the.row(row.id).phase is C.PRESENTED


# ---------------------------------------------------------------- deaths

DEATHS = (Death.BEFORE, Death.TORN, Death.AFTER)


@pytest.mark.parametrize("victim", ["Bank", "Shop"])
async def test_a_death_at_any_write_splits_nothing(
    autojump_clock: trio.testing.MockClock, victim: str
) -> None:
    """Money and lamp, or neither of them: whoever died, and whenever."""
    ends, debited = set[ConfirmationPhase](), 0
    async with town() as the:
        for write in range(1, 40):
            row = await the.offered()
            approved = await the.signed(row)
            host = the.world.people[victim]
            life = host.process
            assert life is not None
            life.disk.doom_at(write, DEATHS[write % len(DEATHS)])
            await _insist(the, row.id, approved)
            ended = await the.over(row)
            life.disk.doom = None
            ends.add(ended.phase)
            await the.until(the.is_up)
            seen = both if ended.phase is C.COMMITTED else neither
            debited = await seen(the, row, "ann", debited)
            if host.process is life:
                break
    assert ends == {C.COMMITTED, C.EXPIRED} and write > 4


async def _insist(the: Town, confirmation: bytes, approved: Approved) -> None:
    """As a browser that gets no answer does: the same words once more."""
    while True:
        await the.bank.ready.wait()
        life = the.bank.process
        assert life is not None
        with trio.CancelScope() as call:
            life.calls[id(call)] = call
            try:
                refusal = await life.context.confirmations.approve(confirmation, ANN, approved)
                late = refusal is not None and refusal.reason is Reason.REQUEST_EXPIRED
                assert refusal is None or late, refusal  # it was down for as long as all waited
                return
            finally:
                del life.calls[id(call)]


async def _silent(answer: Mapping[str, Any]) -> None:
    del answer


def _settings(the: Town, amount: int) -> dict[str, str]:
    return {
        "brand": "USD",
        "amount": str(amount),
        "region": "Ahern",
        "task_id": "7",
        "simulator": the.keeper.id.hex(),
    }
