"""A dishonest node: its occasions, and how often it takes them."""

from random import Random

from runtime.identity import Identity

CHANCES = 1000


class Crook:
    """`strength`: occasions taken of a thousand."""

    def __init__(self, identity: Identity, strength: int, random: Random) -> None:
        self.identity = identity
        self.strength = strength
        self.random = random
