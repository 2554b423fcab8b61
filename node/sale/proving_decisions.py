"""Certificates of a sale's decisions, and the vote that is bound to one of them."""

from dataclasses import dataclass
from typing import Final

from node.sale.contradiction import Contradiction, Paper, blaming, require
from proto.certificate import (
    Certificate,
    CertificateInvalid,
    CommitCertificate,
    Records,
    verify_abort_certificate,
    verify_commit_certificate,
)
from proto.commit import Evidence
from proto.descriptor import commit_id
from proto.sale.contract import Contract, pool_id
from proto.sale.papers import SalePapers
from proto.sale.stakes import Decision, Known, Outcome, SaleRole, branch_of, deciding
from proto.sale.votes import Vote, read_vote

T_NAMES: Final = {
    Decision.AGREE: "T0",
    Decision.LOCK: "T1",
    Decision.RELEASE: "T2",
    Decision.REFUND: "T3",
    Decision.DELIVERED: "Ta",
    Decision.CHALLENGE: "Tc",
    Decision.SLASH: "Ts",
}
"""As the documents of the protocol call them."""


@dataclass(frozen=True, slots=True)
class Decided:
    """`keys`: what its commit has made public: of T1 the key of the hand-over."""

    outcome: Outcome
    commit_id: bytes
    keys: tuple[bytes, ...]


def descriptors(papers: SalePapers, contract: Contract | None) -> dict[Decision, bytes]:
    """Of all decisions that the papers name, in their order."""
    found = {Decision.AGREE: papers.agreement, Decision.LOCK: papers.lock}
    found |= contract.decisions if contract is not None else {}
    return {decision: found[decision] for decision in Decision if found.get(decision)}


def proven_decisions(
    papers: SalePapers, contract: Contract | None, records: Records, now_us: int
) -> dict[Decision, Decided]:
    """What the certificates in the file prove, each about a decision of this sale."""
    named = {commit_id(data): d for d, data in descriptors(papers, contract).items()}
    found: dict[Decision, Decided] = {}
    for certificate in papers.certificates:
        decision = named.get(certificate.commit_id)
        if decision is None:
            raise Contradiction(Paper.CERTIFICATES, "one decides something else than this sale")
        one = _decided(decision, certificate, records, now_us)
        other = found.setdefault(decision, one)
        if other.outcome is not one.outcome:
            why = f"the registry has signed both ways about {T_NAMES[decision]}"
            raise Contradiction(Paper.CERTIFICATES, why)
    if Decision.LOCK in found and found[Decision.LOCK].outcome is Outcome.COMMITTED:
        agreed = found.get(Decision.AGREE)
        dead = agreed is not None and agreed.outcome is Outcome.ABORTED
        require(not dead, Paper.CERTIFICATES, "T1 is committed though T0 never will be")
    return {decision: found[decision] for decision in Decision if decision in found}


def _decided(
    decision: Decision, certificate: Certificate, records: Records, now_us: int
) -> Decided:
    commit = certificate.commit_id
    try:
        if not isinstance(certificate, CommitCertificate):
            verify_abort_certificate(certificate, records, now_us)
            return Decided(Outcome.ABORTED, commit, ())
        verify_commit_certificate(certificate, records, now_us)
    except CertificateInvalid as fault:
        why = f"that of {T_NAMES[decision]} proves nothing: {fault.fault.value}"
        raise Contradiction(Paper.CERTIFICATES, why) from fault
    with blaming(Paper.CERTIFICATES):
        keys = Evidence.decode(certificate.commit.evidence).preimages
    return Decided(Outcome.COMMITTED, commit, keys)


def proven_vote(papers: SalePapers, contract: Contract | None, known: Known) -> Vote | None:
    """The vote of a side, on this agent, bound to the decision that ended this sale."""
    if not papers.vote:
        return None
    with blaming(Paper.VOTE):
        vote = read_vote(papers.vote)
    require(contract is not None, Paper.VOTE, "there is no contract that it could be about")
    assert contract is not None
    sides = (contract.party(SaleRole.BUYER).node, contract.party(SaleRole.SELLER).node)
    require(vote.voter in sides, Paper.VOTE, "it is by neither side")
    about = (vote.house, vote.pool, vote.brand, vote.agent, vote.value)
    agent, price = contract.party(SaleRole.AGENT).node, contract.pool.stakes.price
    due = (contract.house, pool_id(papers.contract), contract.brand, agent, price)
    require(about == due, Paper.VOTE, "it is about another sale")
    named = descriptors(papers, contract)
    could = [Decision.RELEASE, Decision.REFUND, Decision.LOCK]
    if branch_of(known) is not None:
        could = [deciding(known)]
    ends = [commit_id(named[decision]) for decision in could if decision in named]
    require(vote.deciding in ends, Paper.VOTE, "it is bound to another decision")
    return vote
