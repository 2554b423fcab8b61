"""Pools over real sockets and real databases: SQLite and PostgreSQL, replays, deaths, old books."""

from collections.abc import Sequence
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from typing import Any

import grpc
import pytest
import trio
from sqlalchemy import inspect, text

from node.command.sim.cast import NOW_US, SECOND, signing_key
from node.registrar.books import Books, open_books
from node.registrar.core import Ran
from node.registrar.desk import KEPT_US
from node.registrar.migrations import MIGRATIONS
from node.registrar.pool_rows import NEVER_US, Pool, PoolState
from node.registrar.pool_votes import _rate
from node.registrar.rows import Row
from node.registrar.running import Chaser, nobody_to_ask
from node.registrar.service import MAX_AGENTS, MAX_RATINGS, SERVICE_NAME
from node.registrar.tables import SCHEMA_VERSION
from proto.certificate import Certificate
from proto.descriptor import commit_id
from proto.escrow.batch import Asked, OpBatch
from proto.escrow.ops import Look, Offer, Op, RegistrarError, Settle
from proto.keys import SigningKey
from proto.sale.offer import sign_agent_offer
from proto.sale.ops import Advertise, OpenPool, OpenVote, SealVote, Stake
from proto.sale.promise import pool_promise, read_pool_promise
from proto.sale.stakes import STAKERS, Decision, SaleRole
from proto.sale.votes import rating_head, read_rating, vote_hash
from proto.v1 import escrow_pb2 as pb
from runtime.clock import FakeClock
from runtime.rpc_client import RpcFailed
from runtime.store import StoreUnusable
from tests.cluster import Cluster
from tests.node.registrar.dying import dies_everywhere
from tests.node.registrar.pool_table import AGENT, BUYER, FUNDS, SELLER, PoolTable
from tests.node.registrar.serving import Served, serving
from tests.node.registrar.test_pool_votes import offer_of
from tests.node.registrar.world import CAROL, HOUSE_KEY, cap
from tests.sale_table import Locked, SaleTable

pytestmark = pytest.mark.edge
E = RegistrarError
DAY_US = 86_400 * SECOND


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, directory: Path) -> Path | str:
    """Where the books are."""
    if request.param == "sqlite":
        return directory / "registrar.sqlite"
    server: Cluster = request.getfixturevalue("server")
    return server.fresh()


async def founded(served: Served) -> SaleTable:
    """A brand, three parties with something of it, and their sale."""
    right = await served.brand(supply=100_000, longest_lock_us=DAY_US)
    sale = SaleTable(right)
    for role in STAKERS:
        await served.owns(sale.node(role), right, role.name, FUNDS)
    return sale


def stake(sale: SaleTable, role: SaleRole, lock: Locked) -> tuple[Op, ...]:
    index = STAKERS.index(role)
    openings = (lock.openings[index], lock.openings[-1])
    into = (sale.pool, lock.descriptor)
    return (
        Offer(cap(role.name), sale.figures.stake(role), cap(f"{role.name} out"), lock.commit),
        Stake(cap(role.name + "/terms"), cap(f"{role.name} out"), *into, *openings),
    )


async def filled(served: Served, sale: SaleTable) -> Locked:
    await served.do(sale.node(BUYER), OpenPool(sale.signed, sale.agreement))
    lock = sale.lock()
    for role in STAKERS:
        await served.do(sale.node(role), *stake(sale, role, lock))
    await served.do(CAROL, Settle(sale.committed(Decision.LOCK, lock=lock)))
    return lock


async def balances(served: Served, sale: SaleTable) -> list[int]:
    found = [await served.do(sale.node(role), Look(cap(role.name))) for role in STAKERS]
    return [result[0].amount for result in found]


async def pool_of(served: Served, sale: SaleTable) -> Pool:
    reader = served.registrar.reader.pools
    (pool,) = await trio.to_thread.run_sync(reader.called, sale.pool.hex()[:8])
    assert isinstance(pool, Pool)
    return pool


async def sound(served: Served) -> None:
    examined = await trio.to_thread.run_sync(served.registrar.reader.examine)
    assert examined.differences == ()


