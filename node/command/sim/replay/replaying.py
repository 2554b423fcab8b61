"""One regime at one share of acceptance: every payment is routed, promised and decided for real."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Final

from node.command.sim.cast import NOW_US, SECOND
from node.command.sim.cores.plan import Attempt, create, dictate, make_request
from node.command.sim.cores.plan import Route as Dictated
from node.command.sim.replay.outcome import Outcome, Verdict
from node.command.sim.replay.reckoning import audit, reckon
from node.command.sim.replay.regimes import REGIMES
from node.command.sim.replay.stage import HOP_US, REGISTRY_US, Stage
from node.command.sim.replay.terrain import BRAND, Rooms, Terrain, cast_of
from node.command.sim.replay.wishes import Wish
from node.core.effects import Answer
from node.core.rows import Request
from pathfinder.answer import Route
from pathfinder.core.graph import Graph
from pathfinder.core.search import find_route
from pathfinder.network import Line
from pathfinder.question import RouteQuestion
from proto.policy import RegistryPolicy

OFFLINE_US: Final = 20 * SECOND  # a restart; longer than all but the longest chains' promises
OUTAGE_US: Final = 15 * SECOND  # beyond every deadline that was set before it
DRAIN_US: Final = (
    240 * SECOND
)  # after the last payment: every promise of hold_max has ended by then
AUDIT_EVERY: Final = 500  # payments between two looks at all books, and one at the end


@dataclass(frozen=True, slots=True)
class Begun:
    """A payment whose first promise was made. `attempt` None: not even that."""

    wish: Wish
    route: Route
    request: Request
    attempt: Attempt


@dataclass(frozen=True, slots=True)
class Cell:
    """One regime at one share (per cent); one payment each `every_us`."""

    regime: str
    share: int
    every_us: int


class Replaying:
    """A stage, and the path finder's picture of it. Made for one run."""

    def __init__(self, terrain: Terrain, cell: Cell) -> None:
        network = terrain.network(cell.share)
        self._levels = REGIMES[cell.regime]
        self._every_us = cell.every_us
        self._graph = Graph.from_network(network)
        self._rooms = Rooms(terrain.lines)
        self._lines = {(x.promisor, x.promisee): x for x in terrain.lines}
        self._sequence = 0
        self.stage = Stage({n.name: n for n in network.nodes}, cast_of(terrain))
        self._policies = {
            name: RegistryPolicy((judge.id,), 1, 1) for name, judge in self.stage.judges.items()
        }
        self._outcomes: dict[int, Outcome] = {}
        self._begun: dict[int, Begun] = {}

    def run(self, wishes: Sequence[Wish], told: Callable[[int], None]) -> tuple[Outcome, ...]:
        """Of every wish, in their order. `told`: how many have begun. AssertionError where a rule
        of the protocol was broken."""
        for i, wish in enumerate(wishes):
            self.stage.play(NOW_US + i * self._every_us)
            self._begin(i, wish)
            if i % AUDIT_EVERY == AUDIT_EVERY - 1:
                audit(self.stage, drained=False)
            told(i + 1)
        self.stage.play(self.stage.now_us + DRAIN_US)
        audit(self.stage, drained=True)
        found = reckon(self.stage, self._begun)
        return tuple(self._outcomes.get(i) or found[i] for i in range(len(wishes)))

    # ------------------------------------------------------------------ one payment

    def _begin(self, i: int, wish: Wish) -> None:
        self._hear()
        question = RouteQuestion(
            wish.payer, wish.payee, wish.amount, brand=BRAND, levels=self._levels
        )
        route = find_route(self._graph, question).route
        if route is None:
            reached = self._rooms.reaches(wish.payer, wish.payee, wish.amount)
            verdict = Verdict.NO_CHAIN if reached else Verdict.NO_PATH
            self._outcomes[i] = Outcome(wish.amount, verdict)
            return
        begun = self._promise(wish, route)
        if isinstance(begun, Begun):
            self._begun[i] = begun
            self._trouble(begun)
        else:
            self._outcomes[i] = _never_begun(wish, route, begun)

    def _hear(self) -> None:
        """Adverts of every line that has changed since the last payment."""
        for ends in self.stage.moved:
            available = max(0, self.stage.line(*ends).available_out)
            if ends not in self._lines:
                continue  # the data has no such direction: it carried nothing and does so now
            self._sequence += 1
            said = self._lines[ends]
            line = Line(said.promisor, said.promisee, said.brand, available)
            self._graph.upsert_line(line, sequence=self._sequence)
            self._rooms.put(*ends, available)
        self.stage.moved.clear()

    def _promise(self, wish: Wish, route: Route) -> Begun | str:
        """Request, payment and first promise; or why that one was not made."""
        stage = self.stage
        names = (wish.payer, *(hop.promisee for hop in route.hops))
        for one, other in pairwise(names):
            stage.connect(one, other, (self._rooms.room(one, other), self._rooms.room(other, one)))
        if not stage.is_up(wish.payer):
            return "PAYER_OFFLINE"
        relies = any(mode.relies_on_registry for _, mode in route.modes)
        if relies and stage.judges[route.policy.name].down:
            return "ADMISSION_MISSING"
        policy = self._policies[route.policy.name or next(iter(self._policies))]
        terms = {"policies": (policy,), "manual": wish.silent}
        request = make_request(stage, wish.payee, wish.amount, **terms)
        payment = create(stage, wish.payer, request)
        dictated = Dictated(names, tuple(hop.level for hop in route.hops), wish.amount)
        amounts = {0: tuple(hop.amount for hop in route.hops)}
        attempt = dictate(stage, payment, request, [dictated], policy=policy, amounts=amounts)
        # Two ways to the same schedule: the path finder's, and that of whoever dictates.
        assert attempt.plans[0].expiries == route.schedule.expiries, (names, route)
        applied = stage.event(wish.payer, attempt.event)
        (answer,) = [e for e in applied.effects if isinstance(e, Answer)]
        if answer.refusal is not None:
            return answer.refusal.reason.name
        return Begun(wish, route, request, attempt)

    def _trouble(self, begun: Begun) -> None:
        """What the wish says goes wrong, on the chain that was chosen."""
        wish, stage, hops = begun.wish, self.stage, begun.route.hops
        promisors = [hop.promisor for hop in hops]
        length_us = 2 * len(hops) * HOP_US + (2 * REGISTRY_US if begun.route.policy.members else 0)
        if wish.offline is not None:
            who, when = wish.offline
            name = promisors[int(who * len(promisors))]
            at_us = stage.now_us + int(when * length_us)
            stage.at(at_us, partial(stage.leave, name, at_us + OFFLINE_US))
        if wish.thief is not None and len(hops) > 1:
            # Whom it robs stands between: the payee has no promise that it owes for.
            thief = promisors[int(wish.thief * (len(promisors) - 1))]
            stage.steal(thief, begun.attempt.commit)
        if wish.outage is not None:
            which, when = wish.outage
            number = int(which * len(stage.judges))
            at_us = stage.now_us + int(when * length_us)
            stage.at(at_us, partial(stage.stop_registry, number, at_us + OUTAGE_US))


def _never_begun(wish: Wish, route: Route, because: str) -> Outcome:
    return Outcome(
        wish.amount,
        Verdict.FAILED,
        route.cost,
        tuple(hop.level for hop in route.hops),
        tuple(mode for _, mode in route.modes),
        because=because,
    )
