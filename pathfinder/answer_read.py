"""A chain back from the JSON form of an answer (protocol section 10), as a daemon sent it (pure).

Its reasons stay in JSON: they are for programs and people alike as they are.
"""

from collections.abc import Mapping
from typing import Any

from pathfinder.answer import Hop, Route, RouteAnswer
from pathfinder.network import NO_POLICY, Policy
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
    except (KeyError, TypeError, AttributeError, IndexError) as error:
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
