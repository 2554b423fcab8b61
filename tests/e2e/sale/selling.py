"""The town of the sales for a test, and what must be true of it when the test is over."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from node.command.demo.sale_cast import CASES, HOUSE, NED, PATIENT, WELL, Case, Spans
from node.command.demo.sale_performance import built
from node.command.demo.sale_scenes import balances, expected
from node.command.demo.sale_steps import AGENT, BUYER, SELLER, Course
from node.command.demo.sale_town import Market
from node.command.processes.founding import TownFault
from node.command.processes.process import processes, python
from node.command.processes.warm import warm
from proto.sale.stakes import Branch, SaleRole
from runtime.bridge import Bridge
from tests.e2e.escrow.linden import require_sound_titles
from tests.e2e.houses import end, require_books, require_clean_logs

EVERYBODY = (BUYER, SELLER, AGENT)


def case(
    scene: str,
    spans: Spans = PATIENT,
    branch: Branch = Branch.RELEASED,
    votes: tuple[bool | None, bool | None] = (True, True),
    arbiter: str = "",
) -> Case:
    """Bob buys `SCENE.example` of Sally, and Ned judges."""
    return replace(
        CASES[WELL],
        scene=scene,
        thing=f"{scene}.example",
        agents=((NED,), (NED,)),
        spans=spans,
        votes=votes,
        branch=branch,
        arbiter=arbiter,
    )


@asynccontextmanager
async def selling(directory: Path, cases: Sequence[Case]) -> AsyncIterator[Market]:
    """All that these sales need, in processes. Afterwards all books are equal, all ended on
    SIGTERM, and no log holds an error."""
    with warm(python()) as oven, processes(oven) as children:
        async with Bridge.open() as bridge:
            market = await built(cases, directory, children, oven, bridge, lambda _: None)
            yield market
            await require_books(market.town)
            await require_sound_titles(market.town)
        end(children)
    require_clean_logs(directory)


async def ends(course: Course) -> dict[str, str]:
    """The phase of each part once it is over; TownFault where it never is."""
    await course.reaches("ENDED", "RETURNED", "CLOSED", parts=EVERYBODY)
    return {part: course.shown[part]["phase"] for part in EVERYBODY}


async def require_split(course: Course, before: Mapping[str, int]) -> None:
    """Each has what the contract says, and nobody else has anything."""
    after = await balances(course)
    for role, change in expected(course.case).items():
        name = HOUSE if role is SaleRole.HOUSE else course.who(role.name.lower())
        assert after[name] - before[name] == change, name
    assert sum(after.values()) == sum(before.values())


def home(market: Market, name: str) -> Path:
    """The directory of a node or a registry."""
    daemon = market.town.registries.get(name)
    if daemon is None and name not in market.town.houses:
        raise TownFault(f"nobody is called {name}")
    return daemon.directory if daemon is not None else market.house(name).daemon.directory
