"""Each dishonest party of a sale, and what it gets: nothing, and nobody's node falls over."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from node.command.sim.cast import NOW_US, SECOND, signing_key
from node.core.sale.events import CloseSale, DeclineDecision, SaleLetterCame, SignDecision
from node.core.sale.locking import LEAD_US
from node.core.sale.reading import known_of, own_party, share_at
from node.core.sale.rows import SalePhase
from proto.descriptor import decode_descriptor
from proto.escrow.terms import Opening
from proto.reason import Reason
from proto.sale.contract import Contract, make_decision, pool_id, read_contract, sign_contract
from proto.sale.letters import (
    Closed,
    Joined,
    Lock,
    Reveal,
    SaleBody,
    SaleShare,
    SaleWords,
    Terms,
)
from proto.sale.promise import pool_promise, sign_pool_promise
from proto.sale.reasons import SaleReason
from proto.sale.stakes import Branch, Decision, Outcome, SaleRole, branch_of
from tests.node.core.escrow_table import node_of
from tests.node.core.sale_stages import (
    ARBITER,
    ROLE,
    phase_of,
    refused,
    say,
    signed_words,
    table_at,
    unchanged,
)
from tests.node.core.sale_table import HOUSE, SaleTable

PARTIES = ("bob", "sally", "ned")
OVER_US = NOW_US + 420 * SECOND
P = SalePhase
Bend = Callable[[str, SaleBody], SaleBody | None]


def with_keys_of_bob(table: SaleTable, who: str, decision: Decision) -> Bend:
    """`who` names a key of the buyer's as his own: two of three signatures would be of one hand."""
    bob = table.people["bob"]

    def bend(sender: str, body: SaleBody) -> SaleBody:
        if sender != who or not isinstance(body, Joined | Reveal):
            return body
        stolen = own_party(bob.memory, table.sale("bob")).keys_for(decision)
        keys = tuple((d, stolen if d is decision else own) for d, own in body.party.keys)
        return replace(body, party=replace(body.party, keys=keys))

    return bend


@pytest.mark.parametrize("decision", [Decision.AGREE, Decision.LOCK, Decision.RELEASE])
@pytest.mark.parametrize("who", ["sally", "ned"])
def test_a_party_that_names_a_key_of_another(who: str, decision: Decision) -> None:
    """No contract can be made of that: the sale is closed, and the buyer's node stays up."""
    table = table_at("bid" if who == "sally" else "asked")
    bend = with_keys_of_bob(table, who, decision)
    table.carry(bend)
    if who == "sally":
        table.enter("ned")
    else:
        table.enter(who)
    table.carry(bend)
    assert phase_of(table, "bob") is P.CLOSED
    assert table.sale("bob").because is SaleReason.TERMS_MISMATCH
    table.pass_time(table.offer.expires_at_us + 1)
    assert {phase_of(table, name) for name in ("bob", "sally", "ned")} == {P.CLOSED}


@pytest.mark.parametrize("at", [0, 1])
@pytest.mark.parametrize("kind", ["closed", "nothing", "noise"])
def test_terms_with_letters_in_which_nobody_names_his_keys(at: int, kind: str) -> None:
    table = table_at("drafting")

    def bend(sender: str, body: SaleBody) -> SaleBody:
        if not isinstance(body, Terms):
            return body
        _, closed = signed_words(table, "ned", "bob", Closed(SaleReason.REFUSED))
        other = {"closed": closed, "nothing": b"", "noise": b"\xff" * 99}[kind]
        return replace(body, letters=(*body.letters[:at], other, *body.letters[at + 1 :]))

    table.carry(bend)
    for name in ("sally", "ned"):
        assert phase_of(table, name) is P.CLOSED
        assert table.sale(name).because is SaleReason.TERMS_MISMATCH
    assert not table.sale("sally").contract


# ---------------------------------------------------------------- a dishonest agent


