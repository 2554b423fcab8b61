"""A sale from the offer to the votes, at all its parties; and its other ends."""

import pytest

from node.command.sim.cast import NOW_US, SECOND, digest, signing_key
from node.core.due import due_us
from node.core.escrow.events import RegistrarSaid
from node.core.escrow.rows import Step as Batch
from node.core.events import Due
from node.core.sale.events import Attest, CastVote, DeclineDecision, ShowControl, SignDecision
from node.core.sale.reading import key_of, known_of
from node.core.sale.rows import SalePhase
from node.sale.drafting import draft_vote
from proto.descriptor import commit_id
from proto.escrow.ops import RegistrarError
from proto.sale.handover import sign_control
from proto.sale.stakes import Branch, Decision, Outcome, branch_of
from tests.node.core.sale_table import CHALLENGE, KEY, SaleTable

P = SalePhase


def phases(table: SaleTable) -> dict[str, SalePhase]:
    named = ("bob", "sally", table.agent)
    return {name: table.sale(name).phase for name in named}


def control(table: SaleTable) -> bytes:
    sale = table.sale("bob")
    return sign_control(key_of(sale.seed, Decision.LOCK), commit_id(sale.lock), CHALLENGE)


def test_everybody_agrees() -> None:
    table = SaleTable()
    table.agree()
    assert set(phases(table).values()) == {P.AGREED}
    sale = table.sale("bob")
    assert sale.contract == table.sale("sally").contract == table.sale(table.agent).contract
    assert table.sale("bob").tip == 20


def test_the_money_is_locked_when_the_key_is_public() -> None:
    table = SaleTable()
    table.agree()
    table.hand_over()
    assert table.shown_keys == set()
    table.carry()
    assert set(phases(table).values()) == {P.LOCKED}
    assert table.shown_keys == {KEY}


def test_a_sale_that_goes_well() -> None:
    table = SaleTable()
    table.lock()
    bob, ned = table.people["bob"], table.people[table.agent]
    bob.take(ShowControl(bob.now_us, table.id, control(table)))
    table.carry()
    shown = table.sale(table.agent).shown
    assert shown == control(table)
    ned.take(Attest(ned.now_us, table.id, shown))
    table.carry()
    assert branch_of(known_of(bob.memory, table.sale("bob"))) is Branch.RELEASED
    for name in ("bob", "sally"):
        person = table.people[name]
        vote = draft_vote(
            signing_key(name), person.memory, table.sale(name), True, lambda n: digest("v")[:n]
        )
        person.take(CastVote(person.now_us, table.id, vote))
    table.carry()
    table.pass_time(NOW_US + 120 * SECOND)
    assert set(phases(table).values()) == {P.ENDED}
    assert sorted(table.opened_votes) == ["bob", "sally"]


def test_the_agent_is_silent() -> None:
    table = SaleTable()
    table.lock()
    table.pass_time(NOW_US + 400 * SECOND)
    for name in phases(table):
        known = known_of(table.people[name].memory, table.sale(name))
        assert branch_of(known) is Branch.REFUND_PLAIN, name


def test_a_challenge_leads_to_the_refund() -> None:
    table = SaleTable()
    table.lock()
    bob, ned = table.people["bob"], table.people[table.agent]
    ned.take(Attest(ned.now_us, table.id))
    table.carry()
    bob.take(SignDecision(bob.now_us, table.id, Decision.CHALLENGE))
    table.carry()
    table.pass_time(NOW_US + 400 * SECOND)
    known = known_of(bob.memory, table.sale("bob"))
    assert known[Decision.RELEASE] is Outcome.ABORTED
    assert branch_of(known) is Branch.REFUNDED


@pytest.mark.parametrize("arbiter", ["", "ada"])
def test_an_attested_sale_is_released_before_its_end(arbiter: str) -> None:
    table = SaleTable(arbiter=arbiter)
    table.lock()
    ned = table.people[table.agent]
    ned.take(Attest(ned.now_us, table.id))
    table.carry()
    table.pass_time(NOW_US + 400 * SECOND)
    for name in phases(table):
        known = known_of(table.people[name].memory, table.sale(name))
        assert branch_of(known) is Branch.RELEASED, name


def test_the_seller_concedes() -> None:
    table = SaleTable()
    table.lock()
    sally = table.people["sally"]
    sally.take(DeclineDecision(sally.now_us, table.id))
    table.carry()
    known = known_of(table.people["bob"].memory, table.sale("bob"))
    assert known[Decision.RELEASE] is Outcome.ABORTED


def test_a_vote_alone_is_opened_as_soon_as_the_house_takes_it() -> None:
    """Its own pauses grow to minutes, and the time for it may be shorter."""
    table = SaleTable()
    table.lock()
    ned = table.people[table.agent]
    ned.take(Attest(ned.now_us, table.id))
    table.carry()
    table.pass_time(NOW_US + 200 * SECOND)
    sally = table.people["sally"]
    vote = draft_vote(
        signing_key("sally"), sally.memory, table.sale("sally"), True, lambda n: digest("v")[:n]
    )
    sally.take(CastVote(sally.now_us, table.id, vote))
    table.carry()
    (letter,) = [row for row in sally.waiting() if row.step is Batch.OPEN_VOTE]

    def waits_us() -> int:
        at_us = due_us(row) if (row := sally.memory.row(letter.key)) is not None else None
        assert at_us is not None
        return at_us - sally.now_us

    for _ in range(9):
        sally.now_us += waits_us()
        sally.take(Due(sally.now_us, letter.key))
    late_us = waits_us()
    assert late_us > 60 * SECOND
    not_yet = int(RegistrarError.NOT_YET)
    for figure, wanted in ((0, late_us), (7 * SECOND, 7 * SECOND), (1, SECOND // 2)):
        sally.take(RegistrarSaid(sally.now_us, letter.id, not_yet, figure))
        assert waits_us() == wanted
    sally.take(RegistrarSaid(sally.now_us, letter.id, not_yet, 90 * SECOND))
    assert waits_us() == SECOND // 2, "never later"
