"""Targets: grants, and any batch run by the registrar's rules on books with something in them."""

from functools import cache
from typing import Any, Final

from node.registrar.core import run
from proto.card import sign_card
from proto.escrow.args import ResultOf
from proto.escrow.batch import OpBatch, payload_of, read_batch
from proto.escrow.grant import Grant, open_grant, read_grant, seal_grant
from proto.escrow.ops import Accept, Cancel, Look, Offer, Op, Prepare, Refund, Settle, Transfer
from proto.escrow.rights import sign_right
from proto.keys import SealKey
from proto.sale.offer import AgentOffer, sign_agent_offer
from proto.sale.ops import Advertise
from proto.sale.promise import pool_promise, read_pool_promise
from proto.sale.stakes import Branch, Decision, SaleRole
from proto.sale.votes import Rating, Vote, read_rating, read_vote
from proto.v1 import escrow_pb2 as pb
from proto.v1 import types_pb2
from proto.wire import WireFault, canonical
from tests.fuzz import values as v
from tests.fuzz.mutate import Form
from tests.fuzz.target import Target
from tests.node.core.escrow_table import card_of
from tests.node.registrar.pool_table import PoolTable
from tests.node.registrar.world import (
    ALICE,
    BOB,
    HOUSE_KEY,
    World,
    cap,
    deal,
    leg_of,
    right_of,
)
from tests.sale_table import NAMES, SaleTable

WIRE: Final = (WireFault,)
SEAL: Final = SealKey(b"seal" * 8)
GOLD: Final = right_of()
GRANTS: Final = (
    Grant(sign_right(HOUSE_KEY, GOLD), b"a" * 16, b"c" * 32, b"t" * 32, sign_card(v.NODE, v.CARD)),
    Grant(sign_right(HOUSE_KEY, GOLD), terms=b"t" * 32),
)
DEAL: Final = deal(leg_of(GOLD, ALICE, BOB, 30))


def _written(grant: Grant) -> bytes:
    return canonical(
        pb.Grant(
            right=types_pb2.Envelope.FromString(grant.right),
            account=grant.account,
            capability=grant.capability,
            terms=grant.terms,
            card=grant.card,
        )
    )


def _text(data: bytes) -> Any:
    try:
        return open_grant(data.decode(), ALICE.node_id, SEAL)
    except UnicodeDecodeError as error:
        raise WireFault("not UTF-8") from error


@cache
def _books() -> World:
    world = World()
    gold = world.brand()
    world.owns(ALICE, gold, "alice", 100)
    world.owns(BOB, gold, "bob")
    world.do(BOB, Accept(cap("bob"), cap("in")))
    world.do(ALICE, Offer(cap("alice"), 30, cap("out")))
    return world


def _run(data: bytes) -> Any:
    """Whatever it asks for, the rules say yes or no; nothing is kept."""
    batch = read_batch(data)
    world = _books()
    ran = run(world.view, world.house, ALICE.node_id, batch.ops, world.now_us)
    assert ran.refusal is None or not ran.changes
    return ran.results or ran.refusal


@cache
def _sale() -> PoolTable:
    """Alice's, on the same books: released, and both votes are sealed."""
    names = {**NAMES, SaleRole.BUYER: "alice"}
    table = PoolTable({"names": names}, {"name": "deposits"}, _books())
    table.fill()
    table.show(table.sale.committed(Decision.RELEASE))
    for role in (SaleRole.BUYER, SaleRole.SELLER):
        table.world.do(table.key(role), table.seal(role, _vote(table, role)))
    return table


def _vote(table: PoolTable, role: SaleRole) -> Vote:
    return table.sale.vote(role, table.pool.deciding)


def _sale_batches() -> tuple[bytes, ...]:
    table, lock = _sale(), _sale().sale.lock()
    again = SaleTable(table.right, "again", names=table.sale.names)
    offer = AgentOffer(
        *(ALICE.node_id, card_of("alice"), (), 5, 10, 5000, "domains"),
        *(table.world.now_us, table.world.now_us),
    )
    return (
        _batch(table.open_op(again)),
        _batch(table.stake_ops(SaleRole.BUYER, lock)[1]),
        _batch(Settle(table.sale.committed(Decision.REFUND))),
        _batch(table.reveal(SaleRole.BUYER, _vote(table, SaleRole.BUYER))),
        _batch(Advertise(sign_agent_offer(ALICE, offer))),
    )


def _documents() -> tuple[bytes, bytes, bytes]:
    """A pool's promise, a vote, and an entry of an agent's list."""
    table = _sale()
    sale, house = table.sale, table.world.house
    promise = pool_promise(sale.contract, sale.signed, sale.agreement)
    vote = sale.signed_vote(SaleRole.BUYER, _vote(table, SaleRole.BUYER))
    rating = Rating(
        *(house.node, table.right.brand.guid, table.key(SaleRole.AGENT).node_id, 1, b""),
        *(sale.pool, sale.stakes.price, Branch.RELEASED, table.pool.deciding, (vote,)),
        table.world.now_us,
    )
    return house.vouch(promise), vote, house.rate(rating)


def _batch(*ops: Op) -> bytes:
    return payload_of(OpBatch(ALICE.node_id, HOUSE_KEY.node_id, b"i" * 16, v.NOW_US, ops))


def titles() -> list[Target]:
    """What a registrar gives to owners, and what it is asked for."""
    prepare = DEAL.prepare("alice", "out", "in")
    seeds = (
        _batch(Offer(cap("alice"), 5, cap("new")), Refund(cap("alice"), ResultOf(0))),
        _batch(prepare, DEAL.settle()),
        _batch(Prepare(cap("alice/terms"), cap("in"), cap("out"), DEAL.encoded, DEAL.opening())),
        _batch(Cancel(cap("out"), DEAL.encoded, DEAL.opening()), Look(cap("out"))),
        _batch(Transfer(cap("alice/terms"), cap("out"), cap("in"))),
        *_sale_batches(),
    )
    texts = tuple(
        seal_grant(HOUSE_KEY, ALICE.node_id, SEAL.public, b"e" * 32, grant).encode()
        for grant in GRANTS
    )
    house = HOUSE_KEY.node_id
    promise, vote, rating = _documents()
    return [
        Target("grant to an owner", lambda data: read_grant(data, house), WIRE,
               tuple(map(_written, GRANTS)), _written),
        Target("grant's text", _text, WIRE, texts, form=Form.TEXT),
        Target("batch run", _run, WIRE, seeds, cost=2),
        Target("pool's promise", read_pool_promise, WIRE, (promise,)),
        Target("vote", read_vote, WIRE, (vote,)),
        Target("rating", read_rating, WIRE, (rating,)),
    ]  # fmt: skip
