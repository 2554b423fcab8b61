"""The requirements of the registrar seed, one test each (escrow section 5, "how tested").

Simplicity of use needs templates, and is tested with them.
"""

import ast
from dataclasses import replace
from pathlib import Path

import pytest

from node.registrar import owner
from node.registrar.rows import EVERY_BRAND, Account, Act, Terms
from node.registrar.step import Refused
from proto.escrow.args import ResultOf
from proto.escrow.batch import OpBatch, sign_asked
from proto.escrow.legs import read_leg_promise
from proto.escrow.ops import Accept, Offer, Prepare, Refund, RegistrarError, Transfer
from proto.escrow.rights import Right, Vetting
from proto.limits import MAX_AMOUNT, MAX_BATCH_OPS, MAX_ENVELOPE_BYTES
from proto.money import SCALE
from tests.node.registrar.counting import statements_of_each_op
from tests.node.registrar.world import (
    ALICE,
    BOB,
    CAROL,
    HOUR_US,
    HOUSE_KEY,
    TRENT,
    World,
    cap,
    deal,
    enter,
    fee,
    leg_of,
)

E = RegistrarError
CORE = Path(__file__).parents[3] / "node" / "registrar"
RULES = ("core.py", "legs.py", "step.py", "titles.py")
NOON_US = 12 * HOUR_US


def loan(world: World, collateral: Right, amount: int, coin: Right, repaid: bool) -> None:
    """A loan that knows nothing of its collateral: lent and pledged under one decision, then either
    repaid and returned under another, or kept. Alice borrows 10 of Bob."""
    out = deal(leg_of(collateral, ALICE, BOB, amount), leg_of(coin, BOB, ALICE, 10, no=2),
               label="lend")  # fmt: skip
    name, money = collateral.brand.name, coin.brand.name
    world.do(ALICE, Offer(cap("alice/" + name), amount, cap("pledge")))
    world.do(BOB, Accept(cap("bob/" + name), cap("pledged")))
    world.do(BOB, Offer(cap("bob/" + money), 10, cap("sum")))
    world.do(ALICE, Accept(cap("alice/" + money), cap("lent")))
    world.do(ALICE, out.prepare("alice/" + name, "pledge", "pledged"))
    world.do(BOB, out.prepare("bob/" + money, "sum", "lent", no=2))
    world.do(CAROL, out.settle())
    for who, label, hold in ((BOB, "bob/" + name, "pledged"), (ALICE, "alice/" + money, "lent")):
        world.do(who, Refund(cap(label), cap(hold)))
    if not repaid:
        return
    back = deal(leg_of(collateral, BOB, ALICE, amount), leg_of(coin, ALICE, BOB, 10, no=2),
                label="repay")  # fmt: skip
    world.do(BOB, Offer(cap("bob/" + name), amount, cap("pledge back")))
    world.do(ALICE, Accept(cap("alice/" + name), cap("released")))
    world.do(ALICE, Offer(cap("alice/" + money), 10, cap("sum back")))
    world.do(BOB, Accept(cap("bob/" + money), cap("repaid")))
    world.do(BOB, back.prepare("bob/" + name, "pledge back", "released"))
    world.do(ALICE, back.prepare("alice/" + money, "sum back", "repaid", no=2))
    world.do(CAROL, back.settle())
    world.do(ALICE, Refund(cap("alice/" + name), cap("released")))
    world.do(BOB, Refund(cap("bob/" + money), cap("repaid")))


@pytest.mark.parametrize(
    ("kind", "amount", "supply"),
    [("money", 100, 1000), ("parcel", 1, 1), ("pass", 3, 50)],
)
@pytest.mark.parametrize("repaid", [True, False])
def test_generic_ownership(kind: str, amount: int, supply: int, repaid: bool) -> None:
    world = World()
    collateral, coin = world.brand(name=kind, kind=kind, supply=supply), world.brand(name="coin")
    for name, right in ((kind, collateral), ("coin", coin)):
        world.owns(ALICE, right, "alice/" + name, amount if right is collateral else 0)
        world.owns(BOB, right, "bob/" + name, 10 if right is coin else 0)
    loan(world, collateral, amount, coin, repaid)
    holder, lender = (ALICE, BOB) if repaid else (BOB, ALICE)
    assert world.balance(collateral, holder) == amount
    assert world.balance(coin, lender) == 10
    world.conserved()


