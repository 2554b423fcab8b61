"""What the attempts of one payment have come to so far, and how that is kept and told (pure).

Kept as JSON with a payment that is given up: ids in hex, as in `dictating.route_json`.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from node.learning import Lesson, Lessons, Parts, learn, lessons_of
from node.routing import LineEnds, RouteFound, RouteHop, RoutePart
from proto.policy import RegistryPolicy
from proto.reason import Refusal

MAX_BLAMED: Final = 4  # lines told of one chain; beyond that "one of many" says as much


@dataclass(frozen=True, slots=True)
class Course:
    """`lessons`: what the next attempt is asked with. `tried`: each chain that failed, for people:
    {attempt, reason, figure, cost, certain, blamed: [{line, asked, carries}]}."""

    lessons: Lessons = field(default_factory=Lessons)
    tried: tuple[Mapping[str, Any], ...] = ()

    def after(self, attempt: int, parts: Parts, because: Refusal) -> "Course":
        """With an attempt that failed. `because`: for chains that do not say why themselves."""
        told = [_tried(attempt, lesson) for lesson in lessons_of(parts, because)]
        return Course(learn(self.lessons, parts, because), (*self.tried, *told))


def kept(route: str, course: Course, more: Mapping[str, Any]) -> str:
    """What is kept of a payment that is given up: its last chains, what failed, and `more`."""
    before = json.loads(route) if route else {}
    tried = {"tried": list(course.tried)} if course.tried else {}
    return json.dumps(before | tried | dict(more))


def _tried(attempt: int, lesson: Lesson) -> dict[str, Any]:
    blamed = lesson.blames
    return {
        "attempt": attempt,
        "reason": lesson.why.reason.name,
        "figure": lesson.why.figure,
        "cost": lesson.cost,
        "certain": bool(blamed) and all(blame.certain for blame in blamed),
        "blamed": [
            {
                "line": [end.hex() for end in blame.line],
                "asked": blame.asked,
                "carries": blame.carries,
            }
            for blame in blamed[:MAX_BLAMED]
        ],
    }


def despite(found: RouteFound, bounds: Mapping[LineEnds, int]) -> tuple[LineEnds, ...]:
    """Lines of a route that are asked for more than they are thought to carry."""
    over = dict[LineEnds, int]()
    for part in found.parts:
        for hop in part.hops:
            ends = (hop.promisor, hop.promisee)
            over[ends] = over.get(ends, 0) + hop.amount
    return tuple(ends for ends, amount in over.items() if amount > bounds.get(ends, amount))


def left_out(
    dearer: RouteFound, free: RouteFound, bounds: Mapping[LineEnds, int], brand: str
) -> tuple[Mapping[str, Any], ...]:
    """Reasons, as a path finder gives them, why `dearer` was taken though `free` costs less: lines
    that refused lately. None where it does not cost less."""
    if free.cost >= dearer.cost:
        return ()
    return tuple(
        _left_out(free, part, hop, bounds[hop.promisor, hop.promisee], brand, len(over))
        for part in free.parts
        for over in [[hop for hop in part.hops if _too_much(hop, bounds)]]
        for hop in over
    )


def _too_much(hop: RouteHop, bounds: Mapping[LineEnds, int]) -> bool:
    return hop.amount > bounds.get((hop.promisor, hop.promisee), hop.amount)


def _left_out(
    free: RouteFound, part: RoutePart, hop: RouteHop, bound: int, brand: str, bars: int
) -> Mapping[str, Any]:
    promisor, promisee = hop.promisor.hex(), hop.promisee.hex()
    return {
        "code": "LEARNED",
        "rule": "LEARNED",
        "node": promisor,
        "line": [promisor, promisee],
        "figure": hop.amount - bound,
        "unit": "brand",
        "registries": [],
        "mode": None,
        "level": None,
        "text": f"line {promisor}→{promisee} has just refused: it is asked for no more than"
        f" {bound} {brand}, {hop.amount - bound} less, for a while",
        "next_step": "wait, or let it be tried again:"
        f" `pledgeway network forget --line {promisor}-{promisee}`",
        "chain": [part.hops[0].promisor.hex(), *(h.promisee.hex() for h in part.hops)],
        "levels": [h.level.name for h in part.hops],
        "registry": _policy_name(free.policy),
        "cost": part.cost,
        "bars": bars,
    }


def _policy_name(policy: RegistryPolicy) -> str | None:
    """As path finders call it; None = no registry."""
    members = "+".join(member.hex() for member in policy.members)
    if len(policy.members) < 2:
        return members or None
    return f"~{policy.qc}/{policy.qa}/{policy.f}/{policy.delta_us}/{members}"
