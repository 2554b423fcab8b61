"""The scenes: each pays once, watches how it ends, and compares that with what had to happen."""

import time
from base64 import b64decode
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace
from typing import Any, Final

import trio

from node.command.demo.casting import ATOMIC, KILLED, MIXED, REFUSED, SILENT, Role
from node.command.demo.control import Json, Refused
from node.command.demo.process import StartFailed
from node.command.demo.scene import (
    ABORTED,
    ABSENT,
    COMMITTED,
    FAILED,
    Balance,
    Certificate,
    Shown,
    chain_of,
    expected_changes,
    hops_of,
)
from node.command.demo.town import House, Town, answers
from node.command.verify import ProvesNothing, Unreadable, judge, shown_time
from runtime.rpc_client import RpcError

SETTLE_TIMEOUT_S: Final = 15.0  # a killed neighbour is dialled again within five
SCENE_TIMEOUT_S: Final = 45.0  # of which an abort takes twelve: D, and the registry's guard
POLL_S: Final = 0.05

TITLES: Final = {
    ATOMIC: "A payment at ATOMIC",
    MIXED: "A mixed route",
    REFUSED: "A payment that is refused",
    SILENT: "A payee who never commits",
    KILLED: "A house killed between promise and commit",
}


async def perform(town: Town, role: Role) -> Shown:
    """One scene. Whatever the daemons do ends in Shown.faults."""
    blank = Shown(role.scene, TITLES[role.scene], FAILED, role.payer, role.payee, role.brand,
                  role.amount)  # fmt: skip
    if role.absent:
        return replace(blank, outcome=ABSENT, notes=(role.absent,))
    acts = {SILENT: _silent, KILLED: _killed, REFUSED: _refused}
    began = time.monotonic()
    shown = replace(blank, faults=(f"not over within {SCENE_TIMEOUT_S:.0f} s",))
    with trio.move_on_after(SCENE_TIMEOUT_S):
        try:
            shown = await acts.get(role.scene, _plain)(town, role, blank)
        except Refused as no:
            shown = replace(blank, faults=(f"unexpected refusal: {no}",))
        except (RpcError, StartFailed) as error:
            shown = replace(blank, faults=(str(error) or type(error).__name__,))
    return replace(shown, seconds=round(time.monotonic() - began, 2))


async def _plain(town: Town, role: Role, blank: Shown) -> Shown:
    before = await balances(town, role.brand)
    text = (await _request(town, role))["text"]
    payment = await _pay(town, role, text)
    return await _committed(town, role, payment, before, blank)


async def _refused(town: Town, role: Role, blank: Shown) -> Shown:
    before = await balances(town, role.brand)
    text = (await _request(town, role))["text"]
    payment = await _pay(town, role, text)
    because = payment.get("because") or {}
    why = [reason["text"] for reason in payment.get("reasons", ())]
    notes = [f"refused with {because.get('reason')}", *dict.fromkeys(why)]
    faults = [] if payment["phase"] == ABORTED else [f"ended {payment['phase']}"]
    faults += await _nothing_changed(town, [role.payer, role.payee], role.brand, before)
    if payment["commit_id"]:
        faults.append("something was promised all the same")
    after = await balances(town, role.brand)
    return replace(
        blank,
        outcome=payment["phase"],
        notes=tuple(notes),
        balances=_of((role.payer, role.payee), before, after),
        faults=tuple(faults),
    )


async def _silent(town: Town, role: Role, blank: Shown) -> Shown:
    request = await _request(town, role, manual=True)
    payment = await _pay(town, role, request["text"], attempts=1)
    hops = hops_of(payment)
    certificate, faults = await _certificate(town, role, payment["id"])
    if payment["phase"] != ABORTED:
        faults.append(f"ended {payment['phase']}")
    if certificate is not None and certificate.outcome != "NOT_COMMITTED":
        faults.append(f"the certificate says {certificate.outcome}")
    houses = [town.houses[name] for name in chain_of(hops)]
    faults += await _until_free(houses)
    notes = ["nobody's balance has changed, and no promise waits any more: all credit is free"]
    return replace(
        blank,
        outcome=payment["phase"],
        cost=payment["cost"],
        registry=payment["registry"],
        hops=hops,
        certificate=certificate,
        notes=() if faults else tuple(notes),
        faults=tuple(faults),
    )


async def _killed(town: Town, role: Role, blank: Shown) -> Shown:
    before = await balances(town, role.brand)
    request = await _request(town, role, manual=True)
    ended: list[Json] = []
    notes: list[str] = []
    faults: list[Exception] = []

    async def pay() -> None:
        ended.append(await _pay(town, role, request["text"]))
        nursery.cancel_scope.cancel()  # whatever the killer still wants: it is over

    async def kill() -> None:
        notes.extend(await _kill_one(town, role, request["id"]))

    async def one(act: Callable[[], Awaitable[None]]) -> None:
        try:
            await act()
        except (Refused, RpcError, StartFailed) as fault:
            faults.append(fault)  # raised below: out of the nursery it would come as a group
            nursery.cancel_scope.cancel()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(one, pay)
        nursery.start_soon(one, kill)
    if faults:
        raise faults[0]
    shown = await _committed(town, role, ended[0], before, blank)
    return replace(shown, notes=(*notes, *shown.notes))


