"""A deal that will not come about ends as early as its descriptor allows (escrow section 3)."""

from node.core.asking import plan_asking
from node.core.escrow.rows import Deal, DealPhase
from node.core.rows import replace
from node.core.view import Step
from proto.descriptor import decode_descriptor
from proto.escrow.reasons import EscrowReason


def give_up(step: Step, deal: Deal, why: EscrowReason, blamed: str = "") -> None:
    """Declines at the registry, where that can be; else its deadline ends it.

    A refusal that the registry has not recorded frees nothing: until the certificate is there,
    everything that is prepared stays prepared. A crash after this change declines again.
    """
    transaction = step.the_transaction(deal.commit)
    if deal.phase in (DealPhase.SETTLING, DealPhase.RETURNING) or transaction.decided:
        return
    step.put(replace(deal, phase=DealPhase.DECIDING, because=why, blamed=blamed))
    declines = bool(decode_descriptor(deal.descriptor).decline_hash) and deal.decline_preimage
    if declines and not transaction.commit_evidence:
        step.put(replace(transaction, decline_preimage=deal.decline_preimage))
    plan_asking(step, deal.commit)