async def test_a_sale_from_its_promise_to_its_rating(place: Path | str) -> None:
    async with serving(place) as served:
        sale = await founded(served)
        (opened,) = await served.do(sale.node(AGENT), OpenPool(sale.signed, sale.agreement))
        promise = read_pool_promise(opened.promise)
        assert promise == pool_promise(sale.contract, sale.signed, sale.agreement)
        await filled(served, sale)
        await sound(served)
        await served.do(CAROL, Settle(sale.committed(Decision.RELEASE)))
        await sound(served)
        deciding = commit_id(sale.descriptor(Decision.RELEASE))
        cast = {role: sale.vote(role, deciding) for role in (BUYER, SELLER)}
        for role, vote in cast.items():
            await served.do(sale.node(role), SealVote(sale.pool, vote_hash(vote)))
    async with serving(place) as served:  # the books outlive the process
        for role, vote in cast.items():
            signed = sale.signed_vote(role, vote)
            await served.do(sale.node(role), OpenVote(sale.pool, signed))
        assert await balances(served, sale) == [FUNDS - 1050, FUNDS + 1000, FUNDS + 50]
        assert (await pool_of(served, sale)).state is PoolState.DONE
        await sound(served)
        (rating,) = (await ratings(served, sale)).entries
        read = read_rating(rating.SerializeToString())
        assert read.pool == sale.pool and len(read.votes) == 2


async def ratings(served: Served, sale: SaleTable, after: int = 0) -> pb.RatingsReply:
    agent = sale.node(AGENT).node_id
    request = pb.RatingsRequest(brand=sale.right.brand.guid, agent=agent, after=after)
    return await served.channel.unary(f"/{SERVICE_NAME}/Ratings", request, pb.RatingsReply, 10)


async def test_a_pool_pays_by_itself(place: Path | str) -> None:
    """T4: nobody comes with anything; the registry is asked about each decision after its end, and
    the votes that nobody cast end by the clock."""
    clock, sale_of = FakeClock(NOW_US), []
    said = {Decision.DELIVERED: True}

    async def find(descriptor: bytes) -> Certificate | None:
        sale, lock = sale_of[0]
        if descriptor == lock.descriptor:
            return sale.committed(Decision.LOCK, lock=lock)
        known = {sale.descriptor(d): d for d in (Decision.AGREE, *sale.contract.decisions)}
        decision = known[descriptor]
        return sale.said(decision, said.get(decision, False))

    async with serving(place, clock, nobody_to_ask) as served:
        sale = await founded(served)
        await served.do(sale.node(BUYER), OpenPool(sale.signed, sale.agreement))
        lock = sale.lock()
        sale_of.append((sale, lock))
        for role in STAKERS:
            await served.do(sale.node(role), *stake(sale, role, lock))
        chaser = Chaser(served.registrar.desk, served.registrar.reader, clock, find)
        await chaser.once()
        assert (await pool_of(served, sale)).state is PoolState.OPEN
        clock.advance(63 * SECOND)  # T1's end
        await chaser.once()
        assert (await pool_of(served, sale)).state is PoolState.FILLED
        clock.advance(14 * 60 * SECOND)  # T3's end, the last but votes
        await chaser.once()
        paid = await pool_of(served, sale)
        assert (paid.state, paid.branch) == (PoolState.FILLED, 1)  # as T2 says, by Ta and not Tc
        clock.advance(8 * 60 * SECOND)
        await chaser.once()
        assert (await pool_of(served, sale)).votes_over is False
        clock.advance(60 * SECOND)
        await chaser.once()
        assert (await pool_of(served, sale)).state is PoolState.DONE
        assert await balances(served, sale) == [FUNDS - 1060, FUNDS + 990, FUNDS + 70]
        await sound(served)


async def test_what_is_over_is_forgotten_but_ratings(place: Path | str) -> None:
    async with serving(place) as served:
        sale = await founded(served)
        lock = await filled(served, sale)
        await served.do(CAROL, Settle(sale.committed(Decision.RELEASE)))
        void = SaleTable(sale.right, label="void")
        await served.do(void.node(SELLER), OpenPool(void.signed, void.agreement))
        chaser = Chaser(served.registrar.desk, served.registrar.reader, served.clock, nobody_to_ask)
        served.clock.advance(DAY_US)
        await chaser.once()
        assert (await pool_of(served, sale)).state is PoolState.DONE
        assert (await pool_of(served, void)).state is PoolState.VOID
        served.clock.advance(KEPT_US)
        await served.registrar.desk.prune()
        assert (await pool_of(served, sale)).votes_over
        served.clock.advance(3 * DAY_US)
        await served.registrar.desk.prune()
        reader = served.registrar.reader.pools
        assert await trio.to_thread.run_sync(reader.called, sale.pool.hex()) == []
        assert await trio.to_thread.run_sync(reader.decisions, [sale.pool, void.pool]) == []
        assert len((await ratings(served, sale)).entries) == 1
        await sound(served)
        # A certificate that comes now concerns nobody, T1's least of all.
        for shown in (sale.aborted(Decision.RELEASE), sale.aborted(Decision.LOCK, lock=lock)):
            await served.do(CAROL, Settle(shown))
        assert await balances(served, sale) == [FUNDS - 1060, FUNDS + 990, FUNDS + 70]
        await sound(served)


