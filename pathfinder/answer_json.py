"""The JSON form of an answer (protocol section 10).

`reasons` is one flat list: an entry for each bar of each rejected chain, the nearest chain first,
the bars of one chain one behind the other. Each entry has `code` (stable, `reason_codes.Code`),
`rule` (V1 … V12, or the code), `node`, `line` [promisor, promisee], `figure` with its `unit`
("brand" = smallest units of the brand, "us", "promises", "risk", null), `registries`, `mode`,
`level` where the code names one, `text` and `next_step` for people; and of its chain: `chain`,
`levels`, `registry`, `cost`, and `bars`, how many there are: with more than one, all must go.

`exact` speaks of the chain, or of there being none. `skipped` lists what was not looked at to the
end: `what` is "SEARCH", the code of a rule that was put aside to see what it bars, or "SEVERAL";
`labels`: after how many partial chains, 0 = not begun. Beside it `labels`: all work that was done.
"""

from typing import Any

from pathfinder.answer import SEARCH, Reason, Route, RouteAnswer, Skipped


def answer_as_json(answer: RouteAnswer, *, with_reasons: bool) -> dict[str, Any]:
    """The object of section 10, for `json.dumps`. Without a chain the reasons are always there."""
    found: dict[str, Any] = {"found": answer.found, "exact": answer.exact}
    if answer.route is not None:
        found |= _route_json(answer.route) | {"brand": answer.brand}
    if with_reasons or not answer.found:
        found["reasons"] = [reason_as_json(reason) for reason in answer.reasons]
    if with_reasons or not answer.exact or not answer.found:
        found["skipped"] = _skipped_as_json(answer)
        found["labels"] = answer.labels
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


def reason_as_json(reason: Reason) -> dict[str, Any]:
    """One bar of one chain, for `json.dumps`."""
    bar = reason.bar
    return {
        "code": bar.code.value,
        "rule": bar.rule,
        "node": bar.node or None,
        "line": None if bar.line is None else list(bar.line),
        "figure": bar.figure,
        "unit": bar.code.unit.value or None,
        "registries": list(bar.registries),
        "mode": None if bar.mode is None else bar.mode.name,
        "level": None if bar.level is None else bar.level.name,
        "text": bar.text,
        "next_step": bar.next_step,
        "chain": list(reason.chain),
        "levels": [level.name for level in reason.levels],
        "registry": reason.policy or None,
        "cost": reason.cost,
        "bars": reason.bars,
    }


def _skipped_as_json(answer: RouteAnswer) -> list[dict[str, Any]]:
    skipped = answer.skipped
    if not answer.exact and all(one.what != SEARCH for one in skipped):
        skipped = (Skipped(SEARCH, answer.labels), *skipped)  # nobody has explained it yet
    return [{"what": one.what, "labels": one.labels} for one in skipped]
