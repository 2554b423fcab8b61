"""Votes: sealed, then opened; bonds back to who opened his, and a list that nobody can shorten."""

from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from itertools import product
from typing import Any

import pytest

from node.command.sim.cast import NOW_US, SECOND, digest, signing_key
from node.registrar import pool_votes
from node.registrar.pool_rows import WITHOUT_MEANS, Listed, PoolState, PoolVote, Rated, Tally
from node.registrar.pool_votes import forget_agent
from proto.descriptor import commit_id
from proto.envelope import Envelope
from proto.escrow.ops import RegistrarError
from proto.sale.offer import AgentOffer, sign_agent_offer
from proto.sale.ops import Advertise, OpenVote, SealVote
from proto.sale.stakes import Branch, Decision, SaleRole
from proto.sale.votes import Vote, rating_head, read_rating, sign_vote
from tests.node.core.escrow_table import card_of
from tests.node.registrar.pool_table import AGENT, BUYER, SELLER, PoolTable
from tests.node.registrar.world import ALICE, CAROL, HOUSE_KEY
from tests.sale_table import MINUTE

E = RegistrarError
VOTERS = (BUYER, SELLER)
T2 = Decision.RELEASE


def released(**options: Any) -> PoolTable:
    """A sale that went well; what is left are votes."""
    table = PoolTable(options)
    table.fill()
    table.show(table.sale.committed(T2))
    return table


def votes(table: PoolTable) -> dict[SaleRole, Vote]:
    deciding = table.pool.deciding
    return {role: table.sale.vote(role, deciding, role is BUYER) for role in VOTERS}


def seal(table: PoolTable, *roles: SaleRole) -> dict[SaleRole, Vote]:
    cast = votes(table)
    for role in roles or VOTERS:
        table.world.do(table.key(role), table.seal(role, cast[role]))
    return cast


def list_of(table: PoolTable) -> list[Any]:
    found = sorted(table.world.view.all(Rated), key=lambda row: row.sequence)
    return [read_rating(row.signed) for row in found]


def test_both_seal_and_open() -> None:
    table = released()
    assert table.pool.deciding == commit_id(table.sale.descriptor(T2))
    cast = seal(table)
    assert table.pool.state is PoolState.FILLED and table.in_pool() == 20
    table.world.do(table.key(BUYER), table.reveal(BUYER, cast[BUYER]))
    assert not list_of(table) and table.in_pool() == 20
    table.world.do(table.key(SELLER), table.reveal(SELLER, cast[SELLER]))
    assert table.pool.state is PoolState.DONE and table.pool.ended_us == NOW_US
    assert table.won() == {BUYER: -1050, SELLER: 1000, AGENT: 50, SaleRole.HOUSE: 0}
    (rating,) = list_of(table)
    assert (rating.house, rating.agent) == (HOUSE_KEY.node_id, table.key(AGENT).node_id)
    assert (rating.sequence, rating.previous, rating.value) == (1, b"", 1000)
    assert (rating.branch, rating.deciding) == (Branch.RELEASED, table.pool.deciding)
    assert rating.pool == table.sale.pool and len(rating.votes) == 2
    table.sound()


@pytest.mark.parametrize("sealed, opened", list(product(product((0, 1), repeat=2), repeat=2)))
def test_silence_costs_the_bond(sealed: tuple[int, int], opened: tuple[int, int]) -> None:
    """Whoever does not open by the end leaves his bond to the agent, who did his work."""
    table = released()
    cast = votes(table)
    for role, seals in zip(VOTERS, sealed, strict=True):
        if seals:
            table.world.do(table.key(role), table.seal(role, cast[role]))
    sealed_us, open_us = pool_votes.vote_times(table.pool, table.sale.contract)
    table.world.now_us = sealed_us
    shown = [bool(a and b) for a, b in zip(sealed, opened, strict=True)]
    for role, opens, seals in zip(VOTERS, opened, sealed, strict=True):
        if opens and seals:
            table.world.do(table.key(role), table.reveal(role, cast[role]))
        elif opens:
            refused = table.world.no(table.key(role), table.reveal(role, cast[role]))
            assert refused == (E.BAD_VOTE, 0)
    assert table.pool.votes_over == all(shown)
    table.world.now_us = open_us
    table.tend()
    table.tend()
    assert table.pool.state is PoolState.DONE
    lost = [10 * (not one) for one in shown]
    assert table.won() == {
        BUYER: -1050 - lost[0],
        SELLER: 1000 - lost[1],
        AGENT: 50 + sum(lost),
        SaleRole.HOUSE: 0,
    }
    (rating,) = list_of(table)
    assert len(rating.votes) == sum(shown)
    table.sound()


