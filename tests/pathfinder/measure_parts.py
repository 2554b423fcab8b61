"""How often the likely split is not the cheapest one, and how often the cheapest is proven.

`python -m tests.pathfinder.measure_parts 100 700` asks the towns of seeds 100 to 699.
"""

import sys
import time

from pathfinder.core.search import find_route
from pathfinder.plans.parts import PARTS_BUDGET, _likely, find_parts
from pathfinder.question import BadQuestion
from tests.pathfinder.compare import graph_of, question_of
from tests.pathfinder.parts_networks import town


def main(first: int, last: int) -> None:
    asked = found = exact = beaten = 0
    slowest = total = 0.0
    for seed in range(first, last):
        net, wishes, parts = town(seed)
        graph = graph_of(net)
        question = question_of(graph, wishes)
        try:
            single = find_route(graph, question)
        except BadQuestion:
            continue
        if single.cost == question.amount:
            continue
        below = question.max_cost if single.cost is None else single.cost
        likely, _ = _likely(graph, question, (parts, 1, PARTS_BUDGET), below)
        known = single.cost if likely is None else likely.draft.cost
        began = time.perf_counter()
        answer = find_parts(graph, question, parts)
        took = time.perf_counter() - began
        slowest, total = max(slowest, took), total + took
        asked += 1
        found += answer.found
        exact += answer.exact
        beaten += answer.found and answer.cost != known
    print(f"asked {asked}, split found {found}, proven {exact}, likely one beaten {beaten}")
    print(f"mean {total / max(1, asked):.3f} s, slowest {slowest:.2f} s")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
