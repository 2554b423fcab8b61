"""A town whose nodes keep titles for each other and exchange them: what its owners do by verbs."""

import os
import signal
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import trio

from node.command.processes.control import Json, Refused
from node.command.processes.founding import TownFault
from node.command.processes.town import House, Town, answers
from node.escrow.library import library_bytes
from runtime.rpc_client import RpcError

PATIENCE_S: Final = 60.0  # an abort takes twelve after its deadline; the machine may be busy
POLL_S: Final = 0.02  # at first; then ever slower, for each look takes time from who is waited for
SLOWEST_POLL_S: Final = 0.2
FINAL_DEAL: Final = ("CLOSED", "FAILED")
FINAL_SEAT: Final = ("DELIVERED", "RETURNED", "WITHDRAWN")


@dataclass(frozen=True, slots=True)
class Title:
    """A right to be issued: by whom, of which type, and who begins with how much.

    `open_to`: who has an account besides; `registries`: names of those that may decide about it,
    empty = all that its registrar accepts.
    """

    name: str
    registrar: str
    kind: str
    attributes: tuple[tuple[str, str], ...]
    owners: Mapping[str, int]
    open_to: tuple[str, ...] = ()
    supply: int = 1
    registries: tuple[str, ...] = ()
    longest_lock_s: int = 3600


