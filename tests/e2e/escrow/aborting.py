"""Each exchange case, made to fail by another way each: somebody does not do his part."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace

from node.command.processes.control import Json
from node.command.processes.market import (
    Bargain,
    accept,
    agreed,
    ended,
    propose,
    show,
    silent,
    until,
)
from node.command.processes.town import Town
from tests.e2e.escrow.linden import ALICE, BANK, BOB, GUILD, LAND, SIM

SHORT_S = 6  # until D, where only its passing ends the exchange


async def seen(town: Town, name: str, deal: str, what: Callable[[Json], bool]) -> None:
    """Until what a house shows of the exchange is so."""

    async def so() -> bool:
        shown = await show(town.houses[name], deal)
        return shown is not None and what(shown)

    await until(f"{name} sees that", so)


async def joins(town: Town, name: str, deal: str, at: int) -> None:
    """A house takes its seat, the one at this position, and the proposer knows."""
    await accept(town, name, deal)
    await seen(town, ALICE, deal, lambda shown: bool(shown["deal"]["joined"][at]))


async def locked(town: Town, deal: str, leg: int) -> None:
    """Until a registrar has promised this leg, as the coordinator knows."""
    await seen(town, ALICE, deal, lambda shown: shown["deal"]["promised"][leg - 1 : leg] == [True])


async def cannot_pay(town: Town, bargain: Bargain) -> str:
    """The buyer allows less than the bank asks."""
    return await agreed(town, replace(bargain, options={"max_cost": 1}))


async def never_signs(town: Town, bargain: Bargain) -> str:
    """The group has accepted the parcel, buyer and seller have locked theirs, and it falls silent:
    its share alone is missing until D."""
    deal = await propose(town, replace(bargain, within_s=SHORT_S))
    await joins(town, BOB, deal, 1)
    with silent(town, BOB):  # so that nobody locks anything before the group has accepted
        await accept(town, GUILD, deal)
        await seen(town, ALICE, deal, lambda shown: shown["deal"]["accepted"] == [False, True])
        group = silent(town, GUILD)
        group.__enter__()
    try:
        others = {"buyer", "seller"}
        await seen(town, BOB, deal, lambda shown: shown["seats_of_ours"][0]["signed"])
        await seen(town, ALICE, deal, lambda shown: _signers(shown) == others)
        for name in (ALICE, BOB):  # while the group still says nothing
            await seen(town, name, deal, lambda shown: _phases(shown) == {"RETURNED"})
        shown = await show(town.houses[ALICE], deal)
        assert shown is not None
        assert (shown["deal"]["because"], shown["deal"]["blamed"]) == ("SILENT", "group")
    finally:
        group.__exit__(None, None, None)
    return deal


def _signers(shown: Json) -> set[str]:
    signed = zip(shown["seats"], shown["deal"]["signed"], strict=True)
    return {seat["seat"] for seat, share in signed if share}


async def cancelled_early(town: Town, bargain: Bargain) -> str:
    """The object's host does not answer, and the buyer has enough of it."""
    deal = await propose(town, bargain)
    await joins(town, SIM, deal, 2)
    with silent(town, SIM):
        await accept(town, BOB, deal)
        # Her own seat hears the terms by a letter, too: before, it would be withdrawn.
        await seen(town, ALICE, deal, lambda shown: _phases(shown) == {"FIXED"})
        await town.houses[ALICE].control.ask("escrow.leave", id=deal)
        await seen(town, BOB, deal, lambda shown: _phases(shown) == {"RETURNED"})
    return deal


async def cancelled_late(town: Town, bargain: Bargain) -> str:
    """The object is locked, the money comes no further than the bank, and the buyer cancels."""
    deal = await propose(town, bargain)
    with silent(town, BANK):
        await accept(town, BOB, deal)
        await locked(town, deal, 2)
        await town.houses[ALICE].control.ask("escrow.leave", id=deal)
        await seen(town, BOB, deal, lambda shown: _phases(shown) == {"RETURNED"})
    return deal


async def withdraws(town: Town, bargain: Bargain) -> str:
    """The seller has locked its right, waits for its money, and changes its mind."""
    deal = await propose(town, bargain)
    seller = bargain.houses[1]
    with silent(town, BANK):
        await accept(town, seller, deal)
        await locked(town, deal, 2)
        await town.houses[seller].control.ask("escrow.leave", id=deal)
        await seen(town, seller, deal, lambda shown: _phases(shown) == {"RETURNED"})
    return deal


async def coordinator_dies(town: Town, bargain: Bargain) -> str:
    """And does not come back before everybody else is free: D ends it, without him."""
    deal = await propose(town, replace(bargain, within_s=SHORT_S))
    with silent(town, BANK):
        await accept(town, BOB, deal)
        await locked(town, deal, 2)
        await town.kill(ALICE)
    await seen(town, BOB, deal, lambda shown: _phases(shown) == {"RETURNED"})
    await town.restart(ALICE)
    return deal


async def frozen(town: Town, bargain: Bargain) -> str:
    """The registrar does not let the giver have what it gives."""
    named = {"brand": "pass 2", "account": town.houses[GUILD].node}
    office = town.houses[LAND].control
    await office.ask("registrar.account.freeze", **named)
    deal = await agreed(town, bargain)
    assert set((await ended(town, bargain, deal)).values()) == {"RETURNED"}
    await office.ask("registrar.account.freeze", **named, frozen=False)
    return deal


def _phases(shown: Json) -> set[str]:
    return {seat["phase"] for seat in shown["seats_of_ours"]}


Way = Callable[[Town, Bargain], Awaitable[str]]

# The eighth, friendship, fails in its own way: Bob has one permission to give, and has given it.
WAYS: Mapping[str, Way] = {
    "buy parcel": cannot_pay,
    "buy parcel for group": never_signs,
    "buy object contents": cancelled_early,
    "buy object": cancelled_late,
    "join group": withdraws,
    "buy parcel pass": coordinator_dies,
    "buy parcel pass from group": frozen,
    "friendship": agreed,
}
