"""What a neighbour may do to the stream: every test says what of it is kept.

L is a neighbour of A in the hands of the test: it has keys and a stream, and no store.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
import trio

from node.command.sim.cast import digest
from node.command.sim.cores.plan import USD, Route, ended, pay, payment_of, terms
from node.core.events import OfferLine
from node.core.rows import PaymentPhase, Row
from proto.commit import Commit, Evidence
from proto.envelope import Envelope, Proof, sign_batch
from proto.levels import Level
from proto.messages import MESSAGE_KIND, Abandon, Accepted, Claim, LineOffer, decode, encode
from proto.wire import WireFault
from runtime.transport import (
    MAX_WINDOW_ENVELOPES,
    BatchArrived,
    LinkCause,
    LinkDown,
    LinkEvent,
)
from runtime.transport_memory import MemoryTransport
from tests.node.engines import NOWHERE, Engines, engines
from tests.proto.build import DESCRIPTOR

AMOUNT = 1000
COMMIT = Commit(DESCRIPTOR.encode(), Evidence(()).encode())


@asynccontextmanager
async def stage() -> AsyncIterator[Engines]:
    """P-A-Q with lines, and L, a neighbour of A without one."""
    async with engines() as world:
        for name in "PAQL":
            world.add(name, terms)
        await world.open("P", "A")
        await world.open("A", "Q")
        await world.meet("A", "L")
        world.stop("L")
        seize(world, lambda: (world.neighbour("A", "L").sent, world.neighbour("A", "L").have))
        await world.rest()
        yield world


def seize(world: Engines, positions: Callable[[], tuple[int, int]]) -> MemoryTransport:
    """L's stream, whose Hello says (have, sent); whoever leads it has read everything so far."""
    transport = world.network.join(world.nodes["L"].id, lambda _: positions())
    transport.set_peers({world.nodes["A"].id: NOWHERE})
    return transport


def offer_of_a(world: Engines) -> OfferLine:
    """A message of A to L."""
    return OfferLine(world.now_us, bytes(16), world.nodes["L"].id, USD, 5)


def offer(number: int) -> LineOffer:
    return LineOffer(digest(f"offer of L {number}")[:16], USD, number)


def envelopes(world: Engines, *bodies: object, receiver: str = "A") -> list[bytes]:
    """Messages of L, signed as one batch."""
    own, to = world.nodes["L"], world.nodes[receiver].id
    payloads = [(MESSAGE_KIND, encode(own.id, to, body)) for body in bodies]
    proofs = sign_batch(own.key, payloads)
    return [
        Envelope(kind, payload, proof).encode()
        for (kind, payload), proof in zip(payloads, proofs, strict=True)
    ]


async def say(world: Engines, first: int, data: list[bytes], ack: int = 0) -> None:
    """A batch of L arrives at A, on the link there is."""
    link = world.neighbour("A", "L").link
    assert link is not None
    batch = BatchArrived(world.nodes["L"].id, link, first, tuple(data), ack)
    world.running("A").transport.deliver(batch)
    await world.rest()


async def dropped(world: Engines, cause: LinkCause) -> None:
    """A has ended L's stream for this cause, keeps what it had, and goes on with the others."""
    downs = [e for e in world.running("A").heard if isinstance(e, LinkDown)]
    assert [d.cause for d in downs][-1:] == [cause], downs
    assert world.neighbour("A", "L").link is None
    await still_serves(world)


async def still_serves(world: Engines) -> None:
    attempt = pay(world, [Route("PAQ", (Level.ATOMIC,) * 2, AMOUNT)])
    await world.rest()
    assert payment_of(world, "P", attempt).phase is PaymentPhase.COMMITTED
    assert ended(world)


def of_l(world: Engines) -> list[Row]:
    """What A's store holds of its business with L."""
    peer = world.nodes["L"].id
    return [row for row in world.stored("A") if getattr(row, "peer", None) == peer]


async def comes_back(world: Engines) -> None:
    world.network.restore(world.nodes["A"].id, world.nodes["L"].id)
    await world.rest()
    assert world.neighbour("A", "L").link is not None


# ---------------------------------------------------------------- numbers


async def test_a_duplicated_frame_has_no_second_effect(autojump_clock: object) -> None:
    async with stage() as world:
        data = envelopes(world, offer(1), offer(2))
        await say(world, 1, data)
        kept = of_l(world)
        assert len(kept) == 1, "one line in one brand; the second offer was answered with a no"
        sent = world.neighbour("A", "L").sent
        for _ in range(3):
            await say(world, 1, data)
        assert of_l(world) == kept
        assert world.neighbour("A", "L").sent == sent, "no second answer either"
        assert world.neighbour("A", "L").link is not None


