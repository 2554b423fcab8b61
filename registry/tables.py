"""The registry's tables (registry section 5.1): decisions and log entries are written once."""

from typing import Final

from sqlalchemy import (
    DDL,
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
    event,
)

from runtime.store import meta_table

SCHEMA_VERSION: Final = 1

# Names of numbers in `meta`.
CLOCK_MARK: Final = "clock_mark_us"
CLOSED_THROUGH: Final = "closed_through_us"
INDEXED: Final = "archive_indexed"  # log entries before this index are in the archive index

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
        "idx",
        BigInteger().with_variant(Integer, "sqlite"),
        primary_key=True,
        autoincrement=False,
    ),
    Column("deadline_us", BigInteger),
    Column("commit_id", LargeBinary),
    Column("leaf_hash", LargeBinary, nullable=False),
    Column("leaf", LargeBinary),  # of entries that are no decision: fences and keys
    UniqueConstraint("deadline_us", "commit_id"),
    ForeignKeyConstraint(
        ["deadline_us", "commit_id"], ["decision.deadline_us", "decision.commit_id"]
    ),
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

_FOR_EVER: Final = """
CREATE TRIGGER {table}_no_{verb} BEFORE {verb} ON {table}
BEGIN SELECT RAISE(ABORT, '{table} is written once'); END
"""

# INSERT OR REPLACE deletes without firing a trigger on DELETE: it is met where it begins.
_FIRST_STAYS: Final = """
CREATE TRIGGER decision_first_stays BEFORE INSERT ON decision
WHEN EXISTS (SELECT 1 FROM decision
             WHERE deadline_us = NEW.deadline_us AND commit_id = NEW.commit_id)
BEGIN SELECT RAISE(IGNORE); END
"""
_NO_GAP: Final = """
CREATE TRIGGER log_entry_no_gap BEFORE INSERT ON log_entry
WHEN NEW.idx <> (SELECT coalesce(max(idx), -1) + 1 FROM log_entry)
  OR EXISTS (SELECT 1 FROM log_entry
             WHERE deadline_us = NEW.deadline_us AND commit_id = NEW.commit_id)
BEGIN SELECT RAISE(ABORT, 'the log grows by one entry at its end, once for each decision'); END
"""

for _table, _text in ((decision, _FIRST_STAYS), (log_entry, _NO_GAP)):
    _ddl = DDL(_text)  # type: ignore[no-untyped-call]
    event.listen(_table, "after_create", _ddl.execute_if(dialect="sqlite"))

for _table in (decision, log_entry, identity):
    for _verb in ("update", "delete"):
        _ddl = DDL(_FOR_EVER.format(table=_table.name, verb=_verb))  # type: ignore[no-untyped-call]
        event.listen(_table, "after_create", _ddl.execute_if(dialect="sqlite"))
