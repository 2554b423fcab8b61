"""A registrar under any ops and certificates, in any order: K1, K3, K4, K5, and no half effects.

A model that knows only what owners are told keeps what everybody should have; it never looks at the
rows. Every reachable state of a leg and a hold is reached, and the last test says so.
"""

from collections import Counter
from dataclasses import dataclass, field

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from node.command.sim.cast import NOW_US, SECOND
from node.registrar import owner
from node.registrar.rows import Account, Hold, Leg
from proto.escrow.ops import (
    Accept,
    Cancel,
    LegPhase,
    Offer,
    Op,
    Refund,
    RegistrarError,
    Transfer,
)
from proto.keys import SigningKey
from tests.node.registrar.world import (
    ALICE,
    BOB,
    CAROL,
    HOUSE_KEY,
    Deal,
    World,
    cap,
    deal,
    fee,
    leg_of,
)

E = RegistrarError
OWNERS = {"alice": ALICE, "bob": BOB}
REACHED: Counter[str] = Counter()

people = st.sampled_from(sorted(OWNERS))
amounts = st.sampled_from([0, 1, 5, 20, 21, 22, 30, 55, 101])
numbers = st.integers(0, 3)


@dataclass
class Told:
    """What the model was told of one leg."""

    giver: str
    taker: str
    amount: int
    net: int
    source: str
    destination: str
    phase: str = "PREPARED"
    delivered: int = 0


@dataclass
class Model:
    """Per owner what is in the account, per hold what is in it, per (deal, leg) its story."""

    balance: dict[str, int] = field(default_factory=dict)
    holds: dict[str, tuple[str, int]] = field(default_factory=dict)
    gone: dict[str, int] = field(default_factory=dict)
    legs: dict[tuple[int, int], Told] = field(default_factory=dict)
    fenced: set[tuple[int, int]] = field(default_factory=set)
    decided: dict[int, set[bool]] = field(default_factory=dict)
    fees: int = 0