async def test_a_frame_that_overlaps_counts_from_what_is_new(autojump_clock: object) -> None:
    async with stage() as world:
        first, second = envelopes(world, offer(1), Abandon(bytes(16)))
        await say(world, 1, [first])
        await say(world, 1, [first, second])
        assert world.neighbour("A", "L").have == 2
        assert world.neighbour("A", "L").link is not None


async def test_reordered_frames_end_the_stream_and_are_sent_again(autojump_clock: object) -> None:
    """Nothing of the later frame counts before the earlier one has."""
    async with stage() as world:
        first, second = envelopes(world, Abandon(bytes(16)), offer(2))
        await say(world, 2, [second])
        assert not of_l(world) and world.neighbour("A", "L").have == 0
        await dropped(world, LinkCause.BAD_NUMBER)
        await comes_back(world)
        await say(world, 1, [first, second])
        assert len(of_l(world)) == 1 and world.neighbour("A", "L").have == 2


async def test_a_number_far_ahead_ends_the_stream(autojump_clock: object) -> None:
    async with stage() as world:
        await say(world, 2**63 - 1, envelopes(world, offer(1)))
        assert not of_l(world)
        await dropped(world, LinkCause.BAD_NUMBER)


async def test_an_old_frame_of_another_link_is_not_heard(autojump_clock: object) -> None:
    async with stage() as world:
        old = world.neighbour("A", "L").link
        assert old is not None
        world.network.reconnect(world.nodes["A"].id, world.nodes["L"].id)
        await world.rest()
        late = BatchArrived(world.nodes["L"].id, old, 1, tuple(envelopes(world, offer(1))), 0)
        world.running("A").transport.deliver(late)
        await world.rest()
        assert not of_l(world) and world.neighbour("A", "L").have == 0


# ---------------------------------------------------------------- bytes


def truncated(world: Engines) -> bytes:
    return envelopes(world, offer(1))[0][:-7]


def flipped(world: Engines) -> bytes:
    data = bytearray(envelopes(world, offer(1))[0])
    data[40] ^= 1
    return bytes(data)


def signed_by_another(world: Engines) -> bytes:
    """Forged: L says what Q would have to sign."""
    payload = encode(world.nodes["Q"].id, world.nodes["A"].id, offer(1))
    return Envelope.seal(world.nodes["L"].key, MESSAGE_KIND, payload).encode()


def replayed_of_another(world: Engines) -> bytes:
    """Q did sign this, for A; L repeats it on its own stream."""
    payload = encode(world.nodes["Q"].id, world.nodes["A"].id, offer(1))
    return Envelope.seal(world.nodes["Q"].key, MESSAGE_KIND, payload).encode()


def replayed_to_another(world: Engines) -> bytes:
    """L did sign this, for Q."""
    return envelopes(world, offer(1), receiver="Q")[0]


def of_another_kind(world: Engines) -> bytes:
    payload = encode(world.nodes["L"].id, world.nodes["A"].id, offer(1))
    return Envelope.seal(world.nodes["L"].key, "pledgeway/advert/v1", payload).encode()


def path_of_another(world: Engines) -> bytes:
    """One leaf's payload under another leaf's inclusion path."""
    one, two = (Envelope.decode(d) for d in envelopes(world, offer(1), offer(2)))
    return Envelope(MESSAGE_KIND, one.payload, two.proof).encode()


def unsigned(world: Engines) -> bytes:
    payload = encode(world.nodes["L"].id, world.nodes["A"].id, offer(1))
    proof = Proof(bytes(world.nodes["L"].id), bytes(64))
    return Envelope(MESSAGE_KIND, payload, proof).encode()


FORGERIES = [
    truncated,
    flipped,
    signed_by_another,
    replayed_of_another,
    replayed_to_another,
    of_another_kind,
    path_of_another,
    unsigned,
    lambda _: b"",
    lambda _: b"\xff" * 300,
]


@pytest.mark.parametrize("forge", FORGERIES)
async def test_a_forged_envelope_counts_for_nothing(
    autojump_clock: object, forge: Callable[[Engines], bytes]
) -> None:
    """What stood before it in the frame is kept, it and what stands behind it are not."""
    async with stage() as world:
        good, behind = envelopes(world, Abandon(bytes(16)), offer(3))
        await say(world, 1, [good, forge(world), behind])
        assert not of_l(world)
        assert world.neighbour("A", "L").have == 1, "the good one was taken"
        await dropped(world, LinkCause.BAD_MESSAGE)
        await comes_back(world)
        await say(world, 2, [behind])
        assert len(of_l(world)) == 1


