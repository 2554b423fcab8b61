"""The scenes: each pays once, watches how it ends, and compares that with what had to happen."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, Final

import trio

from node.command.demo.casting import ATOMIC, KILLED, MIXED, REFUSED, SILENT, Role
from node.command.demo.observe import (
    balances,
    changed,
    moved,
    not_accepting,
    settled,
    still_held,
    verified,
)
from node.command.demo.scene import (
    ABORTED,
    ABSENT,
    COMMITTED,
    FAILED,
    Shown,
    chain_of,
    expected_changes,
    hops_of,
)
from node.command.processes.control import Json, Refused
from node.command.processes.process import StartFailed
from node.command.processes.town import House, Town
from runtime.rpc_client import RpcError

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
    faults += await changed(town, [role.payer, role.payee], role.brand, before)
    if payment["commit_id"]:
        faults.append("something was promised all the same")
    after = await balances(town, role.brand)
    return replace(
        blank,
        outcome=payment["phase"],
        notes=tuple(notes),
        balances=moved((role.payer, role.payee), before, after),
        faults=tuple(faults),
    )


async def _silent(town: Town, role: Role, blank: Shown) -> Shown:
    request = await _request(town, role, manual=True)
    payment = await _pay(town, role, request["text"], attempts=1)
    hops = hops_of(payment)
    certificate, faults = await verified(town, role, payment["id"])
    if payment["phase"] != ABORTED:
        faults.append(f"ended {payment['phase']}")
    if certificate is not None and certificate.outcome != "NOT_COMMITTED":
        faults.append(f"the certificate says {certificate.outcome}")
    houses = [town.houses[name] for name in chain_of(hops)]
    faults += await still_held(houses)
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
    shown = await _killed_once(town, role, blank)
    if shown.outcome == ABORTED:
        # The deadline is ten seconds off, and a machine that is busy with other things may not
        # have the house back by then. That is an end as well, but not the one to be seen here.
        again = await _killed_once(town, role, blank)
        shown = replace(again, notes=("the first time the deadline came first", *again.notes))
    return shown


async def _killed_once(town: Town, role: Role, blank: Shown) -> Shown:
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
    try:
        await payee.control.ask("request.confirm", id=request)
    except Refused:
        return [f"{victim} was away too long: {away_s:.1f} s"]
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
    certificate, faults = await verified(town, role, payment["id"])
    if certificate is not None and certificate.outcome != COMMITTED:
        faults.append(f"the certificate says {certificate.outcome}")
    levels = {hop.level for hop in hops}
    if role.levels and levels - {level.name for level in role.levels}:
        faults.append(f"levels {', '.join(sorted(levels))} were not asked for")
    if role.scene == MIXED and len(levels) < 2:
        faults.append("the route is not mixed")
    if role.scene == ATOMIC and not role.levels:
        shown = replace(shown, notes=("no chain of this network is all ATOMIC: the farthest one",))
    if strangers := not_accepting(town, shown):
        shown = replace(
            shown,
            notes=(
                *shown.notes,
                f"{shown.registry} is not on the list of {strangers}",
            ),
        )
    changes = expected_changes(hops, role.amount)
    wanted = {name: before[name] + change for name, change in changes.items()}
    after = await settled(town, role.brand, wanted)
    faults += [
        f"{name} has {after[name]} and should have {wanted[name]}"
        for name in wanted
        if after[name] != wanted[name]
    ]
    return replace(
        shown,
        certificate=certificate,
        balances=moved(chain_of(hops), before, after),
        faults=tuple(faults),
    )


async def _until_phase(payee: House, request: str, phase: str) -> None:
    while True:
        if (await payee.control.ask("request.show", id=request))["phase"] == phase:
            return
        await trio.sleep(POLL_S)
