"""The cheapest viable chain by trying all level assignments: slow, and meant as an oracle."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise, product

from proto.fees import Fee, FeeSet, RegistryFee, price_of_pair
from proto.levels import Level
from proto.modes import Mode, mode_of
from proto.money import Rate
from proto.viability import Chain, NodeFacts, check_chain

PLENTY = 10**15
FEES = FeeSet(
    {
        Mode.ATOMIC: Fee(Rate.parse("1.000")),
        Mode.SECURED: Fee(Rate.parse("1.001")),
        Mode.GATEWAY: Fee(Rate.parse("1.003"), 2),
        Mode.BARE: Fee(Rate.parse("1.006"), 5),
    }
)
ISSUING = RegistryFee(out_rate=Rate.parse("1.0005"))
FREE = RegistryFee()


@dataclass(frozen=True)
class Answer:
    """`amounts` from payer to payee, like `levels`."""

    levels: tuple[Level, ...]
    amounts: tuple[int, ...]
    modes: tuple[Mode, ...]


def amounts_along(
    levels: Sequence[Level], names: str, accepting: frozenset[str], amount: int
) -> tuple[int, ...] | None:
    """Amounts from the payer on; None where a pair is not in the table."""
    amounts = [amount]
    for i in range(len(levels) - 1, 0, -1):
        registry = ISSUING if names[i] in accepting and levels[i].late_ok else FREE
        price = price_of_pair(FEES, [registry], incoming=levels[i - 1], outgoing=levels[i])
        if price is None:
            return None
        amounts.append(price.amount_in_ceil(amounts[-1]))
    return tuple(reversed(amounts))


def modes_of(levels: Sequence[Level]) -> tuple[Mode, ...]:
    modes = [mode_of(a, b) for a, b in pairwise(levels)]
    return tuple(m for m in modes if m is not None)


def cheapest(names: str, accepting: str, amount: int, facts: Mapping[str, NodeFacts]) -> Answer:
    """Over all levels, with registry R and without it; ties as in protocol section 6."""
    best: tuple[tuple[int, int, tuple[int, ...]], Answer] | None = None
    for levels in product(Level, repeat=len(names) - 1):
        amounts = amounts_along(levels, names, frozenset(accepting), amount)
        if amounts is None:
            continue
        bare = all(lv is Level.BARE for lv in levels)
        chain = Chain(
            tuple(names),
            tuple(facts[n] for n in names),
            levels,
            amounts,
            (PLENTY,) * len(levels),
            frozenset() if bare else frozenset({"R"}),
        )
        if check_chain(chain):
            continue
        modes = modes_of(levels)
        ranks = tuple(lv.safety_rank for lv in levels)
        key = (amounts[0], sum(m.risk for m in modes), ranks)
        if best is None or key < best[0]:
            best = (key, Answer(levels, amounts, modes))
    assert best is not None
    return best[1]