async def test_the_same_batch_has_the_same_answer(place: Path | str) -> None:
    async with serving(place) as served:
        sale = await founded(served)
        opening = served.batch(sale.node(BUYER), OpenPool(sale.signed, sale.agreement))
        first = await served.ask(sale.node(BUYER), opening)
        assert await served.ask(sale.node(BUYER), opening) == first
        lock = sale.lock()
        for role in STAKERS:
            batch = served.batch(sale.node(role), *stake(sale, role, lock))
            reply = await served.ask(sale.node(role), batch)
            assert reply.refusal is None
            assert await served.ask(sale.node(role), batch) == reply
        # Another party's batch, signed by itself, is nobody's stake.
        foreign = served.batch(CAROL, *stake(sale, BUYER, lock)[1:])
        refused = (await served.ask(CAROL, foreign)).refusal
        assert refused is not None and refused.error is E.NOT_A_PARTY
        await served.do(CAROL, Settle(sale.aborted(Decision.LOCK, lock=lock)))
        assert await balances(served, sale) == [FUNDS] * 3


async def test_a_registry_that_signs_both_ways_is_told_of(directory: Path) -> None:
    async with serving(directory / "r.sqlite") as served:
        sale = await founded(served)
        await filled(served, sale)
        for decision in (Decision.RELEASE, Decision.REFUND, Decision.DELIVERED):
            await served.do(CAROL, Settle(sale.aborted(decision)))
        before = await balances(served, sale)
        assert not served.pools_claimed
        await served.do(CAROL, Settle(sale.committed(Decision.RELEASE)))
        assert [pool.id for pool in served.pools_claimed] == [sale.pool]
        assert await balances(served, sale) == before
        await sound(served)


async def test_two_processes_pay_once(server: Cluster) -> None:
    """Both are shown everything at the same time."""
    url = server.fresh()
    async with serving(url) as one, serving(url) as other:
        sale = await founded(one)
        await filled(one, sale)
        shown = [sale.aborted(Decision.RELEASE), sale.committed(Decision.REFUND)]
        shown.append(sale.committed(Decision.DELIVERED))

        async def show(at: Served, certificates: Sequence[Certificate]) -> None:
            for certificate in certificates:
                await at.do(CAROL, Settle(certificate))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(show, one, shown)
            nursery.start_soon(show, other, shown[::-1])
        assert await balances(one, sale) == [FUNDS + 15, FUNDS - 60, FUNDS + 25]
        await sound(other)


# ---------------------------------------------------------------- what strangers ask


async def test_lists_come_in_pages(directory: Path) -> None:
    async with serving(directory / "r.sqlite") as served:
        right = await served.brand(supply=100_000, longest_lock_us=DAY_US)
        first = SaleTable(right)

        def rated(step: Any) -> None:
            """So many closed sales, without the course of each."""
            for i in range(MAX_RATINGS + 1):
                sale = SaleTable(right, label=f"sale {i}")
                pool = Pool(
                    *(sale.pool, right.brand.guid, b"", b"", sale.signed, b"", b""),
                    *(PoolState.FILLED, NOW_US, NEVER_US),
                    branch=1,
                    deciding=sha256(b"%d" % i).digest(),
                )
                _rate(step, pool, sale.contract, ())

        await served.registrar.desk.act(rated)
        page = await ratings(served, first)
        assert page.more and len(page.entries) == MAX_RATINGS
        chain = [read_rating(entry.SerializeToString()) for entry in page.entries]
        rest = await ratings(served, first, after=chain[-1].sequence)
        assert not rest.more
        chain += [read_rating(entry.SerializeToString()) for entry in rest.entries]
        assert [one.sequence for one in chain] == list(range(1, MAX_RATINGS + 2))
        assert all(b.previous == rating_head(a) for a, b in pairwise(chain))
        for bad in (pb.RatingsRequest(brand=b"1", agent=bytes(32)), pb.RatingsRequest()):
            with pytest.raises(RpcFailed) as caught:
                path = f"/{SERVICE_NAME}/Ratings"
                await served.channel.unary(path, bad, pb.RatingsReply, 10)
            assert caught.value.code is grpc.StatusCode.INVALID_ARGUMENT


