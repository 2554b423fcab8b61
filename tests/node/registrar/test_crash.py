"""A registrar that dies at any write: one effect, one answer, and nothing half done."""

from hashlib import sha256
from pathlib import Path

import pytest

from node.command.sim.cast import NOW_US
from node.registrar import owner
from node.registrar.books import Books, Rows
from node.registrar.core import ended
from node.registrar.examining import examine
from node.registrar.step import Step
from proto.escrow.batch import Asked, OpBatch, OpenAccount
from proto.escrow.ops import Accept, Offer, Op, Refund, Transfer
from proto.keys import SigningKey
from tests.node.registrar.dying import Mortal, dies_everywhere, opened_books, put
from tests.node.registrar.world import (
    ALICE,
    BOB,
    CAROL,
    HOUSE_KEY,
    World,
    cap,
    deal,
    leg_of,
    right_of,
)

pytestmark = pytest.mark.edge


GOLD = right_of()
DEAL = deal(leg_of(GOLD, ALICE, BOB, 30))


def asked(number: int, who: SigningKey, *ops: Op) -> tuple[SigningKey, Asked]:
    name = sha256(b"%d" % number).digest()[:16]
    return who, OpBatch(who.node_id, HOUSE_KEY.node_id, name, NOW_US, ops)


def opened(number: int, who: SigningKey, label: str) -> tuple[SigningKey, Asked]:
    name = sha256(b"%d" % number).digest()[:16]
    keys = (cap(label), cap(label + "/terms"))
    wanted = (name, NOW_US, GOLD.brand.guid, *keys)
    return who, OpenAccount(who.node_id, HOUSE_KEY.node_id, *wanted)


COURSE: list[tuple[SigningKey, Asked]] = [
    opened(1, HOUSE_KEY, "house"),
    opened(2, ALICE, "alice"),
    opened(3, BOB, "bob"),
    asked(4, HOUSE_KEY, Offer(cap("house"), 30, cap("gift"))),
    asked(5, BOB, Accept(cap("bob"), cap("in"), DEAL.commit)),
    asked(6, ALICE, Accept(cap("alice"), cap("given"))),
]


def rest() -> list[tuple[SigningKey, Asked]]:
    """Alice is given 30, and prepares them for Bob; it commits."""
    return [
        asked(7, HOUSE_KEY, Transfer(cap("house/terms"), cap("gift"), cap("given"))),
        asked(8, ALICE, Refund(cap("alice"), cap("given"))),
        asked(9, ALICE, Offer(cap("alice"), 30, cap("out"), DEAL.commit),
              DEAL.prepare("alice", "out", "in")),
        asked(10, CAROL, DEAL.settle()),
        asked(11, BOB, Refund(cap("bob"), cap("in"))),
    ]  # fmt: skip


def found(books: Books) -> None:
    def work(rows: Rows) -> None:
        step = Step(rows, World().house, HOUSE_KEY.node_id, NOW_US)
        owner.create_brand(step, GOLD)
        rows.absorb(ended(step))

    books.perform(work)


def test_it_dies_at_every_write_and_goes_on(directory: Path) -> None:
    assert dies_everywhere(directory, found, COURSE + rest()) > 60


def test_what_is_damaged_is_found(directory: Path) -> None:
    """A balance that somebody changed by hand shows in the audit."""
    with opened_books(directory / "r.sqlite", Mortal(None)) as (books, store):
        found(books)
        for who, question in COURSE:
            put(books, who, question)
        with store.engine.connect() as connection, connection.begin():
            assert examine(connection).differences == ()
        with store.engine.connect() as connection, connection.begin():
            connection.exec_driver_sql("UPDATE account SET balance = balance + 1 WHERE balance > 0")
        with store.engine.connect() as connection, connection.begin():
            differences = examine(connection).differences
        assert [(d.trail, d.books) for d in differences if d.account] == [(1000, 1001)]
        assert any(not d.account for d in differences)  # K3 of the brand
