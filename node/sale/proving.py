"""What the papers of a sale prove, from their bytes alone (escrow section 8).

Every signature and every binding is looked at again, from the offer to the certificates, as if
whoever shows the file had made it up: one paper of another sale, or bent, and nothing is proven
(node.sale.contradiction names it). A paper that is not there only proves less. Pure: the time and
the registries' records are passed in.
"""

from dataclasses import dataclass

from node.sale.contradiction import Paper, blaming
from node.sale.proving_choice import proven_agent, proven_keys, proven_reveals, proven_rules
from node.sale.proving_contract import (
    check_agreement,
    check_parties,
    check_promise,
    proven_contract,
)
from node.sale.proving_decisions import Decided, proven_decisions, proven_vote
from node.sale.proving_handover import (
    check_lock_papers,
    check_log,
    check_sealed,
    credential_logged,
    proven_control,
    proven_stakes,
    proven_statement,
)
from proto.certificate import Records
from proto.sale.choosing import Candidate
from proto.sale.contract import Contract
from proto.sale.handover import HandedOver
from proto.sale.offer import Rule, SaleOffer, read_offer, sale_id
from proto.sale.papers import SalePapers
from proto.sale.stakes import (
    STAKERS,
    BondBranch,
    Branch,
    Decision,
    Known,
    Outcome,
    SaleRole,
    bond_branch_of,
    branch_of,
)
from proto.sale.votes import Vote


@dataclass(frozen=True, slots=True)
class Proof:
    """What holds. `agent`: whom both sides chose; `contract`: what all agree to, where there is
    one; `named`: parties whose node has signed its keys; `promised`: the house has signed the
    split; `stakes`: whose stake it has promised; `handed`: what the agent has signed of the
    hand-over; `credential_logged`: whether his log has what the seller sealed to him, None where
    the file does not show it; `control`: the buyer's key has signed the challenge; `vote`: of one
    side."""

    sale: bytes
    papers: SalePapers
    offer: SaleOffer
    rules: tuple[Rule, ...]
    agent: Candidate | None
    contract: Contract | None
    named: tuple[SaleRole, ...]
    promised: bool
    stakes: tuple[SaleRole, ...]
    handed: HandedOver | None
    credential_logged: bool | None
    control: bool
    vote: Vote | None
    decided: dict[Decision, Decided]

    @property
    def known(self) -> Known:
        """What is certified."""
        return {decision: one.outcome for decision, one in self.decided.items()}

    @property
    def bound(self) -> bool:
        """Whether each party's node has signed for the keys that decide here. Else the buyer could
        have made up all of them, and a sale of which the others know nothing."""
        if self.contract is None:
            return False
        others = {party.role for party in self.contract.parties} - {SaleRole.BUYER}
        return others <= set(self.named)

    @property
    def branch(self) -> Branch | None:
        """Which branch of the split the certificates prove."""
        return branch_of(self.known) if self.bound else None

    @property
    def bond_branch(self) -> BondBranch | None:
        """What they prove of the agent's bond, where an arbiter settles it."""
        return bond_branch_of(self.known) if self.bound else None

    @property
    def came_to_nothing(self) -> bool:
        """Proven that no stake will come into the pool: T0 or T1 is aborted.

        Anybody can make a T0 or a T1 beside the true one, to let it lapse and show that. So it has
        to be the T0 of the house's promise, or a T1 for which all three have put in their stakes.
        """
        if not self.bound:
            return False
        no_agreement = self.known.get(Decision.AGREE) is Outcome.ABORTED and self.promised
        no_lock = self.known.get(Decision.LOCK) is Outcome.ABORTED and self.stakes == STAKERS
        return no_agreement or no_lock

    @property
    def concluded(self) -> bool:
        """Whether it is proven how the sale ends."""
        return self.branch is not None or self.came_to_nothing


def prove(papers: SalePapers, records: Records, now_us: int) -> Proof:
    """Everything that the papers prove by themselves. `records`: the newest known of each registry;
    `now_us`: a key that has ended by now proves only what is logged. Raises Contradiction."""
    with blaming(Paper.OFFER):
        offer = read_offer(papers.offer)
    sale = sale_id(papers.offer)
    rules = proven_rules(papers, sale, offer)
    reveals = proven_reveals(papers, sale, offer, rules)
    agent = proven_agent(offer, rules, reveals)
    named = proven_keys(papers, sale, offer, agent)
    contract = proven_contract(papers, sale, offer, agent)
    promised = False
    if contract is not None:
        check_parties(contract, reveals, named)
        check_agreement(papers, offer, contract)
        promised = check_promise(papers, contract)
    check_lock_papers(papers, contract)
    stakes = proven_stakes(papers, contract)
    handed = proven_statement(papers, sale, contract)
    check_log(papers, sale, handed)
    check_sealed(papers, handed)
    control = proven_control(papers, contract, handed)
    decided = proven_decisions(papers, contract, records, now_us)
    known = {decision: one.outcome for decision, one in decided.items()}
    return Proof(
        sale=sale,
        papers=papers,
        offer=offer,
        rules=rules,
        agent=agent,
        contract=contract,
        named=tuple(named),
        promised=promised,
        stakes=stakes,
        handed=handed,
        credential_logged=credential_logged(papers, handed),
        control=control,
        vote=proven_vote(papers, contract, known),
        decided=decided,
    )
