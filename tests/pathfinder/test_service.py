"""What strangers may ask a path finder, over real TLS, and what they are refused."""

from collections.abc import Callable
from dataclasses import replace
from random import Random

import grpc
import pytest
import trio
import trio.testing

from node.command.sim.cast import NOW_US
from pathfinder.serving import service as room
from pathfinder.serving.searching import Searching
from proto.policy import RegistryPolicy
from proto.route import NoRoute, RouteFound, RouteQuery
from proto.route_wire import (
    MAX_QUERY_LINES,
    MAX_QUERY_NODES,
    MAX_QUERY_POLICIES,
    found_from_message,
    none_from_message,
    query_from_message,
    query_to_message,
)
from proto.v1 import pathfinder_pb2 as pb
from proto.wire import WireFault, parse
from runtime.buckets import LOCAL
from runtime.rpc import CallContext, RpcRefused
from runtime.rpc_client import RpcFailed
from tests.pathfinder.advertised import BOTH, Advertised, id_of, random_town, town
from tests.pathfinder.serving import FIND, FINDER, STATUS, StoppedClock, service_of, serving

STRANGER = CallContext("ipv4:203.0.113.7:5000", None, 10.0)
EXHAUSTED = grpc.StatusCode.RESOURCE_EXHAUSTED


def asked(made: Advertised, **changes: object) -> pb.RouteQuery:
    return query_to_message(made.query("P", "Q", 1000, **changes))


# ---------------------------------------------------------------- the question as it travels


@pytest.mark.parametrize("seed", range(3))
def test_a_question_arrives_as_it_was_asked(seed: int) -> None:
    random = Random(seed)
    for _ in range(30):
        _, query = random_town(random)
        m = parse(pb.RouteQuery, query_to_message(query).SerializeToString())
        assert query_from_message(m, query.now_us) == query


def node(m: pb.RouteQuery) -> object:
    return m.avoid_nodes.append(b"x")


BAD: dict[str, Callable[[pb.RouteQuery], object]] = {
    "payer": lambda m: setattr(m, "payer", b"x"),
    "payee": lambda m: setattr(m, "payee", m.payer),
    "brand": lambda m: setattr(m, "brand", b""),
    "amount": lambda m: setattr(m, "amount", 0),
    "candidates": lambda m: m.candidates.extend([m.candidates[0]] * MAX_QUERY_POLICIES),
    "accepted policies": lambda m: setattr(m.accepted[0], "qc", 7),
    "levels": lambda m: m.levels.extend([9]),
    "last levels": lambda m: m.last_levels.extend([1]),
    "payee margin": lambda m: setattr(m, "payee_margin_us", -1),
    "latest deadline": lambda m: setattr(m, "latest_deadline_us", 2**60),
    "max hops": lambda m: setattr(m, "max_hops", 21),
    "max cost": lambda m: setattr(m, "max_cost", 2**63),
    "lines to avoid": lambda m: m.avoid_lines.extend([pb.LineEnds()] * (MAX_QUERY_LINES + 1)),
    "nodes to avoid": node,
    "learned lines": lambda m: setattr(m.learned[0], "available", 2**63),
    "max parts": lambda m: setattr(m, "max_parts", 17),
    "unit": lambda m: setattr(m, "unit", 0),
}


@pytest.mark.parametrize("field", BAD)
def test_a_bad_question_names_the_field(field: str) -> None:
    m = asked(town())
    BAD[field](m)
    with pytest.raises(WireFault, match=f"^{field}: "):
        query_from_message(m, NOW_US)