@pytest.mark.parametrize("commits", [True, False])
@pytest.mark.parametrize("prepared", [(1, 2), (1,), (2,), ()])
def test_safe_safe_transaction(
    world: World, gold: Right, commits: bool, prepared: tuple[int, ...]
) -> None:
    """30 gold against 50 silver. Nobody signs before all is promised, so it commits only then; what
    was prepared otherwise comes back, and no owner needs terms to have it back."""
    silver = world.brand(name="silver")
    world.owns(BOB, silver, "bob silver", 50)
    world.owns(ALICE, silver, "alice silver")
    d = deal(leg_of(gold, ALICE, BOB, 30), leg_of(silver, BOB, ALICE, 50, no=2))
    enter(world, gold, 30, tied=d.commit)
    world.do(BOB, Offer(cap("bob silver"), 50, cap("fifty"), d.commit))
    world.do(ALICE, Accept(cap("alice silver"), cap("wanted"), d.commit))
    promises = []
    if 1 in prepared:
        promises += world.do(ALICE, d.prepare("alice", "alice offers", "bob accepts"))
    if 2 in prepared:
        promises += world.do(BOB, d.prepare("bob silver", "fifty", "wanted", no=2))
    signed = commits and len(promises) == 2
    for _ in range(2):  # once more does nothing
        world.do(CAROL, d.settle(commit=signed))
    world.do(ALICE, Refund(cap("alice"), cap("alice offers")))
    world.do(ALICE, Refund(cap("alice silver"), cap("wanted")))
    world.do(BOB, Refund(cap("bob"), cap("bob accepts")))
    world.do(BOB, Refund(cap("bob silver"), cap("fifty")))
    gave = 30 if signed else 0
    assert (world.balance(gold, ALICE), world.balance(gold, BOB)) == (100 - gave, gave)
    got = 50 if signed else 0
    assert (world.balance(silver, ALICE), world.balance(silver, BOB)) == (got, 50 - got)
    world.conserved()


def test_audit_trail(world: World) -> None:
    """Parents, amount, fee and terms of every transfer; the trail alone gives every balance."""
    gold = world.brand(fee=fee("1.1", 1))
    for who, label, amount in ((ALICE, "alice", 100), (BOB, "bob", 0)):
        world.owns(who, gold, label, amount)
    d = deal(leg_of(gold, ALICE, BOB, 30, fee_max=4))
    source, destination = enter(world, gold, 30)
    world.do(ALICE, d.prepare("alice", source, destination))
    world.do(CAROL, d.settle())
    enter(world, gold, 20, " again")
    moved = Transfer(cap("alice/terms"), cap("alice offers again"), cap("bob accepts again"))
    world.do(ALICE, moved)
    alice, bob = (world.account(gold, who).id for who in (ALICE, BOB))
    leg, transfer = world.view.entries[-2:]
    assert (leg.act, leg.payer, leg.payee, leg.amount, leg.fee) == (Act.LEG, alice, bob, 30, 4)
    assert (leg.commit, leg.no, leg.terms) == (d.commit, 1, gold.brand.guid)
    assert (transfer.act, transfer.amount, transfer.fee) == (Act.TRANSFER, 20, 3)
    for hold, owner_, label in ((destination, BOB, "bob"), ("bob accepts again", BOB, "bob")):
        world.do(owner_, Refund(cap(label), cap(hold)))
    treasury = world.house.treasury(gold.brand.guid)
    replayed: dict[bytes, int] = {}
    for entry in world.view.entries:
        replayed[entry.payer] = replayed.get(entry.payer, 0) - entry.amount
        replayed[entry.payee] = replayed.get(entry.payee, 0) + entry.amount - entry.fee
        replayed[treasury] = replayed.get(treasury, 0) + entry.fee
    for account in world.view.all(Account):
        assert replayed[account.id] == account.balance
    assert world.balance(gold, BOB) == 26 + 17


def test_counterparty_restriction(world: World) -> None:
    """Whoever is not vetted fails before anybody's right is locked."""
    stock = world.brand(name="stock", vetting=Vetting.LISTED)
    guid = stock.brand.guid
    with pytest.raises(Refused, match="NOT_VETTED"):
        world.open(BOB, stock, "bob")
    for who in (ALICE, BOB):
        node = who.node_id
        world.act(lambda step, node=node: owner.list_node(step, guid, node, True))
    world.owns(ALICE, stock, "alice", 100)
    world.owns(BOB, stock, "bob")
    world.act(lambda step: owner.list_node(step, guid, BOB.node_id, False))
    assert world.no(BOB, Accept(cap("bob"), cap("h"))) == (E.NOT_VETTED, 0)
    assert world.account(stock, ALICE).balance == 100
    world.act(lambda step: owner.list_node(step, EVERY_BRAND, BOB.node_id, True))
    world.do(BOB, Accept(cap("bob"), cap("h")))


