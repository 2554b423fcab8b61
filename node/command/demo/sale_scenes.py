"""The scenes: each sells a name once, watches how it ends, and compares that with the contract."""

import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

import trio

from node.command.demo.sale_cast import (
    BEA,
    CASES,
    CHALLENGED,
    FEE,
    HOUSE,
    KILLED,
    REFUSED,
    REGISTRY,
    SALLY,
    SILENT,
    SLASHED,
    STAKES,
    TIPS,
    UNATTESTED,
    WELL,
    Case,
)
from node.command.demo.sale_shown import NOT_LOCKED, Ended, Scene
from node.command.demo.sale_steps import AGENT, ARBITER, BUYER, SELLER, Course
from node.command.demo.sale_town import Market
from node.command.processes.control import Json, Refused
from node.command.processes.founding import TownFault
from node.command.processes.market import killed, until
from node.command.processes.process import StartFailed
from node.command.processes.town import answers
from proto.sale.stakes import BondBranch, Pool, SaleRole
from runtime.rpc_client import RpcError

SCENE_S: Final = 180.0
ROLES: Final = {
    BUYER: SaleRole.BUYER,
    SELLER: SaleRole.SELLER,
    AGENT: SaleRole.AGENT,
    HOUSE: SaleRole.HOUSE,
}


@dataclass(slots=True)
class Stage:
    """All scenes share one town. `waits`: set for each scene once nobody of it has anything to do
    for now, so that it does not mind who is killed."""

    market: Market
    pace: int
    waits: Mapping[str, trio.Event] = field(
        default_factory=lambda: {scene: trio.Event() for scene in CASES}
    )

    def quiet(self, scene: str) -> None:
        """This scene does not mind any more whether somebody is killed."""
        self.waits[scene].set()

    async def until_quiet(self, *scenes: str) -> None:
        for scene in scenes:
            await self.waits[scene].wait()


async def perform(stage: Stage, case: Case) -> Scene:
    """One scene. Whatever the daemons do ends in Scene.faults."""
    course = Course(stage.market, case, stage.pace)
    blank = Scene(case.scene, case.title, case.thing, STAKES.price)
    shown = replace(blank, faults=(f"not over within {SCENE_S * stage.pace:.0f} s",))
    with trio.move_on_after(SCENE_S * stage.pace):
        try:
            shown = await _performed(stage, course, blank)
        except (Refused, RpcError, StartFailed, TownFault) as fault:
            shown = replace(blank, faults=(str(fault) or type(fault).__name__,))
    stage.quiet(case.scene)
    seconds = round(time.monotonic() - course.began, 1)
    return replace(shown, agent=course.agent, told=tuple(course.told), seconds=seconds)


async def _performed(stage: Stage, course: Course, blank: Scene) -> Scene:
    case = course.case
    before = await balances(course)
    scores = await PLAYS[case.scene](stage, course)
    pool = await course.paid_out()
    after = await balances(course)
    ended = tuple(_ended(course, before, after))
    faults = [f"{e.who} has {e.change:+}, not {e.wanted:+}" for e in ended if e.change != e.wanted]
    wanted = case.branch.name if case.branch is not None else ""
    if pool["branch"] != wanted:
        faults.append(f"the house paid {pool['branch'] or 'nothing'}, not {wanted or 'nothing'}")
    if sum(after.values()) != sum(before.values()):
        faults.append("the accounts at the house do not sum to what they did")
    votes = tuple(_vote(vote) for vote in pool["votes"])
    return replace(
        blank,
        branch=pool["branch"] or NOT_LOCKED,
        bond=pool["bond"],
        ended=ended,
        votes=votes,
        scores=scores,
        faults=tuple(faults),
    )


def _vote(vote: Json) -> str:
    if not vote["opened"]:
        return f"{vote['role']}: none"
    return f"{vote['role']}: {'success' if vote['success'] else 'failure'}"


async def balances(course: Course) -> dict[str, int]:
    """What every node has in its account of this scene's deposit, as the house keeps it."""
    market = course.market
    found: dict[str, Json] = {}

    async def answered() -> bool:
        brand = market.deposits[course.case.scene]
        try:
            asked = market.house(HOUSE).control.ask("registrar.account.list", brand=brand)
            found["answer"] = await asked
        except (Refused, RpcError):
            return False
        return True

    await until("the house tells what is in its accounts", answered)
    names = {house.node: name for name, house in market.town.houses.items()}
    accounts = found["answer"]["accounts"]
    return {names.get(one["owner"], one["account"]): one["balance"] for one in accounts}


def _ended(course: Course, before: Mapping[str, int], after: Mapping[str, int]) -> list[Ended]:
    wanted = expected(course.case)
    found = []
    for part in ROLES:
        name = HOUSE if part == HOUSE else course.who(part)
        change = wanted[ROLES[part]]
        word = "house" if part == HOUSE else part
        found.append(Ended(word, name, before.get(name, 0), after.get(name, 0), change))
    return found


def expected(case: Case) -> dict[SaleRole, int]:
    """What everybody has more or less in the end, by the contract's own arithmetic alone."""
    if case.branch is None:
        return dict.fromkeys(ROLES.values(), 0)
    tip = min(TIPS[name] for name in case.agents[0])
    pool = Pool(STAKES, tip, FEE, 1, arbitrated=bool(case.arbiter))
    split = pool.split(case.branch)
    bonds = dict.fromkeys(SaleRole, 0)
    if case.arbiter:
        bonds |= pool.split_bond(BondBranch.SLASHED)
    for role, vote in zip((SaleRole.BUYER, SaleRole.SELLER), case.votes, strict=True):
        bonds[SaleRole.AGENT if vote is None else role] += STAKES.vote_bond
    return {role: split.get(role, 0) + bonds[role] - pool.stake(role) for role in ROLES.values()}


