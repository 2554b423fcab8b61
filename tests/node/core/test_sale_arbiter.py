"""The arbiter of a sale: he hears of T1 from whoever is honest, and signs Ts with one side."""

from dataclasses import replace

import pytest

from node.core.sale.events import SignDecision
from node.core.sale.moves import Otherwise, moves
from node.core.sale.reading import known_of
from node.core.sale.rows import NO_STAKES, SalePhase
from proto.descriptor import decode_descriptor
from proto.escrow.terms import Opening
from proto.sale.letters import Lock, SaleBody, Terms
from proto.sale.stakes import BondBranch, Decision, bond_branch_of
from tests.node.core.sale_stages import ARBITER, NAMES, phase_of, say, table_at, unchanged
from tests.node.core.sale_table import SaleTable

P = SalePhase


def sign_slash(table: SaleTable, *names: str) -> None:
    for name in names:
        person = table.people[name]
        person.take(SignDecision(person.now_us, table.id, Decision.SLASH))
    table.carry()


def bond_at(table: SaleTable, name: str) -> BondBranch | None:
    return bond_branch_of(known_of(table.people[name].memory, table.sale(name)))


def test_the_arbiter_hears_of_the_lock() -> None:
    table = table_at("locked", ARBITER)
    assert {phase_of(table, name) for name in NAMES} == {P.LOCKED}
    assert table.sale(ARBITER).lock == table.sale("bob").lock
    assert table.sale(ARBITER).sealed == b""


@pytest.mark.parametrize("side", ["bob", "sally"])
def test_the_arbiter_slashes_with_one_side(side: str) -> None:
    table = table_at("locked", ARBITER)
    sign_slash(table, ARBITER, side)
    assert {bond_at(table, name) for name in NAMES} == {BondBranch.SLASHED}


@pytest.mark.parametrize("signers", [(ARBITER,), ("bob", "sally"), ("bob",)])
def test_neither_he_alone_nor_both_sides_without_him_slash(signers: tuple[str, ...]) -> None:
    table = table_at("locked", ARBITER)
    sign_slash(table, *signers)
    table.pass_time(table.sale("bob").due_at_us)
    assert {bond_at(table, name) for name in NAMES} == {None}


def test_the_buyer_cannot_leave_him_out() -> None:
    """The contract goes to seller and agent alone; either of them passes it on."""
    passed: list[SaleBody] = []

    def bend(sender: str, body: SaleBody) -> SaleBody | None:
        if not isinstance(body, Terms) or sender != "bob":
            return body
        passed.append(body)
        return body if len(passed) <= 2 else None

    table = table_at("entered", ARBITER)
    table.carry(bend)
    assert {phase_of(table, name) for name in NAMES} == {P.AGREED}
    assert len(passed) > 2


def test_what_another_says_of_the_contract_does_not_end_his_case() -> None:
    table = table_at("entered", ARBITER)
    before = table.sale(ARBITER)
    say(table, "sally", ARBITER, Terms(b"no contract", b"", b"", ()))
    assert table.sale(ARBITER) == before


@pytest.mark.parametrize("honest", ["bob", "sally", "ned"])
def test_one_honest_party_is_enough_to_tell_him(honest: str) -> None:
    """The others fall silent, or name a lock that is none."""

    def bend(sender: str, body: SaleBody) -> SaleBody | None:
        return None if isinstance(body, Lock) and sender != honest else body

    table = table_at("locking", ARBITER)
    table.carry(bend)
    assert phase_of(table, ARBITER) is P.LOCKED


def test_nobody_tells_him_and_he_waits_as_long_as_he_could_slash() -> None:
    def bend(_: str, body: SaleBody) -> SaleBody | None:
        return None if isinstance(body, Lock) else body

    table = table_at("locking", ARBITER)
    table.carry(bend)
    sale = table.sale(ARBITER)
    assert sale.phase is P.AGREED
    due_us = sale.due_at_us
    table.pass_time(due_us - 1, bend)
    assert phase_of(table, ARBITER) is P.AGREED
    (move,) = moves(sale, known_of(table.people[ARBITER].memory, sale), due_us - 1)
    assert (move.role, move.until_us, move.otherwise) == (None, due_us, Otherwise.RETURNED)
    table.pass_time(due_us, bend)
    assert phase_of(table, ARBITER) is P.RETURNED


@pytest.mark.parametrize("liar", ["bob", "ned"])
def test_a_lock_that_never_was_does_not_hide_the_true_one(liar: str) -> None:
    """Whoever fears Ts names another T1, before anybody else says a word."""
    table = table_at("locking", ARBITER)
    sale = table.sale(liar)
    openings = tuple(map(Opening.decode, sale.openings))
    false = replace(decode_descriptor(sale.lock), salt=bytes(32)).encode()
    say(table, liar, ARBITER, Lock(false, openings, sale.statement))
    assert table.sale(ARBITER).staked != NO_STAKES
    assert phase_of(table, ARBITER) is P.AGREED
    table.carry()
    assert table.sale(ARBITER).lock == sale.lock
    sign_slash(table, ARBITER, "sally")
    assert bond_at(table, ARBITER) is BondBranch.SLASHED


@pytest.mark.parametrize("stranger", ["nora", ARBITER])
def test_nobody_else_names_him_a_lock(stranger: str) -> None:
    table = table_at("locking", ARBITER)
    sale = table.sale("bob")
    lock = Lock(sale.lock, tuple(map(Opening.decode, sale.openings)), sale.statement)
    with unchanged(table):
        say(table, stranger, ARBITER, lock)
