"""What each op costs: statements read and rows written, on a database of any size."""

from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import insert

from node.registrar.books import Books, Rows, open_books
from node.registrar.core import run
from node.registrar.rows import Account, account_id
from node.registrar.tables import TABLES
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
from runtime.store import IMMEDIATE
from tests.node.registrar.world import ALICE, BOB, CAROL, World, cap, deal, enter, leg_of


def statements_of_each_op(accounts: int) -> dict[str, int]:
    """By the op's name: reads and written rows, with so many strangers' accounts beside."""
    world = World()
    gold = world.brand()
    world.owns(ALICE, gold, "alice", 100)
    world.owns(BOB, gold, "bob")
    d, fenced = deal(leg_of(gold, ALICE, BOB, 30)), deal(leg_of(gold, ALICE, BOB, 5), label="f")
    enter(world, gold, 30)
    enter(world, gold, 5, " five")
    view = capability_hash(cap("view"))
    ops: tuple[tuple[SigningKey, Op], ...] = (
        (ALICE, Offer(cap("alice"), 1, cap("offered"))),
        (BOB, Accept(cap("bob"), cap("accepted"))),
        (ALICE, Transfer(cap("alice/terms"), cap("offered"), cap("accepted"))),
        (BOB, Refund(cap("bob"), cap("accepted"))),
        (ALICE, d.prepare("alice", "alice offers", "bob accepts")),
        (CAROL, d.settle()),
        (ALICE, Cancel(cap("alice offers five"), fenced.encoded, fenced.opening())),
        (BOB, Look(cap("bob"))),
        (BOB, Attenuate(cap("bob"), CapabilityKind.VIEW, cap("view"))),
        (BOB, Revoke(cap("bob"), view)),
    )
    costs: dict[str, int] = {}
    with TemporaryDirectory() as folder, open_books(Path(folder, "r.sqlite")) as store:
        books = Books(store)
        table = TABLES[Account]
        strangers = [
            table.to_columns(Account(account_id(b"%d" % i, b""), gold.brand.guid, b""))
            | {"version": 1}
            for i in range(accounts)
        ]
        with (
            store.engine.connect().execution_options(**IMMEDIATE) as connection,
            connection.begin(),
        ):
            connection.execute(insert(table.table), strangers)

        def fill(rows: Rows) -> None:
            for row in world.view.rows.values():
                rows.put(row)

        books.perform(fill)
        for who, op in ops:

            def work(rows: Rows, who: SigningKey = who, op: Op = op) -> int:
                ran = run(rows, world.house, who.node_id, (op,), world.now_us)
                assert ran.refusal is None, (op, ran.refusal)
                rows.absorb(ran)
                return rows.asked + rows.written

            costs[type(op).__name__] = books.perform(work)[0]
        books.close()
    return costs
