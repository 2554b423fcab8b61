"""What the papers of a sale prove, in plain words: who, which branch, what the house owes."""

from dataclasses import dataclass
from typing import Final

from node.command.display import short
from node.command.exit_status import plain
from node.sale.proving import Proof
from node.sale.proving_decisions import T_NAMES
from proto.card import standing_card
from proto.sale.contract import Contract
from proto.sale.promise import payouts
from proto.sale.stakes import STAKERS, BondBranch, Branch, Decision, Outcome, SaleRole

BRANCHES: Final = {
    Branch.RELEASED: "RELEASED: the price is the seller's",
    Branch.REFUNDED: "REFUNDED: the price is the buyer's again, and the agent has part of his tip",
    Branch.REFUND_PLAIN: "REFUNDED: the price is the buyer's again; the agent gets no tip",
}
BONDS: Final = {
    BondBranch.SLASHED: "the agent's bond is forfeited (Ts is committed)",
    BondBranch.RETURNED: "the agent has his bond back (Ts will never commit)",
}
NOTHING: Final = "NOTHING WAS SOLD: no stake goes into the pool, ever"
OPEN: Final = "NOT DECIDED by these papers: certificates prove no branch (yet)"
NOT_PROVEN: Final = (
    "That the thing is what it should be: for that the agent alone vouches, with his bond.",
    "That the house has paid: ask for the account, or look at its books.",
    "That the registry and the house deserve trust: compare their ids with your own list.",
    "That no key was revoked since the file was made: give the newest record with --record.",
)


@dataclass(frozen=True, slots=True)
class Owed:
    """What the house owes to an account by the branches that are proven. Units of the deposit."""

    role: SaleRole
    node: bytes
    alias: str
    account: bytes
    amount: int


def owed(proof: Proof) -> list[Owed]:
    """By party, bonds of votes aside, which come back to who opens his vote."""
    contract, branch = proof.contract, proof.branch
    if contract is None or branch is None:
        return []
    paid = list(payouts(contract, branch))
    if contract.pool.arbitrated and proof.bond_branch is not None:
        paid += payouts(contract, proof.bond_branch)
    found = []
    for role in STAKERS:
        account, party = contract.account_of(role), contract.party(role)
        units = sum(amount for to, amount in paid if to == account)
        if units:
            alias = standing_card(party.card).alias
            found.append(Owed(role, party.node, alias, account, units))
    return found


def headline(proof: Proof) -> str:
    """The outcome in one line."""
    if proof.branch is not None:
        return BRANCHES[proof.branch]
    return NOTHING if proof.came_to_nothing else OPEN


def whole(proof: Proof) -> list[str]:
    """What is proven, from the offer on, one sentence each."""
    offer, brand = proof.offer, plain(proof.offer.described.brand.name)
    buyer, seller = (standing_card(card).alias for card in (offer.buyer_card, offer.seller_card))
    said = [
        f"The buyer {buyer} ({short(offer.buyer.hex())}) offered {offer.stakes.price} {brand} for"
        f' "{offer.thing}" to {seller} ({short(offer.seller.hex())}).'
    ]
    if proof.agent is not None:
        agent = proof.agent.offer
        said.append(
            f"Both sides chose {standing_card(agent.card).alias} ({short(agent.agent.hex())}) as"
            f" the agent, by signed rules and the salts they had committed to, for a tip of"
            f" {proof.agent.tip} {brand}."
        )
    if proof.contract is not None:
        said += _agreed(proof, proof.contract)
    said += _handed(proof)
    said += [_decision(proof, decision) for decision in proof.decided]
    if proof.bond_branch is not None:
        said.append(f"Of the bond: {BONDS[proof.bond_branch]}.")
    if proof.vote is not None:
        side = "buyer" if proof.vote.voter == offer.buyer else "seller"
        how = "did well" if proof.vote.success else "did badly"
        said.append(f"The {side} voted that the agent {how}, bound to this sale.")
    return said


