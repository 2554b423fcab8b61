"""The JSON form of an answer (protocol section 10)."""

from typing import Any

from pathfinder.answer import Reason, Route, RouteAnswer


def answer_as_json(answer: RouteAnswer, *, with_reasons: bool) -> dict[str, Any]:
    """The object of section 10, for `json.dumps`. Without a chain the reasons are always there."""
    found: dict[str, Any] = {"found": answer.found, "exact": answer.exact}
    if answer.route is not None:
        found |= _route_json(answer.route) | {"brand": answer.brand}
    if with_reasons or not answer.found:
        found["reasons"] = [_reason_json(reason) for reason in answer.reasons]
    return found


def _route_json(found: Route) -> dict[str, Any]:
    plan = found.schedule
    return {
        "cost": found.cost,
        "registry": found.policy.name or None,
        "hops": [
            {
                "from": hop.promisor,
                "to": hop.promisee,
                "level": hop.level.name,
                "amount": hop.amount,
            }
            for hop in found.hops
        ],
        "modes": {name: mode.name for name, mode in found.modes},
        "schedule": {
            "deadline_us": plan.deadline,
            "limit_us": plan.limit,
            "expiries_us": list(plan.expiries),
            "locks_us": list(plan.locks),
        },
    }


def _reason_json(reason: Reason) -> dict[str, Any]:
    return {
        "rule": reason.code,
        "node": reason.node or None,
        "line": None if reason.line is None else list(reason.line),
        "figure": reason.figure,
        "text": reason.text,
        "chain": list(reason.chain),
        "levels": [level.name for level in reason.levels],
        "registry": reason.policy or None,
        "cost": reason.cost,
    }