def lock_of(table: SaleTable, salt: bytes = b"") -> Lock:
    """The agent's T1, or the same with another salt: another decision under the same keys."""
    sale = table.sale("ned")
    descriptor = decode_descriptor(sale.lock)
    if salt:
        descriptor = replace(descriptor, salt=salt)
    openings = tuple(map(Opening.decode, sale.openings))
    return Lock(descriptor.encode(), openings, sale.statement, sale.sealed, sale.log)


def test_two_locks_for_two_sides_lock_nothing() -> None:
    """He hopes to gather one signature under each."""
    table = table_at("handed")
    say(table, "ned", "bob", lock_of(table))
    say(table, "ned", "sally", lock_of(table, bytes(32)))
    table.carry()
    assert table.sale("bob").lock != table.sale("sally").lock
    table.pass_time(OVER_US)
    assert {phase_of(table, n) for n in PARTIES} == {P.RETURNED}
    for name in ("bob", "sally"):
        assert not table.sale(name).shares[share_at(Decision.LOCK, table.sale(name).role)]
    assert table.shown_keys == set()


def test_shares_that_come_late_never_show_the_key() -> None:
    """Held back until T1 is nearly over, by whoever wants the key for nothing."""
    table = table_at("locking")

    def held(_: str, body: SaleBody) -> SaleBody | None:
        return None if isinstance(body, SaleShare) else body

    table.carry(held)
    end_us = decode_descriptor(table.sale("ned").lock).deadline_us
    table.pass_time(end_us - LEAD_US, held)
    table.carry()
    assert table.sale("ned").shares[share_at(Decision.LOCK, SaleRole.BUYER)]
    table.pass_time(OVER_US)
    assert {phase_of(table, n) for n in PARTIES} == {P.RETURNED}
    assert table.shown_keys == set()


def test_a_hand_over_that_does_not_open_is_said_once_and_never_staked_for() -> None:
    table = table_at("handed")
    words = SaleWords(table.id, lock_of(table))
    bob = table.people["bob"]
    came = SaleLetterCame(bob.now_us, node_of("ned"), words, unfit=True)
    bob.take(came)
    assert table.sale("bob").because is SaleReason.HANDOVER_BAD
    with unchanged(table):
        bob.take(replace(came, now_us=bob.now_us + 1))
        bob.take(replace(came, now_us=bob.now_us + 2, unfit=False))
    table.pass_time(OVER_US)
    assert {phase_of(table, n) for n in PARTIES} == {P.RETURNED}
    assert table.sale("bob").because is SaleReason.HANDOVER_BAD


def test_he_signs_both_the_release_and_the_refund() -> None:
    """Both are committed: the release came first in the chain, and counts alone."""
    table = table_at("locked")
    for name, decision in (
        ("bob", Decision.REFUND),
        ("ned", Decision.REFUND),
        ("ned", Decision.RELEASE),
    ):
        person = table.people[name]
        person.take(SignDecision(person.now_us, table.id, decision))
    table.carry()
    for name in PARTIES:
        known = known_of(table.people[name].memory, table.sale(name))
        assert known[Decision.RELEASE] is known[Decision.REFUND] is Outcome.COMMITTED
        assert branch_of(known) is Branch.RELEASED


# ---------------------------------------------------------------- dishonest sides, and the arbiter


def test_two_contracts_for_two_parties_bind_nobody() -> None:
    """The buyer gives each another one: none has three signatures."""
    table = table_at("drafting", ARBITER)
    held: list[Terms] = []

    def keep(_: str, body: SaleBody) -> SaleBody | None:
        if isinstance(body, Terms):
            held.append(body)
            return None
        return body

    table.carry(keep)
    honest = held[0]
    contract = read_contract(honest.contract)
    signed = sign_contract(signing_key("bob"), replace(contract, descriptors=resalted(contract)))
    old = decode_descriptor(honest.agreement)
    other = make_decision(
        *(table.id, contract.parties, Decision.AGREE, old.salt, old.deadline_us, old.policy),
        bound=pool_id(signed),
    )
    promise = pool_promise(read_contract(signed), signed, other)
    forged = Terms(signed, other, sign_pool_promise(signing_key(HOUSE), promise), honest.letters)
    say(table, "bob", "sally", honest)
    say(table, "bob", "ned", forged)
    assert phase_of(table, "sally") is phase_of(table, "ned") is P.AGREEING
    table.pass_time(OVER_US, keep)
    assert {phase_of(table, name) for name in PARTIES} == {P.CLOSED}