@dataclass(frozen=True, slots=True)
class Bargain:
    """An exchange to be proposed. `seats`: house by seat, the first one proposes.

    `accepts`: seats that their owners accept by hand, by default all but the proposer's.
    """

    template: str
    seats: Mapping[str, str]
    values: Mapping[str, Any]
    within_s: int = 30
    proposer: str = ""
    coordinators: tuple[str, ...] = ()
    registries: tuple[str, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def houses(self) -> tuple[str, ...]:
        """Who sits somewhere, each once."""
        return tuple(dict.fromkeys(self.seats.values()))

    @property
    def initiator(self) -> str:
        return self.proposer or next(iter(self.seats.values()))


async def issue(town: Town, titles: Iterable[Title]) -> dict[str, str]:
    """Makes the rights, accounts for them, and who owns what. GUIDs by name. Refused, RpcError."""
    made = {}
    for title in titles:
        registrar = town.houses[title.registrar]
        more = {"registries": list(title.registries)} if title.registries else {}
        brand = await registrar.control.ask(
            "registrar.brand.create",
            name=title.name,
            type=title.kind,
            attributes=[list(pair) for pair in title.attributes],
            supply=title.supply,
            longest_lock_s=title.longest_lock_s,
            **more,
        )
        made[title.name] = guid = brand["brand"]
        for name in dict.fromkeys([*title.owners, *title.open_to]):
            house = town.houses[name]
            await house.control.ask("account.open", card=registrar.card, brand=guid)
            # What is issued lies in its registrar's own account: he has it already.
            balance = title.owners.get(name, 0)
            if balance and name != title.registrar:
                given = {"brand": guid, "for": house.card, "balance": balance}
                await registrar.control.ask("registrar.account.create", **given)
    return made


async def propose(town: Town, bargain: Bargain) -> str:
    """Its id. Refused, RpcError."""
    seats = {seat: town.houses[name].node for seat, name in bargain.seats.items()}
    arguments: Json = {
        "template": library_bytes(bargain.template).decode(),
        "values": {**bargain.values, **seats},
        "cards": [town.houses[name].card for name in bargain.houses],
        "within_s": bargain.within_s,
        **bargain.options,
    }
    if bargain.coordinators:
        arguments["coordinators"] = [town.houses[name].card for name in bargain.coordinators]
    if bargain.registries:
        arguments["registries"] = list(bargain.registries)
    answer = await town.houses[bargain.initiator].control.ask("escrow.propose", **arguments)
    return str(answer["id"])


async def invited(town: Town, name: str, deal: str) -> None:
    """Until a house has been asked to take a seat. TownFault."""

    async def asked() -> bool:
        shown = await show(town.houses[name], deal)
        return shown is not None and bool(shown["seats_of_ours"])

    await until(f"{name} is asked to take a seat", asked)


async def accept(town: Town, name: str, deal: str, **more: Any) -> None:
    """The owner of a house takes its seat as soon as it is offered. TownFault, Refused."""
    await invited(town, name, deal)
    await town.houses[name].control.ask("escrow.accept", id=deal, **more)


async def agreed(town: Town, bargain: Bargain) -> str:
    """Proposed, and everybody has joined; its id. TownFault, Refused, RpcError."""
    deal = await propose(town, bargain)
    for seat, name in bargain.seats.items():
        if name != bargain.initiator:
            await accept(town, name, deal, seat=seat)
    return deal


async def show(house: House, deal: str) -> Json | None:
    """None while the house does not know of it, or does not answer."""
    try:
        return await house.control.ask("escrow.show", id=deal)
    except (Refused, RpcError):
        return None


async def phase(house: House, deal: str) -> str:
    """Of the deal at who looks after it; empty where it does not."""
    shown = await show(house, deal)
    return str(shown["deal"]["phase"]) if shown is not None and shown["deal"] else ""


async def ended(town: Town, bargain: Bargain, deal: str) -> dict[str, str]:
    """Once every seat's end has come and its holds are empty: the phase of each. TownFault."""
    found: dict[str, str] = {}

    async def over() -> bool:
        for name in bargain.houses:
            shown = await show(town.houses[name], deal)
            if shown is None:
                return False
            for seat in shown["seats_of_ours"]:
                found[seat["seat"]] = seat["phase"]
                if seat["phase"] not in FINAL_SEAT or seat["emptying_holds"]:
                    return False
        return len(found) == len(bargain.seats)

    await until(f"{bargain.template} ends", over)
    return found


async def closed(town: Town, name: str, deal: str) -> str:
    """Once the deal is over at who looks after it: its phase. TownFault."""
    last = ""

    async def over() -> bool:
        nonlocal last
        last = await phase(town.houses[name], deal)
        return last in FINAL_DEAL

    await until(f"{name} closes the exchange", over)
    return last


async def until(what: str, predicate: Callable[[], Any], wait_s: float = PATIENCE_S) -> None:
    """Polls. TownFault with `what` after `wait_s`."""
    pause_s = POLL_S
    with trio.move_on_after(wait_s):
        while not await predicate():
            await trio.sleep(pause_s)
            pause_s = min(SLOWEST_POLL_S, pause_s * 1.2)
        return
    raise TownFault(f"not within {wait_s:.0f} s: {what}")


@dataclass(frozen=True, slots=True)
class Holdings:
    """What everybody has. `money`: (house, brand) -> balance over all its lines; `titles`: (house,
    title) -> units in its accounts; `locked`: legs that wait at registrars."""

    money: Mapping[tuple[str, str], int]
    titles: Mapping[tuple[str, str], int]
    locked: int

    def moved(self, after: "Holdings") -> dict[tuple[str, str], int]:
        """What has changed since, money and titles, without zeros."""
        here, there = {**self.money, **self.titles}, {**after.money, **after.titles}
        keys = sorted({*here, *there})
        changes = {key: there.get(key, 0) - here.get(key, 0) for key in keys}
        return {key: change for key, change in changes.items() if change}


async def holdings(town: Town) -> Holdings:
    """As owners and registrars see it now. Refused, RpcError."""
    money: dict[tuple[str, str], int] = {}
    titles: dict[tuple[str, str], int] = {}
    locked = 0
    for name, house in town.houses.items():
        for one in (await house.control.ask("balance"))["brands"]:
            money[name, one["brand"]] = one["balance"]
        for account in (await house.control.ask("account.list"))["accounts"]:
            key = (name, account["name"])
            titles[key] = titles.get(key, 0) + (account["balance"] or 0)
        locked += len((await house.control.ask("registrar.legs"))["legs"])
    return Holdings(money, titles, locked)


async def sound_titles(town: Town) -> list[str]:
    """What is wrong with the registrars' books: none = every trail tells what every account has,
    and nothing is locked. Refused, RpcError."""
    found = []
    for name, house in town.houses.items():
        audit = await house.control.ask("registrar.audit")
        found += [f"{name}: {one}" for one in audit["differences"]]
        legs = (await house.control.ask("registrar.legs"))["legs"]
        found += [f"{name}: leg {one['leg']} of {one['name']} is {one['phase']}" for one in legs]
    return found


@contextmanager
def silent(town: Town, *names: str) -> Iterator[None]:
    """Around a block in which these nodes and registries hear and say nothing, as if far away."""
    made = [pid_of(town, name) for name in names]
    try:
        for pid in made:
            os.kill(pid, signal.SIGSTOP)
        yield
    finally:
        for pid, name in zip(made, names, strict=True):
            if pid == pid_of(town, name):  # whoever was killed meanwhile has another one
                os.kill(pid, signal.SIGCONT)


def pid_of(town: Town, name: str) -> int:
    """Of a node or a registry that runs."""
    return town.processes.pid(town.registries.get(name) or town.houses[name].daemon)


async def killed(town: Town, name: str) -> int:
    """SIGKILL to a node or a registry, and it starts again; its process id before. StartFailed."""
    if name in town.houses:
        pid = await town.kill(name)
        await town.restart(name)
        return pid
    pid = pid_of(town, name)
    await trio.to_thread.run_sync(town.processes.kill, town.registries[name])
    await town.processes.start(town.registries[name])
    return pid


async def all_answer(town: Town) -> None:
    """Until every node answers its owner. TownFault."""

    async def awake() -> bool:
        return all([await answers(house, "status") is not None for house in town.houses.values()])

    await until("every node answers", awake)
