"""A registrar with one brand and two owners, for tests of its rules."""

import pytest

from proto.escrow.rights import Right
from tests.node.registrar.world import ALICE, BOB, World


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def gold(world: World) -> Right:
    """Alice has 100 of 1000, Bob nothing."""
    right = world.brand()
    world.owns(ALICE, right, "alice", 100)
    world.owns(BOB, right, "bob")
    return right
