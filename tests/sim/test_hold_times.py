"""Hold times are what the schedule says, and the picture shows what is measured."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner

from node.command.__main__ import main
from node.command.sim.holding.measure import Held, Levels, Silence, measure, measure_all
from node.command.sim.holding.picture import CURVES, description, draw, figures_in
from proto.limits import (
    DECISION_TIME_US,
    GRACE_US,
    GUARD_US,
    MAX_HOPS,
    PAYEE_MARGIN_US,
    PRESENT_MARGIN_US,
    US,
)

ROOT = Path(__file__).resolve().parents[2]
PICTURE = ROOT / "deploy" / "pictures" / "hold-times.svg"
ANSWER_US = US // 4  # a registry that was asked too early is asked again so much later


@pytest.fixture(scope="module")
def found() -> Sequence[Held]:
    return measure_all()


def chains(found: Sequence[Held], levels: Levels, silence: Silence) -> dict[int, Held]:
    return {h.hops: h for h in found if (h.levels, h.silence) == (levels, silence)}


def test_every_chain_is_measured(found: Sequence[Held]) -> None:
    for silence in Silence:
        assert sorted(chains(found, Levels.ATOMIC, silence)) == list(range(1, MAX_HOPS + 1))
        assert sorted(chains(found, Levels.BARE, silence)) == list(range(1, MAX_HOPS + 1))
        assert sorted(chains(found, Levels.SECURED, silence)) == list(range(2, MAX_HOPS + 1))


def test_atomic_hops_are_free_at_the_horizon_however_many_they_are(found: Sequence[Held]) -> None:
    """Protocol section 5: no staggered time locks."""
    horizon_us = DECISION_TIME_US + GUARD_US
    for silence in Silence:
        for hops, held in chains(found, Levels.ATOMIC, silence).items():
            assert set(held.held_us) == {horizon_us + ANSWER_US}, (hops, silence)
            assert held.lock_us == DECISION_TIME_US


def test_bare_hops_are_staggered_where_nobody_says_anything(found: Sequence[Held]) -> None:
    for hops, held in chains(found, Levels.BARE, Silence.ALL).items():
        expiries = [PAYEE_MARGIN_US + PRESENT_MARGIN_US * i for i in reversed(range(hops))]
        assert held.held_us == tuple(e + GRACE_US + 1 for e in expiries)
        assert held.lock_us == expiries[0]


@pytest.mark.parametrize("silence", [Silence.PAYEE, Silence.GONE])
def test_honest_hops_pass_the_end_on_at_once(found: Sequence[Held], silence: Silence) -> None:
    for levels in (Levels.BARE, Levels.SECURED):
        for held in chains(found, levels, silence).values():
            assert set(held.held_us) == {PAYEE_MARGIN_US + GRACE_US + 1}


def test_secured_hops_wait_for_a_deadline_that_grows(found: Sequence[Held]) -> None:
    held = chains(found, Levels.SECURED, Silence.ALL)
    for hops in (2, 5, 12, MAX_HOPS):
        *secured, last = held[hops].held_us
        second_us = PAYEE_MARGIN_US + PRESENT_MARGIN_US * (hops - 2)
        deadline_us = max(DECISION_TIME_US, second_us + PRESENT_MARGIN_US)
        assert set(secured) == {deadline_us + GUARD_US + ANSWER_US}
        assert last == PAYEE_MARGIN_US + GRACE_US + 1


def test_a_node_that_waits_for_its_own_clock_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """What passes an end on is the core: without it honest hops would wait for their clocks."""
    plain = measure(Levels.BARE, 4, Silence.PAYEE)
    # Where the end of a promise is learnt, in the room that calls it.
    monkeypatch.setattr("node.core.ending.after_given_ended", lambda step, given: None)
    silent = measure(Levels.BARE, 4, Silence.PAYEE)
    assert silent.longest_us > plain.longest_us
    assert silent.held_us == measure(Levels.BARE, 4, Silence.ALL).held_us


def test_a_chain_beyond_hold_max_says_so() -> None:
    short = measure(Levels.BARE, 2, Silence.PAYEE, 58 * US)
    long = measure(Levels.BARE, 3, Silence.PAYEE, 58 * US)
    assert (short.excess_us, long.excess_us) == (0, 2 * US)


def test_the_picture_of_the_readme_has_these_figures(found: Sequence[Held]) -> None:
    assert f"({PICTURE.relative_to(ROOT)})" in (ROOT / "README.md").read_text()
    assert figures_in(PICTURE.read_text()) == description(found), (
        "draw it again: pledgeway sim hold-times --draw FILE"
    )


def test_the_same_figures_give_the_same_bytes(found: Sequence[Held]) -> None:
    few = [held for held in found if held.hops <= 3]
    for kind in (".svg", ".png"):
        assert draw(few, kind) == draw(few, kind)
    text = draw(few, ".svg").decode()
    assert figures_in(text) == description(few)
    for words in ("seconds", "promises in the chain", *(curve.label for curve in CURVES)):
        assert words in text
    assert figures_in("<svg/>") is None


def test_the_command(tmp_path: Path) -> None:
    run = CliRunner().invoke
    done = run(main, ["sim", "hold-times", "--hops", "2", "--json"])
    assert done.exit_code == 0, done.output
    answer = json.loads(done.stdout)["chains"]
    assert len(answer) == 3 * 5
    assert {c["longest_us"] for c in answer if c["levels"] == "all ATOMIC"} == {
        DECISION_TIME_US + GUARD_US + ANSWER_US
    }
    picture = tmp_path / "holds.png"
    done = run(
        main,
        ["sim", "hold-times", "--hops", "2", "--payee-margin", "59", "--draw", str(picture)],
    )
    assert done.exit_code == 0, done.output
    assert picture.read_bytes().startswith(b"\x89PNG") and "*61.00" not in done.stdout
    assert "hold_max" in done.stdout and "*62.00" in done.stdout
    done = run(main, ["sim", "hold-times", "--draw", str(picture)])
    assert done.exit_code == 2 and "exists" in done.output
    done = run(main, ["sim", "hold-times", "--hops", "21"])
    assert done.exit_code == 2
