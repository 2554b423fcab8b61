"""Whoever takes part in an exchange is killed while it is under way, in every phase that its
coordinator goes through, and starts again: everything completes. And the initiator goes on where
the coordinator does not come back.
"""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from pathlib import Path

import pytest

from node.command.processes.market import (
    Bargain,
    accept,
    closed,
    ended,
    holdings,
    killed,
    phase,
    propose,
    silent,
    until,
)
from node.command.processes.town import Town
from tests.e2e.escrow.linden import (
    ALICE,
    BANK,
    BOB,
    GUILD,
    LAND,
    linden,
    plot,
    require_sound_titles,
)
from tests.e2e.houses import require_books

pytestmark = pytest.mark.e2e

# In each phase: who keeps the exchange there by saying nothing. The next one is silenced before
# this one is heard again, so that it gets there and no further.
HELD_BY = {"JOINED": LAND, "PREPARING": ALICE, "SHARING": GUILD, "DECIDING": "R1", "SETTLING": LAND}
EVERYBODY = (BOB, ALICE, GUILD, BANK, LAND, "R1")
TIER = 16


def deeding(parcel: int, within_s: int) -> Bargain:
    """Alice deeds a parcel and its tier to the guild; Bob, who has no part in it, coordinates."""
    seats = {"owner": ALICE, "group": GUILD}
    values = plot(parcel) | {"tier": TIER}
    return Bargain("deed parcel and tier", seats, values, within_s, coordinators=(BOB,))


@asynccontextmanager
async def held(town: Town, deal: str, wanted: str) -> AsyncIterator[None]:
    """Around a block in which the exchange is in this phase and stays there."""
    async with AsyncExitStack() as outer:
        holding = outer.enter_context(ExitStack())
        for name, keeper in HELD_BY.items():
            following = ExitStack()
            following.enter_context(silent(town, keeper))
            holding.close()
            holding = outer.enter_context(following)
            if name == "JOINED":
                await accept(town, GUILD, deal)

            async def there(name: str = name) -> bool:
                return await phase(town.houses[BOB], deal) == name

            await until(f"{name}, held by {keeper}", there)
            if name == wanted:
                yield
                return


async def require_delivery(town: Town, bargain: Bargain, deal: str, coordinator: str) -> None:
    """Both legs, once, and everybody is done with it."""
    phases = await ended(town, bargain, deal)
    assert phases == {"owner": "DELIVERED", "group": "DELIVERED"}
    assert await closed(town, ALICE, deal) == "CLOSED"
    assert await closed(town, coordinator, deal) == "CLOSED"


async def test_whoever_is_killed_in_the_middle(directory: Path) -> None:
    async with linden(directory) as town:
        before = await holdings(town)
        for at, (name, keeper) in enumerate(HELD_BY.items()):
            bargain = deeding(3 + at, within_s=50)
            deal = await propose(town, bargain)
            async with held(town, deal, name):
                for victim in EVERYBODY:
                    if victim != keeper:
                        await killed(town, victim)
                        assert await phase(town.houses[BOB], deal) == name
                await killed(town, keeper)  # the last, for now it is heard again
            await require_delivery(town, bargain, deal, BOB)
        await require_sound_titles(town)
        moved = before.moved(await holdings(town))
        given = {key: change for key, change in moved.items() if key[0] == GUILD}
        assert given == {(GUILD, f"parcel {3 + at}"): 1 for at in range(5)} | {
            (GUILD, "tier"): 5 * TIER
        }
        await takes_over(town)
        await require_books(town)


async def takes_over(town: Town) -> None:
    """The coordinator dies before it has heard of the exchange, and in the middle of it."""
    early, late = deeding(9, within_s=12), deeding(10, within_s=12)
    deal = await propose(town, late)
    async with held(town, deal, "JOINED"):
        await town.kill(BOB)
    other = await propose(town, early)
    await accept(town, GUILD, other)
    for bargain, one in ((late, deal), (early, other)):
        assert set((await ended(town, bargain, one)).values()) == {"DELIVERED"}
        assert await closed(town, ALICE, one) == "CLOSED"
    await town.restart(BOB)
    await closed(town, BOB, deal)
