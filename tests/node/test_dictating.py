"""From a route in parts to the first promises: packets, lines, and what is kept of it."""

import json
from itertools import count, pairwise
from types import SimpleNamespace
from typing import Any, cast

import pytest

from node.command.sim.cast import NOW_US, SINGLE, digest
from node.core.events import StartAttempt
from node.core.rows import Line, LinePhase
from node.core.view import Settings
from node.dictating import Dictating
from node.memory import Memory
from node.routing import RouteFound, RouteHop, RoutePart
from proto.descriptor import commit_id
from proto.keys import NodeId, SealKey
from proto.levels import Level
from proto.limits import US
from proto.modes import Mode
from proto.money import Brand
from proto.onion import Deliver, Forward, unwrap
from proto.policy import EMPTY_POLICY, RegistryPolicy
from proto.reason import Reason, Refusal
from proto.request import PaymentRequest
from proto.schedule import schedule
from runtime.clock import FakeClock

USD = Brand(bytes(15) + b"\1", "USD")
NODES = {name: NodeId(digest("node " + name)) for name in "PABQ"}
SEALS = {name: SealKey(digest("seal " + name)) for name in "PABQ"}
A = Level.ATOMIC


def part(names: str, levels: tuple[Level, ...], share: int, floor: int = 10 * US) -> RoutePart:
    plan = schedule(levels, deadline_floor=floor)
    assert plan is not None
    hops = tuple(
        RouteHop(NODES[x], NODES[y], level, share)
        for (x, y), level in zip(pairwise(names), levels, strict=True)
    )
    modes = tuple((NODES[name], Mode.ATOMIC) for name in names[1:-1])
    return RoutePart(hops, modes, plan)


def line(number: int, peer: str, limit: int, phase: LinePhase = LinePhase.OPEN) -> Line:
    return Line(bytes([number]) * 16, NODES[peer], USD, phase, limit_out=limit)


def dictating(*lines: Line, unheard: str = "") -> Dictating:
    memory = Memory(cast(Settings, None))
    for row in lines:
        memory.put(row)
    adverts = {
        NODES[n]: SimpleNamespace(seal_key=SEALS[n].public) for n in "AB" if n not in unheard
    }
    drawn = count(1)

    def entropy(size: int) -> bytes:
        return digest(f"drawn {next(drawn)}")[:size]

    engine, gossip = SimpleNamespace(memory=memory), SimpleNamespace(node=adverts.get)
    return Dictating(cast(Any, engine), cast(Any, gossip), FakeClock(NOW_US), entropy)


def request(amount: int) -> PaymentRequest:
    return PaymentRequest(
        request_id=bytes(16),
        payee=NODES["Q"],
        payee_alias="Q",
        brand=USD,
        amount=amount,
        committer_key=digest("committer"),
        seal_key=SEALS["Q"].public,
        seal_certificate=b"",
        expires_at_us=NOW_US + 100 * US,
        latest_deadline_us=NOW_US + 100 * US,
        decline_hashes=(digest("decline"),),
        policies=(SINGLE,),
    )


def started(
    from_: Dictating, *parts: RoutePart, policy: RegistryPolicy = SINGLE
) -> StartAttempt | Refusal:
    asked = request(sum(p.amount for p in parts))
    found = RouteFound(parts, policy, exact=True)
    descriptor = from_.descriptor(digest("request"), 1, asked, found)
    made = from_.start(bytes(16), 1, asked, found, descriptor, ())
    if isinstance(made, Refusal):
        return made
    event = made(NOW_US)
    assert isinstance(event, StartAttempt)
    return event


def diamond() -> StartAttempt:
    event = started(
        dictating(line(1, "A", 100), line(2, "B", 100)),
        part("PAQ", (A, A), 60),
        part("PBAQ", (A, A, A), 40),
    )
    assert isinstance(event, StartAttempt)
    return event


