"""The verb that shows the pools of sales of which this node is the house."""

from collections.abc import Sequence
from typing import Any, Final

from node.control.context import Context
from node.control.failure import Arguments, ControlFailure, bad_argument
from node.control.registrar import look
from node.control.registrar_names import registrar_of
from node.registrar.pool_reader import PoolReader
from node.registrar.pool_rows import Pool, PoolDecision, PoolState, PoolVote, Said
from node.registrar.pool_votes import VOTERS, vote_times
from node.registrar.reading import PAGE
from proto.sale.contract import Contract, read_contract
from proto.sale.stakes import STAKERS, BondBranch, Branch, SaleRole
from proto.sale.votes import read_vote
from runtime.away import run_away

LIVE: Final = (PoolState.OPEN, PoolState.FILLED)
SEE_POOLS: Final = "see `pledgeway registrar pools --all`"


async def pools(context: Context, arguments: Arguments) -> dict[str, Any]:
    """Pools that are under way; `all`: also those that are over; `pool`: one, by the beginning of
    its id; `after`: from behind this id on."""
    reader = registrar_of(context).reader
    named, after = arguments.text("pool", ""), arguments.text("after", "")
    states = tuple(PoolState) if arguments.flag("all", False) else LIVE
    arguments.done()
    try:
        start = bytes.fromhex(after)
    except ValueError as error:
        raise bad_argument("after", "the id of a pool") from error
    if named:
        found = [await _called(reader.pools, named)]
    else:
        found = await look(run_away(reader.pools.in_states, states, start))
    shown = found[:PAGE]
    ids = [pool.id for pool in shown]
    decisions = await look(run_away(reader.pools.decisions, ids))
    votes = await look(run_away(reader.pools.votes, ids))
    kept = await look(run_away(reader.pools.accounts, [pool.account for pool in shown]))
    left = {account.id: account.balance for account in kept}
    guids = sorted({pool.brand for pool in shown})
    brands = await look(run_away(reader.brands, guids, "", "", b"", len(guids))) if guids else []
    names = {brand.guid: brand.name for brand in brands}
    return {
        "pools": [
            pool_json(
                pool,
                names.get(pool.brand, pool.brand.hex()[:8]),
                left.get(pool.account, 0),
                [row for row in decisions if row.pool == pool.id],
                [row for row in votes if row.pool == pool.id],
            )
            for pool in shown
        ],
        "more": len(found) > PAGE,
    }


async def _called(reader: PoolReader, named: str) -> Pool:
    found = await look(run_away(reader.called, named))
    if not found:
        raise ControlFailure("NOT_FOUND", f"no pool is called {named!r}", SEE_POOLS)
    if len(found) > 1:
        step = f"give more of its id: {SEE_POOLS}"
        raise ControlFailure("AMBIGUOUS", f"more than one pool matches {named!r}", step)
    return found[0]


def pool_json(
    pool: Pool,
    name: str,
    left: int,
    decisions: Sequence[PoolDecision],
    votes: Sequence[PoolVote],
) -> dict[str, Any]:
    """One pool with all that is known of it. `left`: units that are still in it."""
    contract = read_contract(pool.contract)
    sealed_us, open_us = vote_times(pool, contract)
    cast = {role: _vote(contract, role, votes) for role in VOTERS}
    paid = _paid(pool, contract, [role for role, vote in cast.items() if vote["opened"]])
    return {
        "pool": pool.id.hex(),
        "sale": contract.sale.hex(),
        "brand": pool.brand.hex(),
        "name": name,
        "total": contract.pool.total,
        "left": left,
        "state": pool.state.name,
        "claimed": pool.claimed,
        "since_us": pool.since_us,
        "ended_us": pool.ended_us,
        "fill_until_us": contract.locked_until_us,
        "branch": Branch(pool.branch).name if pool.branch else "",
        "bond": BondBranch(pool.bond_branch).name if pool.bond_branch else "",
        "parties": [
            {
                "role": party.role.name.lower(),
                "node": party.node.hex(),
                "account": party.account.hex(),
                "stake": contract.pool.stake(party.role),
                "paid": paid.get(party.role, 0),
            }
            for party in contract.parties
        ],
        "house": {"fee": paid.get(SaleRole.HOUSE, 0)},
        "decisions": [
            {
                "decision": row.decision.name,
                "commit_id": row.commit.hex(),
                "said": "" if row.said is Said.NOTHING else row.said.name,
                "contradicted": bool(row.contrary),
                "until_us": row.final_after_us,
            }
            for row in decisions
        ],
        "votes": list(cast.values()),
        "votes_over": pool.votes_over,
        "votes_sealed_until_us": sealed_us,
        "votes_open_until_us": open_us,
    }


def _vote(contract: Contract, role: SaleRole, votes: Sequence[PoolVote]) -> dict[str, Any]:
    node = contract.party(role).node
    vote = next((vote for vote in votes if vote.voter == node), None)
    opened = vote is not None and bool(vote.signed)
    success = read_vote(vote.signed).success if vote is not None and opened else None
    sealed = vote is not None
    return {"role": role.name.lower(), "sealed": sealed, "opened": opened, "success": success}


def _paid(pool: Pool, contract: Contract, opened: Sequence[SaleRole]) -> dict[SaleRole, int]:
    """What each has been paid out of the pool so far."""
    parts = []
    if pool.branch:
        parts.append(contract.pool.split(Branch(pool.branch)))
    if pool.bond_branch:
        parts.append(contract.pool.split_bond(BondBranch(pool.bond_branch)))
    for role in VOTERS if pool.votes_over else ():
        to = role if role in opened else SaleRole.AGENT
        parts.append({to: contract.pool.stakes.vote_bond})
    return {r: sum(p.get(r, 0) for p in parts) for r in (*STAKERS, SaleRole.HOUSE)}
