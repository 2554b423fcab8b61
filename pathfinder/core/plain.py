"""A second search, plain and slow, that a benchmark compares the first one's costs with.

It shares nothing with it but what one step costs and how deadlines add up: no board, no bounds, no
order of ties. It looks at walks, so where the cheapest one visits a node twice it does not know.
"""

from collections import defaultdict
from collections.abc import Hashable
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import count
from typing import Final

from pathfinder.core.steps import Step, payee_takes, payer_gives, steps_of
from pathfinder.core.timing import Timing, earlier_timing, held, last_timing
from pathfinder.network import NO_POLICY, Line, Network, Policy
from proto.levels import Level
from proto.limits import MAX_HOPS, PAYEE_MARGIN_US
from proto.viability import PayeeTerms

PLAIN_BUDGET: Final = 5_000_000  # chains to look at, beyond which it gives up: some minutes


@dataclass(frozen=True, slots=True)
class Plain:
    """`cost` None: there is no chain. `decided` False: it cannot tell."""

    cost: int | None
    decided: bool


@dataclass(frozen=True, slots=True)
class _Chain:
    """From `path[0]` to the payee; `amount` and `level` are of the promise that it holds."""

    amount: int
    level: Level
    timing: Timing
    bare: bool
    path: tuple[str, ...]


class PlainSearch:
    """Over one brand of a network that does not change."""

    def __init__(self, network: Network, brand: str) -> None:
        self._nodes = {node.name: node for node in network.nodes}
        self._facts = {node.name: node.facts for node in network.nodes}
        self._incoming: dict[str, list[Line]] = defaultdict(list)
        for line in network.lines:
            if line.brand == brand:
                self._incoming[line.promisee].append(line)
        singles = (Policy.single(name) for name in network.registries)
        self._policies = (NO_POLICY, *singles, *network.policies)

    def cheapest(self, payer: str, payee: str, amount: int, most: int) -> Plain:
        """The least cost, as far as it is no more than `most`."""
        best, found, left = most, False, PLAIN_BUDGET
        for policy in self._policies:
            cost, repeated, taken = self._under(policy, payer, payee, amount, best, left)
            left -= taken
            if repeated or left <= 0:
                return Plain(None, False)
            if cost is not None:
                best, found = cost, True
        return Plain(best if found else None, True)

    def _under(
        self, policy: Policy, payer: str, payee: str, amount: int, most: int, budget: int
    ) -> tuple[int | None, bool, int]:
        """Least cost under one policy, whether only a walk has it, and chains looked at."""
        heap: list[tuple[int, int, int, _Chain]] = []
        fronts: dict[tuple[str, Level, bool], list[tuple[int, int, Timing]]] = {}
        steps: dict[tuple[Hashable, Level], tuple[Step, ...]] = {}
        number = count()

        def offer(chain: _Chain) -> None:
            place, hops = (chain.path[0], chain.level, chain.bare), len(chain.path)
            front = fronts.setdefault(place, [])
            if chain.amount <= most and not any(
                a <= chain.amount and h <= hops and t.no_worse(chain.timing) for a, h, t in front
            ):
                front.append((chain.amount, hops, chain.timing))
                heappush(heap, (chain.amount, hops, next(number), chain))

        for last in self._lasts(policy, payee, amount):
            offer(last)
        taken = 0
        while heap and taken < budget:
            chain = heappop(heap)[-1]
            taken += 1
            for line in self._incoming[chain.path[0]]:
                promisor = line.promisor
                if line.available < chain.amount or promisor == payee:
                    continue
                hold_max_us = self._facts[promisor].hold_max_us
                timing = held(chain.timing, chain.level, policy.lateness_us, hold_max_us)
                if timing is None:
                    continue
                if promisor == payer:
                    facts = self._facts[payer]
                    stands = not (chain.bare and policy.members)
                    if stands and payer_gives(chain.level, facts, policy, frozenset()):
                        return chain.amount, len(set(chain.path)) < len(chain.path), taken
                elif len(chain.path) < MAX_HOPS:
                    own = line.fees is not None or line.registry_fees is not None
                    key = ((promisor, line.promisee) if own else promisor, chain.level)
                    if key not in steps:
                        steps[key] = self._steps(line, chain.level, policy)
                    for step in steps[key]:
                        if longer := _longer(chain, promisor, step, timing, policy):
                            offer(longer)
        return None, False, taken

    def _lasts(self, policy: Policy, payee: str, amount: int) -> list[_Chain]:
        found = []
        for level in Level:
            timing = last_timing(level, policy.lateness_us, PAYEE_MARGIN_US, None)
            facts = self._facts[payee]
            taken = payee_takes(level, facts, PayeeTerms(), policy, frozenset())
            if taken and timing is not None:
                found.append(_Chain(amount, level, timing, level is Level.BARE, (payee,)))
        return found

    def _steps(self, line: Line, level: Level, policy: Policy) -> tuple[Step, ...]:
        node = self._nodes[line.promisor]
        facts = self._facts[line.promisor]
        return steps_of(node, facts, line, level, policy, frozenset())


def _longer(
    chain: _Chain, promisor: str, step: Step, timing: Timing, policy: Policy
) -> _Chain | None:
    """The chain with a promise that its promisor asks for; None where no schedule is left."""
    earlier = earlier_timing(timing, step.incoming, chain.level, step.mode, policy.lateness_us)
    if earlier is None:
        return None
    amount = -(-chain.amount * step.num // step.den) + step.flat
    bare = chain.bare and step.incoming is Level.BARE
    return _Chain(amount, step.incoming, earlier, bare, (promisor, *chain.path))
