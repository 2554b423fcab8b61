"""The plain search of the benchmark: it says what the reference says, or that it cannot tell."""

import json
import random

from pathfinder.core.plain import Plain, PlainSearch
from pathfinder.files.network_parse import parse_network
from proto.limits import MAX_AMOUNT
from tests.pathfinder.networks import network
from tests.pathfinder.reference import solve
from tests.pathfinder.test_search import worked

SEEDS = 400


def plain(net: dict[str, object], amount: int, most: int = MAX_AMOUNT) -> Plain:
    search = PlainSearch(parse_network(json.dumps(net).encode()), "USD")
    payer, *_, payee = net["nodes"]  # type: ignore[misc]
    return search.cheapest(payer, payee, amount, most)


def test_worked_numbers() -> None:
    costs = {"PABQ": 100101, "PAQ": 100050, "PAB": 100251, "PBQ": 100656, "ABQ": 100706}
    for accepting, cost in {**costs, "": 101214}.items():
        assert plain(worked(accepting), 100_000) == Plain(cost, True)


def test_agrees_with_the_reference() -> None:
    decided = found = 0
    for seed in range(SEEDS):
        rng = random.Random(seed)
        net = network(rng, rng.choice((3, 4, 5, 6)))
        payer, *_, payee = net["nodes"]
        amount = rng.choice((5, 30, 1000))
        expected = solve(net, {"payer": payer, "payee": payee, "brand": "USD", "amount": amount})
        answer = plain(net, amount)
        if answer.decided:
            decided += 1
            found += answer.cost is not None
            assert answer.cost == (None if expected is None else expected["cost"]), seed
    assert decided > 0.9 * SEEDS and found > 0.4 * SEEDS


def test_only_as_dear_as_asked() -> None:
    assert plain(worked("PABQ"), 100_000, most=100_100) == Plain(None, True)
    assert plain(worked("PABQ"), 100_000, most=100_101) == Plain(100_101, True)