async def test_what_no_honest_neighbour_says_voids_its_whole_step(autojump_clock: object) -> None:
    async with stage() as world:
        await say(world, 1, envelopes(world, Accepted(b"\7" * 16)))
        assert not of_l(world) and world.neighbour("A", "L").have == 0
        await dropped(world, LinkCause.BAD_MESSAGE)


async def test_a_message_is_a_proof_by_itself(autojump_clock: object) -> None:
    """One signature for a group of messages: each stands alone, and for no other."""
    async with stage() as world:
        for data in envelopes(world, offer(1), offer(2), offer(3)):
            read = Envelope.decode(data)
            assert decode(read.payload)[0] == world.nodes["L"].id
            assert read.proof.size == 3
            with pytest.raises(WireFault):
                Envelope.decode(Envelope("another/kind", read.payload, read.proof).encode())


# ---------------------------------------------------------------- acknowledgements


async def test_who_acknowledges_too_much_is_cut_off(autojump_clock: object) -> None:
    """What was really sent stays in the outbox and is sent again."""
    async with stage() as world:
        world.event("A", offer_of_a(world))
        await world.rest()
        assert len(world.neighbour("A", "L").outbox) == 1
        await say(world, 1, [], ack=77)
        assert len(world.neighbour("A", "L").outbox) == 1
        await dropped(world, LinkCause.BAD_NUMBER)


@pytest.mark.parametrize(
    ("have", "sent", "log"),
    [(5, 1, "this store is an old copy"), (1, 0, "its store is an old copy"), (0, 1, "forgotten")],
)
async def test_a_hello_that_contradicts_what_was_said_is_refused(
    autojump_clock: object, caplog: pytest.LogCaptureFixture, have: int, sent: int, log: str
) -> None:
    """One of the two runs on an old copy of its store: going on would sign two histories."""
    async with stage() as world:
        world.event("A", offer_of_a(world))
        await world.rest()
        await say(world, 1, envelopes(world, Abandon(bytes(16))), ack=1)
        seize(world, lambda: (have, sent))
        await world.rest()
        assert world.neighbour("A", "L").link is None
        assert log in caplog.text
        await still_serves(world)


async def test_an_acknowledgement_of_the_past_is_nothing(autojump_clock: object) -> None:
    async with stage() as world:
        world.event("A", offer_of_a(world))
        await world.rest()
        await say(world, 1, [], ack=1)
        assert world.neighbour("A", "L").acknowledged == 1
        await say(world, 1, [], ack=0)
        assert world.neighbour("A", "L").acknowledged == 1
        assert world.neighbour("A", "L").link is not None


async def test_who_never_acknowledges_is_not_heard_any_more(autojump_clock: object) -> None:
    """What it asks is answered on disk up to a bound. Beyond it its messages are left out, not
    lost: it sends them again once it has listened. Others are served meanwhile."""
    async with stage() as world:
        world.engine("A").links._max_unacknowledged = 40
        silent = seize(world, lambda: (0, 0))
        await world.rest()
        questions = [Claim(bytes(16), COMMIT) for _ in range(10)]  # each is answered: Denied
        for number in range(0, 200, 10):
            await say(world, number + 1, envelopes(world, *questions))
        neighbour = world.neighbour("A", "L")
        assert len(neighbour.outbox) == 40 and neighbour.have == 40
        await still_serves(world)
        # It listens after all.
        await say(world, 201, [], ack=neighbour.sent)
        assert not neighbour.outbox and neighbour.link is None, "its stream begins anew"
        silent.positions = lambda _: (neighbour.sent, 200)
        await comes_back(world)
        await say(world, 41, envelopes(world, *questions), ack=40)
        assert neighbour.have == 50 and len(neighbour.outbox) == 10


async def test_a_window_bounds_what_is_on_the_way(autojump_clock: object) -> None:
    async with stage() as world:
        silent = seize(world, lambda: (0, 0))
        await world.rest()
        for number in range(0, 700, 50):
            questions = [Claim(bytes(16), COMMIT)] * 50
            await say(world, number + 1, envelopes(world, *questions))
        sent = [e for e in events(silent) if isinstance(e, BatchArrived)]
        assert sum(len(e.envelopes) for e in sent) == MAX_WINDOW_ENVELOPES
        assert len(world.neighbour("A", "L").outbox) == 700, "the rest waits on disk"
        await say(world, 701, [], ack=100)
        more = [e for e in events(silent) if isinstance(e, BatchArrived)]
        assert sum(len(e.envelopes) for e in more) == 100
        assert more[0].first == MAX_WINDOW_ENVELOPES + 1


def events(transport: MemoryTransport) -> list[LinkEvent]:
    found: list[LinkEvent] = []
    while True:
        try:
            found.append(transport.receive_nowait())
        except trio.WouldBlock:
            return found
