"""What is read of pools, ratings and agents: for strangers, for the owner, for the chaser."""

from collections.abc import Sequence
from typing import Final

from sqlalchemy import select

from node.registrar.pool_rows import (
    Listed,
    Pool,
    PoolDecision,
    PoolState,
    PoolVote,
    Rated,
)
from node.registrar.reading import MANY, PAGE, Reading, between
from node.registrar.rows import Account
from node.registrar.tables import WANTED, account, agent, pool, pool_decision, pool_vote, rating
from proto.money import BRAND_ID_BYTES
from proto.sale.offer import HASH_BYTES

LISTED_AT_ONCE: Final = 256  # offers looked through at a time: most are in any brand asked for


class PoolReader(Reading):
    """StoreFailed from every method."""

    def due(self, now_us: int) -> dict[bytes, bytes]:
        """Descriptors of decisions that must be made by now and that somebody waits for, by their
        commit_id; those that wait longest."""
        query = select(pool_decision.c.commit, pool_decision.c.descriptor).where(WANTED)
        query = query.where(pool_decision.c.final_after_us < now_us)
        query = query.order_by(pool_decision.c.final_after_us).limit(MANY)
        return {row["commit"]: row["descriptor"] for row in self._all(query)}

    def ripe(self, now_us: int, limit: int) -> list[bytes]:
        """Pools to which time alone brings something now, the longest waiting first."""
        query = select(pool.c.id).where(pool.c.due_us <= now_us)
        return [row["id"] for row in self._all(query.order_by(pool.c.due_us).limit(limit))]

    def expired_agents(self, now_us: int) -> list[bytes]:
        """Agents whose listed offers have run out."""
        query = select(agent.c.agent).where(agent.c.expires_us < now_us).limit(MANY)
        return [row["agent"] for row in self._all(query)]

    def in_states(self, states: Sequence[PoolState], after: bytes = b"") -> list[Pool]:
        """Pools in these states by id, from `after` on; one more than a page."""
        query = select(pool).where(pool.c.state.in_([int(state) for state in states]))
        query = query.where(pool.c.id > after).order_by(pool.c.id)
        return self._rows(Pool, query.limit(PAGE + 1))

    def called(self, named: str) -> list[Pool]:
        """Those whose id begins with these hex digits, at most two."""
        begins = between(named, HASH_BYTES)
        if begins is None:
            return []
        return self._rows(Pool, select(pool).where(pool.c.id.between(*begins)).limit(2))

    def decisions(self, pools: Sequence[bytes]) -> list[PoolDecision]:
        """Of these pools, those that were made first come first."""
        query = select(pool_decision).where(pool_decision.c.pool.in_(pools))
        order = (pool_decision.c.final_after_us, pool_decision.c.decision)
        return self._rows(PoolDecision, query.order_by(*order))

    def votes(self, pools: Sequence[bytes]) -> list[PoolVote]:
        """Of these pools."""
        query = select(pool_vote).where(pool_vote.c.pool.in_(pools))
        return self._rows(PoolVote, query.order_by(pool_vote.c.pool, pool_vote.c.voter))

    def accounts(self, ids: Sequence[bytes]) -> list[Account]:
        """Of these ids."""
        return self._rows(Account, select(account).where(account.c.id.in_(ids)))

    def ratings(self, brand: bytes, rated: bytes, after: int, limit: int) -> list[bytes]:
        """An agent's signed list in a brand, from behind the sequence `after` on."""
        query = select(rating).where(rating.c.brand == brand, rating.c.agent == rated)
        query = query.where(rating.c.sequence > after).order_by(rating.c.sequence).limit(limit)
        return [row.signed for row in self._rows(Rated, query)]

    def agents(self, brand: bytes, after: bytes, now_us: int, limit: int) -> list[Listed]:
        """Offers to judge sales in a brand (empty: any), by node id from behind `after` on."""
        found: list[Listed] = []
        while len(found) < limit:
            query = select(agent).where(agent.c.agent > after, agent.c.expires_us >= now_us)
            some = self._rows(Listed, query.order_by(agent.c.agent).limit(LISTED_AT_ONCE))
            found += [one for one in some if not brand or not one.brands or _takes(one, brand)]
            if len(some) < LISTED_AT_ONCE:
                break
            after = some[-1].agent
        return found[:limit]


def _takes(listed: Listed, brand: bytes) -> bool:
    each = range(0, len(listed.brands), BRAND_ID_BYTES)
    return any(listed.brands[at : at + BRAND_ID_BYTES] == brand for at in each)
