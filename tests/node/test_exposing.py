"""A proof of fraud reaches a node: its registry is dropped, what is open flagged, all are told."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import cast

import pytest
import trio
import trio.testing
from sqlalchemy import select

from node.command.sim.cast import R1, R2, SECOND
from node.command.sim.cores.plan import Attempt, Route, given_by, make_request, pay
from node.core.events import FromPeer
from node.core.rows import IncidentKind
from node.core.view import Caps
from node.exposing import Exposer, Unknown
from node.links import Links
from node.store import registry
from node.terms import Book
from proto.adverts import FraudAdvert, read_advert
from proto.fraud.file import FraudProof
from proto.fraud.verdict import FraudFault, FraudInvalid, FraudKind
from proto.keys import NodeId
from proto.levels import Level
from proto.messages import Body, Claim, Passed
from proto.wire import WireFault
from runtime.gossip import Gossip
from runtime.transport import Transport
from tests.node.engines import Engines, chain, engines
from tests.node.evidence import aborted_by, committed_by, refusal_of

A = Level.ATOMIC


class Heard:
    """A transport that remembers what was gossiped to whom."""

    def __init__(self) -> None:
        self.said: list[tuple[NodeId, bytes]] = []

    def gossip(self, peer: NodeId, link: int, adverts: Sequence[bytes]) -> None:
        self.said += [(peer, data) for data in adverts]


@dataclass
class Case:
    """A node with a promise on each side of it, and the one who hears of fraud there."""

    world: Engines
    attempt: Attempt
    proof: bytes  # both answers, signed by R1
    book: Book
    heard: Heard = field(default_factory=Heard)

    def __post_init__(self) -> None:
        transport = cast(Transport, self.heard)
        node, engine = self.world.nodes["A"], self.world.engine("A")
        self.gossip = Gossip(transport, Links(transport).drop, node.key, lambda _: None)
        self.exposer = Exposer(engine, self.book, self.gossip, self.world.clock)

    def flags(self) -> int:
        kinds = [i.kind for i in self.world.incidents("A")]
        return kinds.count(IncidentKind.EXPOSED)

    def stored(self) -> tuple[int, bytes]:
        """(accepted, fraud) of R1 on the disk."""
        with self.world.hosts["A"].database.connect() as connection:
            row = connection.execute(select(registry).where(registry.c.id == R1.id)).one()
        return row.accepted, row.fraud


@asynccontextmanager
async def case() -> AsyncIterator[Case]:
    async with engines() as world:
        await chain(world, "PAQ")
        request = make_request(world, "Q", 10_000, manual=True)
        attempt = pay(world, [Route(list("PAQ"), [A, A], 10_000)], request)
        await world.rest()
        signed = committed_by(attempt, request).statements[0], refusal_of(attempt)
        proof = FraudProof(FraudKind.EQUIVOCATION, R1.record.signed, signed).encode()
        book = Book(world.nodes["A"].id, 0, Caps())
        await world.engine("A").write(book.learn(R1.record, accepted=True))
        yield Case(world, attempt, proof, book)


async def test_a_proof_drops_the_registry_for_good(autojump_clock: trio.testing.MockClock) -> None:
    async with case() as made:
        made.gossip.greet(made.world.nodes["P"].id, 1)
        verdict = await made.exposer.expose(made.proof)
        assert (verdict.registry, verdict.kind) == (R1.id, FraudKind.EQUIVOCATION)
        assert made.stored() == (0, made.proof)
        assert made.flags() == 1
        settings = made.world.engine("A").memory.settings
        assert R1.id in settings.exposed and R1.id not in settings.usable
        (said,) = made.heard.said
        advert = read_advert(said[1], made.world.now_us)
        assert advert == FraudAdvert(R1.id, made.proof)
        await made.exposer.expose(made.proof)
        assert made.flags() == 1 and len(made.heard.said) == 1
        assert made.book.learn(R1.record) == [], "gossip brings its record again: nothing changes"


async def test_what_proves_nothing_changes_nothing(autojump_clock: trio.testing.MockClock) -> None:
    async with case() as made:
        twice = committed_by(made.attempt, make_request(made.world, "Q", 1)).statements[0]
        same = FraudProof(FraudKind.EQUIVOCATION, R1.record.signed, (twice, twice)).encode()
        with pytest.raises(FraudInvalid) as invalid:
            await made.exposer.expose(same)
        assert invalid.value.fault is FraudFault.SAME_LEAF
        with pytest.raises(WireFault):
            await made.exposer.expose(made.proof[:-9])
        stranger = FraudProof(FraudKind.EQUIVOCATION, R2.record.signed, (twice, twice)).encode()
        with pytest.raises(Unknown):
            await made.exposer.expose(stranger)
        assert made.stored() == (1, b"") and made.flags() == 0 and not made.heard.said


async def test_what_gossip_brings_is_looked_at(autojump_clock: trio.testing.MockClock) -> None:
    async with case() as made, trio.open_nursery() as nursery:
        nursery.start_soon(made.exposer.run)
        made.exposer.hear(FraudAdvert(R1.id, made.proof[:-9]))
        made.exposer.hear(FraudAdvert(R2.id, made.proof))
        await made.world.rest()
        assert made.stored() == (1, b"")
        made.exposer.hear(FraudAdvert(R1.id, made.proof))
        await made.world.rest()
        assert made.stored() == (0, made.proof) and made.flags() == 1
        nursery.cancel_scope.cancel()


async def test_a_crash_before_the_flags_is_made_up_for(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with case() as made, trio.open_nursery() as nursery:
        await made.world.engine("A").write(made.book.expose(R1.id, made.proof))
        assert made.flags() == 0
        made.gossip.greet(made.world.nodes["P"].id, 1)
        nursery.start_soon(made.exposer.run)
        await made.world.rest()
        assert made.flags() == 1
        assert [read_advert(d, made.world.now_us) for _, d in made.heard.said] == [
            FraudAdvert(R1.id, made.proof)
        ]
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize("order", ["abort first", "commit first"])
async def test_two_certificates_make_the_proof(
    order: str, autojump_clock: trio.testing.MockClock
) -> None:
    async with engines() as world, trio.open_nursery() as nursery:
        await chain(world, "PAQ")
        request = make_request(world, "Q", 10_000, manual=True)
        attempt = pay(world, [Route(list("PAQ"), [A, A], 10_000)], request)
        await world.rest()
        book = Book(world.nodes["A"].id, 0, Caps())
        await world.engine("A").write(book.learn(R1.record, accepted=True))
        made = Case(world, attempt, b"", book)
        nursery.start_soon(made.exposer.run)
        world.clock.step(attempt.deadline_us + 5 * SECOND - world.now_us)
        (given,) = given_by(world, "A")
        said: list[Body] = [
            Passed(given.id, aborted_by(attempt)),
            Claim(given.id, committed_by(attempt, request)),
        ]
        for body in said if order == "abort first" else reversed(said):
            await world.tell("A", FromPeer(world.now_us, world.nodes["Q"].id, body, b"envelope"))
            await world.rest()
        accepted, proof = made.stored()
        assert accepted == 0
        verdict = await made.exposer.expose(proof)
        assert (verdict.registry, verdict.kind) == (R1.id, FraudKind.EQUIVOCATION)
        nursery.cancel_scope.cancel()


def late_then_lie(made: Case) -> tuple[bytes, bytes]:
    """Two files against R1, as the book keeps them: of lateness, and of a lie."""
    late = FraudProof(FraudKind.WITHHOLDING, R1.record.signed).encode()
    return late, made.proof


async def test_lateness_may_be_excused_and_a_lie_may_not(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with case() as made:
        late, lie = late_then_lie(made)
        book = made.book
        assert book.expose(R1.id, late)
        known = book.registries[R1.id]
        assert known.exposed and known.excusable
        assert R1.id in book.settings().exposed
        assert book.expose(R1.id, late) == []
        assert book.learn(R1.record, accepted=True)
        assert not known.exposed and R1.id in book.settings().usable
        assert book.expose(R1.id, late) == [], "what was excused stays excused"
        assert R1.id in book.settings().usable
        assert book.expose(R1.id, lie), "a lie is another matter"
        assert known.exposed and not known.excusable and known.fraud == lie
        assert R1.id in book.settings().exposed
        assert book.expose(R1.id, late) == [] and known.fraud == lie


async def test_a_lie_is_heard_behind_an_excused_lateness(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with case() as made, trio.open_nursery() as nursery:
        late, lie = late_then_lie(made)
        await made.world.engine("A").write(made.book.expose(R1.id, late))
        await made.world.engine("A").write(made.book.learn(R1.record, accepted=True))
        nursery.start_soon(made.exposer.run)
        await made.world.rest()
        assert made.flags() == 0 and made.stored() == (1, late)
        assert FraudAdvert(R1.id, lie).sequence > FraudAdvert(R1.id, late).sequence
        made.exposer.hear(FraudAdvert(R1.id, lie))
        await made.world.rest()
        assert made.stored() == (0, lie) and made.flags() == 1
        nursery.cancel_scope.cancel()
