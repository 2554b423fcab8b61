"""How the books of an older registrar become this one's, version by version.

A migration stands for itself: it names tables and columns as they were then, so that later changes
of `node.registrar.tables` do not change what it does.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Index,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
)

from runtime.schema import Migration

_TYPES: Final = {"bytes": LargeBinary, "int": BigInteger, "small": SmallInteger}
# Of version 2: (table, primary key, its other columns).
_POOLS: Final = (
    ("tally", {"subject": "bytes"}, {"count": "int"}),
    (
        "pool",
        {"id": "bytes"},
        {
            "brand": "bytes",
            "account": "bytes",
            "opener": "bytes",
            "contract": "bytes",
            "agreement": "bytes",
            "promise": "bytes",
            "state": "small",
            "since_us": "int",
            "due_us": "int",
            "lock": "bytes",
            "locks": "int",
            "branch": "int",
            "bond_branch": "int",
            "deciding": "bytes",
            "paid_us": "int",
            "votes_over": "small",
            "claimed": "small",
            "ended_us": "int",
        },
    ),
    (
        "pool_decision",
        {"commit": "bytes"},
        {
            "pool": "bytes",
            "decision": "small",
            "descriptor": "bytes",
            "final_after_us": "int",
            "wanted": "small",
            "said": "small",
            "certificate": "bytes",
            "contrary": "bytes",
        },
    ),
    ("pool_vote", {"pool": "bytes", "voter": "bytes"}, {"hash": "bytes", "signed": "bytes"}),
    ("standing", {"brand": "bytes", "agent": "bytes"}, {"sequence": "int", "head": "bytes"}),
    (
        "rating",
        {"brand": "bytes", "agent": "bytes", "sequence": "int"},
        {"signed": "bytes"},
    ),
    (
        "agent",
        {"agent": "bytes"},
        {"signed": "bytes", "brands": "bytes", "subject": "bytes", "expires_us": "int"},
    ),
)


def _to_version_2(connection: Connection) -> None:
    """Pools of sales, votes, ratings, and the list of agents."""
    later = MetaData()
    made: dict[str, Table] = {}
    for name, keys, others in _POOLS:
        columns: list[Column[Any]] = [
            Column(column, _TYPES[kind], nullable=False)
            for column, kind in (keys | others | {"version": "int"}).items()
        ]
        made[name] = Table(name, later, *columns, PrimaryKeyConstraint(*keys))
    pool, decision = made["pool"].c, made["pool_decision"].c
    Index("pool_by_time", pool.due_us)
    Index("pool_by_end", pool.state, pool.ended_us)
    Index("decision_by_pool", decision.pool)
    wanted = decision.wanted > 0
    Index(
        *("decision_by_time", decision.final_after_us),
        sqlite_where=wanted,
        postgresql_where=wanted,
    )
    Index("agent_by_age", made["agent"].c.expires_us)
    later.create_all(connection)


MIGRATIONS: Final[Mapping[int, Migration]] = MappingProxyType({2: _to_version_2})
