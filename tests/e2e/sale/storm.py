"""A sale while somebody who takes part in it is killed or mute every moment, whoever it is."""

from base64 import b64decode
from collections.abc import Callable
from contextlib import suppress
from random import Random

import trio

from node.command.demo.sale_cast import BOB, HOUSE, NED, REGISTRY, SALLY, Case
from node.command.demo.sale_scenes import balances
from node.command.demo.sale_steps import AGENT, ARBITER, BUYER, LOCKED, SELLER, Course
from node.command.demo.sale_town import Market
from node.command.processes.control import Json
from node.command.processes.founding import TownFault
from node.command.processes.market import all_answer, killed, silent, until
from node.command.processes.typist import CommandFailed
from proto.sale.stakes import Branch
from tests.e2e.sale.selling import ends, require_split

TAKING_PART = (BOB, SALLY, NED, HOUSE, REGISTRY)
LEAST_S, MOST_S = 0.0, 0.4  # between a restart and the next kill
STILL, MOST_STILL_S = 0.25, 3.0  # so often somebody hears and says nothing instead, and so long


async def storm(market: Market, random: Random, whom: tuple[str, ...], blown: list[str]) -> None:
    """Until cancelled; not between a kill and its restart."""
    while True:
        await trio.sleep(random.uniform(LEAST_S, MOST_S))
        name = random.choice(whom)
        with trio.CancelScope(shield=True):
            if random.random() < STILL:
                with silent(market.town, name):
                    await trio.sleep(random.uniform(LEAST_S, MOST_STILL_S))
            else:
                await killed(market.town, name)
        blown.append(name)


async def insist(
    course: Course, part: str, done: Callable[[Json], object], *words: str, fed: bytes = b""
) -> None:
    """Types it until the node shows that it is so: commands find nobody, or lose their answer."""
    refused: list[str] = []

    async def so() -> bool:
        shown = await course.look(part)
        if shown is not None and done(shown):
            return True
        try:
            await course.types(part, *words, fed=fed)
        except CommandFailed as failed:
            refused.append(str(failed))
        shown = await course.look(part)
        return shown is not None and bool(done(shown))

    try:
        await until(f"{part}: {words[0]}", so)
    except TownFault as fault:
        raise AssertionError(f"{fault}; {refused[-1:]}") from fault


async def offered(course: Course) -> None:
    """The first command that got through counts, whether its answer did or not."""
    with suppress(CommandFailed):
        await course.offer()

    async def there() -> bool:
        if course.id:
            return True
        try:
            found = await course.market.typed(BOB, "sale", "list")
            ours = [one for one in found["sales"] if one["thing"] == course.case.thing]
            if ours:
                course.id = ours[0]["id"]
            else:
                await course.offer()
        except CommandFailed:
            return False
        return bool(course.id)

    await until("it is offered", there)


def decided(decision: str) -> Callable[[Json], bool]:
    """Whether a node has the certificate of it."""
    return lambda shown: any(d["decision"] == decision and d["outcome"] for d in shown["decisions"])


def signed(decision: str, part: str) -> Callable[[Json], bool]:
    """Whether a node has the signature of this part, or of enough others."""

    def so(shown: Json) -> bool:
        one = next(d for d in shown["decisions"] if d["decision"] == decision)
        return bool(one["outcome"]) or part.upper() in one["signed"]

    return so


async def locked(course: Course) -> str:
    """Until the stakes are in the pool; the password that the agent has sealed."""
    thing, office, passwords = course.case.thing, course.market.office, course.market.passwords
    await offered(course)
    await course.sees(SELLER, lambda shown: shown["phase"] == "OFFERED", "is offered it")
    accepting = ("--agent", NED, "--highest-tip", "20")
    await insist(course, SELLER, lambda s: len(s["rules"]) > 1, "offer", *accepting, "--yes")
    course.agent = NED
    for part in (AGENT, ARBITER) if course.case.arbiter else (AGENT,):
        await course.sees(part, lambda shown: shown["phase"] == "ASKED", "is asked")
        await insist(course, part, lambda shown: shown["phase"] != "ASKED", "take", "--yes")
    await course.reaches("AGREED")
    old, new = passwords[thing].encode(), course.market.drawn()
    given = ("hand-over", "--credential-file", "-")
    await insist(course, SELLER, lambda shown: shown["handover"]["given"], *given, fed=old)
    await course.sees(AGENT, lambda shown: shown["handover"]["given"], "has it")
    assert await office.change(thing, old.decode(), new)
    passed = ("hand-over", "--new-credential-file", "-")
    await insist(course, AGENT, lambda s: s["phase"] != "AGREED", *passed, fed=new.encode())
    await course.reaches(*LOCKED)
    return new


async def delivered(course: Course, password: str) -> None:
    """The buyer opens it and shows that he controls it; the agent finds that, and attests."""
    thing, office, found = course.case.thing, course.market.office, list[str]()

    async def opened() -> bool:
        try:
            answer = await course.types(BUYER, "reveal")
            found.append((await course.types(BUYER, "control"))["line"])
        except CommandFailed:
            return False
        return b64decode(answer["credential"]).decode() == password

    await until("the buyer opens it", opened)
    assert await office.post(thing, password, found[-1])
    attest = ("attest", "--page", "-", "--yes")
    page = await office.page(thing)
    await insist(course, AGENT, lambda s: s["handover"]["attested_at_us"], *attest, fed=page)


async def objected(course: Course) -> None:
    """The agent attests what he has not seen, the buyer challenges, the release lapses, and both
    sign the refund."""
    attest = ("attest", "--on-my-word", "--yes")
    await insist(course, AGENT, lambda shown: shown["handover"]["attested_at_us"], *attest)
    await course.sees(BUYER, decided("DELIVERED"), "sees it attested")
    await insist(course, BUYER, decided("CHALLENGE"), "challenge", "--yes")
    for part in (BUYER, AGENT):
        await course.sees(part, decided("RELEASE"), "sees the release aborted")
        await insist(course, part, signed("REFUND", part), "refund", "--yes")


async def forfeited(course: Course) -> None:
    """The agent does nothing; buyer and arbiter sign that his bond is forfeited."""
    for part in (BUYER, ARBITER):
        await course.reaches(*LOCKED, parts=(part,))
        await insist(course, part, signed("SLASH", part), "slash", "--yes")


async def voted(course: Course) -> None:
    """Both sides, for the agent."""
    for part in (BUYER, SELLER):
        await course.reaches("SPLIT", "ENDED", parts=(part,))
        await insist(course, part, lambda shown: shown["vote"], "vote", "success", "--yes")


async def weathers(market: Market, one: Case, seed: int) -> None:
    """One sale from its offer to its votes, while somebody is killed every moment."""
    course, random, blown = Course(market, one), Random(seed), list[str]()
    before = await balances(course)
    async with trio.open_nursery() as nursery:
        whom = (*TAKING_PART, one.arbiter) if one.arbiter else TAKING_PART
        nursery.start_soon(storm, market, random, whom, blown)
        password = await locked(course)
        if one.branch is Branch.RELEASED:
            await delivered(course, password)
        elif one.arbiter:
            await forfeited(course)
        else:
            await objected(course)
        await voted(course)
        nursery.cancel_scope.cancel()
    await all_answer(market.town)
    pool = await course.paid_out()
    assert one.branch is not None and pool["branch"] == one.branch.name, (seed, blown)
    assert set((await ends(course)).values()) == {"ENDED"}, (seed, blown)
    await require_split(course, before)
    assert blown, "nobody was killed"
