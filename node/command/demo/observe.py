"""What can be seen of a payment from outside: evidence, balances, and credit that is held."""

import time
from base64 import b64decode
from collections.abc import Iterable, Iterator
from typing import Final

import trio

from node.command.demo.casting import Role
from node.command.demo.scene import Balance, Certificate, Logged, Shown, chain_of
from node.command.display import moment
from node.command.processes.control import Control, Refused
from node.command.processes.town import House, Town, answers
from node.command.verify import shown_time
from node.command.verify_certificate import ProvesNothing, Unreadable, Verdict, judge
from proto.levels import Level

SETTLE_TIMEOUT_S: Final = 15.0  # a killed neighbour is dialled again within five
POLL_S: Final = 0.05


def not_accepting(town: Town, shown: Shown) -> str:
    """Houses of the chain that do not trust the registry, or all of those, that decided."""
    if shown.registry is None:
        return ""
    policies = {policy.name: policy.members for policy in town.plan.network.policies}
    members = policies.get(shown.registry, (shown.registry,))
    chain = chain_of(shown.hops)
    return " and ".join(n for n in chain if not town.plan.node(n).accepts.issuperset(members))


async def verified(town: Town, role: Role, payment: str) -> tuple[Certificate | None, list[str]]:
    """The payer's certificate, verified from the file alone, and what is wrong with it.

    None without a fault where the payment needed none: a bare commit redeemed its first promise.
    """
    control = town.houses[role.payer].control
    shown = await control.ask("payment.show", id=payment)
    stamped = bool(shown["hops"]) and Level[shown["hops"][0]["level"]].needs_stamp
    until = trio.current_time() + (SETTLE_TIMEOUT_S if stamped else 0)
    while True:
        file = await _evidence(control, payment)
        if file is not None or trio.current_time() > until:
            break
        await trio.sleep(POLL_S)
    if file is None:
        return None, ["the payer has no certificate"] if stamped else []
    try:
        verdict = judge(file, time.time_ns() // 1000)
    except (ProvesNothing, Unreadable) as fault:
        return None, [f"the certificate proves nothing: {fault}"]
    return certificate_of(verdict, shown["uuid"]), []


def certificate_of(verdict: Verdict, uuid: str) -> Certificate:
    """What a verified certificate says."""
    decided = max(member.leaf.decided_at_us for member in verdict.members)
    return Certificate(
        verdict.outcome,
        tuple(member.name for member in verdict.members),
        uuid,
        shown_time(decided),
        shown_time(verdict.descriptor.deadline_us),
        tuple(_logged(verdict)),
    )


def _logged(verdict: Verdict) -> Iterator[Logged]:
    for member in verdict.members:
        if member.log is not None and member.log.cosigned:
            cosigned = member.log.cosigned
            last_us = max(one.at_us for one in cosigned)
            names = tuple(one.witness for one in cosigned)
            yield Logged(member.name, member.log.size, names, moment(last_us))


async def _evidence(control: Control, payment: str) -> bytes | None:
    """A certificate file; None while no registry has decided."""
    try:
        return b64decode((await control.ask("payment.evidence", id=payment))["file"])
    except Refused as no:
        if no.code != "NOT_FOUND":
            raise
        return None


async def balances(town: Town, brand: str) -> dict[str, int]:
    """Every house's balance in a brand; 0 where it has no line in it."""
    found = {}
    for name, house in town.houses.items():
        entries = (await house.control.ask("balance"))["brands"]
        found[name] = sum(entry["balance"] for entry in entries if entry["brand"] == brand)
    return found


async def settled(town: Town, brand: str, wanted: dict[str, int]) -> dict[str, int]:
    """Balances once they are as wanted, or after a while as they are: the books follow the
    payer's word within milliseconds, or within a reconnect."""
    until = trio.current_time() + SETTLE_TIMEOUT_S
    while True:
        after = await balances(town, brand)
        if wanted.items() <= after.items() or trio.current_time() > until:
            return after
        await trio.sleep(POLL_S)


async def changed(
    town: Town, names: Iterable[str], brand: str, before: dict[str, int]
) -> list[str]:
    """Faults: houses whose balance is another than before."""
    after = await balances(town, brand)
    return [f"{n}'s balance has changed" for n in names if after[n] != before[n]]


async def _pending(houses: Iterable[House]) -> list[str]:
    """Houses on whose lines promises wait, or that do not answer."""
    found = []
    for house in houses:
        status = await answers(house, "status")
        if status is None or status["pending_promises"]:
            found.append(house.name)
    return found


async def still_held(houses: list[House]) -> list[str]:
    """Faults: houses whose credit is not free again, after it had the time to become so."""
    until = trio.current_time() + SETTLE_TIMEOUT_S
    while True:
        found = await _pending(houses)
        if not found or trio.current_time() > until:
            return [f"promises still wait at {name}" for name in found]
        await trio.sleep(POLL_S)


def moved(
    names: Iterable[str], before: dict[str, int], after: dict[str, int]
) -> tuple[Balance, ...]:
    """Balances of these houses, in their order."""
    return tuple(Balance(name, before[name], after[name]) for name in names)