def _agreed(proof: Proof, contract: Contract) -> list[str]:
    said = ["The contract is the offer's: stakes, times, house, deposit, registry, agent."]
    if not proof.agent:
        said = ["The contract has the figures, times and parties of the offer."]
    if proof.named:
        whose = ", ".join(role.name.lower() for role in (SaleRole.BUYER, *sorted(proof.named)))
        said.append(f"Signed by their own nodes, the keys in it are theirs: {whose}.")
    if proof.promised:
        said.append(
            f"The house {short(contract.house.hex())} has signed what it pays in every branch, just"
            " as the contract says."
        )
    if proof.stakes:
        whose = ", ".join(role.name.lower() for role in proof.stakes)
        said.append(f"It has promised to move into the pool, with T1, the stake of: {whose}.")
    return said


def _handed(proof: Proof) -> list[str]:
    papers, said = proof.papers, []
    if proof.handed is not None:
        said.append(
            "The agent signed that what he sealed to the buyer opens to working credentials, and"
            f" its log of {len(papers.log)} entries is whole."
        )
    if papers.sealed and proof.handed is not None:
        said.append("What was sealed to the buyer is in the file, and is the one of that time.")
    if proof.credential_logged:
        said.append("What the seller sealed to the agent is in the file, and is in his log.")
    if proof.control:
        said.append(
            "The buyer's key of T1 has signed the agent's challenge: whoever found that line in the"
            " thing's public place saw that the buyer controls it."
        )
    return said


def _decision(proof: Proof, decision: Decision) -> str:
    one = proof.decided[decision]
    name = f"{T_NAMES[decision]} ({decision.name})"
    if one.outcome is Outcome.ABORTED:
        return f"{name} will never commit."
    if decision is Decision.LOCK:
        return f"{name} is committed: the stakes are in the pool, and the key K is public."
    return f"{name} is committed."


def missing(proof: Proof) -> list[str]:
    """What the file lacks to prove more; empty where there is no more."""
    contract = proof.contract
    if contract is None:
        agent = () if proof.agent else ("whom both sides chose: both reveals",)
        return [*agent, "a contract: nobody is bound by what is here"]
    lacks = [] if proof.agent else ["that both sides chose this agent: rules and reveals"]
    for party in contract.parties:
        if party.role is not SaleRole.BUYER and party.role not in proof.named:
            whose = party.role.name.lower()
            lacks.append(
                f"that the {whose}'s keys are those of its node: a letter that the buyer's file has"
            )
    if not proof.promised:
        lacks.append("that the house is bound to the split: its promise")
    lacks += [f"{T_NAMES[d]} ({d.name}): its certificate" for d in _undecided(proof, contract)]
    if proof.papers.lock and proof.handed is None:
        lacks.append("what the agent says of the hand-over: his statement")
    never = proof.known.get(Decision.LOCK) is Outcome.ABORTED
    if never and not proof.came_to_nothing:
        lacks.append("that there is no other T1: the house's promises of all three stakes under it")
    if proof.credential_logged is False:
        lacks.append(
            "that the agent got what the file shows as sealed to him: his log has another. Either"
            " the seller gave it too late, or he logged what she never gave"
        )
    if proof.handed is not None and not proof.control:
        lacks.append("that the buyer controls the thing: a proof of control")
    return lacks


def _undecided(proof: Proof, contract: Contract) -> list[Decision]:
    """Decisions of which a certificate would prove more."""
    known = proof.known
    if proof.came_to_nothing:
        return []
    wanted = [Decision.AGREE, Decision.LOCK]
    if known.get(Decision.LOCK) is Outcome.COMMITTED and proof.branch is None:
        wanted.append(Decision.RELEASE)
        if known.get(Decision.RELEASE) is Outcome.ABORTED:
            wanted += [Decision.REFUND, Decision.DELIVERED]
        if known.get(Decision.DELIVERED) is Outcome.COMMITTED:
            wanted.append(Decision.CHALLENGE)
    if known.get(Decision.LOCK) is Outcome.COMMITTED and contract.pool.arbitrated:
        wanted.append(Decision.SLASH)
    return [decision for decision in wanted if decision not in known]
