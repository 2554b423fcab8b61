"""A collective in virtual time: the real decision rule, an adversary who owns payee, wires, liars.

Honest members have clocks that are wrong within their bound. The adversary chooses when commits
reach whom, with which statements of liars and of honest members that have spoken, how long each
relay travels within a bound, and when refusals are asked for: always close to where a rule turns.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from heapq import heappop, heappush
from random import Random

from node.command.sim.cast import NOW_US, SECOND, digest
from proto.descriptor import Descriptor, commit_id
from proto.policy import RegistryPolicy
from proto.statement import Outcome
from registry.log import (
    CommitShown,
    DeclineShown,
    Event,
    Logged,
    Query,
    Row,
    Subject,
    Terms,
    abort_horizon_us,
    decide,
)
from registry.timing import Reading
from tests.proto.build import DESCRIPTOR

ERROR_US = 50_000
DELTA_US = 2 * SECOND
GUARD_US = 2 * SECOND
HARD_BOUND_US = DELTA_US - 2 * ERROR_US  # what delta covers beside twice the clock error
END_US = NOW_US + 3600 * SECOND

Carried = frozenset[int]  # whose statements travel with a commit
Count = Callable[[int, Carried], int]  # (receiver, carried): j, as the receiver finds it


def policy_of(n: int, f: int) -> RegistryPolicy:
    """The symmetric choice of registry section 7."""
    quorum = -(-(n + f + 1) // 2)
    members = tuple(sorted(digest(f"member {i}") for i in range(n)))
    return RegistryPolicy(members, quorum, quorum, f, DELTA_US)


def subject_under(policy: RegistryPolicy, decline_hash: bytes = b"") -> Subject:
    """A transaction with D ten seconds from now; whether the policy allows a decline or not."""
    d = Descriptor(
        digest("salt"),
        NOW_US + 10 * SECOND,
        policy,
        DESCRIPTOR.committers,
        1,
        digest("terms"),
        decline_hash=decline_hash,
    )
    data = d.encode()
    return Subject(commit_id(data), d, data)


@dataclass
class Member:
    """An honest one: its row, once it has one, and its clock."""

    terms: Terms
    skew_us: int
    logged: Logged | None = None

    def hear(self, event: Event, true_us: int) -> bool:
        """Whether this event made its decision."""
        reading = Reading(true_us + self.skew_us, ERROR_US, usable=True)
        verdict = decide(event, self.logged, reading, self.terms)
        if self.logged is None and isinstance(verdict, Row):
            self.logged = Logged(verdict, 0)
            return True
        return False

    @property
    def outcome(self) -> Outcome | None:
        return self.logged.row.leaf.outcome if self.logged else None


@dataclass
class World:
    """One transaction. `rule`: members pass commits on and count statements."""

    subject: Subject
    honest: dict[int, Member]
    liars: Carried
    random: Random
    rule: bool
    delay_us: int
    count: Count
    said: Carried = frozenset()  # honest members whose COMMITTED statement anybody may hold
    relays: int = 0
    _queue: list[tuple[int, int, int, Event | Carried]] = field(default_factory=list)
    _number: int = 0

    def at(self, true_us: int, member: int, what: Event | Carried) -> None:
        """`what`: an event, or the statements that come with the commit."""
        self._number += 1
        heappush(self._queue, (true_us, self._number, member, what))

    def run(self) -> None:
        while self._queue:
            true_us, _, member, what = heappop(self._queue)
            if isinstance(what, frozenset):
                self._commit(true_us, member, what)
            else:
                self.honest[member].hear(what, true_us)

    def _commit(self, true_us: int, member: int, carried: Carried) -> None:
        carried = frozenset(m for m in carried if m in self.liars or m in self.said)
        j = self.count(member, carried) if self.rule else 0
        shown = CommitShown(self.subject, b"evidence", True, j)
        if not self.honest[member].hear(shown, true_us):
            return
        if self.honest[member].outcome is not Outcome.COMMITTED:
            return
        self.said |= {member}
        if not self.rule:
            return
        for other in self.honest:
            if other != member:
                self.relays += 1
                late = self.random.random() < 0.7
                delay_us = self.delay_us if late else self.random.randint(0, self.delay_us)
                self.at(true_us + delay_us, other, carried | {member})

    def decline(self, true_us: int, member: int) -> None:
        self.at(true_us, member, DeclineShown(self.subject, b"preimage", satisfied=True))

    def ask(self, true_us: int, member: int) -> None:
        self.at(true_us, member, Query(self.subject))

    def attack(self) -> None:
        """Everything that the adversary has decided upon beforehand."""
        random, policy = self.random, self.subject.descriptor.policy
        deadline_us = self.subject.descriptor.deadline_us
        for member, one in self.honest.items():
            for k in range(policy.f + 2):
                if random.random() < 0.55:
                    edge_us = deadline_us + k * policy.delta_us - ERROR_US - one.skew_us
                    offset_us = random.choice((-1, 0, 1, -SECOND, random.randint(-9, 9) * 1000))
                    liars = sorted(self.liars)
                    some = random.sample(liars, min(k, len(liars)))
                    spoken = [m for m in self.honest if random.random() < 0.3]
                    self.at(edge_us + offset_us, member, frozenset(some) | frozenset(spoken))
            for k in range(policy.f + 3):
                # Too early for a refusal: whoever gives one here splits from the others.
                late_us = deadline_us + k * policy.delta_us + ERROR_US - one.skew_us
                self.ask(late_us + random.choice((1, 2, GUARD_US - 1)), member)
            horizon_us = abort_horizon_us(self.subject.descriptor, one.terms)
            for offset_us in (-1, 0, 1, 2):
                self.ask(horizon_us + ERROR_US - one.skew_us + offset_us, member)
            self.ask(END_US, member)


@dataclass(frozen=True)
class Verdict:
    """What one schedule came to. `undecided`: with silent liars nobody has a certificate;
    `contradictory`: with liars that say both, somebody could have both."""

    split: bool
    undecided: bool
    contradictory: bool


def judge(world: World) -> Verdict:
    policy = world.subject.descriptor.policy
    outcomes = [member.outcome for member in world.honest.values()]
    assert None not in outcomes, "everybody was asked at the end"
    committed = outcomes.count(Outcome.COMMITTED)
    refused = len(outcomes) - committed
    liars = len(world.liars)
    return Verdict(
        split=committed > 0 and refused > 0,
        undecided=committed < policy.qc and refused < policy.qa,
        contradictory=committed + liars >= policy.qc and refused + liars >= policy.qa,
    )


def plain_count(member: int, carried: Carried) -> int:
    """j where every statement that travels is valid."""
    return len(carried - {member})


def make_world(
    subject: Subject, random: Random, *, rule: bool, delay_us: int, count: Count = plain_count
) -> World:
    """Members with random clocks; f of them are liars."""
    policy = subject.descriptor.policy
    n = len(policy.members)
    liars = frozenset(random.sample(range(n), policy.f))
    honest = {
        m: Member(
            Terms(policy.members[m], GUARD_US, SECOND // 2, 86_400 * SECOND),
            random.choice((-ERROR_US, ERROR_US, random.randint(-ERROR_US, ERROR_US))),
        )
        for m in range(n)
        if m not in liars
    }
    return World(subject, honest, liars, random, rule, delay_us, count)
