"""A chain back from the JSON form of an answer (protocol section 10), as a daemon sent it (pure).

Its reasons stay in JSON: they are for programs and people alike as they are.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pathfinder.answer import Hop, Route, RouteAnswer
from pathfinder.asking import WholeAnswer
from pathfinder.network import NO_POLICY, Policy
from pathfinder.plans.alternatives import Alternatives
from pathfinder.plans.parts import PartsAnswer
from proto.levels import Level
from proto.modes import Mode
from proto.schedule import Schedule


def read_answer(value: Any, brand: str, amount: int) -> RouteAnswer:
    """What `answer_as_json` was made from, without reasons. Raises ValueError for anything else.

    Of the policy only its name is known. `brand` and `amount` are what was asked for: an answer
    without a chain does not repeat them.
    """
    try:
        route = _route(value) if value["found"] else None
        return RouteAnswer(
            brand=value.get("brand", brand),
            amount=amount,
            route=route,
            exact=bool(value["exact"]),
        )
    except (KeyError, TypeError, AttributeError, IndexError, OverflowError) as error:
        raise ValueError(f"not an answer: {type(error).__name__} {error}") from error


def read_whole(value: Any, brand: str, amount: int) -> WholeAnswer:
    """As `read_answer`, with the alternatives or the parts beside it. Raises ValueError."""
    answer = read_answer(value, brand, amount)
    try:
        if "parts" in value:
            routes = tuple(_route(value | part) for part in value["parts"])
            at_least = value["at_least"]
            split = PartsAnswer(
                answer.brand,
                amount,
                routes,
                answer.exact,
                at_least=None if at_least is None else int(at_least),
            )
            one = routes[0] if len(routes) == 1 else None
            return WholeAnswer(replace(answer, route=one), split=split)
        if "alternatives" in value:
            others = tuple(read_answer(one, brand, amount) for one in value["alternatives"])
            exact = bool(value["alternatives_exact"])
            return WholeAnswer(answer, others=Alternatives(answer, others, exact, 0))
        return WholeAnswer(answer)
    except (KeyError, TypeError, AttributeError, IndexError, OverflowError) as error:
        raise ValueError(f"not an answer: {type(error).__name__} {error}") from error


def _route(value: Mapping[str, Any]) -> Route:
    plan = value["schedule"]
    hops = tuple(
        Hop(hop["from"], hop["to"], Level[hop["level"]], int(hop["amount"]))
        for hop in value["hops"]
    )
    if not hops:
        raise ValueError("not an answer: a chain of no promises")
    registry = value["registry"]
    return Route(
        hops=hops,
        modes=tuple((name, Mode[mode]) for name, mode in value["modes"].items()),
        policy=NO_POLICY if registry is None else Policy(registry, (registry,), 1, 1),
        schedule=Schedule(
            plan["deadline_us"],
            plan["limit_us"],
            tuple(plan["expiries_us"]),
            tuple(plan["locks_us"]),
        ),
    )
