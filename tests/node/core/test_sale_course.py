"""A sale from the offer to the votes, at all its parties; and its other ends."""

from dataclasses import replace

import pytest

from node.command.sim.cast import NOW_US, SECOND, digest, signing_key
from node.core.effects import Answer
from node.core.escrow.events import KeepRow, RegistrarSaid
from node.core.escrow.rows import Account, Letter, LetterKind
from node.core.escrow.rows import Step as Batch
from node.core.events import Due
from node.core.sale.events import (
    Attest,
    CastVote,
    CloseSale,
    DeclineDecision,
    SaleLetterCame,
    ShowControl,
    SignDecision,
)
from node.core.sale.reading import key_of, known_of, source_of
from node.core.sale.rows import SalePhase
from node.sale.drafting import draft_vote
from proto.descriptor import commit_id
from proto.escrow.ops import RegistrarError
from proto.sale.handover import sign_control
from proto.sale.letters import Closed, Lock, SaleBody, SaleShare, SaleWords, Staked
from proto.sale.reasons import SaleReason
from proto.sale.stakes import Branch, Decision, Outcome, branch_of
from tests.node.core.escrow_table import card_of, node_of
from tests.node.core.sale_table import CHALLENGE, HOUSE, KEY, Person, SaleTable

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


def test_an_arbiter_and_one_side_take_the_bond() -> None:
    table = SaleTable(arbiter="ada")
    table.lock()
    assert table.sale("ada").phase is P.LOCKED
    for name in ("ada", "bob"):
        person = table.people[name]
        person.take(SignDecision(person.now_us, table.id, Decision.SLASH))
    table.carry()
    table.pass_time(NOW_US + 500 * SECOND)
    for name in (*phases(table), "ada"):
        known = known_of(table.people[name].memory, table.sale(name))
        assert known[Decision.SLASH] is Outcome.COMMITTED, name
    assert table.sale("ada").phase is P.ENDED


def test_an_arbiter_hears_of_the_lock_from_those_whom_he_protects() -> None:
    """An agent who tells him of another T1, or of none, keeps him away from nothing."""
    table = SaleTable(arbiter="ada")
    table.agree()
    table.hand_over()
    heard: list[str] = []

    def listening(sender: str, body: SaleBody) -> SaleBody:
        heard.extend([sender] if isinstance(body, Lock) else [])
        return body

    table.carry(listening)
    assert sorted(heard) == ["bob", *(table.agent,) * 3, "sally"]
    assert table.sale("ada").lock == table.sale("bob").lock


def test_an_arbiters_no_ends_no_lock() -> None:
    """He has no stake in T1 and no share of it."""
    table = SaleTable(arbiter="ada")
    table.agree()
    table.hand_over()
    table.carry(lambda _, body: None if isinstance(body, Staked) else body)
    assert table.sale("ada").phase is P.AGREED
    ada = table.people["ada"]
    refused = ada.take(CloseSale(ada.now_us, table.id))
    assert any(isinstance(e, Answer) and e.refusal is not None for e in refused.effects)
    words = SaleWords(table.id, Closed(SaleReason.REFUSED))
    for name in ("bob", "sally"):
        person = table.people[name]
        person.take(SaleLetterCame(person.now_us, node_of("ada"), words))
        assert table.sale(name).because is SaleReason.NONE


@pytest.mark.parametrize("signs", [True, False])
def test_what_lies_in_ones_hold_is_fetched_once_t1_is_decided(signs: bool) -> None:
    """A stake comes back into the hold that it came from, not into the account."""
    table = SaleTable()
    table.agree()
    table.hand_over()

    def bend(name: str, body: SaleBody) -> SaleBody | None:
        return None if not signs and _is_share(name, body) else body

    table.carry(bend)
    table.pass_time(NOW_US + 100 * SECOND, bend)
    assert table.sale("bob").phase is (P.LOCKED if signs else P.RETURNED)
    for name in phases(table):
        person = table.people[name]
        batches = [r for r in person.memory.owned(Letter) if r.step is Batch.COLLECT]
        assert len(batches) == 1, name
        assert table.fetched[name] == source_of(table.sale(name).seed)


def _is_share(name: str, body: SaleBody) -> bool:
    return name == "bob" and isinstance(body, SaleShare) and body.decision is Decision.LOCK


def test_a_vote_is_opened_when_the_house_says_that_it_may() -> None:
    """The other side is silent: the house takes the vote once the time for sealing is over, and a
    letter that is said at ever longer intervals would miss the time for opening."""
    table = SaleTable()
    table.lock()
    bob, ned = table.people["bob"], table.people[table.agent]
    bob.take(ShowControl(bob.now_us, table.id, control(table)))
    table.carry()
    ned.take(Attest(ned.now_us, table.id, table.sale(table.agent).shown))
    table.carry()
    vote = draft_vote(
        signing_key("bob"), bob.memory, table.sale("bob"), True, lambda n: digest("v")[:n]
    )
    bob.take(CastVote(bob.now_us, table.id, vote))
    table.carry()
    (letter,) = [r for r in bob.memory.owned(Letter) if r.step is Batch.OPEN_VOTE]
    for _ in range(4):  # nobody answers for a while
        bob.take(Due(letter.next_at_us, letter.key))
        letter = row_of(bob, letter)
    waits_us = letter.next_at_us - bob.now_us
    for figure, wanted in ((10**12, waits_us), (700_000, 700_000), (1, 500_000)):
        said = RegistrarSaid(bob.now_us, letter.id, int(RegistrarError.NOT_YET), figure)
        bob.take(said)
        assert row_of(bob, letter).next_at_us - bob.now_us == wanted


def row_of(person: Person, letter: Letter) -> Letter:
    row = person.memory.row(letter.key)
    assert isinstance(row, Letter)
    return row


def test_the_house_is_found_as_one_s_own_account_knows_it() -> None:
    """The offer's card is the buyer's word, and may be of an address that the house has left."""
    table = SaleTable()
    table.agree()
    sally = table.people["sally"]
    account = next(iter(sally.memory.owned(Account)))
    moved = card_of(HOUSE, until_us=NOW_US * 2)
    sally.take(KeepRow(sally.now_us, replace(account, card=moved)))
    table.hand_over()
    table.carry()
    cards = {row.card for row in sally.memory.owned(Letter) if row.kind is LetterKind.BATCH}
    assert cards == {moved}
    assert table.sale("sally").phase is P.LOCKED
