"""Batches that share a transaction come to the same as batches that come one after the other."""

from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from node.registrar.books import Books, Rows
from node.registrar.core import Ran, run
from node.registrar.rows import Row
from node.registrar.tables import TABLES, Answered, metadata
from proto.escrow.args import ResultOf
from proto.escrow.ops import (
    Accept,
    Attenuate,
    Cancel,
    CapabilityKind,
    Look,
    Offer,
    Op,
    Refund,
    Revoke,
    Transfer,
    capability_hash,
)
from proto.keys import SigningKey
from runtime.schema import create_tables
from runtime.store import Store, memory_engine
from tests.node.registrar.world import ALICE, BOB, CAROL, World, cap, deal, leg_of

Batch = tuple[SigningKey, tuple[Op, ...]]

WORLD = World()
GOLD = WORLD.brand()
WORLD.owns(ALICE, GOLD, "alice", 100)
WORLD.owns(BOB, GOLD, "bob")
BEFORE = dict(WORLD.view.rows)
DEAL = deal(leg_of(GOLD, ALICE, BOB, 30), leg_of(GOLD, ALICE, BOB, 5, no=2))
VIEW = capability_hash(cap("view"))
BATCHES: tuple[Batch, ...] = (
    (ALICE, (Offer(cap("alice"), 30, cap("thirty")),)),
    (ALICE, (Offer(cap("alice"), 5, cap("five")), Look(cap("alice")))),
    (ALICE, (Offer(cap("alice"), 60, cap("sixty")), Refund(cap("alice"), ResultOf(0)))),
    (ALICE, (Offer(cap("alice"), 50, cap("some")), Offer(cap("alice"), 51, cap("too much")))),
    (BOB, (Accept(cap("bob"), cap("in")),)),
    (BOB, (Accept(cap("bob"), cap("in too"), up_to=5),)),
    (ALICE, (Refund(cap("alice"), cap("thirty")),)),
    (BOB, (Refund(cap("bob"), cap("in")),)),
    (ALICE, (Transfer(cap("alice/terms"), cap("five"), cap("in too")),)),
    (ALICE, (DEAL.prepare("alice", "thirty", "in"),)),
    (ALICE, (DEAL.prepare("alice", "five", "in too", no=2),)),
    (ALICE, (Cancel(cap("five"), DEAL.encoded, DEAL.opening(2)),)),
    (CAROL, (DEAL.settle(),)),
    (CAROL, (DEAL.settle(commit=False),)),
    (ALICE, (Attenuate(cap("alice"), CapabilityKind.VIEW, cap("view")),)),
    (ALICE, (Revoke(cap("alice"), VIEW),)),
    (BOB, (Look(cap("view")),)),
)


def in_turn(batches: list[Batch]) -> tuple[list[Any], dict[Any, Row], int]:
    """One after the other, in memory."""
    world = World()
    world.view.rows = dict(BEFORE)
    told = [_told(world.run(who, *ops)) for who, ops in batches]
    return told, world.view.rows, len(world.view.entries)


def together(batches: list[Batch], sizes: list[int]) -> tuple[list[Any], dict[Any, Row], int]:
    """In groups of these sizes, each one transaction of a database."""
    engine = memory_engine()
    with engine.begin() as connection:
        create_tables(connection, metadata)
    books = Books(Store(Path("memory"), engine))

    def fill(rows: Rows) -> None:
        for row in BEFORE.values():
            rows.put(row)

    books.perform(fill)
    told: list[Any] = []
    left = list(batches)
    for size in [*sizes, len(batches)]:
        group, left = left[:size], left[size:]

        def work(rows: Rows, group: list[Batch] = group) -> list[Any]:
            answers = []
            for who, ops in group:
                ran = run(rows, WORLD.house, who.node_id, ops, WORLD.now_us)
                rows.absorb(ran)
                answers.append(_told(ran))
            return answers

        told += books.perform(work)[0]
    books.close()
    kept: dict[Any, Row] = {}
    with engine.connect() as connection:
        for kind, table in TABLES.items():
            if kind is not Answered:
                for values in connection.execute(table.table.select()).mappings():
                    row = table.from_columns(values)
                    kept[kind, row.key] = row
        entries = connection.exec_driver_sql("SELECT count(*) FROM audit").scalar_one()
    engine.dispose()
    return told, kept, entries


def _told(ran: Ran) -> Any:
    return ran.refusal or ran.results


@settings(max_examples=80)
@given(
    st.lists(st.sampled_from(BATCHES), min_size=1, max_size=25),
    st.lists(st.integers(1, 6), max_size=12),
)
def test_groups_come_to_the_same(batches: list[Batch], sizes: list[int]) -> None:
    assert together(batches, sizes) == in_turn(batches)


def test_all_of_it_at_once() -> None:
    """The course of everything, in one transaction and in many."""
    whole = list(BATCHES)
    told, rows, entries = in_turn(whole)
    assert together(whole, []) == (told, rows, entries)
    assert together(whole, [1] * len(whole)) == (told, rows, entries)
    assert entries >= 1