@pytest.mark.parametrize("seed", range(3))
def test_random_questions_and_answers_have_one_fault(seed: int) -> None:
    random, made = Random(seed), town()
    kinds = (
        (pb.RouteQuery, lambda m: query_from_message(m, NOW_US), asked(made)),
        (pb.RouteFound, lambda m: found_from_message(m, exact=True), pb.RouteFound()),
        (pb.RouteNone, lambda m: none_from_message(m, exact=True), pb.RouteNone()),
    )
    for kind, read, example in kinds:
        data = example.SerializeToString() or bytes(64)
        for _ in range(300):
            bad = bytearray(data if random.random() < 0.7 else random.randbytes(64))
            for _ in range(random.randint(1, 5)):
                bad[random.randrange(len(bad))] = random.randrange(256)
            try:
                read(parse(kind, bytes(bad)))
            except WireFault:
                continue


# ---------------------------------------------------------------- answers


@pytest.mark.edge
async def test_questions_over_the_wire() -> None:
    made, clock = town(), StoppedClock()
    service = service_of(made, clock)
    async with serving(service.methods()) as (one,):
        query = made.query("P", "Q", 1000)
        answer = await one.channel.unary(FIND, query_to_message(query), pb.RouteAnswer, 8)
        claimed, adverts = found_from_message(answer.found, exact=answer.exact)
        expected = made.find(query)
        assert isinstance(expected, RouteFound) and claimed == expected
        assert len(adverts) == 5  # of A, of B, of their two lines, and of Q
        none = await one.channel.unary(FIND, asked(made, max_cost=1000), pb.RouteAnswer, 8)
        told = none_from_message(none.none, exact=none.exact)
        assert isinstance(made.find(made.query("P", "Q", 1000, max_cost=1000)), NoRoute)
        assert told.exact and told.reasons[0]["rule"] == "MAX_COST"
        status = await one.channel.unary(STATUS, pb.PathFinderStatusQuery(), pb.PathFinderStatus, 8)
        assert (status.node, status.alias, status.now_us) == (FINDER, "Finder", NOW_US)
        assert (status.nodes, status.lines, status.answered, status.neighbours) == (5, 5, 2, 1)
        with pytest.raises(RpcFailed, match="max hops: "):
            await one.channel.unary(FIND, asked(made, max_hops=99), pb.RouteAnswer, 8)
    assert (service.answered, service.refused) == (2, 1)


async def refused(service: room.FindingService, m: pb.RouteQuery, who: CallContext) -> RpcRefused:
    with pytest.raises(RpcRefused) as no:
        await service.find_route(m, who)
    return no.value


async def test_each_part_of_the_net_has_its_quota() -> None:
    made, clock = town(), StoppedClock()
    service = service_of(made, clock, network_per_s=1, network_burst=3)
    for _ in range(3):
        await service.find_route(asked(made), STRANGER)
    no = await refused(service, asked(made), STRANGER)
    assert no.code is EXHAUSTED and no.detail == "too many questions: ask again in 1001 ms"
    await service.find_route(asked(made), CallContext("ipv4:198.51.100.1:1", None, None))
    clock.monotonic += 1_000_000
    await service.find_route(asked(made), STRANGER)


async def test_dear_questions_cost_more() -> None:
    made = town()
    service = service_of(made, StoppedClock(), network_per_s=1, network_burst=10)
    # A collective that the graph has to be told of, once.
    no = await refused(service, asked(made, candidates=(BOTH,)), STRANGER)
    assert no.code is EXHAUSTED and "dear" in no.detail
    local = CallContext("unix:", None, None)
    assert room.prefix_of(local.peer) == LOCAL
    await service.find_route(asked(made, candidates=(BOTH,)), local)
    await service.find_route(asked(made, candidates=(BOTH,)), STRANGER)


def collective(delta_us: int) -> RegistryPolicy:
    return replace(BOTH, delta_us=delta_us)


