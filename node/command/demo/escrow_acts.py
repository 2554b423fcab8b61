"""The acts: each exchanges once, watches how it ends, and compares that with what had to happen."""

import time
from base64 import b64decode
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import trio

from node.command.demo.escrow_cast import (
    ALICE,
    BANK,
    BOB,
    BRAND,
    DEED,
    FOR_GROUP,
    LAMP_SOLD,
    LAND,
    SHIP_SOLD,
    SIMULATOR,
    WEAVERS,
)
from node.command.demo.escrow_shown import Act, Owned, Wait
from node.command.demo.observe import certificate_of
from node.command.demo.scene import COMMITTED, FAILED, Certificate
from node.command.processes.control import Json, Refused
from node.command.processes.founding import TownFault
from node.command.processes.market import (
    Bargain,
    Holdings,
    accept,
    closed,
    ended,
    holdings,
    killed,
    propose,
    show,
    silent,
    sound_titles,
    until,
)
from node.command.processes.process import StartFailed
from node.command.processes.town import Town
from node.command.verify_certificate import ProvesNothing, Unreadable, judge
from runtime.rpc_client import RpcError

NOT_COMMITTED: Final = "NOT_COMMITTED"
ACT_TIMEOUT_S: Final = 60.0
LOOK_S: Final = 0.02

DEEDED: Final = "deeded"
BOUGHT: Final = "bought"
SILENT: Final = "silent"
KILLED: Final = "killed"
ACTS: Final = (DEEDED, BOUGHT, SILENT, KILLED)
TITLES: Final = {
    DEEDED: "A parcel and its tier are deeded to a group, at two registrars",
    BOUGHT: "An object is bought: money over the bank, the object at a third registrar",
    SILENT: "A parcel is bought for a group, which never signs: everything returns",
    KILLED: "An object is bought, and its registrar is killed in the middle: everything completes",
}
BARGAINS: Final = {DEEDED: DEED, BOUGHT: LAMP_SOLD, SILENT: FOR_GROUP, KILLED: SHIP_SOLD}
# What had to change: (house, thing) -> units. Of money what arrives; the payer bears the fee.
EXPECTED: Final = {
    DEEDED: {(ALICE, "parcel 1"): -1, (WEAVERS, "parcel 1"): 1,
             (ALICE, "tier"): -512, (WEAVERS, "tier"): 512},
    BOUGHT: {(BOB, "lamp"): -1, (ALICE, "lamp"): 1, (BOB, BRAND): 700},
    SILENT: {},
    KILLED: {(BOB, "ship"): -1, (ALICE, "ship"): 1, (BOB, BRAND): 2500},
}  # fmt: skip


@dataclass(slots=True)
class _Watch:
    """Looks at one exchange through its coordinator's eyes."""

    town: Town
    bargain: Bargain
    deal: str = ""
    locked: int = 0
    waited_s: dict[tuple[str, str], float] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    async def run(self) -> None:
        """Until cancelled: who is waited for, as long as it lasts."""
        last = trio.current_time()
        while True:
            shown = await show(self.town.houses[self.bargain.initiator], self.deal)
            now = trio.current_time()
            if shown is not None and shown["deal"] and shown["deal"]["waits_for"]:
                key = (shown["deal"]["phase"], shown["deal"]["waits_for"])
                self.waited_s[key] = self.waited_s.get(key, 0.0) + now - last
            last = now
            await trio.sleep(LOOK_S)

    async def sees(self, name: str, what: Callable[[Json], bool]) -> None:
        """Until what a house shows of it is so. TownFault."""

        async def so() -> bool:
            shown = await show(self.town.houses[name], self.deal)
            return shown is not None and what(shown)

        await until(f"{name} sees how far it is", so)

    def waits(self) -> tuple[Wait, ...]:
        return tuple(Wait(*key, round(s, 2)) for key, s in self.waited_s.items())


Play = Callable[[_Watch], Awaitable[None]]


async def perform(town: Town, act: str, directory: Path) -> Act:
    """One act. Whatever the daemons do ends in Act.faults. Its evidence is left in `directory`."""
    bargain, began = BARGAINS[act], time.monotonic()
    blank = Act(act, TITLES[act], FAILED, dict(bargain.seats))
    shown = replace(blank, faults=(f"not over within {ACT_TIMEOUT_S:.0f} s",))
    with trio.move_on_after(ACT_TIMEOUT_S):
        try:
            shown = await _performed(town, act, blank, directory)
        except (Refused, RpcError, StartFailed, TownFault) as fault:
            shown = replace(blank, faults=(str(fault) or type(fault).__name__,))
    return replace(shown, seconds=round(time.monotonic() - began, 2))


