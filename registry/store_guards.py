"""What the database itself forbids, whoever writes to it (registry section 5.1).

A decision, a log entry and the registry's name are never changed; each shard's log grows at its
end, without a gap, once for each decision, and never by what a fence has closed. SQLite checks
each row; PostgreSQL each statement, under the lease that only one writer holds.
"""

from typing import Final

from sqlalchemy import DDL, Connection, event

from registry.tables import (
    CLOSED_THROUGH,
    INDEX_BITS,
    INDEX_MASK,
    decision,
    identity,
    log_entry,
)

WRITTEN_ONCE: Final = (decision, log_entry, identity)

_SQLITE_FOR_EVER: Final = """
CREATE TRIGGER {table}_no_{verb} BEFORE {verb} ON {table}
BEGIN SELECT RAISE(ABORT, '{table} is written once'); END
"""

# INSERT OR REPLACE deletes without firing a trigger on DELETE: it is met where it begins.
_SQLITE_FIRST_STAYS: Final = """
CREATE TRIGGER decision_first_stays BEFORE INSERT ON decision
WHEN EXISTS (SELECT 1 FROM decision
             WHERE deadline_us = NEW.deadline_us AND commit_id = NEW.commit_id)
BEGIN SELECT RAISE(IGNORE); END
"""
SQLITE_LOG_GROWS: Final = f"""
CREATE TRIGGER log_entry_no_gap BEFORE INSERT ON log_entry
WHEN NEW.position < {1 << INDEX_BITS}
  OR (NEW.position & {INDEX_MASK} <> 0
      AND NOT EXISTS (SELECT 1 FROM log_entry WHERE position = NEW.position - 1))
  OR EXISTS (SELECT 1 FROM log_entry WHERE position = NEW.position)
  OR EXISTS (SELECT 1 FROM log_entry
             WHERE deadline_us = NEW.deadline_us AND commit_id = NEW.commit_id)
BEGIN SELECT RAISE(ABORT, 'a log grows by one entry at its end, once for each decision'); END
"""
SQLITE_FENCE_HOLDS: Final = f"""
CREATE TRIGGER log_entry_behind_fence BEFORE INSERT ON log_entry
WHEN NEW.deadline_us <= (SELECT value FROM meta WHERE name = '{CLOSED_THROUGH}')
BEGIN SELECT RAISE(ABORT, 'what a fence has closed is not decided any more'); END
"""

_POSTGRESQL_FOR_EVER: Final = """
CREATE FUNCTION {table}_is_written_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION '{table} is written once'; END $$;
CREATE TRIGGER {table}_written_once BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}
FOR EACH STATEMENT EXECUTE FUNCTION {table}_is_written_once()
"""
# Its plan is made once in a session, when the tables may be empty: it must stay good at any size.
_POSTGRESQL_LOG_GROWS: Final = f"""
CREATE FUNCTION log_entry_grows() RETURNS trigger LANGUAGE plpgsql
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
BEGIN
  IF EXISTS (
    SELECT 1 FROM grown n WHERE n.position < {1 << INDEX_BITS}
    OR (n.position & {INDEX_MASK} <> 0
        AND NOT EXISTS (SELECT 1 FROM log_entry e WHERE e.position = n.position - 1))
  ) THEN RAISE EXCEPTION 'a log grows by one entry at its end'; END IF;
  IF EXISTS (
    SELECT 1 FROM grown n LEFT JOIN decision d USING (deadline_us, commit_id)
    WHERE n.commit_id IS NOT NULL AND d.leaf IS NULL
  ) THEN RAISE EXCEPTION 'an entry of a decision that is not there'; END IF;
  IF EXISTS (
    SELECT 1 FROM grown n, meta m WHERE m.name = '{CLOSED_THROUGH}' AND n.deadline_us <= m.value
  ) THEN RAISE EXCEPTION 'what a fence has closed is not decided any more'; END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER log_entry_grows AFTER INSERT ON log_entry REFERENCING NEW TABLE AS grown
FOR EACH STATEMENT EXECUTE FUNCTION log_entry_grows()
"""


def guard_log(connection: Connection) -> None:
    """Sets the guards of a SQLite log_entry anew. For migrations."""
    for text in (SQLITE_LOG_GROWS, SQLITE_FENCE_HOLDS):
        connection.exec_driver_sql(text)


def _after_create(table: object, text: str, dialect: str) -> None:
    ddl = DDL(text.replace("%", "%%"))  # type: ignore[no-untyped-call]
    event.listen(table, "after_create", ddl.execute_if(dialect=dialect))


_after_create(decision, _SQLITE_FIRST_STAYS, "sqlite")
_after_create(log_entry, SQLITE_LOG_GROWS, "sqlite")
_after_create(log_entry, SQLITE_FENCE_HOLDS, "sqlite")
_after_create(log_entry, _POSTGRESQL_LOG_GROWS, "postgresql")
for _table in WRITTEN_ONCE:
    for _verb in ("update", "delete"):
        _after_create(_table, _SQLITE_FOR_EVER.format(table=_table.name, verb=_verb), "sqlite")
    _after_create(_table, _POSTGRESQL_FOR_EVER.format(table=_table.name), "postgresql")
