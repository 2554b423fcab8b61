"""How the course of a payment is kept and told."""

import json
from dataclasses import replace
from itertools import pairwise

from node.core.rows import Direction, Promise, PromisePhase
from node.course import MAX_BLAMED, Course, despite, kept, left_out
from node.routing import RouteFound, RouteHop, RoutePart
from proto.keys import NodeId
from proto.levels import Level
from proto.modes import Mode
from proto.policy import RegistryPolicy, single
from proto.reason import Reason, Refusal
from proto.schedule import schedule

NODES = [NodeId(bytes([n]) * 32) for n in range(1, 11)]
P, A, B, Q = NODES[:4]
AHEAD = Refusal(Reason.REFUSED_AHEAD)


def promise(amount: int, phase: PromisePhase, because: Refusal | None = None) -> Promise:
    return Promise(
        promisor=P,
        id=bytes(16),
        direction=Direction.OUT,
        line=bytes(16),
        peer=A,
        commit=bytes(32),
        amount=amount,
        level=Level.ATOMIC,
        expires_at_us=0,
        phase=phase,
        because=because,
    )


def chain(*nodes: NodeId, amount: int = 100, first: int = 0) -> RoutePart:
    plan = schedule((Level.ATOMIC,) * (len(nodes) - 1))
    assert plan is not None
    amounts = [amount + first, *[amount] * (len(nodes) - 2)]
    hops = zip(pairwise(nodes), amounts, strict=True)
    return RoutePart(
        tuple(RouteHop(x, y, Level.ATOMIC, a) for (x, y), a in hops),
        tuple((node, Mode.ATOMIC) for node in nodes[1:-1]),
        plan,
    )


def found(*parts: RoutePart, members: int = 1) -> RouteFound:
    policy = single(bytes(32))
    if members > 1:
        ids = tuple(bytes([n]) * 32 for n in range(members))
        policy = RegistryPolicy(ids, 2, 2, 0, 5)
    return RouteFound(parts, policy, exact=True)


def hops(*nodes: NodeId, amount: int = 100) -> dict[str, object]:
    ends = pairwise(nodes)
    return {"hops": [{"from": x.hex(), "to": y.hex(), "amount": amount} for x, y in ends]}


def test_each_failed_chain_is_told() -> None:
    refused = promise(40, PromisePhase.REFUSED, Refusal(Reason.NEXT_CREDIT_SHORT, 15))
    taken_back = promise(60, PromisePhase.RELEASED, Refusal(Reason.ABANDONED))
    parts = [(hops(P, A, Q, amount=40), refused), (hops(P, B, Q, amount=60), taken_back)]
    course = Course().after(1, parts, AHEAD)
    assert course.tried == (
        {
            "attempt": 1,
            "reason": "NEXT_CREDIT_SHORT",
            "figure": 15,
            "cost": 40,
            "certain": True,
            "blamed": [{"line": [A.hex(), Q.hex()], "asked": 40, "carries": 25}],
        },
    )
    declined = promise(100, PromisePhase.RELEASED, Refusal(Reason.PAYEE_DECLINED))
    course = course.after(2, [(hops(P, B, Q), declined)], AHEAD)
    assert [one["attempt"] for one in course.tried] == [1, 2]
    assert course.tried[1]["blamed"] == [] and not course.tried[1]["certain"]


def test_of_many_suspects_a_few_are_told() -> None:
    course = Course().after(1, [(hops(*NODES), promise(100, PromisePhase.RELEASED))], AHEAD)
    assert len(course.tried[0]["blamed"]) == MAX_BLAMED < len(NODES) - 3


def test_what_is_kept() -> None:
    """The last chains stay beside what failed and why there is no other."""
    course = Course().after(1, [(hops(P, A), promise(5, PromisePhase.REFUSED))], AHEAD)
    text = kept('{"parts": [1], "exact": true}', course, {"exact": False, "reasons": []})
    assert json.loads(text) == {
        "parts": [1],
        "exact": False,
        "reasons": [],
        "tried": list(course.tried),
    }
    assert json.loads(kept("", Course(), {"reasons": [2]})) == {"reasons": [2]}


def test_lines_that_are_asked_all_the_same() -> None:
    """Parts that share a line ask for their sum."""
    two = found(chain(P, A, Q, amount=60), chain(P, A, B, Q, amount=60))
    assert despite(two, {(P, A): 120}) == ()
    assert despite(two, {(P, A): 119, (A, Q): 60, (B, Q): 59}) == ((P, A), (B, Q))


def test_a_cheaper_chain_that_was_left_out() -> None:
    taken, free = found(chain(P, B, Q, first=9)), found(chain(P, A, Q, first=2))
    (reason,) = left_out(taken, free, {(A, Q): 40, (P, A): 500}, "USD")
    assert (reason["code"], reason["line"], reason["figure"]) == ("LEARNED", [A.hex(), Q.hex()], 60)
    assert (reason["cost"], reason["bars"], reason["registry"]) == (102, 1, bytes(32).hex())
    assert left_out(free, taken, {(B, Q): 40}, "USD") == ()
    under_three = replace(free, policy=found(members=3).policy)
    (reason,) = left_out(taken, under_three, {(A, Q): 40}, "USD")
    assert str(reason["registry"]).startswith("~2/2/0/5/")


def test_reasons_of_a_payer_look_like_those_of_a_path_finder() -> None:
    from pathfinder.answer import Bar
    from pathfinder.answer import Reason as PathReason
    from pathfinder.answer_json import reason_as_json
    from pathfinder.reason_codes import Code

    (ours,) = left_out(found(chain(P, B, Q, first=9)), found(chain(P, A, Q)), {(A, Q): 1}, "USD")
    theirs = reason_as_json(PathReason(Bar(Code.LEARNED, Code.LEARNED.rule, "")))
    assert ours.keys() == theirs.keys()
    assert ours["unit"] == theirs["unit"] == "brand"
