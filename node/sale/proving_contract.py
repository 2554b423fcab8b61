"""The contract and T0: whether they say just what was offered and chosen, and what the house owes.

A reading of its own, apart from the one by which a node decides to sign (node.core.sale.agreeing).
"""

from itertools import pairwise

from node.sale.contradiction import Paper, blaming, require
from proto.descriptor import decode_descriptor
from proto.sale.choosing import Candidate, choice_of
from proto.sale.contract import Contract, Party, check_decision, pool_id, read_contract
from proto.sale.letters import Reveal
from proto.sale.offer import SaleOffer
from proto.sale.papers import SalePapers
from proto.sale.promise import house_fee_ceil, pool_promise, read_pool_promise
from proto.sale.stakes import Decision, SaleRole


def proven_contract(
    papers: SalePapers, sale: bytes, offer: SaleOffer, agent: Candidate | None
) -> Contract | None:
    """The contract: the offer's, with the agent whom both chose. None where there is none."""
    if not papers.contract:
        alone = not (papers.agreement or papers.promise or papers.lock)
        require(alone, Paper.CONTRACT, "it is missing, and what follows from it is there")
        return None
    with blaming(Paper.CONTRACT):
        contract = read_contract(papers.contract)
    right = offer.described
    nodes = {party.role: party.node for party in contract.parties}
    wanted = {SaleRole.BUYER: offer.buyer, SaleRole.SELLER: offer.seller}
    if offer.arbiter is not None:
        wanted[SaleRole.ARBITER] = offer.arbiter
    sides = {role: node for role, node in nodes.items() if role is not SaleRole.AGENT}
    figures = contract.pool
    fee = house_fee_ceil(right, offer.stakes.price)
    for holds, why in (
        (contract.sale == sale, "it is of another sale than the offer"),
        (sides == wanted, "its parties are not those of the offer"),
        (contract.house == offer.house, "it names another house"),
        (contract.brand == right.brand.guid, "it names another deposit"),
        (figures.stakes == offer.stakes, "its stakes are not those of the offer"),
        ((figures.lot, figures.house_fee) == (right.brand.unit, fee), "its fee is another"),
        (contract.arbitration == offer.arbitration, "it says something else to be judged by"),
        (contract.policy == offer.policy, "it names another registry"),
        (_spans(contract) == _offered_spans(offer), "its times are not those of the offer"),
    ):
        require(holds, Paper.CONTRACT, why)
    if agent is not None:
        chose = choice_of(papers.offer, *papers.rules[-2:])
        same = nodes[SaleRole.AGENT] == agent.offer.agent
        require(same, Paper.CONTRACT, "its agent is not the one whom both sides chose")
        require(figures.tip == agent.tip, Paper.CONTRACT, "its tip is not the one of the agent")
        require(contract.choice == chose, Paper.CONTRACT, "its agent was chosen otherwise")
    return contract


def _offered_spans(offer: SaleOffer) -> tuple[int, ...]:
    times = offer.times
    slash = (times.slash_us,) if offer.arbiter is not None else ()
    spans = (times.lock_us, times.release_us, times.window_us, times.refund_us)
    return (*spans, *slash, times.vote_us, times.vote_us)


def _spans(contract: Contract) -> tuple[int, ...]:
    """How long each part of it lasts, from the end of T0 on."""
    decided = contract.decisions
    ends = [contract.agreed_until_us, contract.locked_until_us]
    order = (Decision.RELEASE, Decision.CHALLENGE, Decision.REFUND, Decision.SLASH)
    ends += [decode_descriptor(decided[d]).deadline_us for d in order if d in decided]
    ends += [contract.votes_sealed_until_us, contract.votes_open_until_us]
    return tuple(end - before for before, end in pairwise(ends))


def check_parties(
    contract: Contract,
    reveals: tuple[Reveal | None, Reveal | None],
    named: dict[SaleRole, Party],
) -> None:
    """The keys in the contract are those that each party has named."""
    shown = dict(named)
    for role, reveal in zip((SaleRole.BUYER, SaleRole.SELLER), reveals, strict=True):
        if reveal is not None:
            shown[role] = reveal.party
    for role, party in shown.items():
        with blaming(Paper.CONTRACT):
            same = party in contract.parties
        whose = role.name.lower()
        require(same, Paper.CONTRACT, f"the {whose}'s keys in it are not those that he named")


def check_agreement(papers: SalePapers, offer: SaleOffer, contract: Contract) -> None:
    """T0 binds this contract and its pool."""
    if not papers.agreement:
        require(not papers.promise, Paper.AGREEMENT, "it is missing, and yet the house promised")
        return
    with blaming(Paper.AGREEMENT):
        descriptor = check_decision(
            contract.sale,
            contract.parties,
            Decision.AGREE,
            papers.agreement,
            pool_id(papers.contract),
        )
    ends = descriptor.deadline_us == contract.agreed_until_us
    require(ends, Paper.AGREEMENT, "it ends at another time than the contract says")
    require(descriptor.policy == offer.policy, Paper.AGREEMENT, "another registry decides it")


def check_promise(papers: SalePapers, contract: Contract) -> bool:
    """Whether the house has signed how it splits the pool: just as the contract says."""
    if not papers.promise:
        return False
    with blaming(Paper.PROMISE):
        said = read_pool_promise(papers.promise)
        due = pool_promise(contract, papers.contract, papers.agreement)
    require(said.house == due.house, Paper.PROMISE, "another house has signed it")
    ids = (said.pool, said.agreement, said.account) == (due.pool, due.agreement, due.account)
    require(ids, Paper.PROMISE, "it is for another pool, or another T0")
    same = (said.total, said.branches) == (due.total, due.branches)
    require(same, Paper.PROMISE, "it pays otherwise than the contract says")
    return True
