"""Two stores of adverts over a real link: what they compare, and whoever knows no comparison."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial

import pytest
import trio

from proto.gossip_sync import Ask, Look
from proto.keys import NodeId
from runtime.bridge import Bridge
from runtime.gossip import ADVERT_TTL_US, Gossip
from runtime.gossip_turns import hear
from runtime.transport import GossipArrived, GossipWish, LinkCause, LinkDown, LinkUp
from runtime.transport_grpc import GrpcTransport
from tests.patience import PATIENCE_S
from tests.runtime.gossiping import line, signed
from tests.runtime.neighbours import CLOCK, NOW_US, Someone, two

pytestmark = pytest.mark.edge

COMPARED, EVERYTHING, NOTHING = GossipWish.COMPARED, GossipWish.EVERYTHING, GossipWish.NOTHING


class Counted:
    """A transport that counts what is gossiped through it."""

    def __init__(self, transport: GrpcTransport) -> None:
        self.transport = transport
        self.adverts = 0
        self.turns = 0
        self.sync_bytes = 0

    def gossip(self, peer: NodeId, link: int, adverts: Sequence[bytes]) -> None:
        self.adverts += len(adverts)
        self.transport.gossip(peer, link, adverts)

    def sync(self, peer: NodeId, link: int, data: bytes) -> None:
        self.turns += 1
        self.sync_bytes += len(data)
        self.transport.sync(peer, link, data)


class News:
    """Something has happened at one of the two."""

    def __init__(self) -> None:
        self._event = trio.Event()

    def tell(self) -> None:
        self._event.set()
        self._event = trio.Event()

    async def until(self, condition: Callable[[], bool]) -> None:
        with trio.fail_after(PATIENCE_S):
            while not condition():
                await self._event.wait()


@dataclass
class Side:
    """One node: what it knows, what it has sent, and the link that it is on."""

    someone: Someone
    wish: GossipWish
    counted: Counted
    gossip: Gossip
    news: News
    link: int = 0
    ends: int = 0
    up: bool = False

    async def listen(self) -> None:
        while True:
            event, taken = await self.someone.transport.take()
            match event:
                case LinkUp():
                    self.link, self.up = event.link, True
                    wish = event.gossip if self.wish is COMPARED else EVERYTHING
                    self.gossip.greet(event.peer, event.link, wish, CLOCK.now_us())
                case LinkDown():
                    self.ends += 1
                    self.up = False
                    self.gossip.parted(event.peer, event.link)
                case GossipArrived():
                    await hear(self.gossip, event, CLOCK)
                case _:
                    pass
            taken()
            self.news.tell()

    def say(self, numbers: range, sequence: int = NOW_US) -> None:
        own = self.someone.node
        until = NOW_US + ADVERT_TTL_US
        self.gossip.say([line(n, own, sequence, 0, until) for n in numbers], NOW_US)

    @property
    def known(self) -> set[bytes]:
        return set(self.gossip.exported())


@asynccontextmanager
async def sides(one: GossipWish, other: GossipWish) -> AsyncIterator[list[Side]]:
    """Two nodes that know each other and have no link yet; both listen to what comes."""
    found: list[Side] = []
    news = News()
    async with AsyncExitStack() as stack:
        bridge = await stack.enter_async_context(Bridge.open())
        nursery = await stack.enter_async_context(trio.open_nursery())
        for number, wish in ((1, one), (2, other)):
            someone = Someone(number)
            await stack.enter_async_context(
                someone.running(bridge, listen=number == 1, gossip=wish)
            )
            counted = Counted(someone.transport)
            cut = drop_of(someone, found, number - 1)
            gossip = Gossip(counted, cut, someone.key, lambda _: None)  # type: ignore[arg-type]
            found.append(Side(someone, wish, counted, gossip, news))
            nursery.start_soon(found[-1].listen)
        yield found
        nursery.cancel_scope.cancel()


def drop_of(someone: Someone, found: list[Side], at: int) -> Callable[[NodeId, LinkCause], None]:
    return lambda peer, cause: someone.transport.drop(peer, found[at].link, cause)


def connect(server: Side, client: Side) -> None:
    port = server.someone.transport.port
    server.someone.transport.set_peers({client.someone.node: client.someone.at(None)})
    client.someone.transport.set_peers({server.someone.node: server.someone.at(port)})


def has_ended(side: Side, times: int) -> bool:
    return side.ends >= times


async def until_equal(one: Side, other: Side) -> None:
    await one.news.until(lambda: one.known == other.known and len(one.known) > 0)


async def until_compared(one: Side, other: Side, times: int) -> None:
    await one.news.until(
        lambda: one.gossip.figures().compared + other.gossip.figures().compared == times
    )


async def test_a_link_that_comes_back_costs_what_differs() -> None:
    async with sides(COMPARED, COMPARED) as (one, other):
        one.say(range(1500))
        other.say(range(700))
        connect(one, other)
        await until_equal(one, other)
        await until_compared(one, other, 1)
        assert one.counted.adverts + other.counted.adverts == 2200
        before = one.counted.adverts, other.counted.adverts
        one.counted.sync_bytes = other.counted.sync_bytes = 0
        one.someone.transport.drop(other.someone.node, one.link, LinkCause.LOST)
        await one.news.until(lambda: one.ends == other.ends == 1)
        one.say(range(3), NOW_US + 1)  # while nobody hears it, or just after
        await until_equal(one, other)
        await until_compared(one, other, 2)
        assert (one.counted.adverts, other.counted.adverts) == (before[0] + 3, before[1])
        assert one.counted.sync_bytes + other.counted.sync_bytes < 3 * 1200


@pytest.mark.parametrize("wishes", [(COMPARED, EVERYTHING), (EVERYTHING, COMPARED)])
async def test_who_knows_no_comparison_is_told_everything(
    wishes: tuple[GossipWish, GossipWish],
) -> None:
    async with sides(*wishes) as (one, other):
        one.say(range(200))
        other.say(range(100))
        connect(one, other)
        await until_equal(one, other)
        assert (one.counted.adverts, other.counted.adverts) == (200, 100)
        assert one.counted.turns == other.counted.turns == 0


async def test_who_wants_nothing_is_told_nothing_and_is_heard() -> None:
    async with sides(COMPARED, NOTHING) as (one, light):
        one.say(range(20))
        light.say(range(5))
        connect(one, light)
        await one.news.until(lambda: len(one.known) == 25)
        one.say(range(20), NOW_US + 1)
        light.say(range(1), NOW_US + 1)
        await one.news.until(lambda: light.known <= one.known)
        assert (one.counted.adverts, len(light.known)) == (0, 5)


async def test_a_turn_comes_behind_the_adverts_that_were_said_before_it() -> None:
    async with AsyncExitStack() as stack:
        _, server, client = await stack.enter_async_context(two())
        up = await server.next(LinkUp)
        await client.next(LinkUp)
        many = tuple(bytes([number]) * 3 for number in range(100))
        server.transport.gossip(client.node, up.link, many)
        server.transport.sync(client.node, up.link, b"turn")
        server.transport.gossip(client.node, up.link, [b"after"])
        server.transport.sync(client.node, up.link, b"another")
        events: list[GossipArrived] = []
        while not events or events[-1].sync != b"another":
            events.append(await client.next(GossipArrived))
        told: list[bytes] = []
        for event in events:
            told += [*event.adverts, *([event.sync] if event.sync else [])]
        assert told == [*many, b"turn", b"after", b"another"]


async def test_poison_and_a_wrong_turn_cost_the_link() -> None:
    async with sides(COMPARED, COMPARED) as (one, other):
        connect(one, other)
        for number, poison in enumerate((b"poison", None), 1):
            await one.news.until(lambda: one.up and other.up)
            peer = one.someone.node
            if poison:
                good = signed(line(1, other.someone.node), other.someone.key)
                other.someone.transport.gossip(peer, other.link, [poison, good])
            else:
                wrong = Ask(1, (Look("not hex"),)).encode()
                other.someone.transport.sync(peer, other.link, wrong)
            await one.news.until(partial(has_ended, one, number))
        assert one.known == set()
