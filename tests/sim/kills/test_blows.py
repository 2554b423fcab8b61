"""The seed decides who is killed when, and how often in all."""

from collections import Counter

import pytest

from node.command.sim.kills.blows import MAX_AGAIN, draw_waves
from node.command.sim.kills.village import MANNERS, village

VICTIMS = [*"PABQCS", "R1", "R2"]


@pytest.mark.parametrize("kills", [1, 2, 7, 200])
@pytest.mark.parametrize("seed", range(5))
def test_exactly_so_many_kills(seed: int, kills: int) -> None:
    waves = draw_waves(seed, VICTIMS, kills)
    assert sum(blow.kills for wave in waves for blow in wave.blows) == kills
    assert waves == draw_waves(seed, VICTIMS, kills), "the same seed, the same blows"
    assert waves != draw_waves(seed + 1, VICTIMS, kills)


def test_every_kind_of_blow_comes_up() -> None:
    waves = draw_waves(1, VICTIMS, 200)
    blows = [blow for wave in waves for blow in wave.blows]
    assert {blow.victim for blow in blows} == set(VICTIMS)
    assert {len(wave.blows) for wave in waves} >= {1, 2, 3}
    assert any(blow.gentle for blow in blows) and any(blow.again_s for blow in blows)
    assert max(len(blow.again_s) for blow in blows) <= MAX_AGAIN
    assert len({blow.down_s for blow in blows}) >= 4
    for wave in waves:
        struck = Counter(blow.victim for blow in wave.blows)
        assert set(struck.values()) == {1}, "nobody is struck twice at a time"


def test_the_village_has_what_the_manners_need() -> None:
    network = village()
    assert {name for manner in MANNERS for name in manner.registries} <= set(network.registries)
    assert len(network.nodes) >= 5
