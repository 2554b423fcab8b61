"""The registrar's tables, one for each kind of row, and how rows become columns."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from enum import IntEnum
from typing import Any, Final, get_type_hints

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
)

from node.registrar.pool_rows import (
    Listed,
    Pool,
    PoolDecision,
    PoolState,
    PoolVote,
    Rated,
    Said,
    Standing,
    Tally,
)
from node.registrar.rows import (
    Account,
    Act,
    Brand,
    Capability,
    Entry,
    Hold,
    Leg,
    Listing,
    Row,
    Terms,
)
from proto.escrow.ops import CapabilityKind, LegPhase
from proto.sale.stakes import Decision
from runtime.store import meta_table

STORE_KIND: Final = "registrar"
SCHEMA_VERSION: Final = 2  # a change of any table below takes the next one, and a migration

metadata = MetaData()
meta = meta_table(metadata)


@dataclass(frozen=True, slots=True)
class Answered:
    """A batch that has had its effect: the same bytes are answered by the same bytes.

    `digest`: SHA-256 of what was asked; `answer`: the signed reply.
    """

    sender: bytes
    id: bytes
    digest: bytes
    answer: bytes
    sent_at_us: int

    @property
    def key(self) -> tuple[bytes, ...]:
        return (self.sender, self.id)


Kept = Row | Answered

_COLUMNS: Final[dict[Any, Any]] = {
    int: BigInteger,
    bytes: LargeBinary,
    str: Text,
    bool: SmallInteger,
    LegPhase: SmallInteger,
    CapabilityKind: SmallInteger,
    Act: SmallInteger,
    PoolState: SmallInteger,
    Decision: SmallInteger,
    Said: SmallInteger,
}


class RowTable:
    """One kind of row: its table, and the way there and back."""

    def __init__(self, kind: type, name: str, key: tuple[str, ...], *more: Any) -> None:
        hints = get_type_hints(kind)
        self.kind = kind
        self.key = key
        self.names = tuple(field.name for field in fields(kind))
        self._made: dict[str, Any] = {
            n: hints[n] for n in self.names if hints[n] is bool or issubclass(hints[n], IntEnum)
        }
        columns = [Column(n, _COLUMNS[hints[n]], nullable=False) for n in self.names]
        version = Column("version", BigInteger, nullable=False)
        self.table = Table(name, metadata, *columns, version, PrimaryKeyConstraint(*key), *more)

    def to_columns(self, row: object) -> dict[str, Any]:
        """Column values; IntEnum and bool are numbers to every driver."""
        values = {name: getattr(row, name) for name in self.names}
        return values | {name: int(values[name]) for name in self._made}

    def row_of(self, values: Sequence[Any]) -> tuple[Any, int]:
        """The row, and its version, of what was read in the order of the table's columns."""
        whole = dict(zip(self.names, values, strict=False))
        for name, make in self._made.items():
            whole[name] = make(whole[name])
        return self.kind(**whole), values[-1]

    def from_columns(self, values: Mapping[str, Any]) -> Any:
        """The row of these columns; `version` is not part of it."""
        whole = {name: values[name] for name in self.names}
        return self.kind(**(whole | {n: make(whole[n]) for n, make in self._made.items()}))


# In the order in which they are written: two writers lock in the same order, rows by their keys.
TABLES: Final = {
    kind.kind: kind
    for kind in (
        RowTable(Brand, "brand", ("guid",)),
        RowTable(Listing, "listing", ("brand", "node")),
        RowTable(Terms, "terms", ("id",)),
        RowTable(
            *(Account, "account", ("id",)),
            CheckConstraint("balance >= 0"),
            CheckConstraint("reserved >= 0"),
        ),
        RowTable(
            *(Hold, "hold", ("hash",)),
            CheckConstraint("amount >= 0"),
            CheckConstraint("expected >= 0"),
            CheckConstraint("locks >= 0"),
            CheckConstraint("gone_at_us = 0 OR (amount = 0 AND locks = 0)"),
        ),
        RowTable(
            *(Leg, "leg", ("commit", "no")),
            CheckConstraint("amount > 0"),
            CheckConstraint("fee >= 0"),
        ),
        RowTable(Capability, "capability", ("hash",)),
        RowTable(Tally, "tally", ("subject",)),
        RowTable(Pool, "pool", ("id",)),
        RowTable(PoolDecision, "pool_decision", ("commit",)),
        RowTable(PoolVote, "pool_vote", ("pool", "voter")),
        RowTable(Standing, "standing", ("brand", "agent")),
        RowTable(Rated, "rating", ("brand", "agent", "sequence")),
        RowTable(Listed, "agent", ("agent",)),
        RowTable(Answered, "inbox", ("sender", "id")),
    )
}
leg = TABLES[Leg].table
account = TABLES[Account].table
hold = TABLES[Hold].table
brand = TABLES[Brand].table
terms = TABLES[Terms].table
listing = TABLES[Listing].table
inbox = TABLES[Answered].table
pool = TABLES[Pool].table
pool_decision = TABLES[PoolDecision].table
pool_vote = TABLES[PoolVote].table
rating = TABLES[Rated].table
agent = TABLES[Listed].table

# What is asked for otherwise than by a whole key, by people or now and then.
Index("leg_by_phase", leg.c.phase, leg.c.final_after_us)
Index("account_by_brand", account.c.brand, account.c.id)
Index("brand_by_name", brand.c.name)
Index("brand_by_kind", brand.c.kind, brand.c.guid)
Index("terms_by_brand", terms.c.brand)
Index("inbox_by_age", inbox.c.sent_at_us)
Index("pool_by_time", pool.c.due_us)
Index("pool_by_end", pool.c.state, pool.c.ended_us)
Index("decision_by_pool", pool_decision.c.pool)
WANTED: Final = pool_decision.c.wanted > 0
Index(
    *("decision_by_time", pool_decision.c.final_after_us),
    sqlite_where=WANTED,
    postgresql_where=WANTED,
)
Index("agent_by_age", agent.c.expires_us)
GONE: Final = hold.c.gone_at_us > 0
Index("hold_by_age", hold.c.gone_at_us, sqlite_where=GONE, postgresql_where=GONE)

_ENTRY: Final = get_type_hints(Entry)
# Written once and never changed. Numbers may be left out: of two processes each takes its own.
audit = Table(
    "audit",
    metadata,
    Column(
        "seq",
        BigInteger().with_variant(Integer, "sqlite"),
        primary_key=True,
        autoincrement=True,
    ),
    *(Column(f.name, _COLUMNS[_ENTRY[f.name]], nullable=False) for f in fields(Entry)),
)
Index("audit_by_brand", audit.c.brand, audit.c.seq)
ENTRY_COLUMNS: Final = tuple(f.name for f in fields(Entry))


def entry_values(entry: Entry) -> tuple[Any, ...]:
    """The columns of an entry, in the order of ENTRY_COLUMNS."""
    return tuple(
        int(value) if isinstance(value := getattr(entry, name), IntEnum) else value
        for name in ENTRY_COLUMNS
    )
