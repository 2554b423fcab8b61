"""Every subset of certificates in every order: each branch pays once what section 8 says, and the
pool is conserved. The expected figures are written down here, from the table of the section."""

from dataclasses import dataclass
from itertools import permutations, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.command.sim.cast import R2, SECOND
from node.registrar import owner
from node.registrar.pool_rows import PoolState, Said
from node.registrar.rows import Act
from proto.certificate import Certificate
from proto.escrow.ops import LegPhase, Offer, RegistrarError, Settle
from proto.log_leaf import EPOCH_US
from proto.sale.promise import read_pool_promise
from proto.sale.stakes import STAKERS, BondBranch, Branch, Decision, SaleRole
from tests.node.registrar.pool_table import AGENT, BUYER, FUNDS, SELLER, PoolTable
from tests.node.registrar.world import CAROL, cap
from tests.sale_table import Locked, SaleTable

E = RegistrarError
HOUSE = SaleRole.HOUSE
T1, T2, T3 = Decision.LOCK, Decision.RELEASE, Decision.REFUND
TA, TC, TS = Decision.DELIVERED, Decision.CHALLENGE, Decision.SLASH
NO_BRANCH = dict.fromkeys((*STAKERS, HOUSE), 0)
# What each has put in: price 1000, deposits 100 and 200, tip 50, bond 1000, votes' bonds 10 each.
STAKED = {BUYER: 1160, SELLER: 210, AGENT: 1000, HOUSE: 0}
# What each is paid of the pool without votes' bonds and the agent's bond; the house's fee is 7.
PAID = {
    "released": {BUYER: 100, SELLER: 1000 + 200 - 7, AGENT: 50, HOUSE: 7},
    "refunded": {BUYER: 1000 + 100 + 25 + 50, SELLER: 150, AGENT: 25, HOUSE: 0},
    "plain": {BUYER: 1000 + 100 + 50 + 50, SELLER: 150, AGENT: 0, HOUSE: 0},
}
BRANCHES = {"released": Branch.RELEASED, "refunded": Branch.REFUNDED, "plain": Branch.REFUND_PLAIN}
SLASHED = {BUYER: 600, SELLER: 400, AGENT: 0, HOUSE: 0}
RETURNED = {BUYER: 0, SELLER: 0, AGENT: 1000, HOUSE: 0}

Said_ = bool | None
"""True: committed; False: aborted; None: not known."""


def branch(t2: Said_, t3: Said_, ta: Said_, tc: Said_) -> str:
    """Section 8's table, read line by line."""
    if t2:
        return "released"
    if t2 is None or t3 is None:
        return ""
    if ta is False:
        return "plain"
    if ta is None:
        return ""
    if t3:
        return "refunded"
    if tc is None:
        return ""
    return "refunded" if tc else "released"


@dataclass
class Course:
    """A pool with all stakes in limbo, and T1."""

    table: PoolTable
    lock: Locked

    def certificate(self, decision: Decision, commit: bool) -> Certificate:
        lock = self.lock if decision is T1 else None
        return self.table.sale.said(decision, commit, lock)

    def expected(self, known: dict[Decision, bool]) -> dict[SaleRole, int]:
        """What each has more than before anything."""
        if known.get(T1) is None:
            return {role: -STAKED[role] for role in STAKED}
        if not known[T1]:
            return dict(NO_BRANCH)
        won = {role: -STAKED[role] for role in STAKED}
        name = branch(*(known.get(d) for d in (T2, T3, TA, TC)))
        parts = [PAID[name]] if name else []
        arbitrated = self.table.sale.arbitrated
        if name and not arbitrated:
            parts.append(RETURNED)
        if arbitrated and TS in known:
            parts.append(SLASHED if known[TS] else RETURNED)
        for part in parts:
            won = {role: won[role] + part[role] for role in won}
        return won


def begun(arbitrated: bool, label: str = "sale") -> Course:
    table = PoolTable({"fee": 7, "arbitrated": arbitrated, "label": label})
    table.open()
    lock = table.sale.lock()
    table.stake(lock)
    return Course(table, lock)


def check(course: Course, known: dict[Decision, bool]) -> None:
    table = course.table
    assert table.won() == course.expected(known)
    table.sound()
    name = branch(*(known.get(d) for d in (T2, T3, TA, TC)))
    if known.get(T1) and name:
        assert table.pool.branch == BRANCHES[name]
        promise = read_pool_promise(table.pool.promise)
        promised = dict(dict(promise.branches)[int(BRANCHES[name])])
        for role in STAKERS:
            bond = 1000 if role is AGENT and not table.sale.arbitrated else 0
            account = table.sale.account(role)
            assert promised.get(account, 0) == PAID[name][role] + bond
    else:
        assert table.pool.branch == 0


