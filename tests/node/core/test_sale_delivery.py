"""Delivered without a proof of control: how long the agent waits, and what the buyer can still do.

D2 is 80 s after the end of T1's time; an eighth of that, 10 s, is the buyer's to object.
"""

import pytest

from node.command.sim.cast import SECOND
from node.core.sale.deciding import held_until_us
from node.core.sale.events import Attest, DeclineDecision, SignDecision
from node.core.sale.reading import contract_of, known_of
from proto.descriptor import decode_descriptor
from proto.reason import Reason
from proto.sale.stakes import Branch, Decision, Outcome, branch_of
from tests.node.core.sale_stages import control, refused, table_at, unchanged
from tests.node.core.sale_table import SaleTable

PART_US = 10 * SECOND


def end_us(table: SaleTable, decision: Decision) -> int:
    return decode_descriptor(contract_of(table.sale("bob")).decisions[decision]).deadline_us


def do(table: SaleTable, name: str, kind: type, *args: object) -> Reason | None:
    person = table.people[name]
    return refused(person.take(kind(person.now_us, table.id, *args)))


def known(table: SaleTable, name: str = "bob") -> dict[Decision, Outcome]:
    return dict(known_of(table.people[name].memory, table.sale(name)))


def attested(before_end_us: int) -> SaleTable:
    """Attested so long before D2."""
    table = table_at("locked")
    table.pass_time(end_us(table, Decision.RELEASE) - before_end_us)
    assert do(table, "ned", Attest) is None
    table.carry()
    return table


@pytest.mark.parametrize("before_us", [7 * PART_US, 3 * PART_US, 2 * PART_US])
def test_he_signs_an_eighth_before_the_end(before_us: int) -> None:
    table = attested(before_us)
    at_us = end_us(table, Decision.RELEASE) - PART_US
    table.pass_time(at_us - 1)
    assert Decision.RELEASE not in known(table)
    table.pass_time(at_us)
    assert known(table)[Decision.RELEASE] is Outcome.COMMITTED


@pytest.mark.parametrize("before_us", [2 * PART_US - SECOND, PART_US, 5 * SECOND])
def test_who_attests_late_leaves_time_to_object(before_us: int) -> None:
    table = attested(before_us)
    assert held_until_us(table.sale("ned")) >= table.people["ned"].now_us + PART_US
    table.pass_time(table.people["bob"].now_us + PART_US - SECOND)
    assert Decision.RELEASE not in known(table, "ned") or (
        known(table, "ned")[Decision.RELEASE] is Outcome.ABORTED
    )
    assert do(table, "bob", SignDecision, Decision.CHALLENGE) is None
    table.carry()
    table.pass_time(end_us(table, Decision.REFUND) + 60 * SECOND)
    assert branch_of(known(table)) is Branch.REFUNDED


@pytest.mark.parametrize("before_us", [7 * PART_US, PART_US, SECOND])
def test_without_an_objection_it_is_released(before_us: int) -> None:
    table = attested(before_us)
    table.pass_time(end_us(table, Decision.REFUND) + 60 * SECOND)
    assert branch_of(known(table)) is Branch.RELEASED


def test_a_buyer_who_does_not_object_need_not_be_waited_for() -> None:
    table = attested(7 * PART_US)
    assert do(table, "bob", DeclineDecision) is None
    table.carry()
    assert known(table)[Decision.CHALLENGE] is Outcome.ABORTED
    table.pass_time(table.people["ned"].now_us + 61 * SECOND)
    assert known(table)[Decision.RELEASE] is Outcome.COMMITTED


@pytest.mark.parametrize(
    ("name", "decline_of", "then"),
    [
        ("ned", Decision.DELIVERED, (Attest,)),
        ("ned", Decision.DELIVERED, (DeclineDecision,)),
        ("bob", Decision.CHALLENGE, (SignDecision, Decision.CHALLENGE)),
        ("sally", Decision.RELEASE, (SignDecision, Decision.RELEASE)),
    ],
)
def test_what_was_declined_stays_so(
    name: str, decline_of: Decision, then: tuple[type, *tuple[object, ...]]
) -> None:
    table = table_at("locked")
    assert do(table, name, DeclineDecision) is None
    with unchanged(table):  # the registry has not heard of it so far
        assert do(table, name, *then) is Reason.SALE_STATE
    table.carry()
    assert known(table)[decline_of] is Outcome.ABORTED


def test_a_proof_that_comes_after_the_attestation_releases_at_once() -> None:
    table = table_at("locked")
    assert do(table, "ned", Attest) is None
    assert do(table, "ned", Attest, control(table)) is None
    table.carry()
    assert known(table)[Decision.RELEASE] is Outcome.COMMITTED


def test_what_was_attested_cannot_be_declined() -> None:
    table = table_at("locked")
    assert do(table, "ned", Attest) is None
    with unchanged(table):
        assert do(table, "ned", DeclineDecision) is Reason.SALE_STATE
