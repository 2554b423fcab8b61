"""How much an honest part of a sale can lose, and who has to collude for it (escrow section 8)."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from node.command.sim.escrow.titles import Wrong
from node.command.sim.sale.plan import BUYER, NAMES, Conduct
from node.command.sim.sale.setting import OneSale
from node.command.sim.sale.table import Decided, Table, branch_of
from proto.sale.stakes import Branch, Decision, SaleRole
from proto.statement import Outcome

if TYPE_CHECKING:
    from node.command.sim.sale.verdict import Verdict

B, S, A, J = SaleRole.BUYER, SaleRole.SELLER, SaleRole.AGENT, SaleRole.ARBITER


@dataclass(frozen=True, slots=True)
class Bounds:
    """What is known of one sale when all is over. `rubbish`: what the agent sealed opened nothing;
    `held`: the buyer has had the thing; that a seller recalls it later, no agent can prevent.
    `voted`: who opened a vote."""

    conduct: dict[SaleRole, Conduct]
    calm: bool
    said: Decided
    table: Table
    rubbish: bool
    held: bool
    locked: bool
    gained: dict[SaleRole, int]
    voted: frozenset[SaleRole]

    @classmethod
    def of(cls, verdict: "Verdict", sale: OneSale) -> "Bounds":
        """The facts of one sale."""
        seen, figures = verdict.filled(sale), verdict.course.figures
        table = Table(figures.stakes, figures.tip, figures.fee, verdict.course.arbitrated)
        due = dict.fromkeys(SaleRole, 0) if seen is None else verdict.pools.due(seen)
        staked = {role: table.stake(role) if seen is not None else 0 for role in SaleRole}
        voted = [
            role for role in (B, S)
            if seen is not None and verdict.world.people[NAMES[role]].id in seen.voted
        ]  # fmt: skip
        return cls(
            {role: verdict.course.conduct(role) for role in (B, S, A, J)},
            verdict.course.calm,
            verdict.said_of(sale),
            table,
            sale.thing.judged.get(sale.id) is False,
            BUYER in sale.thing.had,
            seen is not None,
            {role: due[role] - staked[role] for role in SaleRole},
            frozenset(voted),
        )

    def is_honest(self, *roles: SaleRole) -> bool:
        """Whether all of these are, all the time."""
        return all(self.conduct[role] is Conduct.HONEST for role in roles)

    @property
    def branch(self) -> Branch | None:
        return branch_of(self.said)

    @property
    def slashed(self) -> bool:
        return self.said.get(Decision.SLASH) is Outcome.COMMITTED


def bound(facts: Bounds, role: SaleRole) -> Iterator[Wrong]:
    """What an honest `role` may complain of."""
    if not facts.locked:
        if facts.gained[role]:
            yield "LOSS", f"T1 was not committed, and {facts.gained[role]} units are gone"
        judged = facts.conduct[J] in (Conduct.HONEST, Conduct.ABSENT)  # who never joins ends it
        if facts.calm and facts.is_honest(B, S, A) and judged:
            yield "LIVE", "three honest parties, and nothing came of it"
        return
    match role:
        case SaleRole.BUYER:
            yield from _buyer(facts)
        case SaleRole.SELLER:
            yield from _seller(facts)
        case _:
            yield from _agent(facts)
    if facts.calm and role in (B, S) and role not in facts.voted:
        yield "VOTE", f"the {role.name.lower()}'s vote is not counted"


def _buyer(facts: Bounds) -> Iterator[Wrong]:
    """He pays for a working thing, or by T2 that both others have signed; never without a key to
    what the agent has vouched for. From what does not open he loses no more than the tip where the
    agent is honest, and where an honest arbiter takes the bond for him."""
    stakes, table = facts.table.stakes, facts.table
    votes = 0 if B in facts.voted else stakes.vote_bond
    worst = stakes.price + table.tip + votes
    if facts.gained[B] < -worst:
        yield "LOSS", f"the buyer has lost {-facts.gained[B]}, at most {worst}"
    if facts.held or not facts.calm:
        return
    if facts.is_honest(A) and facts.gained[B] < -(table.tip + votes):
        yield "LOSS", f"an honest agent, no thing, and the buyer has lost {-facts.gained[B]}"
    if facts.rubbish and facts.is_honest(J):
        taken = stakes.bond * stakes.slashed_bond_permille // 1000
        if facts.gained[B] < taken - worst:
            yield "LOSS", "the agent's own words convict him, and his bond was not taken"


def _seller(facts: Bounds) -> Iterator[Wrong]:
    """She loses her deposit's part by T3 or by default alone; with an honest agent, or an honest
    buyer who has the thing, she is paid."""
    stakes, table = facts.table.stakes, facts.table
    votes = 0 if S in facts.voted else stakes.vote_bond
    worst = stakes.seller_deposit * stakes.slash_permille // 1000 + votes
    if facts.gained[S] < -worst:
        yield "LOSS", f"the seller has lost {-facts.gained[S]}, at most {worst}"
    paid = facts.branch is Branch.RELEASED
    if facts.calm and not paid and (facts.is_honest(A) or (facts.is_honest(B) and facts.held)):
        yield "LOSS", f"the seller is not paid for what she has given: {facts.branch}"
    if paid and facts.gained[S] < stakes.price - table.fee - votes:
        yield "LOSS", f"released, and the seller has gained {facts.gained[S]}"


def _agent(facts: Bounds) -> Iterator[Wrong]:
    """His bond is gone by Ts alone, which an honest arbiter does not sign against him."""
    if facts.gained[A] < 0 and not facts.slashed:
        yield "LOSS", f"the agent has lost {-facts.gained[A]} without Ts"
    if facts.slashed and facts.conduct[J] is not Conduct.CROOKED:
        yield "LOSS", "an honest agent is slashed, and no arbiter cheats"
