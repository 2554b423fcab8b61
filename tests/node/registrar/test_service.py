"""The registrar over real sockets and real databases: SQLite, and PostgreSQL for two processes."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import grpc
import pytest
import trio

from node.command.sim.cast import NOW_US, SECOND
from node.registrar import owner
from node.registrar.client import ask
from node.registrar.desk import AHEAD_US, KEPT_US
from node.registrar.rows import account_id
from node.registrar.service import MAX_DESCRIBED, SERVICE_NAME
from proto.certificate import Certificate
from proto.envelope import Envelope
from proto.escrow.args import ResultOf
from proto.escrow.batch import BATCH_KIND, sign_asked
from proto.escrow.legs import read_leg_promise
from proto.escrow.ops import (
    Accept,
    LegPhase,
    LegState,
    Look,
    Offer,
    Prepare,
    Refund,
    RegistrarError,
)
from proto.escrow.rights import Vetting, read_right
from proto.v1 import escrow_pb2 as pb
from proto.v1 import types_pb2
from runtime.clock import FakeClock
from runtime.rpc_client import RpcFailed, RpcUnavailable
from tests.cluster import Cluster
from tests.node.registrar.serving import Served, serving
from tests.node.registrar.world import ALICE, BOB, CAROL, HOUSE_KEY, Deal, cap, deal, leg_of

pytestmark = pytest.mark.edge
E = RegistrarError
INBOX = f"/{SERVICE_NAME}/Batch"


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, directory: Path) -> Path | str:
    """Where the books are."""
    if request.param == "sqlite":
        return directory / "registrar.sqlite"
    server: Cluster = request.getfixturevalue("server")
    return server.fresh()


@asynccontextmanager
async def dealt(place: Path | str) -> AsyncIterator[tuple[Served, Deal]]:
    """Alice has prepared 30 of her 100 gold for Bob."""
    async with serving(place) as served:
        gold = await served.brand()
        await served.owns(ALICE, gold, "alice", 100)
        await served.owns(BOB, gold, "bob")
        d = deal(leg_of(gold, ALICE, BOB, 30))
        await served.do(BOB, Accept(cap("bob"), cap("in"), d.commit))
        offered = Offer(cap("alice"), 30, cap("out"), d.commit)
        terms = cap("alice/terms")
        promised = Prepare(terms, ResultOf(0), cap("in"), d.encoded, d.opening())
        results = await served.do(ALICE, offered, promised)
        assert read_leg_promise(results[1].promise).net == 30
        yield served, d


async def test_a_leg_from_offer_to_refund(place: Path | str) -> None:
    async with dealt(place) as (served, d):
        (settled,) = await served.do(CAROL, d.settle())
        assert settled.legs == (LegState(d.commit, 1, LegPhase.DELIVERED),)
        (got,) = await served.do(BOB, Refund(cap("bob"), cap("in")))
        assert got.amount == 30
        (balance,) = await served.do(BOB, Look(cap("bob")))
        assert balance.amount == 30
        examined = await trio.to_thread.run_sync(served.registrar.reader.examine)
        assert examined.differences == () and examined.entries == 3


async def test_the_books_outlive_the_process(place: Path | str) -> None:
    async with dealt(place) as (served, d):
        asked = served.batch(ALICE, Look(cap("alice")))
        before = await served.ask(ALICE, asked)
    async with serving(place) as served:
        assert await served.ask(ALICE, asked) == before
        await served.do(CAROL, d.settle(commit=False))
        (balance,) = await served.do(ALICE, Look(cap("alice")))
        assert balance.amount == 100


async def test_the_same_question_has_the_same_answer(place: Path | str) -> None:
    async with dealt(place) as (served, _):
        asked = served.batch(ALICE, Offer(cap("alice"), 7, cap("seven")))
        request = types_pb2.Envelope.FromString(sign_asked(ALICE, asked))
        first = await served.channel.unary(INBOX, request, types_pb2.Envelope, 10)
        again = await served.channel.unary(INBOX, request, types_pb2.Envelope, 10)
        assert first.SerializeToString() == again.SerializeToString()
        (balance,) = await served.do(ALICE, Look(cap("alice")))
        assert balance.amount == 63
        other = replace(asked, ops=(Offer(cap("alice"), 8, cap("eight")),))
        reply = await served.ask(ALICE, other)
        assert reply.refusal is not None and reply.refusal.error is E.REPEATED_OTHERWISE
        bobs = replace(other, sender=BOB.node_id, ops=(Look(cap("bob")),))
        assert (await served.ask(BOB, bobs)).refusal is None  # ids are each sender's own


async def test_a_passing_no_is_not_kept(place: Path | str) -> None:
    """Whoever overtakes an offer repeats the same batch until it has arrived."""
    async with dealt(place) as (served, _):
        early = served.batch(ALICE, Refund(cap("alice"), cap("later")))
        no = await served.ask(ALICE, early)
        assert no.refusal is not None and no.refusal.error is E.NOT_YET
        await served.do(ALICE, Offer(cap("alice"), 5, cap("later")))
        assert (await served.ask(ALICE, early)).results[0].amount == 5
        final = served.batch(ALICE, Offer(cap("alice"), 71, cap("more")))
        refused = await served.ask(ALICE, final)
        assert refused.refusal is not None and refused.refusal.error is E.INSUFFICIENT_FUNDS
        gold_id = (await served.do(ALICE, Look(cap("alice"))))[0].brand
        key = account_id(gold_id, ALICE.node_id)
        await served.registrar.desk.act(lambda step: owner.pay_out(step, key, 50))
        assert await served.ask(ALICE, final) == refused  # a no is a no, under its id


async def test_old_and_future_batches_are_stale(place: Path | str) -> None:
    async with serving(place) as served:
        for sent, off in ((-KEPT_US - 5, 5), (AHEAD_US + 9, 9)):
            asked = served.batch(ALICE, Look(cap("alice")), sent_at_us=NOW_US + sent)
            reply = await served.ask(ALICE, asked)
            assert reply.refusal is not None
            assert (reply.refusal.error, reply.refusal.figure) == (E.STALE, off)


async def test_what_nobody_can_ask_about_is_forgotten(place: Path | str) -> None:
    async with dealt(place) as (served, _):
        await served.do(ALICE, Offer(cap("alice"), 5, cap("five")))
        await served.do(ALICE, Refund(cap("alice"), cap("five")))
        assert await served.registrar.desk.prune() == 0
        served.clock.advance(40 * 86_400 * SECOND)
        assert await served.registrar.desk.prune() >= 6  # answers, and the hold
        reply = await served.ask(ALICE, served.batch(ALICE, Refund(cap("alice"), cap("five"))))
        assert reply.refusal is not None and reply.refusal.error is E.NOT_YET


async def test_who_is_not_vetted_opens_nothing(directory: Path) -> None:
    async with serving(directory / "r.sqlite") as served:
        listed = await served.brand(name="listed", vetting=Vetting.LISTED)
        closed = await served.brand(name="closed", vetting=Vetting.CLOSED)
        for right in (listed, closed):
            reply = await served.ask(ALICE, served.opening(ALICE, right, right.brand.name))
            assert reply.refusal is not None and reply.refusal.error is E.NOT_VETTED
            await served.open(HOUSE_KEY, right, "treasury " + right.brand.name)
        guid = listed.brand.guid
        act = served.registrar.desk.act
        await act(lambda step: owner.list_node(step, guid, ALICE.node_id, True))
        await served.open(ALICE, listed, "alice")
        await act(lambda step: owner.list_node(step, guid, ALICE.node_id, False))
        reply = await served.ask(ALICE, served.batch(ALICE, Accept(cap("alice"), cap("h"))))
        assert reply.refusal is not None and reply.refusal.error is E.NOT_VETTED


async def test_descriptions_are_signed_and_come_in_pages(directory: Path) -> None:
    async with serving(directory / "r.sqlite") as served:
        rights = [await served.brand(name=f"b{i}") for i in range(MAX_DESCRIBED + 3)]
        parcel = await served.brand(kind="parcel", supply=1, attributes={"no": 7})

        async def described(**wanted: object) -> pb.DescribeReply:
            request = pb.DescribeRequest(**wanted)  # type: ignore[arg-type]
            path = f"/{SERVICE_NAME}/Describe"
            return await served.channel.unary(path, request, pb.DescribeReply, 10)

        first = await described(type="deposit")
        assert first.more and len(first.rights) == MAX_DESCRIBED
        last = read_right(first.rights[-1].SerializeToString())
        rest = await described(type="deposit", after=last.brand.guid)
        assert not rest.more and len(rest.rights) == 3
        (found,) = (await described(type="parcel", attributes='{"no":7}')).rights
        assert read_right(found.SerializeToString()) == parcel
        two = await described(brands=[parcel.brand.guid, rights[0].brand.guid])
        assert len(two.rights) == 2
        assert not (await described(brands=[bytes(16)])).rights


async def test_legs_are_watched_to_their_end(place: Path | str) -> None:
    async with dealt(place) as (served, d):
        request = pb.WatchLegsRequest(commit_ids=[d.commit])
        path = f"/{SERVICE_NAME}/WatchLegs"
        async with served.channel.stream(path, request, pb.LegState) as stream:
            first = await stream.receive()
            assert first is not None and first.phase == pb.LegPhase.Value("PREPARED")
            assert not first.promise
            await served.do(CAROL, d.settle())
            second = await stream.receive()
            assert second is not None and second.phase == pb.LegPhase.Value("DELIVERED")
            assert await stream.receive() is None


async def test_what_is_not_for_us_or_not_signed_is_turned_away(directory: Path) -> None:
    async with serving(directory / "r.sqlite") as served:

        async def refused(envelope: Envelope, method: str = "Batch") -> grpc.StatusCode:
            request = types_pb2.Envelope.FromString(envelope.encode())
            with pytest.raises(RpcFailed) as caught:
                path = f"/{SERVICE_NAME}/{method}"
                await served.channel.unary(path, request, types_pb2.Envelope, 10)
            return caught.value.code

        good = Envelope.decode(sign_asked(ALICE, served.batch(ALICE, Look(cap("alice")))))
        invalid = grpc.StatusCode.INVALID_ARGUMENT
        forged = replace(good.proof, signature=bytes(64))
        assert await refused(replace(good, proof=forged)) is grpc.StatusCode.UNAUTHENTICATED
        assert await refused(good, "Open") is invalid
        assert await refused(replace(good, kind="pledgeway/letter/v1")) is invalid
        assert await refused(replace(good, payload=b"\xff")) is invalid
        assert await refused(Envelope.seal(BOB, BATCH_KIND, good.payload)) is invalid
        elsewhere = served.batch(ALICE, Look(cap("alice")), receiver=CAROL.node_id)
        assert await refused(Envelope.decode(sign_asked(ALICE, elsewhere))) is invalid
        assert served.registrar.desk.batches == 1  # the forged one alone came as far as the desk


async def test_a_registrar_asks_about_what_must_be_decided(directory: Path) -> None:
    answers: dict[bytes, Certificate] = {}
    asked = trio.Event()

    async def find(descriptor: bytes) -> Certificate | None:
        asked.set()
        return answers.get(descriptor)

    clock = FakeClock(NOW_US)
    async with serving(directory / "r.sqlite", clock, find) as served:
        gold = await served.brand()
        await served.owns(ALICE, gold, "alice", 100)
        await served.owns(BOB, gold, "bob")
        d = deal(leg_of(gold, ALICE, BOB, 30))
        await served.do(BOB, Accept(cap("bob"), cap("in")))
        await served.do(ALICE, Offer(cap("alice"), 30, cap("out")), d.prepare("alice", "out", "in"))
        answers[d.encoded] = d.aborted
        clock.advance(33 * SECOND)
        path = f"/{SERVICE_NAME}/WatchLegs"
        request = pb.WatchLegsRequest(commit_ids=[d.commit])
        async with served.channel.stream(path, request, pb.LegState) as stream:
            phases = [state.phase async for state in stream]
        assert phases[-1] == pb.LegPhase.Value("RETURNED") and asked.is_set()


async def test_a_claim_is_told(directory: Path) -> None:
    async with dealt(directory / "r.sqlite") as (served, d):
        await served.do(CAROL, d.settle(commit=False))
        await served.do(ALICE, Offer(cap("alice"), 90, cap("spent")))
        await served.do(CAROL, d.settle())
        assert [(leg.commit, leg.phase) for leg in served.claimed] == [(d.commit, LegPhase.CLAIMED)]


async def test_two_processes_keep_one_set_of_books(server: Cluster) -> None:
    """Both take from one account at the same time, again and again: nothing is lost or made."""
    url, count = server.fresh(), 12
    async with serving(url) as one, serving(url) as other:
        gold = await one.brand()
        await one.owns(ALICE, gold, "alice", 100)

        async def offer(at: Served, label: str) -> None:
            for i in range(count):
                batch = one.batch(ALICE, Offer(cap("alice"), 1, cap(f"{label} {i}")))
                reply = await ask(at.channel, ALICE, batch)
                assert reply.refusal is None, reply.refusal

        async with trio.open_nursery() as nursery:
            nursery.start_soon(offer, one, "one")
            nursery.start_soon(offer, other, "other")
        (seen,) = await other.do(ALICE, Look(cap("alice")))
        assert seen.amount == 100 - 2 * count
        examined = await trio.to_thread.run_sync(other.registrar.reader.examine)
        assert examined.differences == ()


async def test_one_question_to_two_processes_has_one_effect(server: Cluster) -> None:
    url = server.fresh()
    async with serving(url) as one, serving(url) as other:
        gold = await one.brand()
        await one.owns(ALICE, gold, "alice", 100)
        for i in range(6):
            asked = one.batch(ALICE, Offer(cap("alice"), 1, cap(f"hold {i}")))
            replies = []

            async def put(at: Served, asked: object = asked, to: list[object] = replies) -> None:
                to.append(await ask(at.channel, ALICE, asked))  # type: ignore[arg-type]

            async with trio.open_nursery() as nursery:
                nursery.start_soon(put, one)
                nursery.start_soon(put, other)
            assert replies[0] == replies[1]
        (seen,) = await other.do(ALICE, Look(cap("alice")))
        assert seen.amount == 94


async def test_a_lost_connection_is_made_anew(server: Cluster) -> None:
    """Whoever was not answered asks the same again, and it has happened once."""
    async with serving(server.fresh()) as served:
        gold = await served.brand()
        await served.owns(ALICE, gold, "alice", 100)
        server.cast_out()
        asked = served.batch(ALICE, Offer(cap("alice"), 7, cap("seven")))
        for _ in range(5):
            try:
                reply = await served.ask(ALICE, asked)
                break
            except RpcUnavailable:
                continue
        assert reply.refusal is None
        assert await served.ask(ALICE, asked) == reply
        (seen,) = await served.do(ALICE, Look(cap("alice")))
        assert seen.amount == 93
