"""The town of the sales for a test, and what must be true of it when the test is over."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from node.command.demo.sale_cast import CASES, NED, PATIENT, WELL, Case, Spans
from node.command.demo.sale_performance import built
from node.command.demo.sale_steps import AGENT, BUYER, SELLER, Course
from node.command.demo.sale_town import Market
from node.command.processes.founding import TownFault
from node.command.processes.process import processes, python
from node.command.processes.warm import warm
from runtime.bridge import Bridge
from tests.e2e.escrow.linden import require_sound_titles
from tests.e2e.houses import end, require_books, require_clean_logs

EVERYBODY = (BUYER, SELLER, AGENT)


def case(
    scene: str,
    spans: Spans = PATIENT,
    votes: tuple[bool | None, bool | None] = (True, True),
) -> Case:
    """Bob buys `SCENE.example` of Sally, and Ned judges; it is released."""
    return replace(
        CASES[WELL],
        scene=scene,
        thing=f"{scene}.example",
        agents=((NED,), (NED,)),
        spans=spans,
        votes=votes,
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


def home(market: Market, name: str) -> Path:
    """The directory of a node or a registry."""
    daemon = market.town.registries.get(name)
    if daemon is None and name not in market.town.houses:
        raise TownFault(f"nobody is called {name}")
    return daemon.directory if daemon is not None else market.house(name).daemon.directory