def test_times_of_votes() -> None:
    table = released()
    cast = votes(table)
    sealed_us, open_us = pool_votes.vote_times(table.pool, table.sale.contract)
    contract = table.sale.contract
    assert (sealed_us, open_us) == (contract.votes_sealed_until_us, contract.votes_open_until_us)
    table.world.do(table.key(BUYER), table.seal(BUYER, cast[BUYER]))
    early = table.world.no(table.key(BUYER), table.reveal(BUYER, cast[BUYER]))
    assert early == (E.NOT_YET, sealed_us - NOW_US)  # Sally has not sealed hers
    table.world.now_us = sealed_us
    late = table.world.no(table.key(SELLER), table.seal(SELLER, cast[SELLER]))
    assert late == (E.TOO_LATE, 0)
    table.world.now_us = open_us
    late = table.world.no(table.key(BUYER), table.reveal(BUYER, cast[BUYER]))
    assert late == (E.TOO_LATE, 0)
    table.tend()
    assert table.won()[BUYER] == -1060


def test_nobody_loses_his_bond_because_a_registry_was_away() -> None:
    """Where the end of the sale is known late, votes have at least half of their time."""
    table = PoolTable()
    table.fill()
    contract = table.sale.contract
    table.world.now_us = contract.votes_open_until_us + MINUTE
    table.show(table.sale.committed(T2))
    sealed_us, open_us = pool_votes.vote_times(table.pool, contract)
    assert sealed_us == table.world.now_us + 150 * SECOND
    assert open_us == sealed_us + 300 * SECOND == table.pool.due_us
    table.tend()
    assert not table.pool.votes_over
    cast = seal(table)
    for role in VOTERS:
        table.world.do(table.key(role), table.reveal(role, cast[role]))
    assert table.won()[AGENT] == 50


def test_a_vote_is_sealed_once() -> None:
    table = released()
    cast = seal(table)
    other = replace(cast[BUYER], success=False)
    refused = table.world.no(table.key(BUYER), table.seal(BUYER, other))
    assert refused == (E.REPEATED_OTHERWISE, 0)
    rows = dict(table.world.view.rows)
    table.world.do(table.key(BUYER), table.seal(BUYER, cast[BUYER]))
    assert table.world.view.rows == rows
    table.world.do(table.key(BUYER), table.reveal(BUYER, cast[BUYER]))
    rows = dict(table.world.view.rows)
    table.world.do(table.key(BUYER), table.reveal(BUYER, cast[BUYER]))
    assert table.world.view.rows == rows
    (kept,) = [v for v in table.world.view.all(PoolVote) if v.voter == table.key(BUYER).node_id]
    assert kept.signed


def test_who_may_vote_and_when() -> None:
    table = PoolTable({"arbitrated": True})
    table.open()
    op = SealVote(table.sale.pool, digest("vote"))
    reveal = OpenVote(table.sale.pool, b"")
    assert table.world.no(table.key(BUYER), op) == (E.NOT_YET, 0)
    lock = table.sale.lock()
    table.stake(lock)
    table.show(table.sale.committed(Decision.LOCK, lock=lock))
    for one in (op, reveal):
        assert table.world.no(table.key(BUYER), one) == (E.NOT_YET, 0)
    table.show(table.sale.committed(T2))
    others = (CAROL, table.key(AGENT), table.key(SaleRole.ARBITER), HOUSE_KEY)
    for who in others:
        for one in (op, reveal):
            assert table.world.no(who, one) == (E.NOT_A_PARTY, 0)
    unknown = SealVote(digest("pool"), digest("vote"))
    assert table.world.no(table.key(BUYER), unknown) == (E.NOT_YET, 0)
    void = PoolTable()
    void.open()
    void.show(void.sale.aborted(Decision.AGREE))
    assert void.world.no(void.key(BUYER), SealVote(void.sale.pool, digest("v"))) == (E.GONE, 0)


FORGED: dict[str, Callable[[Vote], Vote]] = {
    "another house": lambda v: replace(v, house=CAROL.node_id),
    "another pool": lambda v: replace(v, pool=digest("pool")),
    "another brand": lambda v: replace(v, brand=bytes(16)),
    "another agent": lambda v: replace(v, agent=ALICE.node_id),
    "another value": lambda v: replace(v, value=1_000_000),
    "another decision": lambda v: replace(v, deciding=digest("decision")),
}


@pytest.mark.parametrize("case", sorted(FORGED))
def test_a_vote_is_about_this_sale(case: str) -> None:
    """Also where just that was sealed."""
    table = released()
    bent = FORGED[case](votes(table)[BUYER])
    table.world.do(table.key(BUYER), table.seal(BUYER, bent))
    table.world.now_us = table.sale.contract.votes_sealed_until_us
    refused = table.world.no(table.key(BUYER), table.reveal(BUYER, bent))
    assert refused == (E.BAD_VOTE, 0)


def test_a_vote_is_what_was_sealed_and_by_who_sealed_it() -> None:
    table = released()
    cast = seal(table)
    other = replace(cast[BUYER], success=not cast[BUYER].success)
    assert table.world.no(table.key(BUYER), table.reveal(BUYER, other)) == (E.BAD_VOTE, 0)
    assert table.world.no(table.key(SELLER), table.reveal(BUYER, cast[BUYER]))[0] is E.BAD_VOTE
    forged = OpenVote(table.sale.pool, sign_vote(CAROL, cast[BUYER]))
    assert table.world.no(table.key(BUYER), forged) == (E.BAD_VOTE, 0)
    signed = Envelope.decode(table.sale.signed_vote(BUYER, cast[BUYER]))
    broken = replace(signed, proof=replace(signed.proof, signature=bytes(64)))
    forged = OpenVote(table.sale.pool, broken.encode())
    assert table.world.no(table.key(BUYER), forged) == (E.BAD_VOTE, 0)


