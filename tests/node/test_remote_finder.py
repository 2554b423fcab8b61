"""A light payer between path finders: honest, silent, refusing and lying ones, over real TLS."""

import re
from collections.abc import Awaitable, Callable
from dataclasses import replace

import grpc
import pytest

from node.remote_finder import LIES, REFUSES, SILENT, RemoteFinder
from node.routing import NoRoute, RouteFound, RouteQuery
from proto.network_view import Viewpoint
from proto.v1 import pathfinder_pb2 as pb
from runtime.control import ControlFailure
from runtime.rpc import CallContext, RpcRefused, Service, Unary
from tests.pathfinder.advertised import Advertised, id_of, town
from tests.pathfinder.serving import Serving, StoppedClock, service_of, serving

pytestmark = pytest.mark.edge
Find = Callable[[pb.RouteQuery, CallContext], Awaitable[pb.RouteAnswer]]


def fake(find: Find) -> Service:
    return Service(
        "pledgeway.v1.PathFinder", {"FindRoute": Unary(pb.RouteQuery, pb.RouteAnswer, find)}
    )


def honest(made: Advertised) -> Service:
    return service_of(made, StoppedClock()).methods()


def lying(made: Advertised, alter: Callable[[pb.RouteAnswer], object]) -> Service:
    """An honest answer, altered."""
    truth = service_of(made, StoppedClock())

    async def find(m: pb.RouteQuery, context: CallContext) -> pb.RouteAnswer:
        answer = await truth.find_route(m, context)
        alter(answer)
        return answer

    return fake(find)


async def refusing(m: pb.RouteQuery, context: CallContext) -> pb.RouteAnswer:
    raise RpcRefused(grpc.StatusCode.RESOURCE_EXHAUSTED, "busy\x1b[31m\nand rude")


async def empty(m: pb.RouteQuery, context: CallContext) -> pb.RouteAnswer:
    return pb.RouteAnswer(exact=True)


async def rude(m: pb.RouteQuery, context: CallContext) -> pb.RouteAnswer:
    reason = pb.RouteReason(rule="V10", text="\x1b[2Jno")
    return pb.RouteAnswer(none=pb.RouteNone(reasons=[reason]), exact=True)


async def huge(m: pb.RouteQuery, context: CallContext) -> pb.RouteAnswer:
    reason = pb.RouteReason(rule="MAX_COST", text="dear", figure=2**64 - 1)
    return pb.RouteAnswer(none=pb.RouteNone(reasons=[reason]), exact=True)


def payer(made: Advertised, *services: Serving) -> RemoteFinder:
    cards = [service.card for service in services]
    return RemoteFinder(services[0].bridge, cards, lambda: made.payer)


def overpriced(answer: pb.RouteAnswer) -> None:
    answer.found.chains[0].hops[0].amount += 5


@pytest.fixture
def made() -> Advertised:
    return town()


@pytest.fixture
def query(made: Advertised) -> RouteQuery:
    return made.query("P", "Q", 1000)


async def test_an_honest_one_is_believed(made: Advertised, query: RouteQuery) -> None:
    async with serving(honest(made)) as services:
        finder = payer(made, *services)
        found = await finder.find(query)
        assert isinstance(found, RouteFound) and len(found.nodes) == 3
        assert (finder.alias(id_of("B")), finder.alias(id_of("C"))) == ("B", "")
        assert finder.recall(query) is None and finder.size() == (0, 0)
        (known,) = finder.services()
        assert (known["asked"], known["trouble"]) == (1, None)
        with pytest.raises(ControlFailure, match="LIGHT"):
            finder.known(Viewpoint(query.now_us))


@pytest.mark.parametrize(
    ("find", "code", "words"),
    [
        (refusing, REFUSES, "F0 at .* refuses: RESOURCE_EXHAUSTED busy .31m and rude"),
        (empty, LIES, "says nothing"),
        (rude, LIES, "cannot be shown"),
        (huge, LIES, "not between"),
    ],
)
async def test_what_is_no_answer_is_named(
    made: Advertised, query: RouteQuery, find: Find, code: str, words: str
) -> None:
    async with serving(fake(find)) as services:
        answer = await payer(made, *services).find(query)
    assert isinstance(answer, NoRoute) and not answer.exact
    (reason,) = answer.reasons
    assert reason["rule"] == code
    text = reason["text"]
    assert text.isprintable()
    assert re.search(words, text), text


async def test_a_liar_is_named_and_the_next_one_asked(made: Advertised, query: RouteQuery) -> None:
    async with serving(lying(made, overpriced), honest(made)) as services:
        finder = payer(made, *services)
        assert isinstance(await finder.find(query), RouteFound)
        first, second = finder.services()
        assert (first["alias"], second["alias"]) == ("F1", "F0"), "the liar is asked last from now"
        assert "does not hold: its amounts are not what the nodes ask" in second["trouble"]
        assert isinstance(await finder.find(query), RouteFound)
        assert [s["asked"] for s in finder.services()] == [2, 1]


async def test_a_liar_alone_leaves_no_route(made: Advertised, query: RouteQuery) -> None:
    async with serving(lying(made, overpriced)) as services:
        answer = await payer(made, *services).find(query)
    assert isinstance(answer, NoRoute)
    assert [reason["rule"] for reason in answer.reasons] == [LIES]


async def test_a_silent_one_is_passed_over(made: Advertised, query: RouteQuery) -> None:
    async with serving(honest(made)) as (gone,):
        pass
    async with serving(honest(made)) as (there,):
        finder = RemoteFinder(there.bridge, [gone.card, there.card], lambda: made.payer)
        assert isinstance(await finder.find(query), RouteFound)
        nowhere = RemoteFinder(there.bridge, [gone.card], lambda: made.payer)
        answer = await nowhere.find(query)
    assert isinstance(answer, NoRoute)
    assert [reason["rule"] for reason in answer.reasons] == [SILENT]


async def test_another_key_at_the_same_address_is_not_asked(
    made: Advertised, query: RouteQuery
) -> None:
    """The card pins the key: whoever sits on the address is a stranger."""
    async with serving(honest(made), honest(made)) as (one, other):
        thief = replace(one.card, service=other.card.service)
        answer = await RemoteFinder(one.bridge, [thief], lambda: made.payer).find(query)
    assert isinstance(answer, NoRoute)
    assert [reason["rule"] for reason in answer.reasons] == [SILENT]


async def test_a_no_is_asked_of_the_next_as_well(made: Advertised, query: RouteQuery) -> None:
    """The first may not have heard of a line that the second knows."""
    deaf = Advertised()
    async with serving(honest(deaf), honest(made)) as services:
        assert isinstance(await payer(made, *services).find(query), RouteFound)
        answer = await payer(made, services[0]).find(query)
    assert isinstance(answer, NoRoute) and answer.reasons[0]["rule"] == "NO_PATH"