async def _performed(town: Town, act: str, blank: Act, directory: Path) -> Act:
    bargain = BARGAINS[act]
    watch = _Watch(town, bargain)
    before = await holdings(town)
    async with trio.open_nursery() as nursery:
        watch.deal = await propose(town, bargain)
        nursery.start_soon(watch.run)
        await PLAYS.get(act, _plain)(watch)
        phases = await ended(town, bargain, watch.deal)
        await closed(town, bargain.initiator, watch.deal)
        nursery.cancel_scope.cancel()
    wrong: list[str] = []

    async def sound() -> bool:
        wrong[:] = await sound_titles(town)
        return not wrong

    with trio.move_on_after(ACT_TIMEOUT_S / 2):
        await until("the registrars' books are sound", sound)
    after = await holdings(town)
    outcome = COMMITTED if set(phases.values()) == {"DELIVERED"} else NOT_COMMITTED
    certificate, faults = await _evidence(
        town, bargain, watch.deal, directory / f"{act}.certificate"
    )
    faults += [*wrong, *_differing(act, before, after)]
    if outcome != (COMMITTED if EXPECTED[act] else NOT_COMMITTED):
        faults.append(f"seats ended {phases}")
    if certificate is not None and certificate.outcome != outcome:
        faults.append(f"the certificate says {certificate.outcome}")
    return replace(
        blank,
        outcome=outcome,
        owned=_owned(act, bargain, before, after),
        locked=watch.locked,
        waits=watch.waits(),
        certificate=certificate,
        notes=tuple(watch.notes),
        faults=tuple(faults),
    )


async def _plain(watch: _Watch) -> None:
    for seat, name in watch.bargain.seats.items():
        if name != watch.bargain.initiator:
            await accept(watch.town, name, watch.deal, seat=seat)


async def _joined(watch: _Watch, name: str, at: int) -> None:
    """A house takes its seat, the one at this position, and the proposer knows."""
    await accept(watch.town, name, watch.deal)
    await watch.sees(watch.bargain.initiator, lambda shown: bool(shown["deal"]["joined"][at]))


async def _silent(watch: _Watch) -> None:
    """The group accepts the parcel; once everything is locked its share alone is missing."""
    town, buyer = watch.town, watch.bargain.initiator
    await _joined(watch, BOB, 1)
    with ExitStack() as mute:
        with silent(town, BOB):  # so that nobody locks anything before the group has accepted
            await accept(town, WEAVERS, watch.deal)
            await watch.sees(buyer, lambda shown: shown["deal"]["accepted"] == [False, True])
            mute.enter_context(silent(town, WEAVERS))
        await watch.sees(BOB, lambda shown: bool(shown["seats_of_ours"][0]["signed"]))
        await watch.sees(buyer, lambda shown: bool(shown["seats_of_ours"][0]["signed"]))
        watch.locked = await _locked(town, (LAND,))
        for name in (buyer, BOB):
            await watch.sees(name, lambda shown: shown["seats_of_ours"][0]["phase"] == "RETURNED")
        watch.notes.append("buyer and seller had theirs back before the group said another word")


async def _killed(watch: _Watch) -> None:
    """The object is locked, the money on its way, and its registrar is killed; so is the buyer's
    node, which coordinates."""
    town, buyer = watch.town, watch.bargain.initiator
    with silent(town, BANK):  # the money comes no further for now
        await accept(town, BOB, watch.deal)
        await watch.sees(buyer, lambda shown: shown["deal"]["promised"][1:] == [True])
        watch.locked = await _locked(town, (SIMULATOR,))
        for name in (SIMULATOR, buyer):
            pid = await killed(town, name)
            watch.notes.append(f"SIGKILL to {name} (process {pid}), and it started again")


async def _locked(town: Town, names: tuple[str, ...]) -> int:
    """Titles that wait for a decision at these registrars."""
    answers = [await town.houses[name].control.ask("registrar.legs") for name in names]
    return sum(len(answer["legs"]) for answer in answers)


PLAYS: Final[dict[str, Play]] = {SILENT: _silent, KILLED: _killed}


def _differing(act: str, before: Holdings, after: Holdings) -> list[str]:
    """What has changed otherwise than it had to. Who pays and the bank: by the fee alone."""
    moved, wanted = before.moved(after), EXPECTED[act]
    money = {key: change for key, change in moved.items() if key[1] == BRAND}
    found = [
        f"{house}'s {thing} changed by {moved.get((house, thing), 0)}, not {change}"
        for (house, thing), change in wanted.items()
        if moved.get((house, thing), 0) != change
    ]
    found += [
        f"{house}'s {thing} changed by {change}"
        for (house, thing), change in moved.items()
        if (house, thing) not in wanted and (thing != BRAND or not wanted)
    ]
    if sum(money.values()):
        found.append(f"{BRAND} sum to {sum(money.values())}")
    if after.locked:
        found.append(f"{after.locked} titles are still locked")
    return found


def _owned(act: str, bargain: Bargain, before: Holdings, after: Holdings) -> tuple[Owned, ...]:
    """What the parties had and have of what it is about; everything of everybody where it
    returned."""
    here = {**before.money, **before.titles}
    there = {**after.money, **after.titles}
    moved = before.moved(after)
    rows = [Owned(*key, here.get(key, 0), there.get(key, 0)) for key in sorted({*here, *there})]
    if EXPECTED[act]:
        return tuple(row for row in rows if (row.house, row.thing) in moved)
    return tuple(row for row in rows if row.before or row.after or row.house in bargain.houses)


async def _evidence(
    town: Town, bargain: Bargain, deal: str, file: Path
) -> tuple[Certificate | None, list[str]]:
    """The certificate, verified from the file alone."""
    answer = await town.houses[bargain.initiator].control.ask("escrow.evidence", id=deal)
    data = b64decode(answer["file"])
    await trio.Path(file).write_bytes(data)
    shown = await town.houses[bargain.initiator].control.ask("escrow.show", id=deal)
    try:
        return certificate_of(judge(data, time.time_ns() // 1000), shown["uuid"]), []
    except (ProvesNothing, Unreadable) as fault:
        return None, [f"the certificate proves nothing: {fault}"]