OUTCOMES = list(product((True, False, None), repeat=4))


@pytest.mark.parametrize("arbitrated", [False, True])
def test_every_set_of_certificates(arbitrated: bool) -> None:
    """All of them, in the order in which they come about, with T1 first and with T1 last."""
    for outcomes in OUTCOMES:
        for bond in (True, False, None) if arbitrated else (None,):
            known = dict(zip((T2, T3, TA, TC), outcomes, strict=True))
            known |= {TS: bond}
            shown = {d: c for d, c in known.items() if c is not None}
            for order in ([T1, *shown], [*shown, T1]):
                course = begun(arbitrated)
                so_far: dict[Decision, bool] = {}
                for decision in order:
                    so_far[decision] = shown.get(decision, True)
                    course.table.show(course.certificate(decision, so_far[decision]))
                    check(course, so_far)


@pytest.mark.parametrize("name", ["released", "refunded"])
def test_every_order_of_the_longest_course(name: str) -> None:
    """T4: five certificates in all 120 orders, each shown twice."""
    said = {T1: True, T2: False, T3: False, TA: True, TC: name == "refunded"}
    for order in permutations(said):
        course = begun(False)
        known: dict[Decision, bool] = {}
        for decision in order:
            known[decision] = said[decision]
            for _ in range(2):
                course.table.show(course.certificate(decision, said[decision]))
                check(course, known)
        assert course.table.pool.branch == BRANCHES[name]


SAYINGS = st.lists(
    st.tuples(st.sampled_from([T1, T2, T3, TA, TC, TS]), st.booleans()), min_size=1, max_size=14
)


@settings(max_examples=150, derandomize=True, database=None)
@given(SAYINGS, st.booleans())
def test_contradictions_move_nothing_twice(
    sayings: list[tuple[Decision, bool]], arbitrated: bool
) -> None:
    """A registry that signs whatever it likes: each account is paid once, and the pool is
    conserved; what it said otherwise than was paid is a claim."""
    course = begun(arbitrated)
    table = course.table
    paid: dict[str, int] = {}
    for decision, commit in sayings:
        if decision is TS and not arbitrated:
            continue
        before = table.pool
        table.show(course.certificate(decision, commit))
        table.world.conserved()
        table.sound()
        after = table.pool
        for part in ("branch", "bond_branch"):
            was = getattr(before, part)
            assert not was or getattr(after, part) == was
        assert after.claimed or not before.claimed
        done = [e for e in table.world.view.entries if e.act is Act.POOL]
        mains = [e for e in done if e.no in set(Branch)]
        bonds = [e for e in done if e.no in set(BondBranch)]
        assert len({e.payee for e in mains}) == len(mains)
        assert len({e.payee for e in bonds}) == len(bonds)
        paid = {"main": sum(e.amount for e in mains), "bond": sum(e.amount for e in bonds)}
    figures = table.sale.figures
    bond = figures.stakes.bond if arbitrated else 0
    assert paid.get("main", 0) in (0, figures.total - figures.vote_bonds - bond)
    assert paid.get("bond", 0) in (0, bond)


def test_a_commit_that_dominates_counts_as_long_as_nothing_is_paid() -> None:
    course = begun(False)
    table = course.table
    for decision, commit in ((T1, True), (T2, False), (T2, True)):
        table.show(course.certificate(decision, commit))
    check(course, {T1: True, T2: True})
    row = table.decision(T2)
    assert row.said is Said.COMMITTED and row.contrary and not table.pool.claimed


def test_a_commit_that_dominates_too_late_is_a_claim() -> None:
    course = begun(False)
    table = course.table
    known = {T1: True, T2: False, T3: False, TA: False}
    for decision, commit in known.items():
        table.show(course.certificate(decision, commit))
    check(course, known)
    table.show(course.certificate(T2, True))
    check(course, known)  # nothing has moved
    assert table.pool.claimed
    row = table.decision(T2)
    assert row.said is Said.ABORTED
    assert row.contrary == course.certificate(T2, True).encode()
    rows = dict(table.world.view.rows)
    table.show(course.certificate(T2, True))
    assert table.world.view.rows == rows


def test_a_bond_is_paid_once() -> None:
    course = begun(True)
    table = course.table
    for decision, commit in ((T1, True), (TS, False)):
        table.show(course.certificate(decision, commit))
    check(course, {T1: True, TS: False})
    table.show(course.certificate(TS, True))
    check(course, {T1: True, TS: False})
    assert table.pool.claimed and table.decision(TS).contrary


def test_a_commit_that_comes_after_all_else_is_for_people() -> None:
    """Once its registry's log may have closed, a late word proves nothing by itself."""
    course = begun(False)
    table = course.table
    for decision, commit in ((T1, True), (T2, False)):
        table.show(course.certificate(decision, commit))
    table.world.now_us = table.sale.ends[T2] + EPOCH_US + SECOND
    rows = dict(table.world.view.rows)
    table.show(course.certificate(T2, True))
    assert table.world.view.rows == rows


