"""The registry's tables (registry section 5.1): decisions and log entries are written once."""

from typing import Final

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    SmallInteger,
    String,
    Table,
    UniqueConstraint,
)

from runtime.store import meta_table

SCHEMA_VERSION: Final = 2

# Names of numbers in `meta`.
CLOCK_MARK: Final = "clock_mark_us"
CLOSED_THROUGH: Final = "closed_through_us"
LEASE: Final = "lease"  # whoever holds this row locked writes the log, for one transaction
INDEXED: Final = "archive_indexed/"  # + shard: entries before this index are in the archive index
FENCE: Final = "fence/"  # + shard: index of the newest fence there
SETTLED: Final = "settled/"  # + shard: entries that everybody may be told of; replicas only

# A log entry's place in the table: the shard above, the index in its log below.
INDEX_BITS: Final = 40
INDEX_MASK: Final = (1 << INDEX_BITS) - 1
OLD_SHARD: Final = 0  # the one log of everything, before there were shards; it has ended

metadata = MetaData()
meta = meta_table(metadata)

decision = Table(
    "decision",
    metadata,
    Column("deadline_us", BigInteger, nullable=False),
    Column("commit_id", LargeBinary, nullable=False),
    Column("limit_us", BigInteger, nullable=False),
    Column("outcome", SmallInteger, nullable=False),
    Column("reason", SmallInteger, nullable=False),
    Column("decided_at_us", BigInteger, nullable=False),
    Column("leaf", LargeBinary, nullable=False),
    Column("evidence", LargeBinary, nullable=False),
    # Without it nobody who has only the id could be shown the Commit that a stamp is worth.
    Column("descriptor", LargeBinary, nullable=False),
    PrimaryKeyConstraint("deadline_us", "commit_id"),
    CheckConstraint("length(commit_id) = 32"),
    CheckConstraint("limit_us >= deadline_us"),
    CheckConstraint("outcome IN (1, 2)"),
    CheckConstraint("reason IN (1, 2, 3)"),
    CheckConstraint("(outcome = 1) = (reason = 1)"),
    CheckConstraint("outcome <> 1 OR decided_at_us <= limit_us"),
    CheckConstraint("reason <> 2 OR decided_at_us > limit_us"),
    CheckConstraint("(reason = 2) = (length(descriptor) = 0)"),
    CheckConstraint("reason <> 2 OR length(evidence) = 0"),
)

log_entry = Table(
    "log_entry",
    metadata,
    # As INTEGER it is SQLite's own row number: one tree less to write into.
    Column(
        "position",
        BigInteger().with_variant(Integer, "sqlite"),
        primary_key=True,
        autoincrement=False,
    ),
    Column("deadline_us", BigInteger),
    Column("commit_id", LargeBinary),
    Column("leaf_hash", LargeBinary, nullable=False),
    Column("leaf", LargeBinary),  # of entries that are no decision: fences and keys
    UniqueConstraint("deadline_us", "commit_id"),
    # PostgreSQL would look at row by row what store_guards looks at for all rows at once.
    ForeignKeyConstraint(
        ["deadline_us", "commit_id"], ["decision.deadline_us", "decision.commit_id"]
    ).ddl_if(dialect="sqlite"),
    CheckConstraint("length(leaf_hash) = 32"),
    CheckConstraint("(commit_id IS NULL) = (leaf IS NOT NULL)"),
    CheckConstraint("(commit_id IS NULL) = (deadline_us IS NULL)"),
)

# From archive id to decisions, filled behind the decisions: its keys are random and cost most.
archive = Table(
    "archive",
    metadata,
    Column("uuid", LargeBinary, nullable=False),
    Column("deadline_us", BigInteger, nullable=False),
    Column("commit_id", LargeBinary, nullable=False),
    PrimaryKeyConstraint("uuid", "deadline_us", "commit_id"),
    sqlite_with_rowid=False,
)

# Whose decisions these are. Under another name the same rows would be signed differently.
identity = Table(
    "identity",
    metadata,
    Column("registry", LargeBinary, primary_key=True),
    Column("log_origin", String, nullable=False),
)


def position_of(shard: int, index: int) -> int:
    """Where entry `index` of a shard's log stands in the table."""
    assert 0 <= index <= INDEX_MASK, index
    return shard << INDEX_BITS | index


def shard_and_index(position: int) -> tuple[int, int]:
    """The reverse of `position_of`."""
    return position >> INDEX_BITS, position & INDEX_MASK