def test_every_packet_has_an_ephemeral_key_of_its_own() -> None:
    """A stands on both chains: under one key it could take both packets apart."""
    one, other = (first.packet for first in diamond().firsts)
    assert one[1:33] != other[1:33]


def test_both_chains_deliver_the_same_total() -> None:
    event = diamond()
    commit = commit_id(event.descriptor_bytes)
    ends = []
    for first, names in zip(event.firsts, ("AQ", "BAQ"), strict=True):
        packet = first.packet
        for name in names:
            opened = unwrap(SEALS[name], packet, commit)
            assert opened is not None
            instruction, packet = opened
            assert isinstance(instruction, Forward) == (name != "Q")
        ends.append(instruction)
    assert ends == [Deliver(bytes(16), 0, 100)] * 2


def test_what_is_kept_names_each_first_promise() -> None:
    event = diamond()
    kept = json.loads(event.route)
    assert [p["promise"] for p in kept["parts"]] == [f.promise.hex() for f in event.firsts]
    assert [(p["amount"], p["cost"]) for p in kept["parts"]] == [(60, 60), (40, 40)]
    assert kept["hops"] == kept["parts"][0]["hops"] and event.cost == 100


@pytest.mark.parametrize(
    ("limits", "shares", "lines"),
    [
        ((100, 90), (60, 40), (1, 2)),
        ((90, 100), (60, 40), (2, 1)),
        ((100, 10), (60, 40), (1, 1)),
        ((100, 100), (50, 50), (1, 2)),
        ((100, 85), (10, 80, 10), (1, 1, 2)),
    ],
)
def test_several_lines_to_one_neighbour(
    limits: tuple[int, int], shares: tuple[int, ...], lines: tuple[int, ...]
) -> None:
    chosen = dictating(line(1, "A", limits[0]), line(2, "A", limits[1]))
    event = started(chosen, *(part("PAQ", (A, A), share) for share in shares))
    assert isinstance(event, StartAttempt)
    assert tuple(first.line[0] for first in event.firsts) == lines


def test_closed_lines_and_unknown_nodes() -> None:
    chain = part("PAQ", (A, A), 10)
    closed = dictating(line(1, "A", 100, LinePhase.CLOSED))
    assert started(closed, chain) == Refusal(Reason.NEXT_LINE_UNKNOWN)
    assert started(dictating(line(1, "A", 100), unheard="A"), chain) == Refusal(Reason.NO_ROUTE)


def test_all_chains_count_from_one_deadline() -> None:
    secured = (Level.SECURED,) * 2
    event = started(
        dictating(line(1, "A", 100), line(2, "B", 100)),
        part("PAQ", secured, 60, floor=12 * US),
        part("PBQ", (A, A), 40, floor=12 * US),
    )
    assert isinstance(event, StartAttempt)
    assert event.descriptor.deadline_us == NOW_US + 12 * US
    assert [first.expires_at_us for first in event.firsts] == [NOW_US + 4 * US, 0]


def test_a_decline_hash_only_where_every_chain_bears_it() -> None:
    chosen = dictating(line(1, "A", 100), line(2, "B", 100))
    event = started(chosen, part("PAQ", (A, A), 60), part("PBQ", (A, A), 40))
    assert isinstance(event, StartAttempt) and event.descriptor.decline_hash
    relying = part("PBQ", (Level.SECURED,) * 2, 40)
    relying = RoutePart(relying.hops, ((NODES["B"], Mode.SECURED),), relying.schedule)
    event = started(chosen, part("PAQ", (A, A), 60), relying)
    assert isinstance(event, StartAttempt) and not event.descriptor.decline_hash


def test_bare_chains_have_the_empty_policy() -> None:
    bare = part("PAQ", (Level.BARE,) * 2, 60)
    event = started(dictating(line(1, "A", 100)), bare, policy=EMPTY_POLICY)
    assert isinstance(event, StartAttempt) and event.descriptor.policy == EMPTY_POLICY