async def _kill_one(town: Town, role: Role, request: str) -> list[str]:
    """Kills the house in the middle while the payee holds its promise; what happened."""
    payee = town.houses[role.payee]
    await _until_phase(payee, request, "HELD")
    (live,) = (await town.houses[role.payer].control.ask("payment.list", limit=1))["payments"]
    chain = chain_of(hops_of(live))
    victim = chain[len(chain) // 2]
    pid = await town.kill(victim)
    began = time.monotonic()
    await town.restart(victim)
    away_s = time.monotonic() - began
    await payee.control.ask("request.confirm", id=request)
    return [
        f"{victim} (process {pid}) was killed with SIGKILL, holding one promise and owing another",
        f"it was back after {away_s:.1f} s; only then {role.payee} signed the commit",
    ]


async def _request(town: Town, role: Role, **more: Any) -> Json:
    return await town.houses[role.payee].control.ask(
        "request.create",
        amount=role.amount,
        brand=role.brand,
        description=TITLES[role.scene],
        **more,
    )


async def _pay(town: Town, role: Role, text: str, **more: Any) -> Json:
    levels = sorted(level.name for level in role.levels)
    options: Json = {"levels": levels} if levels else {}
    control = town.houses[role.payer].control
    return await control.pay(lambda _: None, request=text, **options, **more)


async def _committed(
    town: Town, role: Role, payment: Json, before: dict[str, int], blank: Shown
) -> Shown:
    """What every payment that went through is asked: books, fees, evidence."""
    hops = hops_of(payment)
    shown = replace(blank, outcome=payment["phase"], hops=hops, registry=payment["registry"],
                    cost=payment["cost"])  # fmt: skip
    if payment["phase"] != COMMITTED:
        because = payment.get("because") or {}
        return replace(shown, faults=(f"ended {payment['phase']}: {because.get('reason')}",))
    certificate, faults = await _certificate(town, role, payment["id"])
    if certificate is not None and certificate.outcome != COMMITTED:
        faults.append(f"the certificate says {certificate.outcome}")
    levels = {hop.level for hop in hops}
    if role.levels and levels - {level.name for level in role.levels}:
        faults.append(f"levels {', '.join(sorted(levels))} were not asked for")
    if role.scene == MIXED and len(levels) < 2:
        faults.append("the route is not mixed")
    if strangers := _not_accepting(town, shown):
        shown = replace(shown, notes=(f"not on the list of {strangers}: {shown.registry}",))
    changes = expected_changes(hops, role.amount)
    wanted = {name: before[name] + change for name, change in changes.items()}
    after = await _until_balances(town, role.brand, wanted)
    faults += [
        f"{name} has {after[name]} and should have {wanted[name]}"
        for name in wanted
        if after[name] != wanted[name]
    ]
    return replace(
        shown,
        certificate=certificate,
        balances=_of(chain_of(hops), before, after),
        faults=tuple(faults),
    )


def _not_accepting(town: Town, shown: Shown) -> str:
    """Houses of the chain that do not trust the registry that decided."""
    if shown.registry is None:
        return ""
    chain = chain_of(shown.hops)
    return " and ".join(n for n in chain if shown.registry not in town.plan.node(n).accepts)


async def _certificate(
    town: Town, role: Role, payment: str
) -> tuple[Certificate | None, list[str]]:
    """The payer's evidence, verified from the file alone."""
    control = town.houses[role.payer].control
    shown = await control.ask("payment.show", id=payment)
    if shown["registry"] is None:
        return None, []  # all BARE: there is no registry, and its absence is the point
    until = trio.current_time() + SETTLE_TIMEOUT_S
    while True:
        try:
            file = await control.ask("payment.evidence", id=payment)
            break
        except Refused as no:
            # A bare commit ends a payment before its stamp has come.
            if no.code != "NOT_FOUND" or shown["hops"][0]["level"] in ("BARE", "SECURED"):
                return None, [] if no.code == "NOT_FOUND" else [str(no)]
            if trio.current_time() > until:
                return None, ["the payer has no certificate"]
            await trio.sleep(POLL_S)
    try:
        verdict = judge(b64decode(file["file"]))
    except (ProvesNothing, Unreadable) as fault:
        return None, [f"the certificate proves nothing: {fault}"]
    decided = sorted(member.leaf.decided_at_us for member in verdict.members)
    return Certificate(
        verdict.outcome,
        tuple(member.name for member in verdict.members),
        shown["uuid"],
        shown_time(decided[-1]),
        shown_time(verdict.descriptor.deadline_us),
    ), []


async def _until_phase(payee: House, request: str, phase: str) -> None:
    while True:
        if (await payee.control.ask("request.show", id=request))["phase"] == phase:
            return
        await trio.sleep(POLL_S)


async def balances(town: Town, brand: str) -> dict[str, int]:
    """Every house's balance in a brand; 0 where it has no line in it."""
    found = {}
    for name, house in town.houses.items():
        entries = (await house.control.ask("balance"))["brands"]
        found[name] = sum(entry["balance"] for entry in entries if entry["brand"] == brand)
    return found


async def _until_balances(town: Town, brand: str, wanted: dict[str, int]) -> dict[str, int]:
    """The books follow the payer's word within milliseconds, or within a reconnect."""

    def settled(now: dict[str, int]) -> bool:
        return all(now[name] == wanted[name] for name in wanted)

    after = await balances(town, brand)
    until = trio.current_time() + SETTLE_TIMEOUT_S
    while not settled(after) and trio.current_time() < until:
        await trio.sleep(POLL_S)
        after = await balances(town, brand)
    return after


async def _nothing_changed(
    town: Town, names: Iterable[str], brand: str, before: dict[str, int]
) -> list[str]:
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


async def _until_free(houses: list[House]) -> list[str]:
    until = trio.current_time() + SETTLE_TIMEOUT_S
    while True:
        found = await _pending(houses)
        if not found or trio.current_time() > until:
            return [f"promises still wait at {name}" for name in found]
        await trio.sleep(POLL_S)


def _of(names: Iterable[str], before: dict[str, int], after: dict[str, int]) -> tuple[Balance, ...]:
    return tuple(Balance(name, before[name], after[name]) for name in names)