def resalted(contract: Contract) -> tuple[bytes, ...]:
    first = replace(decode_descriptor(contract.descriptors[0]), salt=bytes(32)).encode()
    return (first, *contract.descriptors[1:])


@pytest.mark.parametrize("name", ["bob", "sally"])
def test_who_has_signed_the_lock_cannot_take_it_back(name: str) -> None:
    table = table_at("locking")
    table.carry(lambda sender, body: None if sender == "ned" else body)
    silent = [n for n in ("bob", "sally") if table.sale(n).shares[share_at(Decision.LOCK, ROLE[n])]]
    assert silent == []  # without the agent's promise nobody signs
    table.carry(lambda sender, body: None if isinstance(body, SaleShare) else body)
    person = table.people[name]
    with unchanged(table):
        assert refused(person.take(CloseSale(person.now_us, table.id))) is Reason.SALE_STATE
        say(table, "ned", name, Closed(SaleReason.REFUSED))


def test_an_arbiter_stops_no_lock() -> None:
    """He has no part in it; the parties do, and each of them can refuse to sign."""
    table = table_at("locking", ARBITER)
    for name in PARTIES:
        with unchanged(table):
            say(table, ARBITER, name, Closed(SaleReason.ARBITER_REFUSED))
    table.carry()
    assert {phase_of(table, name) for name in PARTIES} == {P.LOCKED}


@pytest.mark.parametrize("stage", ["agreed", "given", "locked", "shown", "split"])
@pytest.mark.parametrize("liar", ["bob", "sally", "ned", ARBITER])
def test_nobody_talks_himself_out_of_a_sale(liar: str, stage: str) -> None:
    """Once T0 binds them certificates alone move it: "not any more" is no word of weight."""
    table = table_at(stage, ARBITER)
    for name in (*PARTIES, ARBITER):
        if name != liar:
            for why in SaleReason:
                before = table.sale(name)
                say(table, liar, name, Closed(why))
                after = table.sale(name)
                assert replace(after, credential=before.credential) == before
                forgets = (liar, name, why) == ("ned", "sally", SaleReason.CREDENTIAL_BAD)
                assert after == before or (forgets and stage in ("agreed", "given"))


@pytest.mark.parametrize(
    ("who", "why"),
    [("ned", SaleReason.AGENT_REFUSED), (ARBITER, SaleReason.ARBITER_REFUSED)],
)
def test_who_is_asked_may_refuse(who: str, why: SaleReason) -> None:
    table = table_at("asked", ARBITER)
    person = table.people[who]
    assert refused(person.take(CloseSale(person.now_us, table.id))) is None
    table.carry()
    for name in ("bob", "sally"):
        sale = table.sale(name)
        assert (sale.phase, sale.because, sale.blamed) == (P.CLOSED, why, ROLE[who])


def test_a_seller_who_concedes_cannot_be_paid_by_the_agent_afterwards() -> None:
    """Her share of T2 is in his hands since the lock; her decline came first."""
    table = table_at("locked")
    sally, ned = table.people["sally"], table.people["ned"]
    assert refused(sally.take(DeclineDecision(sally.now_us, table.id))) is None
    table.carry()
    applied = ned.take(SignDecision(ned.now_us, table.id, Decision.RELEASE))
    assert refused(applied) is Reason.SALE_STATE
    table.pass_time(OVER_US)
    known = known_of(table.people["bob"].memory, table.sale("bob"))
    assert branch_of(known) is Branch.REFUND_PLAIN
