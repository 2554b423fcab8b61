"""The risk table, found by search, is the published one; and the README shows what was found."""

import json
from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest
from click.testing import CliRunner

from node.command.__main__ import main
from node.command.sim.cores import judge
from node.command.sim.risk import setting as setting_room
from node.command.sim.risk import stage
from node.command.sim.risk.setting import AMOUNT, BY_HAND, chain_of, setting
from node.command.sim.risk.show import as_json, schedule_lines, table_lines, words
from node.command.sim.risk.table import (
    DEPTHS,
    LOSES_IN,
    PUBLISHED,
    Cell,
    Depth,
    Fault,
    cell,
    cells,
    minimal,
)
from proto.levels import Level
from proto.limits import CLOCK_ERROR_MAX_US
from proto.modes import Loss, loss_of
from proto.reason import Reason

README = Path(__file__).resolve().parents[2] / "README.md"
B, S, A, P = Level.BARE, Level.SECURED, Level.ATOMIC, Level.PROXY
PAIRS = list(product(Level, Level))


@pytest.fixture(scope="module")
def found() -> Sequence[Cell]:
    return list(cells())


def test_every_cell_is_found_as_published(found: Sequence[Cell]) -> None:
    assert [(c.incoming, c.outgoing) for c in found] == PAIRS
    assert [(c.found, c.same) for c in found] == [(c.published, True) for c in found]
    assert all(c.whole and not c.breach for c in found)


def test_a_loss_is_the_whole_outgoing_amount(found: Sequence[Cell]) -> None:
    for each in found:
        assert each.lost == (AMOUNT if each.found else 0), each
        for faults in each.found or ():
            assert each.losses[faults].lost == AMOUNT


def test_pairs_in_no_chain_are_refused(found: Sequence[Cell]) -> None:
    refused = {(c.incoming, c.outgoing): c.refused for c in found if c.refused}
    assert refused == {
        BY_HAND: Reason.PROXY_NOT_ALLOWED,
        (P, B): Reason.PAIR_NEVER_USED,
        (P, S): Reason.PAIR_NEVER_USED,
    }


def test_the_readme_shows_what_is_found(found: Sequence[Cell]) -> None:
    block = "```\n" + "\n".join(table_lines(found, counts=False)) + "\n```\n"
    assert block in README.read_text(), "put this into README.md:\n" + block


def test_each_loss_comes_with_its_schedule(found: Sequence[Cell]) -> None:
    for each in found:
        told = list(schedule_lines(each))
        assert sum(line.startswith(each.incoming.name) for line in told) == len(each.found or ())
        for faults in each.found or ():
            events = [event.told for event in each.losses[faults].loss or ()]
            assert "  X's promise to the downstream is REDEEMED" in events
            assert not any("X holds is REDEEMED" in event for event in events)
    whole = as_json(found, 1)
    assert whole["same"] and json.loads(json.dumps(whole)) == whole


@pytest.mark.parametrize(("incoming", "outgoing"), PAIRS)
def test_the_published_table_is_that_of_the_protocol(incoming: Level, outgoing: Level) -> None:
    assert PUBLISHED[incoming, outgoing] == loss_of(incoming, outgoing)


def test_what_is_not_searched_follows_from_what_is(found: Sequence[Cell]) -> None:
    """Each set of faults by itself, as the greater depths do it for all cells."""
    few = found[PAIRS.index((S, B))]
    every = cell(S, B, Depth(every=True))
    assert (few.searches, every.searches) == (3, 8)
    assert every.found == few.found and every.same
    for faults in every.losses:
        assert any(least <= faults for least in few.found or ())


def test_the_smallest_sets() -> None:
    one, two = frozenset({Fault.NOT_U}), frozenset({Fault.NOT_U, Fault.NOT_R})
    other = frozenset({Fault.WAITS, Fault.NOT_W})
    assert minimal({two, other, one}) == (one, other)
    assert minimal({frozenset(), two}) == (frozenset(),)
    assert minimal(set()) == ()


def test_a_slower_network_would_not_be_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """What U and R promise is as little as can be: a little later, and they help no more."""
    monkeypatch.setattr(stage, "PRESENT_MARGIN_US", stage.PRESENT_MARGIN_US + 1)
    assert cell(B, B).found == (*LOSES_IN[Loss.NOT_U], frozenset({Fault.WAITS}))
    monkeypatch.undo()
    monkeypatch.setattr(stage, "STAMP_MARGIN_US", stage.STAMP_MARGIN_US + 1)
    assert cell(A, B).found == (frozenset(),)


@pytest.mark.parametrize(("error_us", "found"), [(500_000, "not R"), (500_001, "always")])
def test_how_wrong_a_registry_may_be(
    error_us: int, found: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beyond half a second no stamp comes in time, were the answer there at once: X's own clock
    and the grace take the rest of STAMP_MARGIN. So nodes refuse such a pair (node.core.pair)."""
    assert CLOCK_ERROR_MAX_US == 500_000
    for room in (judge, stage, setting_room):
        monkeypatch.setattr(room, "ERROR_US", error_us)
    depth = replace(DEPTHS[1], every=False)
    assert words(cell(A, B, depth).found) == found


def test_the_schedule_is_the_tightest() -> None:
    """A node in mode SECURED or GATEWAY has no more than STAMP_MARGIN for the stamp."""
    for incoming, outgoing in product((S, A), (B, S)):
        begin = setting(incoming, outgoing).stage
        deadline_us = begin.transaction("X").deadline_us
        assert deadline_us - begin.given.expires_at_us == stage.STAMP_MARGIN_US
        assert chain_of(incoming, outgoing) == (incoming, outgoing)


def test_the_same_search_finds_the_same() -> None:
    one, other = (as_json([cell(B, B), cell(A, P)], 1) for _ in range(2))
    assert one == other and one["same"]


def test_deeper(found: Sequence[Cell]) -> None:
    """For the smallest cell what a run of some minutes does for all."""
    deeper = [cell(B, B, depth) for depth in DEPTHS]
    states = [each.states for each in deeper]
    assert all(each.same for each in deeper)
    assert states[0] == found[0].states < min(states[1:])


def test_the_command() -> None:
    run = CliRunner().invoke
    done = run(main, ["sim", "risk-table", "--levels", "bare", "BARE", "--show"])
    assert done.exit_code == 0, done.output
    assert "not U" in done.output and "X lost 10000" in done.output
    done = run(main, ["sim", "risk-table", "--levels", "BARE", "BARE", "--json"])
    answer = json.loads(done.stdout)
    assert answer["same"] and answer["cells"][0]["found"] == [["NOT_U"]]
    assert answer["cells"][0]["schedules"][0]["lost"] == AMOUNT
    done = run(main, ["sim", "risk-table", "--levels", "BARE", "BARE", "--max-states", "3"])
    assert done.exit_code == 1 and "gave up" in done.output
    done = run(main, ["sim", "risk-table", "--levels", "BARE"])
    assert done.exit_code == 2