async def test_strangers_together_cannot_make_the_graph_change_all_the_time() -> None:
    made, clock = town(), StoppedClock()
    service = service_of(made, clock)
    taken = 0
    for number in range(40):
        who = CallContext(f"ipv4:198.51.{number}.1:1", None, None)
        m = asked(made, candidates=(collective(2_000_000 + number),))
        try:
            await service.find_route(m, who)
            taken += 1
        except RpcRefused as no:
            assert no.code is EXHAUSTED and "nobody else uses" in no.detail
    assert taken == room.NEW_POLICIES_BURST // room.NEW_POLICY
    # What is known by then is as cheap as ever; members that nobody knows change nothing.
    await service.find_route(asked(made, candidates=(collective(2_000_000),)), STRANGER)
    nobody = RegistryPolicy((b"n" * 32, b"o" * 32), 2, 1, 0, 2_000_000)
    await service.find_route(asked(made, candidates=(nobody,)), STRANGER)
    clock.monotonic += 10_000_000
    await service.find_route(asked(made, candidates=(collective(3_000_000),)), STRANGER)


async def test_questions_that_cannot_be_answered_in_time_are_not_begun() -> None:
    made = town()
    service = service_of(made, StoppedClock())
    hurried = CallContext(STRANGER.peer, None, room.MARGIN_S)
    no = await refused(service, asked(made), hurried)
    assert no.code is grpc.StatusCode.DEADLINE_EXCEEDED


async def test_too_long_questions_are_refused_by_their_size() -> None:
    made = town()
    service = service_of(made, StoppedClock())
    m = asked(made)
    m.learned.extend([m.learned[0]] * 5000)
    no = await refused(service, m, STRANGER)
    assert no.code is grpc.StatusCode.INVALID_ARGUMENT and "bytes" in no.detail


class Slow(Searching):
    """Answers when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.begun, self.go = trio.Event(), trio.Event()

    async def find_in_time(self, query: RouteQuery, limit_s: float) -> NoRoute:
        self.begun.set()
        await self.go.wait()
        return NoRoute(True, ())


async def test_nobody_keeps_the_others_waiting() -> None:
    made = town()
    service = service_of(made, StoppedClock())
    slow = service._searching = Slow()
    other = CallContext("ipv4:198.51.100.1:1", None, 10.0)
    async with trio.open_nursery() as nursery:
        for _ in range(room.MAX_WAITING_OF_ONE):
            nursery.start_soon(service.find_route, asked(made), STRANGER)
        await slow.begun.wait()
        await trio.testing.wait_all_tasks_blocked()
        no = await refused(service, asked(made), STRANGER)
        assert no.code is EXHAUSTED and "at once" in no.detail
        nursery.start_soon(service.find_route, asked(made), other)
        await trio.testing.wait_all_tasks_blocked()
        slow.go.set()
    assert service.answered == room.MAX_WAITING_OF_ONE + 1
    assert not service._asking, "nothing is kept of those who have gone"


async def test_an_answer_that_is_too_long_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "MAX_ANSWER_BYTES", 100)
    made = town()
    no = await refused(service_of(made, StoppedClock()), asked(made), STRANGER)
    assert no.code is EXHAUSTED and "fewer chains" in no.detail


async def test_a_route_for_which_nothing_can_be_shown_is_not_given() -> None:
    made = town()
    made.feed.signed.clear()
    no = await refused(service_of(made, StoppedClock()), asked(made), STRANGER)
    assert no.code is grpc.StatusCode.UNAVAILABLE


def test_bounds_of_a_question_fit_its_size() -> None:
    """Nobody who keeps to the lists is refused for the sum of them."""
    ends = [(id_of(f"a{i}"), id_of("b")) for i in range(MAX_QUERY_LINES)]
    made = town()
    m = query_to_message(
        made.query(
            *("P", "Q", 2**62),
            candidates=(BOTH,) * MAX_QUERY_POLICIES,
            accepted=(BOTH,) * MAX_QUERY_POLICIES,
            avoid_lines=frozenset(ends),
            avoid_nodes=frozenset(a for a, _ in ends[:MAX_QUERY_NODES]),
            learned=dict.fromkeys(ends, 2**62),
        )
    )
    assert query_from_message(m, NOW_US).amount == 2**62
    assert m.ByteSize() < room.MAX_QUERY_BYTES
