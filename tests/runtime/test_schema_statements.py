"""Tables made from statements compiled once are what the library makes, byte for byte."""

import pytest
from sqlalchemy import Engine, MetaData, create_engine, text

from node.registrar.tables import metadata as title_tables
from node.store import metadata as node_tables
from registry.publishing.history import metadata as history_tables
from registry.tables import metadata as registry_tables
from registry.witness.store import metadata as witness_tables
from runtime.schema import create_tables
from runtime.store import memory_engine

MASTER = text("SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY rowid")


def shape(engine: Engine) -> list[tuple[object, ...]]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(MASTER)]


@pytest.mark.parametrize(
    "metadata", [node_tables, title_tables, registry_tables, history_tables, witness_tables]
)
def test_a_database_in_memory_is_like_any_other(metadata: MetaData) -> None:
    plain, compiled, shared = (
        create_engine("sqlite://"),
        create_engine("sqlite://"),
        memory_engine(),
    )
    metadata.create_all(plain)
    for engine in (compiled, shared):
        with engine.begin() as connection:
            create_tables(connection, metadata)
    found = [shape(engine) for engine in (plain, compiled, shared)]
    assert found[0] and found[0] == found[1] == found[2]
    for engine in (plain, compiled, shared):
        engine.dispose()