def test_transfer_monopoly(world: World) -> None:
    """An owner with an account alone moves nothing to others; who holds terms does, at his word."""
    stock = world.brand(name="stock", open_terms=False)
    world.owns(ALICE, stock, "alice", 100)
    world.owns(BOB, stock, "bob")
    source, destination = enter(world, stock, 30)
    for token in ("alice", "alice/terms", "bob/terms"):
        by = cap(token)
        assert world.no(ALICE, Transfer(by, cap(source), cap(destination)))[0] is E.NOT_ALLOWED
        d = deal(leg_of(stock, ALICE, BOB, 30))
        prepare = Prepare(by, cap(source), cap(destination), d.encoded, d.opening())
        assert world.no(ALICE, prepare)[0] is E.NOT_ALLOWED
    exchange = Terms(b"exchange's terms", stock.brand.guid, SCALE, 0)
    world.act(lambda s: owner.grant_terms(s, exchange, TRENT.node_id, cap("trent/terms")))
    move = Transfer(cap("trent/terms"), cap(source), cap(destination))
    assert world.no(ALICE, move)[0] is E.NOT_ALLOWED  # bound to Trent
    assert world.do(TRENT, move)[0].amount == 30
    world.act(lambda step: owner.revoke_terms(step, exchange.id))
    world.do(ALICE, Offer(cap("alice"), 5, cap("five")))
    no = world.no(TRENT, Transfer(cap("trent/terms"), cap("five"), cap(destination)))
    assert no[0] is E.NOT_ALLOWED


def test_transaction_fee(world: World) -> None:
    """Fixed when it is promised, kept when it is settled; a change in between has no effect."""
    gold = world.brand(fee=fee("1.1", 1))
    world.owns(ALICE, gold, "alice", 100)
    world.owns(BOB, gold, "bob")
    before = world.balance(gold, HOUSE_KEY)
    d = deal(leg_of(gold, ALICE, BOB, 30, fee_max=4))
    source, destination = enter(world, gold, 30)
    low = deal(leg_of(gold, ALICE, BOB, 30, fee_max=3), label="too little")
    assert world.no(ALICE, low.prepare("alice", source, destination)) == (E.BAD_LEG, 4)
    (done,) = world.do(ALICE, d.prepare("alice", source, destination))
    promise = read_leg_promise(done.promise)
    assert (promise.net, promise.fee) == (26, 4)
    changed = world.act(lambda step: owner.change_brand(step, replace(gold, fee=fee("2", 7))))
    assert changed.right.fee == fee("2", 7) and changed.right.sequence == 2
    world.do(CAROL, d.settle())
    assert world.hold(destination).amount == 26
    assert world.balance(gold, HOUSE_KEY) == before + 4
    assert world.do(ALICE, d.settle(commit=False))[0].legs[0].phase.name == "DELIVERED"
    world.conserved()


def test_preferential_terms(world: World) -> None:
    """Two coordinators, two fees, one brand; one of them by day only, and not too much at once."""
    gold = world.brand(fee=fee("1.1"))
    world.owns(ALICE, gold, "alice", 100)
    world.owns(BOB, gold, "bob")
    day = Terms(b"the day's terms.", gold.brand.guid, SCALE, 1, 9 * 60, 17 * 60, cap=25)
    world.act(lambda s: owner.grant_terms(s, day, TRENT.node_id, cap("trent/terms")))
    midnight = world.now_us - world.now_us % (24 * HOUR_US) + 24 * HOUR_US

    def moved(who: object, terms: str, label: str) -> int:
        enter(world, gold, 20, label)
        ends = (cap(f"alice offers{label}"), cap(f"bob accepts{label}"))
        world.do(who, Transfer(cap(terms), *ends))  # type: ignore[arg-type]
        return world.hold(f"bob accepts{label}").amount

    world.now_us = midnight + NOON_US
    assert moved(ALICE, "alice/terms", " usual") == 18
    assert moved(TRENT, "trent/terms", " preferred") == 19
    world.act(
        lambda s: owner.grant_terms(
            s, replace(day, id=b"exactly so much.", cap=20), TRENT.node_id, cap("capped/terms")
        )
    )
    assert moved(TRENT, "capped/terms", " just so much") == 19
    world.do(BOB, Refund(cap("bob"), cap("bob accepts just so much")))
    enter(world, gold, 26, " large")
    ends = (cap("alice offers large"), cap("bob accepts large"))
    assert world.no(TRENT, Transfer(cap("trent/terms"), *ends)) == (E.NOT_ALLOWED, 25)
    world.do(ALICE, Refund(cap("alice"), cap("alice offers large")))
    enter(world, gold, 20, " late")
    d = deal(leg_of(gold, ALICE, BOB, 20, fee_max=2), at_us=midnight + 17 * HOUR_US)
    world.now_us = midnight + 17 * HOUR_US
    holds = (cap("alice offers late"), cap("bob accepts late"))
    by_night = Prepare(cap("trent/terms"), *holds, d.encoded, d.opening())
    assert world.no(TRENT, by_night) == (E.NOT_ALLOWED, 0)
    world.do(ALICE, d.prepare("alice", "alice offers late", "bob accepts late"))
    overnight = Terms(b"", b"", SCALE, 0, 22 * 60, 6 * 60)
    assert [overnight.open_at(midnight + h * HOUR_US) for h in (0, 5, 6, 21, 22)] == [
        *(True, True, False, False, True)
    ]