async def test_agents_are_listed_by_brand(place: Path | str) -> None:
    async with serving(place) as served:
        gold, silver = await served.brand(), await served.brand(name="silver")
        names = [f"agent {i}" for i in range(MAX_AGENTS + 2)]
        for i, name in enumerate(names):
            brands = ((gold.brand.guid,), (silver.brand.guid, gold.brand.guid), ())[i % 3]
            key = signing_key(name)
            await served.do(key, Advertise(sign_agent_offer(key, offer_of(name, brands=brands))))

        async def listed(brand: bytes, after: bytes = b"") -> pb.AgentsReply:
            request = pb.AgentsRequest(brand=brand, after=after)
            path = f"/{SERVICE_NAME}/Agents"
            return await served.channel.unary(path, request, pb.AgentsReply, 10)

        page = await listed(gold.brand.guid)
        assert page.more and len(page.offers) == MAX_AGENTS
        assert len((await listed(silver.brand.guid)).offers) == len(names) - 9
        assert (await listed(b"")).more
        last = max(signing_key(name).node_id for name in names)
        assert not (await listed(gold.brand.guid, last)).offers
        served.clock.advance(2 * 3600 * SECOND)
        assert not (await listed(gold.brand.guid)).offers
        reader = served.registrar.reader.pools
        gone = await trio.to_thread.run_sync(reader.expired_agents, served.clock.now_us())
        assert len(gone) == len(names)


# ---------------------------------------------------------------- deaths, and old books


def test_it_dies_at_every_write_of_a_sale(directory: Path) -> None:
    table = PoolTable()
    sale, lock = table.sale, table.sale.lock()
    rows: tuple[Row, ...] = tuple(table.world.view.rows.values())
    entries = tuple(table.world.view.entries)

    def found(books: Books) -> None:
        books.perform(lambda kept: kept.absorb(Ran(changes=rows, entries=entries)))

    number = 0

    def asked(who: SigningKey, *ops: Op) -> tuple[SigningKey, Asked]:
        nonlocal number
        number += 1
        name = sha256(b"%d" % number).digest()[:16]
        return who, OpBatch(who.node_id, HOUSE_KEY.node_id, name, NOW_US, ops)

    deciding = commit_id(sale.descriptor(Decision.REFUND))
    cast = {role: sale.vote(role, deciding) for role in (BUYER, SELLER)}
    course = [
        asked(table.key(BUYER), table.open_op()),
        *(asked(table.key(role), *table.stake_ops(role, lock)) for role in STAKERS),
        asked(CAROL, Settle(sale.committed(Decision.LOCK, lock=lock))),
        asked(CAROL, Settle(sale.aborted(Decision.RELEASE))),
        asked(CAROL, Settle(sale.committed(Decision.DELIVERED))),
        asked(CAROL, Settle(sale.committed(Decision.REFUND))),
        *(asked(table.key(role), table.seal(role, vote)) for role, vote in cast.items()),
        *(asked(table.key(role), table.reveal(role, vote)) for role, vote in cast.items()),
    ]
    like_others = {2, 3, 5, 6, 9, 10}  # done, and not died in: each takes a second
    assert dies_everywhere(directory, found, course, like_others) > 50


def layout(connection: Any) -> dict[str, object]:
    seen = inspect(connection)
    return {
        name: (
            sorted((c["name"], str(c["type"]), c["nullable"]) for c in seen.get_columns(name)),
            seen.get_pk_constraint(name)["constrained_columns"],
            sorted((i["name"], tuple(i["column_names"])) for i in seen.get_indexes(name)),
        )
        for name in seen.get_table_names()
    }


async def test_books_of_the_first_schema_are_brought_up_to_date(place: Path | str) -> None:
    """What version 1 had is what is left without the tables of version 2."""
    async with serving(place) as served:
        sale = await founded(served)
        before = await balances(served, sale)
    assert sorted(MIGRATIONS) == list(range(2, SCHEMA_VERSION + 1))
    new = ("tally", "pool", "pool_decision", "pool_vote", "standing", "rating", "agent")
    with open_books(place) as store, store.engine.begin() as connection:
        fresh = layout(connection)
        for name in new:
            connection.execute(text(f"DROP TABLE {name}"))
        connection.execute(text("UPDATE meta SET value = 1 WHERE name LIKE 'schema_version%'"))
    with open_books(place) as store, store.engine.connect() as connection:
        assert layout(connection) == fresh
    async with serving(place) as served:
        assert await balances(served, sale) == before
        await filled(served, sale)
        await sound(served)
    with open_books(place) as store, store.engine.begin() as connection:
        connection.execute(text("UPDATE meta SET value = 3 WHERE name LIKE 'schema_version%'"))
    with pytest.raises(StoreUnusable, match="newer program"), open_books(place):
        pass