def test_a_commit_that_changes_nothing_is_no_claim() -> None:
    course = begun(False)
    table = course.table
    for decision, commit in {T1: True, T2: False, T3: False, TA: True, TC: False}.items():
        table.show(course.certificate(decision, commit))
    deciding = table.pool.deciding
    assert deciding == course.lock.commit
    table.show(course.certificate(T2, True))
    assert not table.pool.claimed and table.pool.branch == Branch.RELEASED
    assert table.pool.deciding == deciding  # votes were sealed about this one


def test_a_lock_that_was_aborted_and_committed_is_a_claim_of_all() -> None:
    """Stakes went back, so the pool cannot be filled by those who still have theirs alone."""
    course = begun(False)
    table = course.table
    table.show(course.certificate(T1, False))
    table.world.do(table.key(BUYER), Offer(cap("BUYER"), FUNDS, cap("spent")))
    table.show(course.certificate(T1, True))
    legs = table.world.view.legs_of(course.lock.commit)
    assert [leg.phase for leg in legs] == [LegPhase.CLAIMED] * 3
    assert table.pool.claimed and table.pool.state is PoolState.OPEN
    table.world.conserved()
    table.world.now_us = table.pool.due_us
    table.tend()
    assert table.pool.state is PoolState.VOID and table.pool.claimed


def test_a_second_lock_fills_it_although_the_first_commits_later() -> None:
    course = begun(False)
    table = course.table
    table.show(course.certificate(T1, False))
    table.world.now_us += 63 * SECOND
    second = table.sale.lock("second", 110 * SECOND)
    table.stake(second)
    table.show(table.sale.committed(T1, lock=second))
    table.show(course.certificate(T1, True))
    assert table.pool.state is PoolState.FILLED and table.pool.lock == second.commit
    assert table.pool.claimed and table.in_pool() == table.sale.figures.total
    table.show(table.sale.committed(T2))
    assert table.won()[SELLER] == 1000 - 7 - 10


# ---------------------------------------------------------------- what is no certificate of ours


def test_foreign_and_swapped_certificates_are_refused_by_name() -> None:
    course = begun(False)
    table = course.table
    table.show(course.certificate(T1, True))
    stranger = SaleTable(table.right, fee=7, registry=R2)  # who is not in the policy
    twin = SaleTable(table.right, fee=7, label="twin")  # of which no pool is known
    good = table.sale.committed(T2)
    other = table.sale.committed(T3)
    swapped = type(good)(good.commit, other.statements)
    unsigned = type(good)(type(good.commit)(good.commit.descriptor, b""), good.statements)
    for shown in (stranger.committed(T2), stranger.aborted(T2), swapped, unsigned):
        assert table.world.no(CAROL, Settle(shown)) == (E.BAD_CERTIFICATE, 0)
    rows = dict(table.world.view.rows)
    assert table.world.do(CAROL, Settle(twin.committed(T2)))[0].legs == ()
    assert table.world.view.rows == rows
    check(course, {T1: True})


def test_a_frozen_party_is_paid_all_the_same() -> None:
    """K4: what was promised before the decision is done after it."""
    course = begun(False)
    table = course.table
    for role in STAKERS:
        account = table.sale.account(role)
        table.world.act(lambda step, account=account: owner.freeze(step, account, True))
    known = {T1: True, T2: True}
    for decision in known:
        table.show(course.certificate(decision, True))
    check(course, known)


def test_lots_are_never_split() -> None:
    """Parts are rounded down to the lot: nobody is left with what he could never move."""
    table = PoolTable({"fee": 0, "tip": 50}, {"lot": 10})
    table.fill()
    for decision, commit in ((T2, False), (T3, True), (TA, True)):
        table.show(table.sale.said(decision, commit))
    assert table.won()[AGENT] == 20  # half of 50, rounded down
    assert all(table.balance(role) % 10 == 0 for role in STAKERS)


def test_the_agreement_alone_moves_nothing() -> None:
    """T0's commit alone moves nothing, and neither does its abort once the pool is filled."""
    table = PoolTable()
    table.open()
    table.show(table.sale.committed(Decision.AGREE))
    assert table.pool.state is PoolState.OPEN
    lock = table.sale.lock()
    table.stake(lock)
    table.show(table.sale.committed(T1, lock=lock))
    assert table.pool.state is PoolState.FILLED
    assert not table.decision(Decision.AGREE).wanted and table.decision(T2).wanted
    table.show(table.sale.committed(T2))
    assert not any(table.decision(d).wanted for d in (T2, T3, TA, TC))
