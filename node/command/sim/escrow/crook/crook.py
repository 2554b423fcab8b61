"""A dishonest node: its occasions, and how often it takes them."""

from collections import Counter
from random import Random
from typing import TYPE_CHECKING, Final

from runtime.identity import Identity

if TYPE_CHECKING:
    from node.command.sim.escrow.world import ExchangeWorld

CHANCES: Final = 1000


class Crook:
    """`strength`: occasions taken of a thousand. `played`: how often which trick."""

    def __init__(self, identity: Identity, strength: int, random: Random) -> None:
        self.identity = identity
        self.strength = strength
        self.random = random
        self.played: Counter[str] = Counter()

    async def live(self, world: "ExchangeWorld", name: str) -> None:
        """What it does of its own accord, until the run ends."""