# ---------------------------------------------------------------- the scenes

Scores = tuple[int, int] | None


async def _well(stage: Stage, course: Course) -> Scores:
    await course.agree()
    before = await _score(course)
    await course.lock()
    await course.open_up()
    await course.prove()
    await course.attest()
    await course.vote()
    await course.paid_out()
    after = await _score(course)
    if after <= before:
        raise TownFault(f"{course.agent}'s score was {before}, and is {after}")
    return before, after


async def _score(course: Course) -> int:
    """Of the agent, as the second buyer sees him: she believes others along her lines."""
    brand = course.market.deposits[course.case.scene]
    told = await course.market.typed(BEA, "agent", "score", course.agent, "--brand", brand)
    return int(told["score"])


async def _silent(stage: Stage, course: Course) -> Scores:
    town = course.market.town
    await course.agree()
    await course.lock()
    await stage.until_quiet(WELL)  # whose score she looks at
    pid = await town.kill(course.case.buyer)
    course.tell(f"SIGKILL to {course.case.buyer} (process {pid}), who does not come back")
    await course.attest_on_word()
    stage.quiet(SILENT)
    await course.reaches("SPLIT", "ENDED", parts=(SELLER,))
    course.tell(f"T2 is committed by {SALLY} and {course.agent}: nobody has challenged")
    await course.vote()
    await course.paid_out()
    await town.restart(course.case.buyer)
    return None


async def _unattested(stage: Stage, course: Course) -> Scores:
    town = course.market.town
    await course.agree()
    await course.lock()
    await stage.until_quiet(SLASHED)  # where he has to lock something, too
    pid = await town.kill(course.agent)
    course.tell(f"SIGKILL to {course.agent} (process {pid}), who does not come back")
    stage.quiet(UNATTESTED)
    await course.vote()
    await course.paid_out()
    await town.restart(course.agent)
    return None


async def _slashed(stage: Stage, course: Course) -> Scores:
    await course.agree()
    await course.lock()
    course.tell(f"{course.agent} is never heard of again")
    for part in (BUYER, ARBITER):
        await course.types(part, "slash", "--yes")
    await course.sees(BUYER, lambda shown: said(shown, "SLASH"), "sees the bond forfeited")
    course.tell(f"{course.case.buyer} and the arbiter {course.case.arbiter} sign Ts: it commits")
    stage.quiet(SLASHED)
    await course.vote()
    return None


async def _challenged(stage: Stage, course: Course) -> Scores:
    await course.agree()
    await course.lock()
    await course.attest_on_word()
    await course.sees(BUYER, lambda shown: said(shown, "DELIVERED"), "has seen it attested")
    await course.types(BUYER, "challenge", "--yes")
    for part in (BUYER, SELLER, AGENT):
        await course.sees(part, lambda shown: said(shown, "CHALLENGE"), "sees the challenge")
    course.tell(f"{course.case.buyer} has challenged (Tc): {course.agent} signs no release")
    stage.quiet(CHALLENGED)
    await stage.until_quiet(KILLED)
    await course.sees(BUYER, lambda shown: said(shown, "RELEASE"), "sees T2 aborted")
    for part in (BUYER, AGENT):
        await course.types(part, "refund", "--yes")
    course.tell(f"T2 has lapsed; {course.case.buyer} and {course.agent} sign the refund (T3)")
    await course.vote()
    return None


def said(shown: Json, decision: str) -> bool:
    """Whether this decision of a sale is certified, either way."""
    return any(d["decision"] == decision and d["outcome"] for d in shown["decisions"])


async def _refused(stage: Stage, course: Course) -> Scores:
    await course.agree()
    course.market.passwords[course.case.thing] = course.market.drawn()  # she has forgotten it
    await course.give()
    await course.refuse()
    stage.quiet(REFUSED)
    await course.reaches("RETURNED")
    course.tell("The time for the lock is over: nobody has put anything in, and K is secret")
    return None


async def _killed(stage: Stage, course: Course) -> Scores:
    await stage.until_quiet(*(scene for scene in CASES if scene != KILLED))
    await course.agree()
    await course.give()
    await _kill(course, course.case.seller, "has given the credential")
    await course.pass_on()
    await _kill(course, course.agent, "has sealed it, and drawn K")
    await _kill(course, HOUSE, "takes the stakes")
    await course.reaches("LOCKED")
    await _kill(course, course.case.buyer, "has his money locked")
    await course.open_up()
    await course.prove()
    await _kill(course, REGISTRY, "is to decide Ta and T2")
    await course.attest()
    stage.quiet(KILLED)
    await course.vote()
    return None


async def _kill(course: Course, name: str, when: str) -> None:
    """SIGKILL, and it starts again."""
    pid = await killed(course.market.town, name)
    course.tell(f"SIGKILL to {name} (process {pid}), who {when}; started again")
    if name != REGISTRY:
        house = course.market.house(name)

        async def awake() -> bool:
            return await answers(house, "status") is not None

        await until(f"{name} answers again", awake)


PLAYS: Final[Mapping[str, Callable[[Stage, Course], Awaitable[Scores]]]] = {
    WELL: _well,
    SILENT: _silent,
    UNATTESTED: _unattested,
    SLASHED: _slashed,
    CHALLENGED: _challenged,
    REFUSED: _refused,
    KILLED: _killed,
}