class Titles(RuleBasedStateMachine):
    """One brand with a fee of 1, two owners, six holds each way, three deals of two legs each."""

    @initialize()
    def found(self) -> None:
        self.world = World()
        self.gold = self.world.brand(supply=200, fee=fee("1", 1))
        self.model = Model()
        for name, who in OWNERS.items():
            self.world.owns(who, self.gold, name, 100)
            self.model.balance[name] = 100
        guid = self.gold.brand.guid
        self.world.act(lambda step: owner.account_of(step, guid, BOB.node_id, 150))
        self.deals = [
            deal(
                leg_of(self.gold, ALICE, BOB, 20 + i, fee_max=1),
                leg_of(self.gold, BOB, ALICE, 30, no=2, fee_max=1),
                label=f"deal {i}",
                in_us=(30 + 20 * i) * SECOND,
            )
            for i in range(3)
        ]

    def run_one(self, who: SigningKey, op: Op) -> tuple[bool, int, str]:
        """Whether it was done, its amount, else its error. A no leaves every row as it was."""
        before = dict(self.world.view.rows)
        entries = len(self.world.view.entries)
        ran = self.world.run(who, op)
        if ran.refusal is not None:
            assert self.world.view.rows == before
            assert len(self.world.view.entries) == entries
            REACHED[f"{type(op).__name__} {ran.refusal.error.name}"] += 1
            return False, ran.refusal.figure, ran.refusal.error.name
        REACHED[type(op).__name__] += 1
        return True, ran.results[0].amount, ""

    # ------------------------------------------------------------------ owners

    @rule(who=people, n=numbers, amount=amounts)
    def offer(self, who: str, n: int, amount: int) -> None:
        label = f"{who} {n}"
        done, _, error = self.run_one(OWNERS[who], Offer(cap(who), amount, cap(label)))
        fits = 0 < amount <= self.model.balance[who]
        fresh = label not in self.model.holds and label not in self.model.gone
        assert done == (fits and fresh), error
        if done:
            self.model.balance[who] -= amount
            self.model.holds[label] = (who, amount)

    @rule(who=people, n=numbers, most=st.sampled_from([0, 10, 40]))
    def accept(self, who: str, n: int, most: int) -> None:
        label = f"{who} {n}"
        done, _, _ = self.run_one(OWNERS[who], Accept(cap(who), cap(label), up_to=most))
        if done:
            assert label not in self.model.holds and label not in self.model.gone
            self.model.holds[label] = (who, 0)

    @rule(who=people, whose=people, n=numbers)
    def refund(self, who: str, whose: str, n: int) -> None:
        label = f"{whose} {n}"
        done, amount, error = self.run_one(OWNERS[who], Refund(cap(who), cap(label)))
        pending = [leg for leg in self.model.legs.values() if leg.phase == "PREPARED"]
        locked = any(label in (leg.source, leg.destination) for leg in pending)
        if label not in self.model.holds and label not in self.model.gone:
            assert error == "NOT_YET"
        elif who != whose:
            assert error == "WRONG_BRAND"
        elif label in self.model.gone:
            assert (error, amount) == ("GONE", self.model.gone[label])
        elif locked:
            assert error == "LOCKED"
        else:
            assert done and amount == self.model.holds[label][1]
            self.model.balance[who] += amount
            self.model.gone[label] = amount
            del self.model.holds[label]

    @rule(a=people, n=numbers, b=people, m=numbers)
    def transfer(self, a: str, n: int, b: str, m: int) -> None:
        ends = (f"{a} {n}", f"{b} {m}")
        op = Transfer(cap(a + "/terms"), cap(ends[0]), cap(ends[1]))
        done, amount, _ = self.run_one(OWNERS[a], op)
        if done:
            (giver, held), (taker, there) = (self.model.holds[label] for label in ends)
            assert amount == held > 1
            self.model.holds[ends[0]] = (giver, 0)
            self.model.holds[ends[1]] = (taker, there + held - 1)
            self.model.fees += 1

    # ------------------------------------------------------------------ deals

    def parties(self, no: int) -> tuple[str, str]:
        return ("alice", "bob") if no == 1 else ("bob", "alice")

    @rule(i=st.integers(0, 2), no=st.integers(1, 2), n=numbers, m=numbers)
    def prepare(self, i: int, no: int, n: int, m: int) -> None:
        giver, taker = self.parties(no)
        source, destination = f"{giver} {n}", f"{taker} {m}"
        op = self.deals[i].prepare(giver, source, destination, no)
        known = self.model.legs.get((i, no))
        before = self.world.view.legs_of(self.deals[i].commit)
        done, amount, error = self.run_one(OWNERS[giver], op)
        if (i, no) in self.model.fenced:
            assert error in ("FENCED", "NOT_YET")
        if not done:
            return
        if known is not None:  # the same once more
            assert known.phase == "PREPARED"
            assert (known.source, known.destination) == (source, destination)
            assert self.world.view.legs_of(self.deals[i].commit) == before
            return
        assert self.model.holds[source] == (giver, amount)
        self.model.holds[source] = (giver, 0)
        self.model.legs[i, no] = Told(giver, taker, amount, amount - 1, source, destination)

    @rule(i=st.integers(0, 2), no=st.integers(1, 2), n=numbers, m=numbers)
    def enter(self, i: int, no: int, n: int, m: int) -> None:
        """What a seat does: offer just what the leg wants, accept, prepare."""
        giver, taker = self.parties(no)
        amount = self.deals[i].opening(no).term.amount  # type: ignore[union-attr]
        self.offer(giver, n, amount)
        self.accept(taker, m, 0)
        self.prepare(i, no, n, m)

    @rule(i=st.integers(0, 2), no=st.integers(1, 2), who=people, n=numbers)
    def cancel(self, i: int, no: int, who: str, n: int) -> None:
        d, label = self.deals[i], f"{who} {n}"
        op = Cancel(cap(label), d.encoded, d.opening(no))
        done, _, error = self.run_one(OWNERS[who], op)
        known = self.model.legs.get((i, no))
        if label not in self.model.holds and label not in self.model.gone:
            assert error == "NOT_YET"
        elif who != self.parties(no)[0]:
            assert error == "BAD_LEG"
        elif known is not None:
            assert error == ("LOCKED" if known.phase == "PREPARED" else "FENCED")
        else:
            assert done
            self.model.fenced.add((i, no))

    @rule(i=st.integers(0, 2), commit=st.booleans())
    def settle(self, i: int, commit: bool) -> None:
        """K4: it cannot fail. A registry may sign both, and then the commit counts."""
        d: Deal = self.deals[i]
        done, _, error = self.run_one(CAROL, d.settle(commit))
        assert done, error
        for (j, _no), leg in self.model.legs.items():
            if j == i:
                self._told(leg, commit)

    @rule(i=st.integers(0, 2), no=st.integers(1, 2), n=numbers, spent=st.booleans())
    def equivocate(self, i: int, no: int, n: int, spent: bool) -> None:
        """The registry signs that it failed, the giver spends what came back, or does not, and then
        the registry signs that it happened."""
        self.settle(i, False)
        giver = self.parties(no)[0]
        if spent:
            self.offer(giver, n, self.model.balance[giver])
        self.settle(i, True)

    def _told(self, leg: Told, commit: bool) -> None:
        if leg.phase == "PREPARED" and commit:
            owner_, there = self.model.holds[leg.destination]
            self.model.holds[leg.destination] = (owner_, there + leg.net)
            self.model.fees += 1
            leg.phase, leg.delivered = "DELIVERED", leg.delivered + 1
        elif leg.phase == "PREPARED":
            self.model.balance[leg.giver] += leg.amount
            leg.phase = "RETURNED"
        elif leg.phase == "RETURNED" and commit:
            if self.model.balance[leg.giver] < leg.amount:
                leg.phase = "CLAIMED"
                return
            self.model.balance[leg.giver] -= leg.amount
            self.model.balance[leg.taker] += leg.net
            self.model.fees += 1
            leg.phase, leg.delivered = "DELIVERED", leg.delivered + 1

    @rule(seconds=st.sampled_from([1, 25]))
    def time_passes(self, seconds: int) -> None:
        self.world.now_us = min(self.world.now_us + seconds * SECOND, NOW_US + 75 * SECOND)

    # ------------------------------------------------------------------ what always holds

    @invariant()
    def issued_is_somewhere(self) -> None:
        self.world.conserved()  # K3

    @invariant()
    def everybody_has_what_he_was_told(self) -> None:
        for name, who in OWNERS.items():
            assert self.world.balance(self.gold, who) == self.model.balance[name]
        for label, (_, amount) in self.model.holds.items():
            assert self.world.hold(label).amount == amount
        assert self.world.balance(self.gold, HOUSE_KEY) == self.model.fees

    @invariant()
    def legs_are_told_once(self) -> None:
        """K1 and K5."""
        for (i, no), told in self.model.legs.items():
            legs = self.world.view.legs_of(self.deals[i].commit)
            (leg,) = [leg for leg in legs if leg.no == no]
            assert leg.phase.name == told.phase
            assert told.delivered == (told.phase == "DELIVERED")
            REACHED[leg.phase.name] += 1

    @invariant()
    def what_accounts_count_is_there(self) -> None:
        """Reserves, locks and counters add up; so no ceiling is passed and nothing leaks away."""
        view = self.world.view
        legs = [leg for leg in view.all(Leg) if leg.phase is LegPhase.PREPARED]
        for account in view.all(Account):
            holds = [h for h in view.all(Hold) if h.account == account.id and not h.gone]
            rooms = sum(h.room for h in holds if h.room < 1 << 62)
            back = sum(leg.amount for leg in legs if leg.source == account.id)
            assert account.reserved == rooms + back
            assert account.holds == len(holds)
        for hold in view.all(Hold):
            ends = [(leg.source_hold, leg.destination_hold) for leg in legs]
            assert hold.locks == sum(pair.count(hold.hash) for pair in ends)
            coming = [leg.amount - leg.fee for leg in legs if leg.destination_hold == hold.hash]
            assert hold.expected == sum(coming)
            assert hold.amount + hold.expected <= hold.room or hold.gone


TestTitles = Titles.TestCase
TestTitles.settings = settings(
    max_examples=120, stateful_step_count=50, derandomize=True, database=None
)


def test_the_machine_reaches_every_state() -> None:
    """Else its invariants would prove little. (Runs behind the machine, in one process.)"""
    if not REACHED:
        TestTitles("runTest").runTest()
    wanted = {"PREPARED", "DELIVERED", "RETURNED", "CLAIMED"}
    wanted |= {"Offer", "Accept", "Refund", "Transfer", "Prepare", "Settle", "Cancel"}
    wanted |= {"Prepare FENCED", "Cancel LOCKED", "Refund LOCKED", "Refund GONE"}
    wanted |= {"Offer INSUFFICIENT_FUNDS", "Offer BAD_LOT", "Prepare TOO_LATE"}
    assert wanted <= REACHED.keys(), sorted(wanted - REACHED.keys())