@pytest.mark.parametrize("lot", [1, 10])
def test_indivisible_right(world: World, lot: int) -> None:
    shares = world.brand(name="shares", lot=lot)
    world.owns(ALICE, shares, "alice", 100)
    world.owns(BOB, shares, "bob")
    for amount in (0, lot - 1, lot + 1, 1 << 63):
        if amount % lot == 0 and 0 < amount <= MAX_AMOUNT:
            continue
        assert world.no(ALICE, Offer(cap("alice"), amount, cap("h"))) == (E.BAD_LOT, lot)
    with pytest.raises(Refused, match="BAD_LOT"):
        account = world.account(shares, ALICE).id
        world.act(lambda step: owner.pay_out(step, account, lot * 2 - 1 if lot > 1 else 0))
    with pytest.raises(Refused, match="BAD_LOT"):
        world.act(lambda step: owner.issue(step, shares.brand.guid, lot + 1 if lot > 1 else 0))
    source, destination = enter(world, shares, 2 * lot)
    d = deal(leg_of(shares, ALICE, BOB, 2 * lot))
    world.do(ALICE, d.prepare("alice", source, destination))
    world.do(CAROL, d.settle())
    assert world.hold(destination).amount % lot == 0


def statements(path: Path) -> int:
    """Imports and docstrings apart, however a formatter folds them."""
    found = (part for part in ast.walk(ast.parse(path.read_text())) if isinstance(part, ast.stmt))
    return sum(
        not isinstance(part, ast.Import | ast.ImportFrom)
        and not (isinstance(part, ast.Expr) and isinstance(part.value, ast.Constant))
        for part in found
    )


def test_simplicity_of_implementation() -> None:
    """The rules of all ops, fences included, are below 400 statements, and know neither clock nor
    disk nor wire. tests/node/registrar/test_machine.py reaches every state of them."""
    sizes = {name: statements(CORE / name) for name in RULES}
    assert sum(sizes.values()) < 400, sizes
    for name in RULES:
        text = (CORE / name).read_text()
        assert "runtime" not in text and "sqlalchemy" not in text and "pb2" not in text


def test_dos_resistance() -> None:
    """No op touches more rows where there are more accounts; batches and holds are bounded."""
    few, many = statements_of_each_op(accounts=10), statements_of_each_op(accounts=1000)
    assert few == many
    assert max(few.values()) <= 16, few


def test_network_efficiency(world: World, gold: Right) -> None:
    """Entering is one round trip to each site: offer, accept and prepare in one batch, whose holds
    the caller named, so that the other sites hear of them at the same time."""
    d = deal(leg_of(gold, ALICE, BOB, 30))
    world.do(BOB, Accept(cap("bob"), cap("in"), d.commit))
    terms = cap("alice/terms")
    ops = (
        Offer(cap("alice"), 30, cap("out"), d.commit),
        Prepare(terms, ResultOf(0), cap("in"), d.encoded, d.opening()),
        Accept(cap("alice"), cap("change"), d.commit),
    )
    results = world.do(ALICE, *ops)
    assert results[1].promise and len(results) == 3
    batch = OpBatch(ALICE.node_id, HOUSE_KEY.node_id, bytes(16), world.now_us, ops)
    assert len(sign_asked(ALICE, batch)) < 1500
    most = tuple(Offer(cap("alice"), 1, cap(f"h{i}")) for i in range(MAX_BATCH_OPS))
    full = OpBatch(ALICE.node_id, HOUSE_KEY.node_id, bytes(16), world.now_us, most)
    assert len(sign_asked(ALICE, full)) < MAX_ENVELOPE_BYTES