def test_an_agents_list_is_a_chain_for_each_brand() -> None:
    table = released()
    table.world.now_us = table.pool.due_us
    table.tend()
    first_head = rating_head(list_of(table)[0])
    again = PoolTable.__new__(PoolTable)
    again.world, again.right = table.world, table.right
    again.sale = replace(table.sale, label="again", at_us=table.world.now_us)
    again.fill()
    for decision, commit in ((T2, False), (Decision.REFUND, True), (Decision.DELIVERED, False)):
        again.show(again.sale.said(decision, commit))
    again.world.now_us = again.pool.due_us
    again.tend()
    one, two = list_of(table)
    assert (two.sequence, two.previous, two.branch) == (2, first_head, Branch.REFUND_PLAIN)
    assert two.previous == sha256(one.encode()).digest()
    assert two.deciding == commit_id(again.sale.descriptor(Decision.REFUND))


def test_without_bonds_there_are_votes_too() -> None:
    table = released(stakes=replace(PoolTable().sale.stakes, vote_bond=0))
    cast = seal(table)
    for role in VOTERS:
        table.world.do(table.key(role), table.reveal(role, cast[role]))
    assert table.pool.state is PoolState.DONE and len(list_of(table)[0].votes) == 2


def test_the_bond_is_waited_for() -> None:
    """With an arbiter the pool is done only once Ts has said its word as well."""
    table = released(arbitrated=True)
    cast = seal(table)
    for role in VOTERS:
        table.world.do(table.key(role), table.reveal(role, cast[role]))
    assert table.pool.state is PoolState.FILLED and table.in_pool() == 1000
    assert table.decision(Decision.SLASH).wanted
    table.show(table.sale.committed(Decision.SLASH))
    assert table.pool.state is PoolState.DONE
    assert table.won() == {BUYER: -450, SELLER: 1400, AGENT: -950, SaleRole.HOUSE: 0}
    table.sound()


# ---------------------------------------------------------------- agents


def offer_of(name: str, created_us: int = NOW_US, **more: Any) -> AgentOffer:
    values = {"brands": (), "expires_at_us": NOW_US + 60 * MINUTE} | more
    return AgentOffer(
        agent=signing_key(name).node_id,
        card=card_of(name),
        tip_flat=5,
        tip_permille=10,
        bond_max=5000,
        judges="domains",
        created_at_us=created_us,
        **values,
    )


def test_an_agent_lists_himself_and_nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool_votes, "MAX_LISTED", 1)
    monkeypatch.setattr(pool_votes, "MAX_WITHOUT_MEANS", 1)
    table = PoolTable()
    ned = table.key(AGENT)
    first = sign_agent_offer(ned, offer_of("ned"))
    table.world.do(ned, Advertise(first))
    newer = sign_agent_offer(ned, offer_of("ned", NOW_US + 1, brands=(table.right.brand.guid,)))
    table.world.do(ned, Advertise(newer))
    (listed,) = table.world.view.all(Listed)
    assert listed.signed == newer and listed.brands == table.right.brand.guid
    assert table.world.view.find(Tally, (WITHOUT_MEANS,)) is None
    assert table.world.no(ned, Advertise(first)) == (E.REPEATED_OTHERWISE, 0)
    assert table.world.no(CAROL, Advertise(newer)) == (E.NOT_ALLOWED, 0)
    assert table.world.no(ned, Advertise(b"offer")) == (E.MALFORMED, 0)
    mine = (table.right.brand.guid,)
    bob = sign_agent_offer(table.key(BUYER), offer_of("bob", brands=mine))
    assert table.world.no(table.key(BUYER), Advertise(bob)) == (E.QUOTA, 1)
    # Who names nothing that he owns has a place of his own, and takes nobody else's.
    for name, done in (("bob", True), ("carol", False)):
        key = signing_key(name)
        op = Advertise(sign_agent_offer(key, offer_of(name)))
        if done:
            table.world.do(key, op)
        else:
            assert table.world.no(key, op) == (E.QUOTA, 1)
    foreign = sign_agent_offer(ned, offer_of("ned", NOW_US + 2, brands=(bytes(16),)))
    assert table.world.no(ned, Advertise(foreign)) == (E.WRONG_BRAND, 0)
    table.world.act(lambda step: forget_agent(step, ned.node_id))
    assert table.world.view.all(Listed)
    table.world.now_us += 61 * MINUTE
    assert table.world.no(ned, Advertise(newer)) == (E.STALE, MINUTE)
    for key in (ned, table.key(BUYER)):
        table.world.act(lambda step, key=key: forget_agent(step, key.node_id))
    assert not table.world.view.all(Listed) and not table.world.view.all(Tally)
