"""The JSON forms of answers of several chains: splits, alternatives, and what can be sent."""

from typing import Any

from pathfinder.answer import Route, RouteAnswer
from pathfinder.answer_json import answer_as_json
from pathfinder.plans.alternatives import Alternatives
from pathfinder.plans.parts import PartsAnswer
from pathfinder.plans.sendable import Sendable, used_of


def alternatives_as_json(found: Alternatives) -> dict[str, Any]:
    """What stands beside the first answer: `alternatives`, cheapest first, each with `exact`.

    `alternatives_exact` false: the search was cut off, so there may be more of them.
    """
    return {
        "alternatives": [answer_as_json(one, with_reasons=False) for one in found.others],
        "alternatives_exact": found.exact,
    }


def parts_as_json(answer: PartsAnswer) -> dict[str, Any]:
    """A split: as an answer of one chain, whose hops, modes and schedule are the largest part's.

    `cost` is of all parts; `at_least`: no split costs less, proven, null where nothing is known.
    """
    shown: dict[str, Any] = {"parts": [part_as_json(route) for route in answer.routes]}
    if answer.routes:
        first = RouteAnswer(answer.brand, answer.amount, answer.routes[0], answer.exact)
        shown = answer_as_json(first, with_reasons=False) | {"cost": answer.cost} | shown
    return shown | {"exact": answer.exact, "at_least": answer.at_least}


def part_as_json(route: Route) -> dict[str, Any]:
    """One chain of several; brand and registry are those of all."""
    whole = answer_as_json(RouteAnswer("", 0, route, True), with_reasons=False)
    shared = ("found", "exact", "brand", "registry")
    return {"amount": route.hops[-1].amount} | {k: v for k, v in whole.items() if k not in shared}


def sendable_as_json(found: Sendable) -> dict[str, Any]:
    """`amount` that the payee can receive, `at_most` that any plan delivers, and the chains."""
    used = used_of(found.routes)
    return {
        "amount": found.amount,
        "at_most": found.at_most,
        "exact": found.exact,
        "cost": found.cost,
        "brand": found.brand,
        "registry": (found.routes[0].policy.name or None) if found.routes else None,
        "routes": [part_as_json(route) for route in found.routes],
        "bottleneck": [
            {
                "from": line.promisor,
                "to": line.promisee,
                "carries": line.carries,
                "used": used.get((line.promisor, line.promisee), 0),
            }
            for line in found.bottleneck
        ],
        "cut": found.cut,
    }
