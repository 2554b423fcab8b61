"""`sim replay`: equal payments under each regime, by real cores; what is lost, held and refused."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from node.command.sim.cast import SECOND
from node.command.sim.replay.outcome import Loss, Outcome, Verdict
from node.command.sim.replay.reckoning import audit
from node.command.sim.replay.regimes import REGIMES
from node.command.sim.replay.replaying import Cell, Replaying
from node.command.sim.replay.stage import HOP_US
from node.command.sim.replay.summary import common_to, quantile, summarise
from node.command.sim.replay.terrain import BRAND, Rooms, Terrain, read_terrain
from node.command.sim.replay.wishes import CALM, Troubles, Wish, draw_wishes
from node.core.rows import Direction, Promise, PromisePhase
from pathfinder.core.graph import Graph
from pathfinder.core.search import find_route
from pathfinder.files.foreign import credit_links
from pathfinder.question import RouteQuestion
from proto.fees import Fee, FeeSet
from proto.levels import Level
from proto.limits import GRACE_US, GUARD_US
from proto.modes import Mode
from tests.sim.credit_links import chain_file, links_file

AMOUNTS = (1_000, 100_000)
REAL = Path(__file__).parents[3] / "shared/data/ripple_lcc_credit_links.txt.gz"


@pytest.fixture(scope="module")
def terrain(tmp_path_factory: pytest.TempPathFactory) -> Terrain:
    path = links_file(tmp_path_factory.mktemp("links") / "links.txt", 40, 160, 3)
    return read_terrain(path.read_text().splitlines(), 7, 40, 3)


@pytest.fixture
def chain(tmp_path: Path) -> Terrain:
    path = chain_file(tmp_path / "chain.txt", 4, 1_000_000)
    return read_terrain(path.read_text().splitlines(), 7, 4, 1)


def play(
    terrain: Terrain, regime: str, share: int, wishes: Sequence[Wish], every_s: int = 1
) -> tuple[Outcome, ...]:
    return Replaying(terrain, Cell(regime, share, every_s * SECOND)).run(wishes, lambda done: None)


@pytest.mark.parametrize("regime", REGIMES)
def test_without_trouble_cores_take_every_chain_that_the_path_finder_finds(
    terrain: Terrain, regime: str
) -> None:
    """One after another: amounts, prices, registries, schedules and credit are agreed upon."""
    wishes = draw_wishes(terrain, 7, 25, AMOUNTS, CALM).wishes
    outcomes = play(terrain, regime, 60, wishes, every_s=60)
    promised = [o for o in outcomes if o.levels]
    assert promised and all(o.paid and not o.losses for o in promised)
    assert all(set(o.levels) <= REGIMES[regime] for o in promised)
    assert all(o.verdict in (Verdict.NO_CHAIN, Verdict.NO_PATH) for o in outcomes if not o.levels)


def test_mixed_levels_pay_whatever_one_level_pays(terrain: Terrain) -> None:
    """Of fresh lines, where no payment before has taken another way."""
    wishes = draw_wishes(terrain, 7, 12, AMOUNTS, CALM).wishes
    for wish in wishes:
        (mixed,) = play(terrain, "MIXED", 50, [wish])
        for regime in ("ATOMIC", "BARE", "SECURED"):
            (one,) = play(terrain, regime, 50, [wish])
            assert not one.paid or (mixed.paid and mixed.cost <= one.cost), wish


@pytest.mark.parametrize("regime", REGIMES)
def test_a_thief_gains_only_where_a_level_says_so(terrain: Terrain, regime: str) -> None:
    """Everybody trusts every registry, and registries answer: only BARE can be robbed."""
    wishes = draw_wishes(terrain, 7, 15, AMOUNTS, Troubles(0, 0, 100, 0)).wishes
    outcomes = play(terrain, regime, 100, wishes, every_s=60)
    losses = [loss for o in outcomes for loss in o.losses]
    between = [o for o in outcomes if len(o.levels) > 1 and Mode.BARE in o.modes]
    assert {loss.mode for loss in losses} <= {Mode.BARE}
    assert bool(losses) == (regime == "BARE") == bool(between)
    assert all(o.paid for o in outcomes if o.levels)  # whoever was robbed: the payee is not


def test_who_is_gone_costs_money_where_a_level_says_so(terrain: Terrain) -> None:
    wishes = draw_wishes(terrain, 7, 40, AMOUNTS, Troubles(0, 100, 0, 0)).wishes
    bare = play(terrain, "BARE", 100, wishes, every_s=60)
    atomic = play(terrain, "ATOMIC", 100, wishes, every_s=60)
    assert any(o.losses for o in bare)
    assert not any(o.losses for o in atomic)


def test_trust_in_a_dead_registry_costs_no_money_but_time(terrain: Terrain) -> None:
    """Every commit comes too late to be stamped: ATOMIC pays nobody, and nobody loses."""
    wishes = draw_wishes(terrain, 7, 10, AMOUNTS, CALM).wishes
    dead = [replace(wish, outage=(0.0, 0.0)) for wish in wishes]
    one = replace(terrain, registries=("R1",), patience=dict.fromkeys(terrain.patience, (0.5,)))
    outcomes = play(one, "ATOMIC", 100, dead, every_s=1)
    assert not any(o.paid or o.losses for o in outcomes)


@pytest.mark.parametrize("outage", [None, (0.0, 0.0)])
def test_a_gateway_loses_where_its_registry_is_silent_and_nowhere_else(
    chain: Terrain, outage: tuple[float, float] | None
) -> None:
    """The payee does not trust the registry, so n1 has its bare commit stamped, or tries to."""
    only = FeeSet({mode: Fee() for mode in (Mode.ATOMIC, Mode.GATEWAY)})
    trusting = {name: (0.9 if name == "n2" else 0.1,) for name in chain.patience}
    nodes = tuple(replace(n, fees=only) for n in chain.nodes)
    ground = replace(chain, nodes=nodes, patience=trusting)
    wish = Wish("n0", "n2", 10_000, outage=outage)
    (outcome,) = play(ground, "MIXED", 50, [wish])
    assert (outcome.paid, outcome.modes) == (True, (Mode.GATEWAY,))
    assert outcome.losses == ((Loss(Mode.GATEWAY, 10_000),) if outage else ())


@pytest.mark.parametrize(
    ("regime", "seconds"),
    [
        # The last one runs out first, and its end is known: nobody before waits for a clock.
        ("BARE", (2, 2, 2)),
        ("ATOMIC", (10, 10, 10)),  # the deadline alone, whatever the number of hops
    ],
)
def test_a_silent_payee_holds_each_promise_until_its_time(
    chain: Terrain, regime: str, seconds: tuple[int, ...]
) -> None:
    wish = Wish("n0", "n3", 10_000, silent=True)
    priced = [replace(n, fees=_every_mode(chain)) for n in chain.nodes]
    (outcome,) = play(replace(chain, nodes=tuple(priced)), regime, 100, [wish])
    assert outcome.verdict is Verdict.FAILED and len(outcome.levels) == 3
    # Prices make the first promises some per cent larger.
    held_us = outcome.held / wish.amount
    ended = GRACE_US if regime == "BARE" else GUARD_US
    least = sum(s * SECOND + ended for s in seconds)
    assert least - 3 * 3 * HOP_US <= held_us <= least * 1.05 + SECOND


def _every_mode(terrain: Terrain) -> FeeSet:
    return max((n.fees for n in terrain.nodes), key=lambda fees: len(fees.fees))


def test_the_same_payments_change_only_what_they_cross(chain: Terrain) -> None:
    """Lines run out, and the path finder knows: the last payment has no path any more."""
    priced = tuple(replace(n, fees=_every_mode(chain)) for n in chain.nodes)
    wishes = [Wish("n0", "n3", 300_000)] * 4
    outcomes = play(replace(chain, nodes=priced), "ATOMIC", 100, wishes, every_s=5)
    assert [o.verdict for o in outcomes] == [Verdict.PAID] * 3 + [Verdict.NO_PATH]


def test_bare_payments_do_not_ask_who_accepts_a_registry(terrain: Terrain) -> None:
    """So they are played once for all shares."""
    wishes = draw_wishes(terrain, 7, 8, AMOUNTS, Troubles(20, 20, 20, 20)).wishes
    assert play(terrain, "BARE", 0, wishes) == play(terrain, "BARE", 70, wishes)


# ------------------------------------------------------------------ the ground


def test_no_search_misses_what_was_left_out(tmp_path: Path) -> None:
    """Over what is left of a network, the sample finds the chains that it finds in all of it."""
    for seed in range(4):
        rows = links_file(tmp_path / f"{seed}.txt", 30, 70, seed).read_text().splitlines()
        small = read_terrain(rows, seed, 8, 2)
        whole = credit_links(rows, BRAND, Random(seed))
        all_nodes = tuple(replace(n, accepts=frozenset(("R1",))) for n in whole.nodes)
        left = tuple(replace(n, accepts=frozenset(("R1",))) for n in small.nodes)
        assert len(left) < len(all_nodes)
        one = Graph.from_network(replace(whole, registries=("R1",), nodes=all_nodes))
        other = Graph.from_network(replace(small.network(100), registries=("R1",), nodes=left))
        for payer in small.sample:
            for payee in small.sample:
                if payer != payee:
                    question = RouteQuestion(payer, payee, 5_000)
                    assert find_route(one, question).route == find_route(other, question).route


def test_a_path_is_there_where_a_search_from_one_end_says_so(terrain: Terrain) -> None:
    rooms, draw = Rooms(terrain.lines), Random(1)
    out: dict[str, list[tuple[str, int]]] = {}
    for line in terrain.lines:
        out.setdefault(line.promisor, []).append((line.promisee, line.available))
    said = []
    for _ in range(200):
        payer, payee = draw.sample(terrain.sample, 2)
        amount = 10 ** draw.randrange(4, 10)
        seen, ring = {payer}, [payer]
        while ring:
            name = ring.pop()
            ahead = [n for n, room in out.get(name, ()) if room >= amount and n not in seen]
            seen.update(ahead)
            ring += ahead
        assert rooms.reaches(payer, payee, amount) == (payee in seen)
        said.append(payee in seen)
    assert set(said) == {True, False}


def test_who_accepts_a_registry_accepts_it_at_every_larger_share(terrain: Terrain) -> None:
    before = {n.name: n.accepts for n in terrain.network(0).nodes}
    assert not any(before.values())
    for share in (30, 70, 100):
        now = {n.name: n.accepts for n in terrain.network(share).nodes}
        assert all(before[name] <= now[name] for name in now) and before != now
        before = now
    assert all(accepts == {"R1", "R2", "R3"} for accepts in before.values())


def test_one_kind_of_trouble_does_not_move_the_others(terrain: Terrain) -> None:
    both = draw_wishes(terrain, 7, 50, AMOUNTS, Troubles(20, 20, 20, 20)).wishes
    quiet = draw_wishes(terrain, 7, 50, AMOUNTS, Troubles(0, 20, 20, 20)).wishes
    assert [replace(wish, silent=False) for wish in both] == list(quiet)
    assert any(wish.silent for wish in both)


# ------------------------------------------------------------------ what an audit sees


def _played(terrain: Terrain, regime: str) -> Replaying:
    run = Replaying(terrain, Cell(regime, 100, SECOND))
    run.run(draw_wishes(terrain, 7, 10, AMOUNTS, CALM).wishes, lambda done: None)
    return run


def _covered(run: Replaying) -> tuple[dict[object, object], Promise]:
    """A promise that an intermediary holds, and the rows that it is among."""
    for node in run.stage.nodes.values():
        for row in node.books.rows.values():
            if isinstance(row, Promise) and row.partner_id and row.direction is Direction.IN:
                return node.books.rows, row  # type: ignore[return-value]
    raise AssertionError("no chain of two")


@pytest.mark.parametrize(
    "change",
    [
        {"phase": PromisePhase.EXPIRED},  # paid ahead and not behind
        {"phase": PromisePhase.ACCEPTED, "ended_at_us": 0},  # never ended
        {"amount": 1},  # gave more than it held
    ],
)
def test_an_audit_sees_a_broken_book(terrain: Terrain, change: dict[str, object]) -> None:
    run = _played(terrain, "ATOMIC")
    audit(run.stage, drained=True)
    rows, held = _covered(run)
    rows[held.key] = replace(held, **change)  # type: ignore[arg-type]
    with pytest.raises(AssertionError):
        audit(run.stage, drained=True)


# ------------------------------------------------------------------ figures


@pytest.mark.parametrize(
    ("values", "percent", "found"),
    [([], 50, 0), ([5], 95, 5), ([3, 1, 2], 50, 2), ([1, 2, 3, 4], 50, 2), (range(1, 101), 95, 95)],
)
def test_quantiles(values: Sequence[int], percent: int, found: int) -> None:
    assert quantile(values, percent) == found


def test_figures_of_a_run() -> None:
    paid = Outcome(1000, Verdict.PAID, 1010, (Level.ATOMIC, Level.PROXY), (Mode.ATOMIC,), 4_000_000)
    lost = replace(paid, held=6_000_000, losses=())
    failed = Outcome(500, Verdict.FAILED, 505, (Level.BARE,), (), 5_000_000, because="X")
    nobody = Outcome(1000, Verdict.NO_CHAIN)
    run = (paid, lost, failed, nobody)
    other = (paid, nobody, failed, nobody)
    summary = summarise("MIXED", 50, run, common_to([run, other]))
    said = summary.as_json()
    assert said["payments"] == {"all": 4, "paid": 2, "no_path": 0, "no_chain": 1, "failed": 1}
    assert said["success_pct"] == 50.0 and said["failed_because"] == {"X": 1}
    assert said["fee_permille"]["median"] == 10.0
    assert said["levels"] == {"ATOMIC": 2, "SECURED": 0, "PROXY": 2, "BARE": 1}
    assert (summary.held.paid, summary.held.failed) == (5_000, 10_000)
    assert summary.held.common == (4_000 + 10_000) // 2
    assert said["delivered"] == 2000


@pytest.mark.skipif(not REAL.exists(), reason="the real data lies beside a checkout or nowhere")
@pytest.mark.edge
def test_a_few_payments_over_the_real_network() -> None:
    import gzip

    with gzip.open(REAL, "rt") as rows:
        terrain = read_terrain((row.rstrip() for row in rows), 7, 500, 3)
    assert terrain.whole == (67_149, 113_030)
    wishes = draw_wishes(terrain, 7, 5, (100, 10_000), CALM).wishes
    outcomes = play(terrain, "MIXED", 75, wishes, every_s=60)
    assert sum(o.paid for o in outcomes) >= 3
